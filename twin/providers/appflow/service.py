"""Stand-in of Amazon AppFlow: runs the deployed flows, as their templates describe them.

Schedules are AWS's: on the laptop a flow runs when it is activated (`StartFlow`), as AppFlow runs a flow with a rate at
once. A flow that the template activates waits for that.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from twin.emulator.wire import ServiceError
from twin.providers.appflow.http import Sleep
from twin.providers.appflow.plan import Plan
from twin.providers.appflow.readers import Profile, Window, read
from twin.settings import ACCOUNT, REGION

LOGGER: Final = logging.getLogger("twin.appflow")

Document = dict[str, Any]
Lookup = Callable[[str], Mapping[str, Any] | None]

SERVICE: Final = "appflow.amazonaws.com"
ARN: Final = f"arn:aws:appflow:{REGION}:{ACCOUNT}"
DEFAULT_DAYS: Final = 30  # what the first incremental run reads, unless the flow says another
SHORT_RUN: Final = 30.0  # seconds
PAGE: Final = 20
MESSAGE_LENGTH: Final = 2048
# What AppFlow does in the destination: its guide, "Amazon S3 bucket policies for Amazon AppFlow".
OF_OBJECTS: Final = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
OF_BUCKET: Final = ("s3:GetBucketAcl", "s3:ListBucketMultipartUploads")


class RunError(RuntimeError):
    """A run that cannot be finished; its message becomes the execution's."""


@dataclass(slots=True)
class Run:
    """One execution of a flow."""

    execution_id: str
    started: datetime
    status: str = "InProgress"
    updated: datetime | None = None
    window: Window | None = None
    records: int = 0
    written: int = 0
    error: str | None = None


@dataclass(slots=True)
class State:
    """What AppFlow knows of a flow beside its properties."""

    status: str
    runs: list[Run] = field(default_factory=list)  # the newest first
    read_until: datetime | None = None


class AppFlow:
    """The operations of the service that drive flows and keep connections.

    Args:
        flows: resolved properties of an `AWS::AppFlow::Flow` by its name; None when there is none.
        names: the names of all flows.
        profiles: the same as `flows` for `AWS::AppFlow::ConnectorProfile`.
        may: says whether resources' policies let AppFlow act: action, resource, and the flow that makes it act.
        objects: gives a client of S3.
        tell: puts an event on the account's default bus: detail type, detail and the flow's ARN.
        sleep: waits before a busy vendor is asked again.
        clock: says what time it is.
    """

    def __init__(  # each is another service that it reaches
        self,
        *,
        flows: Lookup,
        names: Callable[[], list[str]],
        profiles: Lookup,
        may: Callable[[str, str, str], bool],
        objects: Callable[[], Any],
        tell: Callable[[str, Document, str], None],
        sleep: Sleep = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._flows, self._names, self._profiles = flows, names, profiles
        self._may, self._objects, self._tell = may, objects, tell
        self._sleep, self._clock = sleep, clock
        self._by_hand: dict[str, Profile] = {}
        self._states: dict[str, State] = {}
        self._lock = threading.Lock()

    # ---- connections

    def create_connector_profile(self, request: Document) -> Document:
        """Keep a connection that somebody makes by hand, as the console does after their consent."""
        name = str(request["connectorProfileName"])
        if self._profiles(name) is not None or name in self._by_hand:
            raise ServiceError("ConflictException", f"there is a connection {name}", 409)
        config = request["connectorProfileConfig"]
        connector = str(request["connectorType"])
        self._by_hand[name] = Profile(
            connector=connector,
            label=request.get("connectorLabel"),
            properties=_named_as_template(config["connectorProfileProperties"][connector]),
            credentials=_named_as_template(config["connectorProfileCredentials"][connector]),
        )
        return {"connectorProfileArn": f"{ARN}:connectorprofile/{name}"}

    def delete_connector_profile(self, request: Document) -> Document:
        """Forget a connection that was made by hand."""
        if self._by_hand.pop(str(request["connectorProfileName"]), None) is None:
            raise _missing("connection", str(request["connectorProfileName"]))
        return {}

    def describe_connector_profiles(self, request: Document) -> Document:
        """Return connections by name, without their credentials."""
        found = [(name, self._profile(name)) for name in request.get("connectorProfileNames", self._by_hand)]
        return {
            "connectorProfileDetails": [
                {
                    "connectorProfileName": name,
                    "connectorProfileArn": f"{ARN}:connectorprofile/{name}",
                    "connectorType": profile.connector,
                }
                for name, profile in found
                if profile is not None
            ]
        }

    def _profile(self, name: str) -> Profile | None:
        stated = self._profiles(name)
        if stated is None:
            return self._by_hand.get(name)
        config, connector = stated["ConnectorProfileConfig"], str(stated["ConnectorType"])
        return Profile(
            connector=connector,
            label=stated.get("ConnectorLabel"),
            properties=config["ConnectorProfileProperties"][connector],
            credentials=config["ConnectorProfileCredentials"][connector],
        )

    # ---- flows

    def start_flow(self, request: Document) -> Document:
        """Run an on-demand flow; activate a scheduled one, which then runs at once.

        A run that ends within seconds has ended when this answers: a caller that asks at once need not poll.
        """
        name = str(request["flowName"])
        flow, state = self._flow(name), self._state(name)
        is_scheduled = flow["TriggerConfig"]["TriggerType"] == "Scheduled"
        if is_scheduled and state.status == "Active":
            raise ServiceError("ConflictException", f"the flow {name} is active already", 409)
        run = self._begin(name, state)
        if is_scheduled:
            state.status = "Active"
        thread = threading.Thread(target=self._run, args=(name, flow, state, run), name=f"flow-{name}", daemon=True)
        thread.start()
        thread.join(SHORT_RUN)
        answer: Document = {"flowArn": _flow_arn(name), "flowStatus": state.status}
        return answer if is_scheduled else {**answer, "executionId": run.execution_id}

    def stop_flow(self, request: Document) -> Document:
        """Deactivate a scheduled flow."""
        name = str(request["flowName"])
        flow, state = self._flow(name), self._state(name)
        if flow["TriggerConfig"]["TriggerType"] == "OnDemand":
            raise ServiceError("UnsupportedOperationException", f"the flow {name} runs on demand", 400)
        state.status = "Suspended"
        return {"flowArn": _flow_arn(name), "flowStatus": state.status}

    def describe_flow(self, request: Document) -> Document:
        """Return what is known of a flow, without its tasks: the template has them."""
        name = str(request["flowName"])
        flow, state = self._flow(name), self._state(name)
        answer: Document = {
            "flowName": name,
            "flowArn": _flow_arn(name),
            "flowStatus": state.status,
            "kmsArn": flow.get("KMSArn"),
        }
        if state.runs:
            newest = state.runs[0]
            answer["lastRunExecutionDetails"] = {
                "mostRecentExecutionStatus": newest.status,
                "mostRecentExecutionTime": newest.started,
                **({"mostRecentExecutionMessage": newest.error} if newest.error else {}),
            }
        return answer

    def list_flows(self, _request: Document) -> Document:
        """Return all flows."""
        return {
            "flows": [
                {"flowName": name, "flowArn": _flow_arn(name), "flowStatus": self._state(name).status}
                for name in sorted(self._names())
            ]
        }

    def describe_flow_execution_records(self, request: Document) -> Document:
        """Return the executions of a flow, the newest first."""
        name = str(request["flowName"])
        self._flow(name)
        runs = self._state(name).runs
        start = int(request.get("nextToken") or 0)
        end = start + int(request.get("maxResults") or PAGE)
        answer: Document = {"flowExecutions": [_record(run) for run in runs[start:end]]}
        return {**answer, "nextToken": str(end)} if end < len(runs) else answer

    def deployed(self, name: str, properties: Mapping[str, Any]) -> None:
        """Take note of a flow of a template: a scheduled one is active if the template says so."""
        status = str(properties.get("FlowStatus", "Draft"))
        with self._lock:
            known = self._states.setdefault(name, State(status=status))
            known.status = status

    def removed(self, name: str) -> None:
        """Forget a flow."""
        with self._lock:
            self._states.pop(name, None)

    def _flow(self, name: str) -> Mapping[str, Any]:
        flow = self._flows(name)
        if flow is None:
            raise _missing("flow", name)
        return flow

    def _state(self, name: str) -> State:
        with self._lock:
            return self._states.setdefault(name, State(status="Draft"))

    def _begin(self, name: str, state: State) -> Run:
        with self._lock:
            if any(run.status == "InProgress" for run in state.runs):
                raise ServiceError("ConflictException", f"the flow {name} is running", 409)
            run = Run(execution_id=str(uuid.uuid4()), started=self._clock())
            state.runs.insert(0, run)
            return run

    # ---- a run

    def _run(self, name: str, flow: Mapping[str, Any], state: State, run: Run) -> None:
        try:
            self._transfer(flow, state, run)
            run.status = "Successful"
        except Exception as error:
            # Whatever went wrong is the execution's outcome, as in the service; the log has the whole story.
            LOGGER.exception("execution %s of flow %s failed", run.execution_id, name)
            run.error = (str(error) or type(error).__name__)[:MESSAGE_LENGTH]
            run.status = "Error"
        run.updated = self._clock()
        self._report(name, flow, run)

    def _transfer(self, flow: Mapping[str, Any], state: State, run: Run) -> None:
        plan = Plan.of(flow)
        profile = self._profile(plan.profile)
        if profile is None:
            raise RunError(
                f"there is no connection {plan.profile}; make it first, with the consent of the vendor's user"
            )
        self._check_rights(plan)
        run.window = self._window(plan, state)
        found = plan.records(read(plan, profile, run.window, self._sleep))
        lines = [json.dumps(record, ensure_ascii=False) for record in found]
        run.records = len(lines)
        if lines:
            self._write(plan, run, "\n".join(lines) + "\n")
        if run.window is not None:
            state.read_until = run.window.until

    def _window(self, plan: Plan, state: State) -> Window | None:
        """Return what changed since the last run that succeeded; a run that failed moves nothing."""
        if plan.incremental is None:
            return None
        until = self._clock()
        first = until - timedelta(days=DEFAULT_DAYS)
        if plan.first_from is not None:
            first = datetime.fromtimestamp(plan.first_from, UTC)
        return Window(since=state.read_until or first, until=until)

    def _check_rights(self, plan: Plan) -> None:
        bucket, flow = f"arn:aws:s3:::{plan.bucket}", _flow_arn(plan.name)
        needed = [(action, bucket) for action in OF_BUCKET]
        needed += [(action, f"{bucket}/{plan.prefix}/{plan.name}/x") for action in OF_OBJECTS]
        for action, resource in needed:
            if not self._may(action, resource, flow):
                raise RunError(
                    f"AppFlow may not {action} on {resource}: the policy of the bucket or of its key lacks it"
                )

    def _write(self, plan: Plan, run: Run, text: str) -> None:
        parts = [plan.prefix, plan.name, *([run.execution_id] if plan.with_execution else [])]
        key = "/".join([part for part in parts if part] + [_file_name(run)])
        body = text.encode()
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": plan.key} if plan.key else {}
        self._objects().put_object(Bucket=plan.bucket, Key=key, Body=body, **encryption)
        run.written = len(body)

    def _report(self, name: str, flow: Mapping[str, Any], run: Run) -> None:
        source = flow["SourceFlowConfig"]
        detail = {
            "flow-name": name,
            "flow-arn": _flow_arn(name),
            "execution-id": run.execution_id,
            "source": str(source["ConnectorType"]),
            "destination": "S3",
            "trigger-type": str(flow["TriggerConfig"]["TriggerType"]).upper(),
            "start-time": run.started.isoformat(),
            "end-time": (run.updated or run.started).isoformat(),
            "num-of-records-processed": str(run.records),
            "status": "Execution Successful" if run.status == "Successful" else "Execution Failed",
            **({"error-info": run.error} if run.error else {}),
        }
        self._tell("AppFlow End Flow Run Report", detail, _flow_arn(name))


def _file_name(run: Run) -> str:
    """Return the object's name: AppFlow's own, by which nobody goes."""
    return f"{run.started.strftime('%Y-%m-%dT%H-%M-%S')}-{uuid.uuid5(uuid.NAMESPACE_URL, run.execution_id)}"


def _flow_arn(name: str) -> str:
    return f"{ARN}:flow/{name}"


def _missing(what: str, name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"there is no {what} {name}", 404)


def _record(run: Run) -> Document:
    result: Document = {"recordsProcessed": run.records, "bytesProcessed": run.written, "bytesWritten": run.written}
    if run.error:
        result["errorInfo"] = {"putFailuresCount": 0, "executionMessage": run.error}
    answer: Document = {
        "executionId": run.execution_id,
        "executionStatus": run.status,
        "executionResult": result,
        "startedAt": run.started,
        "lastUpdatedAt": run.updated or run.started,
    }
    if run.window is not None:
        answer |= {"dataPullStartTime": run.window.since, "dataPullEndTime": run.window.until}
    return answer


def _named_as_template(value: Any) -> Any:
    """Return a document of the API with the names that a template has: the first letter is large."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: _named_as_template(one) for name, one in value.items()}
    return [_named_as_template(one) for one in value] if isinstance(value, list) else value
