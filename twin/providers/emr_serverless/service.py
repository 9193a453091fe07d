"""EMR Serverless, as far as it concerns the applications of the template and their runs, on the shared Spark session.

Everything comes from the application's resolved properties and the request of a run.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from twin.emulator.calls import Call, Require, require_all
from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.engines.scripts import JobDefinitionError, ObjectStore, ScriptEngine, Scripts
from twin.engines.spark import JobOutcome, SparkRun
from twin.principals import RoleSession
from twin.providers.emr_serverless.rights import service_calls
from twin.providers.emr_serverless.submission import Submission, check, read

LOG = logging.getLogger(__name__)

Document = dict[str, Any]
SERVICE: Final = "emr-serverless.amazonaws.com"
SUCCESS: Final = "SUCCESS"
ENDED: Final = (SUCCESS, "FAILED", "CANCELLED")
WAITING: Final = ("SUBMITTED", "PENDING", "QUEUED", "SCHEDULED")
DEFAULT_TIMEOUT_MINUTES: Final = 720
DEFAULT_CONCURRENT_RUNS: Final = 15
DEFAULT_QUEUE_MINUTES: Final = 360
DEFAULT_IDLE_MINUTES: Final = 15
LONGEST_DETAILS: Final = 256


@dataclass(slots=True)
class _Application:
    """The runs of one application.

    Attributes:
        runs: by their ids, in the order in which they were submitted.
        working: ids of those that have a place.
        free: is notified when a run ends.
    """

    runs: dict[str, Document] = field(default_factory=dict)
    working: set[str] = field(default_factory=set)
    free: threading.Condition = field(default_factory=threading.Condition)


class EmrServerless:
    """Applications and job runs.

    Args:
        applications: gives the deployed applications.
        engine: where scripts run.
        scripts: fetches them.
        assume: opens a session of a run's role, by the role's ARN and the id of the run.
        require: checks a call that the service makes for a role.
        store: gives the emulator's S3 as a session reads it.
        caller: gives the ARN of the principal whose request is being answered.
        now: the time.
    """

    def __init__(
        self,
        *,
        applications: Callable[[], tuple[Resource, ...]],
        engine: ScriptEngine,
        scripts: Scripts,
        assume: Callable[[str, str], RoleSession],
        require: Require,
        store: Callable[[RoleSession], ObjectStore],
        caller: Callable[[], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deployed = applications
        self._engine = engine
        self._scripts = scripts
        self._assume = assume
        self._require = require
        self._store = store
        self._caller = caller
        self._now = now
        self._applications: dict[str, _Application] = {}
        self._lock = threading.Lock()

    # ---- the API

    def start_job_run(self, request: Document) -> Document:
        """Submit a run in the name of the caller, who needs to be allowed to pass the run's role."""
        passed = Call(
            action="iam:PassRole", resource=request["executionRoleArn"], context={"iam:PassedToService": SERVICE}
        )
        require_all(self._caller(), (passed,), self._require)
        return self.submit(request)

    def get_job_run(self, request: Document) -> Document:
        """Return a run."""
        return {"jobRun": dict(self._run(request))}

    def list_job_runs(self, request: Document) -> Document:
        """Return the runs of an application, the newest first."""
        self._resource(request)
        names = (
            "applicationId", "id", "name", "arn", "createdBy", "createdAt", "updatedAt", "executionRole", "state",
            "stateDetails", "releaseLabel",
        )  # fmt: skip
        wanted = set(request.get("states") or ())
        runs = [{**run, "id": run["jobRunId"]} for run in self._of(request["applicationId"]).runs.values()]
        summaries = [{name: run[name] for name in names if name in run} for run in reversed(runs)]
        return {"jobRuns": [one for one in summaries if not wanted or one["state"] in wanted]}

    def cancel_job_run(self, request: Document) -> Document:
        """Cancel a run: at once while it waits. A script that runs already goes on to its end here."""
        run, application = self._run(request), self._of(request["applicationId"])
        with application.free:
            if run["state"] in WAITING:
                self._mark(run, "CANCELLED", "Cancelled by the caller")
            elif run["state"] not in ENDED:
                self._mark(run, "CANCELLING", "Cancelled by the caller")
            application.free.notify_all()
        return {"applicationId": request["applicationId"], "jobRunId": run["jobRunId"]}

    def get_application(self, request: Document) -> Document:
        """Return an application."""
        resource = self._resource(request)
        stop = resource.properties.get("AutoStopConfiguration", {})
        return {
            "application": {
                **{name: value for name, value in self._summary(resource).items() if name != "id"},
                "applicationId": resource.physical_id,
                "autoStopConfiguration": {
                    "enabled": bool(stop.get("Enabled", True)),
                    "idleTimeoutMinutes": int(stop.get("IdleTimeoutMinutes", DEFAULT_IDLE_MINUTES)),
                },
            }
        }

    def list_applications(self, _request: Document) -> Document:
        """Return all applications."""
        return {"applications": [self._summary(resource) for resource in self._deployed()]}

    # ---- runs

    def submit(self, wanted: Document) -> Document:
        """Record a run, start it in the background and return its id; no operation of the API.

        Raises:
            ServiceError: with the codes of AWS, when the application is unknown or the request is invalid.
        """
        resource = self._resource(wanted)
        submission = read(resource.properties, wanted)
        run = self._new_run(resource, wanted)
        application = self._of(resource.physical_id)
        with application.free:
            application.runs[run["jobRunId"]] = run
        threading.Thread(
            target=self._work, args=(resource, application, run, submission), daemon=True, name=f"emr-{run['jobRunId']}"
        ).start()
        return {name: run[name] for name in ("applicationId", "jobRunId", "arn")}

    def _work(self, resource: Resource, application: _Application, run: Document, submission: Submission) -> None:
        if not self._has_place(resource.properties, application, run):
            return
        try:
            outcome = self._execute(resource, run, submission)
        except (JobDefinitionError, ServiceError) as error:
            outcome = JobOutcome(state="FAILED", error=str(error))
        except Exception as error:  # the run must end in a state, whatever goes wrong around the engine
            LOG.exception("the run %s could not be started", run["jobRunId"])
            outcome = JobOutcome(state="FAILED", error=f"{type(error).__name__}: {error}")
        with application.free:
            self._finish(run, outcome)
            application.working.discard(run["jobRunId"])
            application.free.notify_all()

    def _has_place(self, properties: Mapping[str, Any], application: _Application, run: Document) -> bool:
        """Wait until a run may work, in the order of submission; False if it was cancelled or waited too long."""
        scheduler = properties.get("SchedulerConfiguration", {})
        most = int(scheduler.get("MaxConcurrentRuns", DEFAULT_CONCURRENT_RUNS))
        longest = int(scheduler.get("QueueTimeoutMinutes", DEFAULT_QUEUE_MINUTES))

        def turn() -> bool:
            waiting = [one for one, other in application.runs.items() if other["state"] in WAITING]
            first = [one for one in waiting if one not in application.working][: most - len(application.working)]
            return run["state"] in ENDED or run["jobRunId"] in first

        with application.free:
            if not turn():
                self._mark(run, "QUEUED", "Waits for another run of its application")
            if not application.free.wait_for(turn, timeout=longest * 60):
                self._mark(run, "FAILED", f"The run waited in the queue for {longest} minutes")
            if run["state"] in ENDED:
                return False
            application.working.add(run["jobRunId"])
            self._mark(run, "SCHEDULED", "")
            return True

    def _execute(self, resource: Resource, run: Document, submission: Submission) -> JobOutcome:
        check(resource.properties, submission)
        session = self._assume(run["executionRole"], run["jobRunId"])
        monitoring = resource.properties.get("MonitoringConfiguration", {})
        require_all(session.arn, service_calls(monitoring), self._require)
        store = self._store(session)
        job = SparkRun(
            name=f"{resource.properties.get('Name', resource.physical_id)} {run['jobRunId']}",
            script=self._scripts.fetch(store, submission.script, "entryPoint"),
            credentials=session.variables(),
            arguments=submission.arguments,
            libraries=[self._scripts.fetch(store, path, "spark.submit.pyFiles") for path in submission.libraries],
            conf=submission.session,
        )
        seconds = run["executionTimeoutMinutes"] * 60.0
        return self._engine.run(job, timeout=seconds, on_start=lambda: self._mark(run, "RUNNING", ""))

    def _finish(self, run: Document, outcome: JobOutcome) -> None:
        cancelled = run["state"] == "CANCELLING"
        if outcome.state == "TIMEOUT" or cancelled:
            self._mark(run, "CANCELLED", outcome.error or run["stateDetails"])
        elif outcome.state == "SUCCEEDED":
            self._mark(run, SUCCESS, "")
        else:
            self._mark(run, "FAILED", f"Job failed, please check the logs. {outcome.error}")
        run["totalExecutionDurationSeconds"] = int((run["updatedAt"] - run["createdAt"]).total_seconds())
        if outcome.state != "SUCCEEDED":
            LOG.error("run %s %s: %s\n%s", run["jobRunId"], run["state"], outcome.error, outcome.traceback)

    def _mark(self, run: Document, state: str, details: str) -> None:
        if state == "RUNNING" and run["state"] == "CANCELLING":
            return
        run["state"], run["stateDetails"] = state, (details or f"The run is {state}")[:LONGEST_DETAILS]
        run["updatedAt"] = self._now()

    def _new_run(self, resource: Resource, request: Document) -> Document:
        run_id, now = f"00f{uuid.uuid4().hex[:13]}", self._now()
        return {
            "applicationId": resource.physical_id,
            "jobRunId": run_id,
            **({"name": request["name"]} if request.get("name") else {}),
            "arn": arn("emr-serverless", f"/applications/{resource.physical_id}/jobruns/{run_id}"),
            "createdBy": self._caller(),
            "createdAt": now,
            "updatedAt": now,
            "executionRole": request["executionRoleArn"],
            "state": "SUBMITTED",
            "stateDetails": "The run is SUBMITTED",
            "releaseLabel": resource.properties["ReleaseLabel"],
            "jobDriver": request["jobDriver"],
            "executionTimeoutMinutes": int(request.get("executionTimeoutMinutes") or DEFAULT_TIMEOUT_MINUTES),
        }

    # ---- what is deployed

    def _resource(self, request: Document) -> Resource:
        wanted = request["applicationId"]
        for resource in self._deployed():
            if resource.physical_id == wanted:
                return resource
        raise ServiceError("ResourceNotFoundException", f"Application {wanted} does not exist", 404)

    def _of(self, application_id: str) -> _Application:
        with self._lock:
            return self._applications.setdefault(application_id, _Application())

    def _run(self, request: Document) -> Document:
        self._resource(request)
        found = self._of(request["applicationId"]).runs.get(request["jobRunId"])
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"JobRun {request['jobRunId']} does not exist", 404)
        return found

    def _summary(self, resource: Resource) -> Document:
        runs = list(self._of(resource.physical_id).runs.values())
        stated = resource.properties
        return {
            "id": resource.physical_id,
            "name": stated.get("Name", ""),
            "arn": arn("emr-serverless", f"/applications/{resource.physical_id}"),
            "releaseLabel": stated["ReleaseLabel"],
            "type": stated["Type"],
            "architecture": stated.get("Architecture", "X86_64"),
            "state": self._state(stated, runs),
            "createdAt": runs[0]["createdAt"] if runs else self._now(),
            "updatedAt": max((run["updatedAt"] for run in runs), default=self._now()),
        }

    def _state(self, properties: Mapping[str, Any], runs: list[Document]) -> str:
        """Return the state: a run starts an application, which stops when none has run for a while."""
        if not runs:
            return "CREATED"
        stop = properties.get("AutoStopConfiguration", {})
        idle = timedelta(minutes=int(stop.get("IdleTimeoutMinutes", DEFAULT_IDLE_MINUTES)))
        busy = any(run["state"] not in ENDED for run in runs)
        recent = self._now() - max(run["updatedAt"] for run in runs) < idle
        return "STARTED" if busy or recent or not stop.get("Enabled", True) else "STOPPED"
