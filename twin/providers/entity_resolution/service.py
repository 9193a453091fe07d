"""Stand-in of AWS Entity Resolution: matching jobs of rule-based workflows, as the template describes them.

Everything a job needs comes from the deployed template: the workflow names its input tables, schema mappings, rules and
output path; the tables come from the Glue catalog, the data from S3. The rules run in
`twin.providers.entity_resolution.matching`.
"""

import csv
import hashlib
import io
import logging
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlparse

import pyarrow.parquet

from c360_core.identity.match_groups import MatchGroup
from twin.emulator.calls import Require, require_all
from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.providers.entity_resolution import matching
from twin.providers.entity_resolution.rights import workflow_calls
from twin.settings import ACCOUNT, REGION

LOGGER: Final = logging.getLogger("twin.entity_resolution")

Document = dict[str, Any]
Client = Any
Clients = Callable[[str, Mapping[str, str]], Client]
Lookup = Callable[[str], Mapping[str, Any] | None]

UNIQUE_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,38}")
TABLE_ARN: Final = re.compile(r"arn:aws[\w-]*:glue:[^:]*:[^:]*:table/(?P<database>[^/]+)/(?P<table>[^/]+)")
ROWS_OF_A_PART: Final = 50_000
JOBS_OF_A_PAGE: Final = 25
MESSAGE_LENGTH: Final = 2048
SHORT_JOB: Final = 20.0  # seconds
ARN: Final = f"arn:aws:entityresolution:{REGION}:{ACCOUNT}"


class JobError(Exception):
    """A job that cannot be finished; its message becomes the job's `errorMessage`."""


@dataclass(slots=True)
class Job:
    """One run of a matching workflow."""

    job_id: str
    workflow: str
    started: datetime
    status: str = "RUNNING"
    ended: datetime | None = None
    metrics: Document = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _InputRow:
    """A row of an input table, under a key that is unique over all tables of the workflow."""

    key: str
    source_arn: str
    record_id: str
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Output:
    """Where a job writes.

    Attributes:
        store: S3 as the workflow's role writes it.
        stated: the workflow's output as the template states it.
        job: the job.
    """

    store: Client
    stated: Mapping[str, Any]
    job: Job

    def write(
        self,
        rows: Sequence[_InputRow],
        groups: Mapping[str, MatchGroup],
        rejected: Sequence[Document],
        workflow: matching.Workflow,
    ) -> None:
        """Write what matched, and what was rejected."""
        selected = {str(o["Name"]): _is_true(o.get("Hashed", False)) for o in self.stated["Output"]}
        columns = {name: name for name in ("InputSourceARN", "RecordId", "MatchID", "MatchRule", *selected)}
        normalise = _is_true(self.stated.get("ApplyNormalization", False))
        types = {mapped.name: mapped.type for mapped in workflow.fields}
        lines = (
            {
                "InputSourceARN": row.source_arn,
                "RecordId": row.record_id,
                "MatchID": groups[row.key].match_id,
                "MatchRule": groups[row.key].rule,
                **{
                    name: _output_value(row.values.get(name), types.get(name, "STRING"), normalise, hashed)
                    for name, hashed in selected.items()
                },
            }
            for row in sorted(rows, key=lambda row: (groups[row.key].match_id, row.key))
        )
        self._put("success", list(columns), list(lines))
        self._put("error", ["InputSourceARN", "RecordId", "ErrorMessage"], rejected)

    def _put(self, kind: str, columns: Sequence[str], lines: Sequence[Document]) -> None:
        """Write CSV parts; at least one, so that an empty outcome differs from a missing one."""
        place = urlparse(str(self.stated["OutputS3Path"]))
        folder = "/".join(part for part in (place.path.strip("/"), self.job.workflow, self.job.job_id, kind) if part)
        key = self.stated.get("KMSArn")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        for number, start in enumerate(range(0, max(len(lines), 1), ROWS_OF_A_PART)):
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, columns)
            writer.writeheader()
            writer.writerows(lines[start : start + ROWS_OF_A_PART])
            self.store.put_object(
                Bucket=place.netloc,
                Key=f"{folder}/part-{number:05d}.csv",
                Body=text.getvalue().encode(),
                ContentType="text/csv",
                **encryption,
            )


class EntityResolution:
    """The operations of the service that a rule-based workflow needs.

    Args:
        workflows: resolved properties of an `AWS::EntityResolution::MatchingWorkflow` by its name; None when there is
            no such workflow.
        schemas: the same for `AWS::EntityResolution::SchemaMapping`.
        assume: opens a session of a workflow's role, by the role's ARN.
        require: checks a call that the service makes for the role; see `twin.emulator.roles.require`.
        clients: client of the emulator by service name and the variables of a session; used for `glue` and `s3`.
        patience: how many seconds a start waits for its job to end.
    """

    def __init__(
        self,
        *,
        workflows: Lookup,
        schemas: Lookup,
        assume: Callable[[str], RoleSession],
        require: Require,
        clients: Clients,
        patience: float = SHORT_JOB,
    ) -> None:
        self._workflows = workflows
        self._schemas = schemas
        self._assume = assume
        self._require = require
        self._clients = clients
        self._patience = patience
        self._began = datetime.now(UTC)
        self._jobs: dict[str, Job] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def start_matching_job(self, request: Document) -> Document:
        """Start a job; the service runs one at a time in a Region, and refuses another, of whichever workflow.

        A job that ends within seconds has ended when this answers: a caller that asks at once need not poll.
        """
        name = str(request["workflowName"])
        properties = self._workflow(name)
        refuse_what_the_twin_lacks(name, properties)
        job = Job(uuid.uuid4().hex, name, datetime.now(UTC))
        with self._lock:
            self._refuse_while_one_runs(name)
            self._jobs[job.job_id] = job
        thread = threading.Thread(target=self._run, args=(job, properties), name=f"match-{job.job_id}", daemon=True)
        self._threads[job.job_id] = thread
        thread.start()
        thread.join(self._patience)
        return {"jobId": job.job_id}

    def _refuse_while_one_runs(self, name: str) -> None:
        running = {job.workflow for job in self._jobs.values() if job.status == "RUNNING"}
        if name in running:
            raise ServiceError("ConflictException", f"workflow {name} has a job that is still running")
        if running:
            raise ServiceError(
                "ExceedsLimitException", f"one matching job at a time: that of {', '.join(running)} is running", 402
            )

    def get_matching_job(self, request: Document) -> Document:
        """Return state and metrics of a job."""
        job = self._jobs.get(str(request["jobId"]))
        if job is None or job.workflow != request["workflowName"]:
            raise _not_found(f"workflow {request['workflowName']} has no job {request['jobId']}")
        answer: Document = {"jobId": job.job_id, "status": job.status, "startTime": job.started}
        if job.ended:
            answer["endTime"] = job.ended
        if job.metrics:
            answer["metrics"] = dict(job.metrics)
        if job.error:
            answer["errorDetails"] = {"errorMessage": job.error[:MESSAGE_LENGTH]}
        return answer

    def list_matching_jobs(self, request: Document) -> Document:
        """Return the jobs of a workflow, newest first, in pages."""
        name = str(request["workflowName"])
        self._workflow(name)
        jobs = [job for job in reversed(self._jobs.values()) if job.workflow == name]
        start = int(request.get("nextToken") or 0)
        end = start + int(request.get("maxResults") or JOBS_OF_A_PAGE)
        page = [self.get_matching_job({"workflowName": name, "jobId": job.job_id}) for job in jobs[start:end]]
        names = ("jobId", "status", "startTime", "endTime")
        answer: Document = {"jobs": [{key: job[key] for key in names if key in job} for job in page]}
        return {**answer, "nextToken": str(end)} if end < len(jobs) else answer

    def get_matching_workflow(self, request: Document) -> Document:
        """Return a workflow of the template, with the members that clients on the laptop read."""
        name = str(request["workflowName"])
        properties = self._workflow(name)
        return {
            "workflowName": name,
            "workflowArn": f"{ARN}:matchingworkflow/{name}",
            "createdAt": self._began,
            "updatedAt": self._began,
            "inputSourceConfig": [
                {
                    "inputSourceARN": str(source["InputSourceARN"]),
                    "schemaName": str(source["SchemaArn"]).rpartition("/")[2],
                    "applyNormalization": _is_true(source.get("ApplyNormalization", True)),
                }
                for source in properties["InputSourceConfig"]
            ],
            "outputSourceConfig": [
                {
                    "outputS3Path": str(output["OutputS3Path"]),
                    "output": [{"name": str(one["Name"])} for one in output["Output"]],
                }
                for output in properties["OutputSourceConfig"]
            ],
            "resolutionTechniques": {"resolutionType": str(properties["ResolutionTechniques"]["ResolutionType"])},
            "roleArn": str(properties["RoleArn"]),
        }

    def get_schema_mapping(self, request: Document) -> Document:
        """Return a schema mapping of the template."""
        name = str(request["schemaName"])
        properties = self._schemas(name)
        if properties is None:
            raise _not_found(f"there is no schema mapping {name}; is the template that has it deployed?")
        keys = {"FieldName": "fieldName", "Type": "type", "MatchKey": "matchKey", "GroupName": "groupName"}
        return {
            "schemaName": name,
            "schemaArn": f"{ARN}:schemamapping/{name}",
            "createdAt": self._began,
            "updatedAt": self._began,
            "hasWorkflows": True,
            "mappedInputFields": [
                {short: str(mapped[key]) for key, short in keys.items() if mapped.get(key)}
                for mapped in properties["MappedInputFields"]
            ],
        }

    def wait(self, job_id: str, seconds: float) -> None:
        """Wait for a job's thread; for tests and for an orderly end of the twin."""
        self._threads[job_id].join(seconds)

    def _workflow(self, name: str) -> Mapping[str, Any]:
        properties = self._workflows(name)
        if properties is None:
            raise _not_found(f"there is no matching workflow {name}; is the template that has it deployed?")
        return properties

    def _run(self, job: Job, properties: Mapping[str, Any]) -> None:
        try:
            job.metrics = self._match(job, properties)
            job.status = "SUCCEEDED"
        except Exception as error:
            # Whatever went wrong is the job's outcome, as in the service; the log has the whole story.
            LOGGER.exception("matching job %s of workflow %s failed", job.job_id, job.workflow)
            job.error = str(error) or type(error).__name__
            job.status = "FAILED"
        finally:
            job.ended = datetime.now(UTC)

    def _match(self, job: Job, properties: Mapping[str, Any]) -> Document:
        session = self._assume(str(properties["RoleArn"]))
        require_all(session.arn, workflow_calls(properties), self._require)
        rows: list[_InputRow] = []
        rejected: list[Document] = []
        workflow: matching.Workflow | None = None
        for number, source in enumerate(properties["InputSourceConfig"]):
            found = self._workflow_of_source(source, properties)
            if workflow and found != workflow:
                # Inputs with different mappings are not needed here, and supporting half of that would be worse.
                raise JobError(
                    "InputSourceConfig: the laptop twin supports one schema mapping for all inputs of a workflow"
                )
            workflow = found
            id_field = matching.unique_id_field(found.fields)
            good, bad = self._read(session, number, str(source["InputSourceARN"]), id_field)
            rows += good
            rejected += bad
        if workflow is None:
            raise JobError("InputSourceConfig: the workflow has no input")
        groups = self._groups(rows, workflow)
        output = _Output(
            store=self._clients("s3", session.variables()), stated=properties["OutputSourceConfig"][0], job=job
        )
        output.write(rows, groups, rejected, workflow)
        return {
            "inputRecords": len(rows) + len(rejected),
            "totalRecordsProcessed": len(rows),
            "recordsNotProcessed": len(rejected),
            "matchIDs": len({group.match_id for group in groups.values()}),
        }

    def _workflow_of_source(self, source: Mapping[str, Any], properties: Mapping[str, Any]) -> matching.Workflow:
        name = str(source["SchemaArn"]).rpartition("/")[2]
        schema = self._schemas(name)
        if schema is None:
            raise JobError(f"InputSourceConfig: there is no schema mapping {name}")
        rules = properties["ResolutionTechniques"]["RuleBasedProperties"]
        return matching.Workflow(
            fields=tuple(_input_field(mapped) for mapped in schema["MappedInputFields"]),
            rules=tuple(
                matching.WorkflowRule(name=rule["RuleName"], match_keys=tuple(rule["MatchingKeys"]))
                for rule in rules["Rules"]
            ),
            model=matching.AttributeMatchingModel(rules["AttributeMatchingModel"]),
            apply_normalization=_is_true(source.get("ApplyNormalization", True)),
        )

    def _groups(self, rows: Sequence[_InputRow], workflow: matching.Workflow) -> dict[str, MatchGroup]:
        id_field = matching.unique_id_field(workflow.fields)
        groups = matching.match([{**row.values, id_field: row.key} for row in rows], workflow)
        return {key: group for group in groups for key in group.record_ids}

    def _read(
        self, session: RoleSession, number: int, arn: str, id_field: str
    ) -> tuple[list[_InputRow], list[Document]]:
        """Return the rows of an input table whose ids are good, and the others with the reason."""
        glue, s3 = (self._clients(service, session.variables()) for service in ("glue", "s3"))
        raw = list(read_table(glue, s3, arn))
        ids = Counter(str(row.get(id_field) or "") for row in raw)
        good: list[_InputRow] = []
        bad: list[Document] = []
        for row in raw:
            record_id = str(row.get(id_field) or "")
            reason = _why_rejected(record_id, ids)
            if reason:
                bad.append({"InputSourceARN": arn, "RecordId": record_id, "ErrorMessage": f"{id_field}: {reason}"})
            else:
                good.append(_InputRow(f"{number}/{record_id}", arn, record_id, row))
        return good, bad


def refuse_what_the_twin_lacks(name: str, properties: Mapping[str, Any]) -> None:
    """Refuse a workflow that would need more than simple rules.

    Raises:
        ServiceError: naming the property.
    """
    techniques = properties["ResolutionTechniques"]
    resolution = techniques.get("ResolutionType")
    if resolution != "RULE_MATCHING":
        raise ServiceError(
            "ValidationException", f"workflow {name}: ResolutionType {resolution} is not in the laptop twin"
        )
    if "RuleConditionProperties" in techniques or "RuleBasedProperties" not in techniques:
        raise ServiceError(
            "ValidationException",
            f"workflow {name}: RuleConditionProperties (advanced rules) are not in the laptop twin; "
            "write simple rules under RuleBasedProperties",
        )
    if techniques["RuleBasedProperties"].get("MatchPurpose", "IDENTIFIER_GENERATION") != "IDENTIFIER_GENERATION":
        raise ServiceError("ValidationException", f"workflow {name}: MatchPurpose INDEXING is not in the laptop twin")


def read_table(glue: Client, s3: Client, arn: str) -> Iterator[dict[str, str | None]]:
    """Yield the rows of a Glue table over CSV or Parquet files as texts.

    Raises:
        JobError: the ARN is not one of a table, or the format is another.
    """
    names = TABLE_ARN.fullmatch(arn)
    if names is None:
        raise JobError(f"InputSourceARN {arn} is not the ARN of a Glue table")
    table = glue.get_table(DatabaseName=names["database"], Name=names["table"])["Table"]
    storage = table["StorageDescriptor"]
    read = _reader(table)
    place = urlparse(storage["Location"])
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.strip("/") + "/"):
        for found in page.get("Contents", ()):
            # Engines leave markers beside their data: _SUCCESS, folder objects, checksums.
            if found["Size"] and not found["Key"].rpartition("/")[2].startswith(("_", ".")):
                yield from read(s3.get_object(Bucket=place.netloc, Key=found["Key"])["Body"].read())


def _reader(table: Mapping[str, Any]) -> Callable[[bytes], Iterator[dict[str, str | None]]]:
    parameters, storage = table.get("Parameters", {}), table["StorageDescriptor"]
    if parameters.get("table_type", "").upper() == "ICEBERG":
        raise JobError(f"table {table['Name']}: the service reads CSV and Parquet files, not Iceberg tables")
    serde = storage.get("SerdeInfo", {})
    library = serde.get("SerializationLibrary", "").lower()
    if "parquet" in library or parameters.get("classification") == "parquet":
        return _read_parquet
    if "csv" in library or "lazysimple" in library or parameters.get("classification") == "csv":
        columns = [column["Name"] for column in storage["Columns"]]
        options = {**parameters, **serde.get("Parameters", {})}
        return lambda body: _read_csv(body, columns, options)
    raise JobError(
        f"table {table['Name']}: the service reads CSV and Parquet; the serializer is {library or 'missing'}"
    )


def _read_parquet(body: bytes) -> Iterator[dict[str, str | None]]:
    for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist():
        yield {name: None if value is None else str(value) for name, value in row.items()}


def _read_csv(body: bytes, columns: Sequence[str], options: Mapping[str, str]) -> Iterator[dict[str, str | None]]:
    delimiter = options.get("separatorChar") or options.get("field.delim") or options.get("delimiter") or ","
    lines = csv.reader(io.StringIO(body.decode("utf-8"), newline=""), delimiter=delimiter)
    for number, cells in enumerate(lines):
        if cells and number >= int(options.get("skip.header.line.count", 0)):
            yield {name: cell or None for name, cell in zip(columns, cells, strict=False)}


def _input_field(mapped: Mapping[str, Any]) -> matching.InputField:
    return matching.InputField(
        name=mapped["FieldName"],
        type=mapped["Type"],
        match_key=mapped.get("MatchKey") or None,
        group=mapped.get("GroupName") or None,
        hashed=_is_true(mapped.get("Hashed", False)),
    )


def _is_true(value: object) -> bool:
    """Read a boolean of a template, which may be written as text."""
    return str(value).lower() == "true"


def _why_rejected(record_id: str, ids: Mapping[str, int]) -> str | None:
    if not record_id:
        return "the unique id is missing"
    if not UNIQUE_ID.fullmatch(record_id):
        return "the unique id has other characters than letters, digits, _ and -, or more than 38 of them"
    # Chosen: all rows of a repeated id, so that the outcome does not depend on the order of files.
    return "the unique id is not unique" if ids[record_id] > 1 else None


def _output_value(value: str | None, kind: str, normalise: bool, hashed: bool) -> str:  # noqa: FBT001
    text = value or ""
    if normalise and text:
        text = matching.normalised_value(text, kind)
    return hashlib.sha256(text.encode()).hexdigest() if hashed and text else text


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, 404)
