"""Glue's job runs in the twin: what is read of the definition, and how runs end."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.wire import ServiceError
from twin.engines.scripts import JobDefinitionError
from twin.engines.spark import JobOutcome, SparkRun, catalog_conf
from twin.principals import RoleSession
from twin.providers.glue.jobs import GlueJobs, script_arguments, spark_conf

CATALOG = "spark.sql.catalog.glue_catalog"
CONF = (
    "spark.sql.extensions=org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions "
    f"--conf {CATALOG}=org.apache.iceberg.spark.SparkCatalog --conf {CATALOG}.warehouse=s3://lake/w"
)


class FakeEngine:
    """Answers every job with one outcome, when it is let."""

    def __init__(self, outcome: JobOutcome | None = None) -> None:
        self.outcome = outcome or JobOutcome(state="SUCCEEDED")
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


ROLE = "arn:aws:iam::123456789012:role/Job"
SESSION = RoleSession(arn="session/job", access_key="of job", secret_key="secret", token="token")


def assume(role_arn: str) -> RoleSession:
    """Open a session of the one role that trusts Glue."""
    if role_arn != ROLE:
        raise ServiceError("AccessDeniedException", f"glue.amazonaws.com may not assume the role {role_arn}", 403)
    return SESSION


class FakeStore:
    """Has every object but those named `missing`; only the job's session may read."""

    def __init__(self, session: RoleSession) -> None:
        assert session is SESSION

    def download_file(self, Bucket: str, Key: str, Filename: str) -> None:  # noqa: N803
        if "missing" in Key:
            raise FileNotFoundError("404")
        Path(Filename).write_text(f"{Bucket}/{Key}", encoding="utf-8")


def definition(**changes: Any) -> dict[str, Any]:
    job: dict[str, Any] = {
        "Name": "job",
        "Role": ROLE,
        "Command": {"Name": "glueetl", "ScriptLocation": "s3://assets/main.py"},
        "DefaultArguments": {
            "--extra-py-files": "s3://assets/lib.zip",
            "--datalake-formats": "iceberg",
            "--conf": CONF,
            "--enable-metrics": "true",
            "--job-language": "python",
            "--environment": "dev",
        },
        "GlueVersion": "5.1",
        "Timeout": 5,
    }
    return {**job, **changes}


class Glue:
    """Jobs and runs as the emulator keeps them, and a service on top."""

    def __init__(self, tmp_path: Path, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.asked: list[tuple[str, str]] = []
        self.denied = ""
        self.service = GlueJobs(
            engine=self.engine,
            assume=assume,
            require=self.require,
            store=FakeStore,
            scratch=tmp_path,
            clock=lambda: 1000.0,
        )
        self.jobs = {"job": definition()}
        self.runs: dict[str, list[dict[str, Any]]] = {}

    def require(self, principal: str, action: str, resource: str, _context: object) -> None:
        self.asked.append((action, resource))
        if action == self.denied:
            raise ServiceError("AccessDeniedException", f"{principal} may not {action}", 403)

    def start(self, **arguments: str) -> dict[str, Any]:
        run_id = self.service.start(
            self.jobs, self.runs, {"JobName": "job", "Arguments": {f"--{k}": v for k, v in arguments.items()}}
        )
        (run,) = [run for run in self.runs["job"] if run["Id"] == run_id]
        return run

    def finish(self, **arguments: str) -> dict[str, Any]:
        run = self.start(**arguments)
        for thread in threading.enumerate():
            if thread.name == "glue-job":
                thread.join(10)
        return run


@pytest.fixture
def glue(tmp_path: Path) -> Glue:
    return Glue(tmp_path)


def test_the_script_gets_its_arguments_and_not_those_that_glue_uses_itself(glue: Glue) -> None:
    run = glue.finish(key="a.csv")
    (job,) = glue.engine.jobs
    assert list(job.arguments) == [
        "--JOB_NAME", "job", "--JOB_RUN_ID", run["Id"], "--environment", "dev", "--key", "a.csv",
    ]  # fmt: skip
    assert job.script.read_text() == "assets/main.py"
    assert [path.read_text() for path in job.libraries] == ["assets/lib.zip"]
    assert job.conf[f"{CATALOG}.warehouse"] == "s3://lake/w"
    assert glue.engine.timeouts == [300.0]


def test_the_script_runs_with_a_session_of_the_job_s_role(glue: Glue) -> None:
    glue.finish()
    assert glue.engine.jobs[0].credentials == SESSION.variables()


def test_a_role_that_does_not_trust_glue_fails_the_run(glue: Glue) -> None:
    glue.jobs["job"] = definition(Role="arn:aws:iam::123456789012:role/Other")
    run = glue.finish()
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("glue.amazonaws.com may not assume the role")
    assert glue.engine.jobs == []


def test_the_role_lets_glue_write_the_run_s_logs_and_metrics(glue: Glue) -> None:
    logging = {"--enable-continuous-cloudwatch-log": "true"}
    glue.jobs["job"] = definition(
        DefaultArguments=definition()["DefaultArguments"] | logging, SecurityConfiguration="s"
    )
    glue.finish()
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws-glue/jobs/logs-v2-s"
    assert glue.asked == [
        ("logs:CreateLogGroup", group),
        ("logs:AssociateKmsKey", group),
        ("logs:CreateLogStream", f"{group}:log-stream:"),
        ("logs:PutLogEvents", f"{group}:log-stream:run"),
        ("cloudwatch:PutMetricData", "*"),
    ]


def test_a_run_whose_metrics_the_role_may_not_write_fails(glue: Glue) -> None:
    glue.denied = "cloudwatch:PutMetricData"
    run = glue.finish()
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "session/job may not cloudwatch:PutMetricData")
    assert glue.engine.jobs == []


def test_a_run_that_ends_well_shows_what_glue_shows(glue: Glue) -> None:
    run = glue.finish()
    assert run["JobRunState"] == "SUCCEEDED"
    assert run["CompletedOn"] == 1000.0
    assert "ErrorMessage" not in run


def test_a_run_argument_replaces_a_default_one(glue: Glue) -> None:
    glue.finish(environment="prod")
    assert "prod" in glue.engine.jobs[0].arguments
    assert "dev" not in glue.engine.jobs[0].arguments


def test_an_error_of_the_script_fails_the_run_with_its_message(tmp_path: Path) -> None:
    glue = Glue(tmp_path, FakeEngine(JobOutcome(state="FAILED", error="ValueError: told to", traceback="...")))
    run = glue.finish()
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "ValueError: told to")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"GlueVersion": "4.0"}, "GlueVersion '4.0': this engine is Spark 3.5.6, which is Glue 5.1"),
        ({"Command": {"Name": "pythonshell", "ScriptLocation": "s3://a/b.py"}}, "only glueetl"),
        ({"Command": {"Name": "glueetl", "ScriptLocation": "main.py"}}, "must be an s3:// path"),
        ({"Command": {"Name": "glueetl", "ScriptLocation": "s3://a/missing.py"}}, "cannot fetch s3://a/missing.py"),
        ({"DefaultArguments": {"--extra-py-files": "s3://a/missing.zip"}}, "--extra-py-files: cannot fetch"),
        ({"DefaultArguments": {"--conf": CONF}}, "--datalake-formats: add `iceberg`"),
        ({"DefaultArguments": {"--conf": "spark.x"}}, "'spark.x' is not of the form key=value"),
    ],
)
def test_a_definition_that_cannot_run_fails_the_run_and_says_what_to_change(
    glue: Glue, changes: dict[str, Any], message: str
) -> None:
    glue.jobs["job"] = definition(**changes)
    run = glue.finish()
    assert run["JobRunState"] == "FAILED"
    assert message in run["ErrorMessage"]
    assert glue.engine.jobs == []


def test_more_runs_than_allowed_are_refused_until_one_ends(glue: Glue) -> None:
    glue.jobs["job"] = definition(ExecutionProperty={"MaxConcurrentRuns": "2"})
    glue.engine.let.clear()
    glue.start()
    glue.start()
    with pytest.raises(ServiceError, match="MaxConcurrentRuns is 2") as refused:
        glue.start()
    assert refused.value.code == "ConcurrentRunsExceededException"
    glue.engine.let.set()
    for thread in threading.enumerate():
        if thread.name == "glue-job":
            thread.join(10)
    assert glue.finish()["JobRunState"] == "SUCCEEDED"


def test_a_stopped_run_stays_stopped(glue: Glue) -> None:
    glue.engine.let.clear()
    run = glue.start()
    run["JobRunState"] = "STOPPED"
    glue.engine.let.set()
    for thread in threading.enumerate():
        if thread.name == "glue-job":
            thread.join(10)
    assert run["JobRunState"] == "STOPPED"


def test_an_unknown_job_is_refused(glue: Glue) -> None:
    with pytest.raises(ServiceError, match="Job other not found"):
        glue.service.start(glue.jobs, glue.runs, {"JobName": "other"})


def test_conf_is_one_text_with_its_own_separators() -> None:
    assert spark_conf({"--conf": "a=1 --conf b=x=y"}) == {"a": "1", "b": "x=y"}
    assert spark_conf({}) == {}
    with pytest.raises(JobDefinitionError, match="'b'"):
        spark_conf({"--conf": "a=1 --conf b"})


def test_values_stay_behind_their_names() -> None:
    assert script_arguments({"--a": "1", "--enable-metrics": "true", "--b": ""}) == ["--a", "1", "--b", ""]


def test_each_catalog_of_a_job_is_led_to_the_emulator() -> None:
    added = catalog_conf({CATALOG: "x", f"{CATALOG}.warehouse": "w"}, endpoint="http://localhost:1", region="us-east-1")
    assert added[f"{CATALOG}.glue.endpoint"] == added[f"{CATALOG}.s3.endpoint"] == "http://localhost:1"
    assert all(key.startswith(f"{CATALOG}.") for key in added)


def connected(scratch: Path, required: list[tuple[str, str]], *, exists: bool) -> dict[str, Any]:
    """Run a job that has a connection; return the run's record."""
    jobs = GlueJobs(
        engine=FakeEngine(),
        assume=assume,
        require=lambda *call, **_context: required.append((call[1], call[2])),
        store=FakeStore,
        scratch=scratch,
        connection_exists=lambda name: exists and name == "c360-dev-erp",
    )
    run: dict[str, Any] = {"Id": "jr_1", "StartedOn": 0.0, "JobRunState": "STARTING"}
    job = definition(Connections={"Connections": ["c360-dev-erp"]})
    jobs.run(job, run, job["DefaultArguments"])
    return run


def test_a_connection_needs_the_rights_to_read_it_and_to_make_interfaces(tmp_path: Path) -> None:
    required: list[tuple[str, str]] = []

    assert connected(tmp_path, required, exists=True)["JobRunState"] == "SUCCEEDED"
    assert ("glue:GetConnection", "arn:aws:glue:us-east-1:123456789012:connection/c360-dev-erp") in required
    assert ("ec2:CreateNetworkInterface", "*") in required


def test_a_run_does_not_start_without_its_connection(tmp_path: Path) -> None:
    run = connected(tmp_path, [], exists=False)

    assert run["JobRunState"] == "FAILED"
    assert "there is no connection c360-dev-erp" in run["ErrorMessage"]
