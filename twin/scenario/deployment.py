"""What was deployed, as a person at the keyboard would use it: through the outputs of the stacks."""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from c360_core.secret_text import parts
from c360_core.single_view_keys import TOMBSTONE
from ops.deployed_stacks import api_address
from twin.emulator.emulator import Emulator
from twin.principals import Principal
from twin.scenario.waiting import until

RUNNING: Final = "RUNNING"
READY: Final = "READY"  # what an application that was starting goes back to when it gives up
SUCCEEDED: Final = "SUCCEEDED"
APPLICATION_SECONDS: Final = 180.0
EXECUTION_SECONDS: Final = 600.0
QUERY_SECONDS: Final = 300.0
READ: Final = TypeDeserializer().deserialize
ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "CANCELLED"})


class StepFailedError(RuntimeError):
    """Something that was started in the deployment failed; the message quotes its cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A source's credentials: its key, and the secret under which it signs what it sends, if it has one."""

    key: str
    signing_secret: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed Customer 360.

    Attributes:
        emulator: where it is deployed.
        outputs: the stacks' outputs by name.
    """

    emulator: Emulator
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, emulator: Emulator) -> "Deployment":
        """Read the outputs of what is deployed."""
        return cls(emulator=emulator, outputs=emulator.outputs())

    def client(self, service: str, as_: Principal = Principal.ADMINISTRATOR) -> Any:
        """Return a boto3 client for the deployment; without a name, for somebody who looks at it."""
        return self.emulator.client(service, as_)

    def url(self, output: str) -> str:
        """Return the address of an HTTP API as it is reached here: by path, on the emulator."""
        return api_address(self.outputs[output], endpoint=self.emulator.settings.endpoint)

    def credentials(self, source: str) -> Credentials:
        """Return a source's credentials for the collector."""
        held = self.client("secretsmanager", Principal.OPERATOR).get_secret_value(SecretId=self._secret_of(source))
        document = parts(held["SecretString"])
        signing_secret = document.get("signing_secret")
        return Credentials(key=document["key"], signing_secret=signing_secret.encode() if signing_secret else None)

    def let_sign(self, source: str) -> None:
        """Give a source a signing secret beside its key, as the operator does for one that can keep it."""
        held = {"key": self.credentials(source).key, "signing_secret": secrets.token_hex(32)}
        keys = self.client("secretsmanager", Principal.OPERATOR)
        keys.put_secret_value(SecretId=self._secret_of(source), SecretString=json.dumps(held))

    def _secret_of(self, source: str) -> str:
        return self.outputs[f"ApiKeySecretArn{source.title().replace('_', '')}"]

    def start_applications(self, *outputs: str) -> None:
        """Ask for Flink applications to be started; `wait_for_applications` tells when they run."""
        flink = self.client("kinesisanalyticsv2", Principal.OPERATOR)
        for output in outputs:
            flink.start_application(ApplicationName=self.outputs[output], RunConfiguration={})

    def wait_for_applications(self, *outputs: str) -> None:
        """Wait until Flink applications run that were asked to start.

        Raises:
            StepFailedError: one gave up; the message quotes its reason.
            NeverReachedError: one did not come up in time.
        """
        flink = self.client("kinesisanalyticsv2")
        for name in (self.outputs[output] for output in outputs):
            seen = until(
                f"Flink application {name} runs",
                partial(flink.describe_application, ApplicationName=name),
                lambda seen: seen["ApplicationDetail"]["ApplicationStatus"] in {RUNNING, READY},
                seconds=APPLICATION_SECONDS,
            )
            if seen["ApplicationDetail"]["ApplicationStatus"] != RUNNING:
                raise StepFailedError(f"Flink application {name} did not start: {self._why_not_started(name)}")

    def _why_not_started(self, name: str) -> str:
        """Return the reason from the emulator's log: the service's API has no place for one."""
        log = self.emulator.settings.logs / "emulator.log"
        said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        _, found, reason = said.rpartition(f"Flink application {name} failed to start: ")
        return f"{reason.partition(chr(10))[0] if found else 'no reason was given'}; log: {log}"

    def execute(self, machine_output: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run a state machine to its end and return its description.

        Raises:
            StepFailedError: it did not succeed.
        """
        machine = self.outputs[machine_output]
        started = self.client("stepfunctions", Principal.OPERATOR).start_execution(
            stateMachineArn=machine, input=json.dumps(document or {})
        )
        return self._ended(started["executionArn"])

    def wait_for_executions(self, machine_output: str, count: int, *, seconds: float) -> list[dict[str, Any]]:
        """Wait until a state machine has that many executions and all have ended; return their descriptions."""
        states = self.client("stepfunctions")
        machine = self.outputs[machine_output]

        def executions() -> list[dict[str, Any]]:
            pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
            return [execution for page in pages for execution in page["executions"]]

        found = until(
            f"{count} executions of {machine.rpartition(':')[2]} ended",
            executions,
            lambda seen: len(seen) >= count and all(e["status"] in ENDED for e in seen),
            seconds=seconds,
        )
        return [states.describe_execution(executionArn=e["executionArn"]) for e in found]

    def ingestions(self) -> list[dict[str, Any]]:
        """Return the runs of the file ingestion that have ended, each of many files."""
        states = self.client("stepfunctions")
        machine = self.outputs["IngestFileStateMachineArn"]
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
        ended = [each for page in pages for each in page["executions"] if each["status"] in ENDED]
        return [states.describe_execution(executionArn=each["executionArn"]) for each in ended]

    def wait_for_files(self, count: int, *, seconds: float) -> list[dict[str, Any]]:
        """Wait until so many landed files, all in all, have been in runs that ended; return the runs."""
        return until(
            f"{count} landed files have been ingested",
            self.ingestions,
            lambda seen: files_of(seen) >= count,
            seconds=seconds,
        )

    def query(
        self, sql: str, *, client: Any = None, workgroup: str = "OperatorsWorkgroupName"
    ) -> list[tuple[str | None, ...]]:
        """Run SQL in a deployed Athena workgroup, given by its output; return the rows as text.

        Raises:
            StepFailedError: the query failed; the message quotes Athena's reason.
        """
        athena = client or self.client("athena")
        query_id = athena.start_query_execution(QueryString=sql, WorkGroup=self.outputs[workgroup])["QueryExecutionId"]
        status = until(
            f"query {sql[:80]!r} ended",
            lambda: athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"],
            lambda seen: seen["State"] in ENDED,
            seconds=QUERY_SECONDS,
            pause=0.1,
        )
        if status["State"] != SUCCEEDED:
            raise StepFailedError(str(status.get("StateChangeReason", status["State"])))
        return list(self._rows(athena, query_id))

    def count(self, table: str, where: str = "true") -> int:
        """Count the rows of a lake table, given as `database.table`."""
        return int(str(self.query(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]))  # noqa: S608  # our own names

    def version_of(self, table: str) -> str:
        """Return where the newest metadata of a lake table lies, given as `database.table`: each commit moves it."""
        database, _, name = table.partition(".")
        found = self.client("glue").get_table(DatabaseName=database, Name=name)["Table"]
        return str(found["Parameters"]["metadata_location"])

    def profiles(self, *attributes: str) -> Iterator[dict[str, Any]]:
        """Yield the PROFILE items of the single view, whole or with these attributes alone."""
        yield from self.items("PROFILE", *attributes)

    def items(self, prefix: str, *attributes: str) -> Iterator[dict[str, Any]]:
        """Yield the items of the single view whose sort key begins with a prefix, without tombstones."""
        yield from boto3_table(
            self.client("dynamodb"),
            self.outputs["SingleViewTableName"],
            FilterExpression=f"begins_with(SK, :prefix) AND attribute_not_exists({TOMBSTONE})",
            ExpressionAttributeValues={":prefix": {"S": prefix}},
            **({"ProjectionExpression": ", ".join(attributes)} if attributes else {}),
        )

    def items_at(self, keys: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """Return the items of the single view at these keys (a hundred at most) that exist and are no tombstones."""
        table = self.outputs["SingleViewTableName"]
        wanted = [{name: {"S": value} for name, value in key.items()} for key in keys]
        if not wanted:
            return []
        request = {table: {"Keys": wanted, "ConsistentRead": True}}
        found = self.client("dynamodb").batch_get_item(RequestItems=request)["Responses"][table]
        return [plain(item) for item in found if TOMBSTONE not in item]

    def _rows(self, athena: Any, query_id: str) -> Iterator[tuple[str | None, ...]]:
        pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
        rows = (row for page in pages for row in page["ResultSet"]["Rows"])
        next(rows, None)  # the first row holds the names
        for row in rows:
            yield tuple(cell.get("VarCharValue") for cell in row["Data"])

    def _ended(self, arn: str) -> dict[str, Any]:
        states = self.client("stepfunctions")
        ended: dict[str, Any] = until(
            f"execution {arn.rpartition(':')[2]} ended",
            lambda: states.describe_execution(executionArn=arn),
            lambda seen: seen["status"] in ENDED,
            seconds=EXECUTION_SECONDS,
            pause=0.2,
        )
        if ended["status"] != SUCCEEDED:
            raise StepFailedError(f"{arn}: {ended.get('error')}: {ended.get('cause')}{_last_failure(states, arn)}")
        return ended


def _last_failure(states: Any, arn: str) -> str:
    """Return what the state that tells of a failure was given: the end of the execution says less."""
    events = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=100)["events"]
    entered = (event["stateEnteredEventDetails"] for event in events if "stateEnteredEventDetails" in event)
    told: Mapping[str, Any] = next((one for one in entered if one.get("name") == "TellFailure"), {})
    return f"; it was told {told['input']}" if told.get("input") else ""


def files_of(ingestions: Iterable[Mapping[str, Any]]) -> int:
    """Return how many files the runs of the file ingestion were given."""
    return sum(int(json.loads(run["input"])["files"]) for run in ingestions)


def boto3_table(dynamodb: Any, name: str, **only: Any) -> Iterator[dict[str, Any]]:
    """Yield the items of a table as plain Python values: all, or those that a scan's filter lets through."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True, **only):
        for item in page["Items"]:
            yield plain(item)


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as plain Python values."""
    return {name: READ(value) for name, value in item.items()}


def money(value: Any) -> Decimal:
    """Return an amount with two digits; nothing counts as zero."""
    return Decimal(str(value or 0)).quantize(Decimal("0.01"))
