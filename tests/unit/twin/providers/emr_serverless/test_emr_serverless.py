"""EMR Serverless in the twin: what is read of application and request, in which order runs work, and how they end."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.engines.scripts import Scripts
from twin.engines.spark import JobOutcome, SparkRun
from twin.principals import RoleSession
from twin.providers.emr_serverless.service import ENDED, EmrServerless
from twin.settings import ACCOUNT, REGION

APPLICATION = "remove-1"
ROLE = "arn:aws:iam::123456789012:role/Job"
CALLER = "arn:aws:sts::123456789012:assumed-role/Machine/execution"
SESSION = RoleSession(arn="session/job", access_key="of job", secret_key="secret", token="token")
CATALOG = "spark.sql.catalog.glue_catalog"
PYTHON = "/usr/bin/python3.11"
SPARK = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    f"{CATALOG}.warehouse": "s3://lake/w",
    "spark.jars": "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar",
    "spark.driver.cores": "4",
    "spark.executor.cores": "4",
    "spark.executor.instances": "1",
    "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
    "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
}


class FakeEngine:
    """Answers every job with one outcome, when it is let."""

    def __init__(self) -> None:
        self.outcome = JobOutcome(state="SUCCEEDED")
        self.jobs: list[SparkRun] = []
        self.timeouts: list[float] = []
        self.let = threading.Event()
        self.let.set()

    def run(self, job: SparkRun, *, timeout: float, on_start: Callable[[], None] | None = None) -> JobOutcome:
        self.jobs.append(job)
        self.timeouts.append(timeout)
        if on_start:
            on_start()
        self.let.wait(10)
        return self.outcome


class FakeStore:
    """Has every object but those named `missing`; only the run's session may read."""

    def __init__(self, session: RoleSession) -> None:
        assert session is SESSION

    def download_file(self, Bucket: str, Key: str, Filename: str) -> None:  # noqa: N803
        if "missing" in Key:
            raise FileNotFoundError("404")
        Path(Filename).write_text(f"{Bucket}/{Key}", encoding="utf-8")


class Emr:
    """An application and a service on top of it."""

    def __init__(self, folder: Path) -> None:
        self.engine = FakeEngine()
        self.properties: dict[str, Any] = {
            "Name": "c360-dev-remove_texts",
            "Type": "SPARK",
            "ReleaseLabel": "emr-7.13.0",
            "Architecture": "ARM64",
            "AutoStopConfiguration": {"Enabled": True, "IdleTimeoutMinutes": 5},
            "MaximumCapacity": {"Cpu": "8 vCPU", "Memory": "32 GB"},
            "SchedulerConfiguration": {"MaxConcurrentRuns": 1, "QueueTimeoutMinutes": 180},
            "RuntimeConfiguration": [{"Classification": "spark-defaults", "Properties": dict(SPARK)}],
            "MonitoringConfiguration": {"CloudWatchLoggingConfiguration": {"Enabled": True, "LogGroupName": "logs"}},
        }
        self.asked: list[tuple[str, str, str]] = []
        self.denied = ""
        self.time = datetime(2026, 3, 1, tzinfo=UTC)
        self.service = EmrServerless(
            applications=self.deployed,
            engine=self.engine,
            scripts=Scripts(folder),
            assume=self.assume,
            require=self.require,
            store=FakeStore,
            caller=lambda: CALLER,
            now=lambda: self.time,
        )

    def deployed(self) -> tuple[Resource, ...]:
        application = Resource(
            type_name="AWS::EMRServerless::Application", physical_id=APPLICATION, logical_id="A", stack="s",
            properties=self.properties, attributes={},
        )  # fmt: skip
        return (application,)

    def assume(self, role: str, run: str) -> RoleSession:
        if role != ROLE:
            raise ServiceError("AccessDeniedException", f"emr-serverless.amazonaws.com may not assume the role {role}")
        assert run.startswith("00f")
        return SESSION

    def require(self, principal: str, action: str, resource: str, _context: object) -> None:
        self.asked.append((principal, action, resource))
        if action == self.denied:
            raise ServiceError("AccessDeniedException", f"{principal} may not {action}", 403)

    def start(self, role: str = ROLE, **changes: Any) -> dict[str, Any]:
        driver = {
            "entryPoint": "s3://assets/main.py",
            "entryPointArguments": ["--environment", "dev"],
            "sparkSubmitParameters": "--conf spark.submit.pyFiles=s3://assets/lib.zip",
            **changes,
        }
        return self.service.start_job_run(
            {
                "applicationId": APPLICATION,
                "executionRoleArn": role,
                "name": "remove_texts",
                "executionTimeoutMinutes": 5,
                "jobDriver": {"sparkSubmit": driver},
            }
        )

    def run(self, started: dict[str, Any]) -> dict[str, Any]:
        return dict(self.service.get_job_run(started)["jobRun"])

    def ended(self, started: dict[str, Any]) -> dict[str, Any]:
        return self.until(started, *ENDED)

    def until(self, started: dict[str, Any], *states: str) -> dict[str, Any]:
        for _ in range(1000):
            if (run := self.run(started))["state"] in states:
                return run
            time.sleep(0.01)
        raise AssertionError(f"the run is {self.run(started)['state']}, not {states}")


@pytest.fixture
def emr(tmp_path: Path) -> Emr:
    return Emr(tmp_path)


def test_the_script_runs_with_its_library_its_arguments_and_the_role_of_the_run(emr: Emr) -> None:
    run = emr.ended(emr.start())
    (job,) = emr.engine.jobs
    assert run["state"] == "SUCCESS"
    assert job.script.read_text() == "assets/main.py"
    assert [path.read_text() for path in job.libraries] == ["assets/lib.zip"]
    assert list(job.arguments) == ["--environment", "dev"]
    assert job.credentials == SESSION.variables()
    assert emr.engine.timeouts == [300.0]


def test_the_session_gets_what_is_not_for_the_service(emr: Emr) -> None:
    emr.ended(emr.start())
    assert emr.engine.jobs[0].conf == {
        "spark.sql.extensions": SPARK["spark.sql.extensions"], f"{CATALOG}.warehouse": "s3://lake/w",
    }  # fmt: skip


def test_a_request_overrides_the_application(emr: Emr) -> None:
    emr.ended(emr.start(sparkSubmitParameters=f"--conf {CATALOG}.warehouse=s3://other/w"))
    assert emr.engine.jobs[0].conf[f"{CATALOG}.warehouse"] == "s3://other/w"


def test_the_role_of_the_run_writes_the_logs(emr: Emr) -> None:
    emr.ended(emr.start())
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:logs:log-stream:"
    assert {one[1:] for one in emr.asked if one[0] == SESSION.arn} == {
        ("logs:DescribeLogGroups", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"),
        ("logs:DescribeLogStreams", stream),
        ("logs:CreateLogStream", stream),
        ("logs:PutLogEvents", f"{stream}run"),
    }


def test_a_role_that_may_not_write_logs_fails_the_run(emr: Emr) -> None:
    emr.denied = "logs:PutLogEvents"
    run = emr.ended(emr.start())
    assert run["state"] == "FAILED"
    assert "may not logs:PutLogEvents" in run["stateDetails"]
    assert emr.engine.jobs == []


def test_who_may_not_pass_the_role_starts_nothing(emr: Emr) -> None:
    emr.denied = "iam:PassRole"
    with pytest.raises(ServiceError, match="may not iam:PassRole"):
        emr.start()
    assert emr.asked == [(CALLER, "iam:PassRole", ROLE)]
    assert emr.service.list_job_runs({"applicationId": APPLICATION}) == {"jobRuns": []}


def test_a_role_that_does_not_trust_the_service_fails_the_run(emr: Emr) -> None:
    run = emr.ended(emr.start(role="arn:aws:iam::123456789012:role/Other"))
    assert "emr-serverless.amazonaws.com may not assume the role" in run["stateDetails"]


def test_a_missing_script_fails_the_run(emr: Emr) -> None:
    run = emr.ended(emr.start(entryPoint="s3://assets/missing.py"))
    assert run["state"] == "FAILED"
    assert "entryPoint: cannot fetch s3://assets/missing.py" in run["stateDetails"]


def test_a_script_that_fails_fails_the_run(emr: Emr) -> None:
    emr.engine.outcome = JobOutcome(state="FAILED", error="ValueError: no", traceback="...")
    run = emr.ended(emr.start())
    assert (run["state"], "ValueError: no" in run["stateDetails"]) == ("FAILED", True)


def test_a_run_that_takes_too_long_is_cancelled(emr: Emr) -> None:
    emr.engine.outcome = JobOutcome(state="TIMEOUT", error="exceeded its timeout")
    assert emr.ended(emr.start())["state"] == "CANCELLED"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ReleaseLabel": "emr-7.1.0"}, r"ReleaseLabel 'emr-7.1.0'.*Set emr-7.13.0"),
        ({"Type": "HIVE"}, "only SPARK runs here"),
        ({"MaximumCapacity": {"Cpu": "4 vCPU", "Memory": "32 GB"}}, "exceeded maximumCapacity settings: 8 vCPU of 4"),
    ],
)
def test_an_application_that_cannot_run_it_fails_the_run(emr: Emr, change: dict[str, Any], message: str) -> None:
    emr.properties |= change
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(emr.ended(emr.start())["stateDetails"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("spark.jars", "spark.jars: add /usr/share/aws/iceberg"),
        ("spark.executorEnv.PYSPARK_PYTHON", "the image's own Python is 3.9"),
    ],
)
def test_what_the_image_lacks_without_a_setting_fails_the_run(emr: Emr, name: str, message: str) -> None:
    del emr.properties["RuntimeConfiguration"][0]["Properties"][name]
    assert message in emr.ended(emr.start())["stateDetails"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("--conf spark.master=local", r"Option 'spark\.master' is not supported"),
        ("--py-files s3://assets/lib.zip", "knows only --conf name=value"),
        ("--conf", "knows only --conf name=value"),
    ],
)
def test_parameters_that_nobody_knows_are_refused(emr: Emr, parameters: str, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as refused:
        emr.start(sparkSubmitParameters=parameters)
    assert refused.value.code == "ValidationException"


def test_an_unknown_application_is_refused(emr: Emr) -> None:
    with pytest.raises(ServiceError, match="other does not exist") as refused:
        emr.service.submit({"applicationId": "other", "executionRoleArn": ROLE, "jobDriver": {}})
    assert refused.value.code == "ResourceNotFoundException"


# ---- one after the other


def test_a_run_beyond_the_limit_waits_and_then_works(emr: Emr) -> None:
    emr.engine.let.clear()
    first, second = emr.start(), emr.start()
    emr.until(first, "RUNNING")
    assert emr.until(second, "QUEUED")["stateDetails"] == "Waits for another run of its application"
    emr.engine.let.set()
    assert [emr.ended(one)["state"] for one in (first, second)] == ["SUCCESS", "SUCCESS"]
    assert len(emr.engine.jobs) == 2


def test_as_many_runs_work_at_once_as_the_application_allows(emr: Emr) -> None:
    emr.properties["SchedulerConfiguration"] = {"MaxConcurrentRuns": 2}
    emr.engine.let.clear()
    runs = [emr.start() for _ in range(3)]
    emr.until(runs[0], "RUNNING")
    emr.until(runs[1], "RUNNING")
    emr.until(runs[2], "QUEUED")
    emr.engine.let.set()
    assert {emr.ended(one)["state"] for one in runs} == {"SUCCESS"}


def test_a_waiting_run_that_is_cancelled_never_works(emr: Emr) -> None:
    emr.engine.let.clear()
    first, second = emr.start(), emr.start()
    emr.until(second, "QUEUED")
    emr.service.cancel_job_run(second)
    assert emr.run(second)["state"] == "CANCELLED"
    emr.engine.let.set()
    emr.ended(first)
    assert len(emr.engine.jobs) == 1


def test_a_working_run_that_is_cancelled_ends_as_cancelled(emr: Emr) -> None:
    emr.engine.let.clear()
    run = emr.start()
    emr.until(run, "RUNNING")
    emr.service.cancel_job_run(run)
    assert emr.run(run)["state"] == "CANCELLING"
    emr.engine.let.set()
    assert emr.ended(run)["state"] == "CANCELLED"


# ---- what clients see


def test_an_application_starts_with_a_run_and_stops_when_it_has_been_idle(emr: Emr) -> None:
    def state() -> str:
        return str(emr.service.get_application({"applicationId": APPLICATION})["application"]["state"])

    assert state() == "CREATED"
    emr.ended(emr.start())
    assert state() == "STARTED"
    emr.time += timedelta(minutes=5)
    assert state() == "STOPPED"


def ask(emr: Emr, method: str, path: str, body: Any = None, query: Any = None) -> dict[str, Any]:
    wire = Wire("emr-serverless", emr.service)
    raw = json.dumps(body).encode() if body is not None else b""
    status, _, answer = asyncio.run(wire.handle(method, path, {}, raw, query or {}))
    found: dict[str, Any] = json.loads(answer)
    assert status == 200, found
    return found


def test_the_api_answers_as_the_service_s_model_says(emr: Emr) -> None:
    started = ask(
        emr,
        "POST",
        f"/applications/{APPLICATION}/jobruns",
        {
            "clientToken": "t",
            "executionRoleArn": ROLE,
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://assets/main.py"}},
        },
    )
    emr.ended(started)
    run = ask(emr, "GET", f"/applications/{APPLICATION}/jobruns/{started['jobRunId']}")["jobRun"]
    assert (run["state"], run["createdBy"], run["releaseLabel"]) == ("SUCCESS", CALLER, "emr-7.13.0")
    listed = ask(emr, "GET", f"/applications/{APPLICATION}/jobruns", query={"states": ["SUCCESS"]})["jobRuns"]
    assert [one["id"] for one in listed] == [started["jobRunId"]]
    none = ask(emr, "GET", f"/applications/{APPLICATION}/jobruns", query={"states": ["FAILED", "QUEUED"]})
    assert none == {"jobRuns": []}
    (application,) = ask(emr, "GET", "/applications")["applications"]
    assert application["arn"] == f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/{APPLICATION}"
    shown = ask(emr, "GET", f"/applications/{APPLICATION}")["application"]
    assert shown["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 5}
    asked = ask(emr, "DELETE", f"/applications/{APPLICATION}/jobruns/{started['jobRunId']}")
    assert asked == {"applicationId": APPLICATION, "jobRunId": started["jobRunId"]}
