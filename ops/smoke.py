"""After a deployment, ask AWS what no test can know before it: is everything there, and does it answer?

Each check is one function under `check`, which returns what it found; a new one needs nothing else. It raises
`CheckFailedError` when something is wrong and `CheckSkippedError` when there is nothing to ask. Any other error, such
as a missing permission, counts as a failure of that check, and the others go on.

Nothing is changed, unless `send` is on: then one made-up event is sent, marked as history, so that it moves nobody.
"""

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from c360_core import contracts, projections
from c360_core.names import STACKS, TableName, Zone, database_name, stack_name
from c360_core.secret_text import parts
from ops import deployed_stacks

QUERY_SECONDS: Final = 120.0
ARRIVAL_SECONDS: Final = 300.0  # of an event in the lake, which comes with a checkpoint of `clean`
OPTIMIZERS: Final = ("compaction", "retention", "orphan_file_deletion")
POLL_SECONDS: Final = 1.0
HTTP_SECONDS: Final = 30.0
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403


class CheckFailedError(Exception):
    """What a check found is not as it should be; the message says what."""


class CheckSkippedError(Exception):
    """A check has nothing to ask here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How a check ended.

    Attributes:
        outcome: `ok`, `failed` or `skipped`.
        found: what it found, or why it was skipped.
        fix: what to do when it failed.
    """

    check: str
    outcome: str
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """The outcomes of all checks, in their order."""

    environment: str
    outcomes: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Say whether nothing failed."""
        return all(outcome.outcome != "failed" for outcome in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "environment": self.environment,
            "passed": self.passed,
            "checks": [asdict(outcome) for outcome in self.outcomes],
        }


@dataclass(kw_only=True)
class DeployedEnvironment:
    """What is deployed of an environment, as CloudFormation knows it.

    Attributes:
        client: gives a boto3 client by the name of its service.
        endpoint: of the emulator that stands for AWS; empty on AWS.
        send: send an event.
        sent: the id of the event that was sent.
    """

    environment: str
    client: Callable[[str], Any]
    endpoint: str = ""
    send: bool = False
    sent: str = ""
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=HTTP_SECONDS))

    @cached_property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """The stacks of the environment that are there, by name."""
        names = {stack_name(self.environment, stack) for stack in STACKS}
        found = deployed_stacks.stacks(self.client("cloudformation"))
        return {name: stack for name, stack in found.items() if name in names}

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of all stacks, by their names in the templates."""
        return deployed_stacks.outputs(self.stacks.values())

    @cached_property
    def _resources(self) -> list[tuple[str, str]]:
        """The type and the physical id of every resource."""
        cloudformation = self.client("cloudformation")
        return [found for stack in self.stacks for found in deployed_stacks.resources(cloudformation, stack)]

    def ids(self, type_name: str) -> list[str]:
        """Return the physical ids of all resources of a type.

        Raises:
            CheckSkippedError: there is none.
        """
        found = [physical for kind, physical in self._resources if kind == type_name]
        if not found:
            raise CheckSkippedError(f"no {type_name} is deployed")
        return found

    def output(self, name: str) -> str:
        """Return an output.

        Raises:
            CheckFailedError: no stack has it.
        """
        if name not in self.outputs:
            raise CheckFailedError(f"no stack of {self.environment} has the output {name}")
        return self.outputs[name]

    def url(self, output: str) -> str:
        """Return the address of an HTTP API; on the emulator the path leads to it, not the name."""
        return deployed_stacks.api_address(self.output(output), endpoint=self.endpoint)


CheckFunction = Callable[[DeployedEnvironment], str]
CHECKS: Final[list[tuple[str, str, CheckFunction]]] = []


def check(name: str, *, fix: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check under a name, with what to do when it fails."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.append((name, fix, function))
        return function

    return register


def ask(deployed: DeployedEnvironment) -> Iterator[CheckResult]:
    """Yield the outcome of each check."""
    for name, fix, function in CHECKS:
        try:
            yield CheckResult(check=name, outcome="ok", found=function(deployed))
        except CheckSkippedError as reason:
            yield CheckResult(check=name, outcome="skipped", found=str(reason))
        except (CheckFailedError, ClientError, BotoCoreError, httpx.HTTPError) as error:
            yield CheckResult(check=name, outcome="failed", found=str(error) or type(error).__name__, fix=fix)


def _expect(wrong: list[str], found: str) -> str:
    if wrong:
        raise CheckFailedError("; ".join(wrong))
    return found


@check("stacks", fix="deploy again; the stack's events in CloudFormation say what stopped it")
def stacks(deployed: DeployedEnvironment) -> str:
    """All stacks are there, and done."""
    wanted = {stack_name(deployed.environment, stack) for stack in STACKS}
    wrong = [f"{name} is not deployed" for name in sorted(wanted - set(deployed.stacks))]
    wrong += [
        f"{name} is {stack['StackStatus']}"
        for name, stack in deployed.stacks.items()
        if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    ]
    return _expect(wrong, f"{len(deployed.stacks)} complete, {len(deployed.outputs)} outputs")


@check("streams", fix="wait until a stream is ACTIVE; one that is away was deleted by hand: deploy again")
def streams(deployed: DeployedEnvironment) -> str:
    """All streams take records."""
    kinesis, names = deployed.client("kinesis"), deployed.ids("AWS::Kinesis::Stream")
    status = {
        name: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]
        for name in names
    }
    return _expect(
        [f"{name} is {state}" for name, state in status.items() if state != "ACTIVE"], f"{len(names)} ACTIVE"
    )


@check(
    "event source mappings", fix="StateTransitionReason says why; enable it with aws lambda update-event-source-mapping"
)
def mappings(deployed: DeployedEnvironment) -> str:
    """Functions are fed from their streams."""
    found = [
        deployed.client("lambda").get_event_source_mapping(UUID=uuid_)
        for uuid_ in deployed.ids("AWS::Lambda::EventSourceMapping")
    ]
    wrong = [
        f"{one['FunctionArn'].rpartition(':')[2]} is {one['State']} ({one.get('StateTransitionReason', 'no reason')})"
        for one in found
        if one["State"] != "Enabled"
    ]
    troubled = [
        f"{one['FunctionArn'].rpartition(':')[2]}: {one['LastProcessingResult']}"
        for one in found
        if one.get("LastProcessingResult", "").startswith("PROBLEM")
    ]
    return _expect(wrong + troubled, f"{len(found)} Enabled")


@check("Flink applications", fix="the application's log group says why; step 9 of docs/deploying.md starts one")
def applications(deployed: DeployedEnvironment) -> str:
    """Each application runs, or waits to be started."""
    flink = deployed.client("kinesisanalyticsv2")
    status = {
        name: flink.describe_application(ApplicationName=name)["ApplicationDetail"]["ApplicationStatus"]
        for name in deployed.ids("AWS::KinesisAnalyticsV2::Application")
    }
    fine = {"READY", "RUNNING", "STARTING", "AUTOSCALING", "UPDATING"}
    shown = ", ".join(f"{name} {state}" for name, state in status.items())
    return _expect([f"{name} is {state}" for name, state in status.items() if state not in fine], shown)


@check("collector refuses", fix="the collector's function logs what it answers; its secrets must have a value")
def collector_refuses(deployed: DeployedEnvironment) -> str:
    """The collector answers, and takes nothing without a key."""
    answer = deployed.http.post(f"{deployed.url('CollectorUrl')}/v1/track", json={})
    return _expect(
        [] if answer.status_code == UNAUTHORIZED else [f"answered {answer.status_code} without a key, not 401"],
        "401 without a key",
    )


@check(
    "collector accepts", fix="503: the stream is away; 401: the source's secret was changed in the last five minutes"
)
def collector_accepts(deployed: DeployedEnvironment) -> str:
    """The collector stores an event: a page view that is marked as history, of a visitor who is nobody."""
    if not deployed.send:
        raise CheckSkippedError("--send would send one event, marked as history")
    arn = deployed.output("ApiKeySecretArnWebEvents")
    held = parts(deployed.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    moment = datetime.now(UTC)
    name = f"smoke-{uuid.uuid4()}"
    event = {
        "event_id": name,
        "event_type": "page_viewed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "replay_id": f"smoke-{moment:%Y%m%d}",
        "identifiers": {"cookie_id": [name]},
        "payload": {"url": "https://www.example.com/smoke", "title": "Smoke test"},
    }
    body = json.dumps(event).encode()
    headers = {"content-type": "application/json", "x-api-key": held["key"]}
    if secret := held.get("signing_secret"):
        headers["x-c360-signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    answer = deployed.http.post(f"{deployed.url('CollectorUrl')}/v1/track", content=body, headers=headers)
    if not answer.is_success:
        raise CheckFailedError(f"answered {answer.status_code}: {answer.text[:200]}")
    deployed.sent = name
    return f"{name} ({answer.status_code})"


@check("profile API refuses", fix="its routes must ask for AWS_IAM: deploy Unification again")
def profile_api_refuses(deployed: DeployedEnvironment) -> str:
    """Nobody reads profiles without a signature."""
    if deployed.endpoint:
        raise CheckSkippedError("the emulator asks nobody for a signature")
    answer = deployed.http.get(f"{deployed.url('ProfileApiUrl')}/v1/customers")
    return _expect(
        [] if answer.status_code == FORBIDDEN else [f"answered {answer.status_code} without a signature, not 403"],
        "403 without a signature",
    )


@check("Athena", fix="who asks needs athena:StartQueryExecution on the workgroup, and its results prefix")
def athena(deployed: DeployedEnvironment) -> str:
    """The workgroup answers a query."""
    _query(deployed, "SELECT 1")
    return f"{deployed.output('WorkgroupName')} answers"


def _query(deployed: DeployedEnvironment, sql: str) -> str:
    """Run a query in the workgroup; return its id.

    Raises:
        CheckFailedError: it failed, or took too long.
    """
    client, workgroup = deployed.client("athena"), deployed.output("WorkgroupName")
    started: str = client.start_query_execution(QueryString=sql, WorkGroup=workgroup)["QueryExecutionId"]
    deadline = time.monotonic() + QUERY_SECONDS
    while True:
        status = client.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            break
        if time.monotonic() > deadline:
            raise CheckFailedError(f"{sql} in {workgroup} took more than {QUERY_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise CheckFailedError(
            f"{sql} in {workgroup} {status['State']}: {status.get('StateChangeReason', 'no reason')}"
        )
    return started


@check("event in the lake", fix="the log group of clean says what it does; quarantine.rejected says what it refused")
def event_in_the_lake(deployed: DeployedEnvironment) -> str:
    """The event that was sent comes out of the stream, is clean, and can be queried."""
    if not deployed.sent:
        raise CheckSkippedError("no event was sent")
    name = deployed.output("CleanApplicationName")
    detail = deployed.client("kinesisanalyticsv2").describe_application(ApplicationName=name)["ApplicationDetail"]
    if detail["ApplicationStatus"] != "RUNNING":
        raise CheckSkippedError(f"{name} does not run: the event waits on its stream")
    sql = (
        f"SELECT count(*) FROM {database_name(deployed.environment, Zone.RAW)}.{TableName.INTERACTIONS} "  # noqa: S608  # our own names
        f"WHERE event_id = '{deployed.sent}' AND received_at > current_timestamp - interval '1' hour"
    )
    began = time.monotonic()
    while not _count(deployed, _query(deployed, sql)):
        if time.monotonic() > began + ARRIVAL_SECONDS:
            raise CheckFailedError(f"{deployed.sent} is not in {TableName.INTERACTIONS} after {ARRIVAL_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return f"{deployed.sent} after {time.monotonic() - began:.0f} s"


def _count(deployed: DeployedEnvironment, execution: str) -> int:
    rows = deployed.client("athena").get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return int(rows[1]["Data"][0]["VarCharValue"])  # below the head


@check("lake tables", fix="deploy again; without a Lake Formation grant to who asks, tables are hidden from them")
def lake_tables(deployed: DeployedEnvironment) -> str:
    """The catalog has every table that has a contract, with its Iceberg metadata."""
    places = [_metadata_location(deployed, table) for table in contracts.load().lake_tables()]
    wrong = [said for said in places if not said.startswith("s3://")]
    return _expect(wrong, f"{len(places)} with Iceberg metadata")


def _metadata_location(deployed: DeployedEnvironment, table: contracts.Table) -> str:
    """Return where the catalog says that a table's metadata is, or what is wrong."""
    database = database_name(deployed.environment, table.zone)
    try:
        entry = deployed.client("glue").get_table(DatabaseName=database, Name=table.name)["Table"]
    except ClientError as error:
        return f"{database}.{table.name}: {error.response['Error']['Code']}"
    location: str = entry.get("Parameters", {}).get("metadata_location", "")
    return location or f"{database}.{table.name} has no metadata_location: it is no Iceberg table"


@check("field ids", fix="read docs/decisions/0019: a table that numbers its columns otherwise must be made again")
def field_ids(deployed: DeployedEnvironment) -> str:
    """Glue kept the field ids of the template: rows are read by them, whatever a column is called."""
    places = [(table, _metadata_location(deployed, table)) for table in contracts.load().lake_tables()]
    there = [(table, place) for table, place in places if place.startswith("s3://")]
    if not there:
        raise CheckSkippedError("no lake table has Iceberg metadata")
    wrong = [said for table, place in there if (said := _wrong_ids(deployed, table, place))]
    return _expect(wrong, f"{len(there)} tables number their columns as the contracts do")


def _wrong_ids(deployed: DeployedEnvironment, table: contracts.Table, place: str) -> str:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    metadata = json.loads(deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    (schema,) = [one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"]]
    kept = {field["name"]: _ids(field["id"], field["type"]) for field in schema["fields"]}
    stated = {
        field["Name"]: _ids(field["Id"], json.loads(text) if (text := field["Type"]).startswith("{") else text)
        for field in projections.iceberg_schema(table)["Fields"]
    }
    wrong = sorted(f"{name} {kept.get(name)} instead of {ids}" for name, ids in stated.items() if kept.get(name) != ids)
    return f"{table.zone}.{table.name}: {', '.join(wrong)}" if wrong else ""


def _ids(field: int, type_: Any) -> tuple[int, ...]:
    """Return the id of a column, and those of its elements, or of its keys and values."""
    nested = type_ if isinstance(type_, dict) else {}
    return (field, *(nested[key] for key in ("element-id", "key-id", "value-id") if key in nested))


@check("table optimizers", fix="its error says why; the optimizers' role needs the table, its files and its key")
def table_optimizers(deployed: DeployedEnvironment) -> str:
    """What keeps the lake's tables small did not fail when it ran last."""
    wanted = len(deployed.ids("AWS::Glue::TableOptimizer"))
    if deployed.endpoint:
        raise CheckSkippedError("the emulator keeps table optimizers, and runs none")
    account = deployed.client("sts").get_caller_identity()["Account"]
    found = [
        (f"{table.name} {kind}", optimizer)
        for table in contracts.load().lake_tables()
        for kind in OPTIMIZERS
        if (optimizer := _optimizer(deployed, account, table, kind)) is not None
    ]
    wrong = [
        f"{name}: {run.get('error', 'no reason')}"
        for name, optimizer in found
        if (run := optimizer.get("lastRun", {})).get("eventType") == "failed"
    ]
    if len(found) < wanted:
        wrong.append(f"{wanted - len(found)} of {wanted} are not there")
    ran = sum("lastRun" in optimizer for _, optimizer in found)
    return _expect(wrong, f"{len(found)}, of which {ran} have run and none failed")


def _optimizer(deployed: DeployedEnvironment, account: str, table: contracts.Table, kind: str) -> dict[str, Any] | None:
    glue, database = deployed.client("glue"), database_name(deployed.environment, table.zone)
    try:
        answer: dict[str, Any] = glue.get_table_optimizer(
            CatalogId=account, DatabaseName=database, TableName=table.name, Type=kind
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise
    optimizer: dict[str, Any] = answer["TableOptimizer"]
    return optimizer


@check("Entity Resolution", fix="deploy Unification again; do not deploy while ResolveIdentity runs")
def entity_resolution(deployed: DeployedEnvironment) -> str:
    """The matching workflow uses a schema mapping that is there."""
    client, name = deployed.client("entityresolution"), deployed.output("MatchingWorkflowName")
    workflow = client.get_matching_workflow(workflowName=name)
    used = [str(source["schemaName"]) for source in workflow["inputSourceConfig"]]
    there = [client.get_schema_mapping(schemaName=schema)["schemaName"] for schema in used]
    return _expect([] if there else [f"{name} has no input"], f"{name} with {', '.join(there)}")


@check("matching job", fix="errorDetails of the job says why; ResolveIdentity's execution shows its input")
def matching_job(deployed: DeployedEnvironment) -> str:
    """The last matching job did not fail."""
    client, name = deployed.client("entityresolution"), deployed.output("MatchingWorkflowName")
    pages = client.get_paginator("list_matching_jobs").paginate(workflowName=name)
    jobs = [job for page in pages for job in page["jobs"]]
    if not jobs:
        raise CheckSkippedError(f"{name} has not run yet")
    last = max(jobs, key=lambda job: job["startTime"])
    if last["status"] != "FAILED":
        return f"{last['jobId']} {last['status']}"
    details = client.get_matching_job(workflowName=name, jobId=last["jobId"]).get("errorDetails", {})
    raise CheckFailedError(f"{last['jobId']} FAILED: {details.get('errorMessage', 'no reason')}")


@check("Lake Formation", fix="let an administrator read step 5 of docs/deploying.md, and add the deployment role")
def lake_formation(deployed: DeployedEnvironment) -> str:
    """The account has administrators, and new tables are not open to everybody."""
    settings = deployed.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
    admins = [admin["DataLakePrincipalIdentifier"] for admin in settings.get("DataLakeAdmins", ())]
    opened = [
        key
        for key in ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
        if any(one.get("Permissions") for one in settings.get(key, ()))
    ]
    wrong = [] if admins else ["nobody is a data lake administrator"]
    wrong += [f"{key} still lets IAM alone decide" for key in opened]
    return _expect(wrong, f"{len(admins)} administrator(s), no open defaults")


@check("state machines", fix="deploy again")
def state_machines(deployed: DeployedEnvironment) -> str:
    """All state machines can be started."""
    client, arns = deployed.client("stepfunctions"), deployed.ids("AWS::StepFunctions::StateMachine")
    wrong = [
        f"{arn.rpartition(':')[2]} is {state}"
        for arn in arns
        if (state := client.describe_state_machine(stateMachineArn=arn)["status"]) != "ACTIVE"
    ]
    return _expect(wrong, f"{len(arns)} ACTIVE")


@check(
    "alarms",
    fix="the runbooks say what each alarm means; one of silence ends by itself some minutes after a first deployment",
)
def alarms(deployed: DeployedEnvironment) -> str:
    """Nothing is wrong already."""
    names = set(deployed.ids("AWS::CloudWatch::Alarm"))
    pages = deployed.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["AlarmName"] in names]
    wrong = [f"{one['AlarmName']}: {one.get('AlarmDescription', '')}" for one in found if one["StateValue"] == "ALARM"]
    return _expect(wrong, f"{len(names)}, none in ALARM")


@check(
    "e-mail",
    fix="put the identity's DKIM records into your DNS; ask AWS to lift the sandbox: step 8 of docs/deploying.md",
)
def email(deployed: DeployedEnvironment) -> str:
    """The sending domain is verified, and the account may write to anybody."""
    client = deployed.client("sesv2")
    waiting = [
        f"{name} is not verified yet"
        for name in deployed.ids("AWS::SES::EmailIdentity")
        if not client.get_email_identity(EmailIdentity=name).get("VerifiedForSendingStatus")
    ]
    if not client.get_account().get("ProductionAccessEnabled"):
        waiting.append("the account is in the SES sandbox")
    return _expect(waiting, "the domain is verified, and the account is out of the sandbox")
