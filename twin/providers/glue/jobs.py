"""Glue job runs: the definition that the template deployed, run on the shared Spark session.

The emulator keeps jobs and runs but does not run Spark. `GlueJobs.install` puts this in the place of its job start.
Everything comes from the job's definition and the run's arguments: script and libraries are fetched from the
emulator's S3, Spark properties from `--conf`, the engine's version from `GlueVersion`.
"""

import contextvars
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from twin.emulator.calls import Require, require_all
from twin.emulator.wire import ServiceError
from twin.engines.scripts import JobDefinitionError, ObjectStore, ScriptEngine, Scripts
from twin.engines.spark import SUPPORTED_GLUE_VERSIONS, JobOutcome, SparkRun
from twin.principals import RoleSession
from twin.providers.glue.rights import service_calls

LOG = logging.getLogger(__name__)

Document = dict[str, Any]
ACTIVE: Final = ("STARTING", "RUNNING", "STOPPING", "WAITING")
DEFAULT_TIMEOUT_MINUTES: Final = 2880
# Glue consumes these itself; the rest reaches the script. See the list of special job parameters in AWS's guide.
CONSUMED: Final = frozenset(
    {"--conf", "--extra-py-files", "--extra-jars", "--extra-files", "--datalake-formats", "--job-language"}
)
DROPPED_PREFIXES: Final = (
    "--enable-",
    "--continuous-log-",
    "--spark-event-logs-path",
    "--additional-python-modules",
    "--python-modules-installer-option",
    "--class",
    "--user-jars-first",
)
ICEBERG: Final = "org.apache.iceberg"


def spark_conf(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the Spark properties of `--conf`, whose value is `k=v --conf k=v ...` as Glue takes it."""
    text = arguments.get("--conf", "").strip()
    pairs = [pair.strip() for pair in re.split(r"\s+--conf\s+", text) if pair.strip()]
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise JobDefinitionError(f"DefaultArguments --conf: {wrong[0]!r} is not of the form key=value.")
    return dict(pair.split("=", 1) for pair in pairs)


def check(job: Document, conf: Mapping[str, str], arguments: Mapping[str, str]) -> None:
    """Raise JobDefinitionError when the job cannot run here as it would run in Glue."""
    command, version = job.get("Command", {}), job.get("GlueVersion", "")
    if command.get("Name") != "glueetl":
        raise JobDefinitionError(f"Command.Name {command.get('Name')!r}: only glueetl (Spark) jobs run here.")
    if version not in SUPPORTED_GLUE_VERSIONS:
        known = ", ".join(SUPPORTED_GLUE_VERSIONS)
        raise JobDefinitionError(
            f"GlueVersion {version!r}: this engine is Spark 3.5.6, which is Glue {known}. Set GlueVersion to {known}."
        )
    if not command.get("ScriptLocation", "").startswith("s3://"):
        raise JobDefinitionError(f"Command.ScriptLocation {command.get('ScriptLocation')!r}: must be an s3:// path.")
    uses_iceberg = any(value.startswith(ICEBERG) for value in conf.values())
    if uses_iceberg and "iceberg" not in arguments.get("--datalake-formats", "").split(","):
        raise JobDefinitionError(
            "DefaultArguments --datalake-formats: add `iceberg`; Glue loads the classes that --conf names only then."
        )


def script_arguments(arguments: Mapping[str, str]) -> list[str]:
    """Return what the script finds in `sys.argv`: all arguments that Glue does not consume, as name and value."""
    kept = {k: v for k, v in arguments.items() if k not in CONSUMED and not k.startswith(DROPPED_PREFIXES)}
    return [part for name, value in kept.items() for part in (name, str(value))]


class GlueJobs:
    """Starts job runs and keeps their state as Glue shows it."""

    def __init__(
        self,
        *,
        engine: ScriptEngine,
        assume: Callable[[str], RoleSession],
        require: Require,
        store: Callable[[RoleSession], ObjectStore],
        scratch: Path,
        connection_exists: Callable[[str], bool] = lambda _name: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep the collaborators.

        Args:
            engine: where scripts run.
            assume: opens a session of a job's role, by the role's ARN.
            require: checks a call that Glue makes for the role; see `twin.emulator.roles.require`.
            store: gives the emulator's S3 as a session reads it.
            scratch: folder for fetched scripts and libraries.
            connection_exists: says whether a connection is deployed.
            clock: seconds since the epoch.
        """
        self._engine = engine
        self._assume = assume
        self._require = require
        self._store = store
        self._scripts = Scripts(scratch)
        self._connection_exists = connection_exists
        self._clock = clock
        self._counting = threading.Lock()

    def install(self) -> None:
        """Take the place of the emulator's own job start, and let its jobs keep ExecutionProperty, which it drops."""
        from ministack.services import glue
        from ministack.services.cloudformation import provisioners

        create, update = glue._create_job, glue._update_job

        def create_job(data: Document) -> Any:
            answer = create(data)
            _keep_execution_property(glue._jobs.get(data.get("Name")), data)
            return answer

        def update_job(data: Document) -> Any:
            answer = update(data)
            _keep_execution_property(glue._jobs.get(data.get("JobName")), data.get("JobUpdate", {}))
            return answer

        provisioners._GLUE_JOB_DEFAULTS["ExecutionProperty"] = {"MaxConcurrentRuns": 1}
        glue._create_job = create_job
        glue._update_job = update_job
        glue._start_job_run = self.start_job_run

    def start_job_run(self, request: Document) -> Any:
        """Answer StartJobRun in the emulator's own form: status, headers, body."""
        from ministack.services import glue

        try:
            run_id = self.start(glue._jobs, glue._job_runs, request)
        except ServiceError as error:
            return glue.error_response_json(error.code, error.message, error.status)
        return glue.json_response({"JobRunId": run_id})

    def start(self, jobs: Any, runs: Any, request: Document) -> str:
        """Answer StartJobRun: record the run, start it in the background and return its id.

        Raises ServiceError with Glue's codes when the job is unknown or all its runs are taken.
        """
        name = request.get("JobName", "")
        job = jobs.get(name)
        if job is None:
            raise ServiceError("EntityNotFoundException", f"Job {name} not found")
        history = runs.setdefault(name, [])
        limit = int(job.get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1))
        run = self._new_run(job, name, request)
        with self._counting:
            if sum(run["JobRunState"] in ACTIVE for run in history) >= limit:
                raise ServiceError("ConcurrentRunsExceededException", f"{name}: MaxConcurrentRuns is {limit}")
            history.append(run)
        context = contextvars.copy_context()  # account and region of the request
        arguments = {**run["Arguments"]}
        threading.Thread(
            target=context.run, args=(self.run, job, run, arguments), daemon=True, name=f"glue-{name}"
        ).start()
        return str(run["Id"])

    def run(self, job: Document, run: Document, arguments: Mapping[str, str]) -> None:
        """Run one job to its end and record state, error and times in `run`.

        Args:
            job: the definition (Command, DefaultArguments, GlueVersion, ...).
            run: the run's record, changed in place.
            arguments: default and run arguments merged.
        """
        complete = {"--JOB_NAME": str(job["Name"]), "--JOB_RUN_ID": str(run["Id"]), **arguments}
        try:
            outcome = self._execute(job, run, complete)
        except (JobDefinitionError, ServiceError) as error:
            outcome = JobOutcome(state="FAILED", error=str(error))
        except Exception as error:  # the run must end in a state, whatever goes wrong around the engine
            LOG.exception("Glue job %s could not be started", job["Name"])
            outcome = JobOutcome(state="FAILED", error=f"{type(error).__name__}: {error}")
        self._finish(run, outcome)

    def _execute(self, job: Document, run: Document, arguments: Mapping[str, str]) -> JobOutcome:
        conf = spark_conf(arguments)
        check(job, conf, arguments)
        session = self._assume(job["Role"])
        connections = self._connections(job)
        needed = service_calls(arguments, security=job.get("SecurityConfiguration"), connections=connections)
        require_all(session.arn, needed, self._require)
        store = self._store(session)
        libraries = [path.strip() for path in arguments.get("--extra-py-files", "").split(",") if path.strip()]
        spark_job = SparkRun(
            name=f"{job['Name']} {run['Id']}",
            script=self._scripts.fetch(store, job["Command"]["ScriptLocation"], "Command.ScriptLocation"),
            credentials=session.variables(),
            arguments=script_arguments(arguments),
            libraries=[self._scripts.fetch(store, path, "DefaultArguments --extra-py-files") for path in libraries],
            conf=conf,
        )
        minutes = int(run.get("Timeout") or job.get("Timeout") or DEFAULT_TIMEOUT_MINUTES)
        return self._engine.run(spark_job, timeout=minutes * 60.0, on_start=lambda: self._mark(run, "RUNNING"))

    def _connections(self, job: Document) -> list[str]:
        """Return the names of the job's connections.

        Raises:
            JobDefinitionError: one is not there; Glue would not start the run.
        """
        names = [str(name) for name in job.get("Connections", {}).get("Connections", [])]
        if names and (missing := [name for name in names if not self._connection_exists(name)]):
            raise JobDefinitionError(f"Connections: there is no connection {', '.join(missing)}; deploy it first.")
        return names

    def _new_run(self, job: Document, name: str, request: Document) -> Document:
        now = self._clock()
        return {
            "Id": "jr_" + uuid.uuid4().hex,
            "Attempt": 0,
            "JobName": name,
            "StartedOn": now,
            "LastModifiedOn": now,
            "JobRunState": "STARTING",
            "Arguments": {
                **job.get("DefaultArguments", {}),
                **request.get("Arguments", {}),
                **job.get("NonOverridableArguments", {}),
            },
            "PredecessorRuns": [],
            "ExecutionTime": 0,
            "Timeout": request.get("Timeout") or job.get("Timeout") or DEFAULT_TIMEOUT_MINUTES,
            "WorkerType": request.get("WorkerType") or job.get("WorkerType", "G.1X"),
            "NumberOfWorkers": request.get("NumberOfWorkers") or job.get("NumberOfWorkers", 2),
            "GlueVersion": job.get("GlueVersion", ""),
            "LogGroupName": "/aws-glue/jobs",
        }

    def _mark(self, run: Document, state: str) -> None:
        if run["JobRunState"] != "STOPPED":
            run["JobRunState"] = state
        run["LastModifiedOn"] = self._clock()

    def _finish(self, run: Document, outcome: JobOutcome) -> None:
        self._mark(run, outcome.state)
        run["CompletedOn"] = run["LastModifiedOn"]
        run["ExecutionTime"] = int(run["CompletedOn"] - run["StartedOn"])
        if outcome.state != "SUCCEEDED":
            run["ErrorMessage"] = outcome.error
            LOG.error("Glue run %s %s: %s\n%s", run["Id"], outcome.state, outcome.error, outcome.traceback)


def _keep_execution_property(job: Document | None, data: Document) -> None:
    if job is not None and "ExecutionProperty" in data:
        job["ExecutionProperty"] = data["ExecutionProperty"]
