"""The data plane of Managed Flink runs what the application's record says, and brings it back when it crashes."""

import json
import threading
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.wire import ServiceError
from twin.engines import flink
from twin.engines.flink import Application, Checkpoints, FlinkError
from twin.principals import RoleSession
from twin.providers.managed_flink import data_plane as managed_flink
from twin.providers.managed_flink.data_plane import ManagedFlink, ManagedFlinkError, application_of

GROUPS = {
    "kinesis.analytics.flink.run.options": {
        "python": "clean/main.py",
        "jarfile": "lib/dependencies.jar",
        "pyFiles": "dep/",
    },
    "streams": {"provider": "kinesis", "region": "us-east-1", "events": "c360-dev-events"},
}
ROLE = "arn:aws:iam::123456789012:role/Clean"
SESSION = RoleSession(arn="session/clean", access_key="of clean", secret_key="secret", token="token")
FILES = ("clean/main.py", "lib/dependencies.jar", "dep/module.py")


def record(**changes: Any) -> dict[str, Any]:
    """Return an application as DescribeApplication shows it."""
    groups = {**GROUPS, **changes.pop("groups", {})}
    configuration = {
        "ApplicationCodeConfigurationDescription": {
            "CodeContentDescription": {
                "S3ApplicationCodeLocationDescription": {"BucketARN": "arn:aws:s3:::assets", "FileKey": "code.zip"}
            }
        },
        "FlinkApplicationConfigurationDescription": {
            "ParallelismConfigurationDescription": {"Parallelism": 2},
            "CheckpointConfigurationDescription": {
                "CheckpointingEnabled": True,
                "CheckpointInterval": 5000,
                "MinPauseBetweenCheckpoints": 1000,
            },
            "MonitoringConfigurationDescription": {"LogLevel": "WARN"},
        },
        "EnvironmentPropertyDescriptions": {
            "PropertyGroupDescriptions": [
                {"PropertyGroupId": name, "PropertyMap": values} for name, values in groups.items()
            ]
        },
        **changes,
    }
    return {
        "ApplicationName": "clean",
        "ServiceExecutionRole": ROLE,
        "AccountId": "1",
        "Region": "us-east-1",
        "ApplicationConfigurationDescription": configuration,
    }


class FakeStore:
    """S3 with one zip in it."""

    def __init__(self) -> None:
        self.downloads = 0
        self.read_with: list[Any] = []

    def for_session(self, service: str, credentials: Any) -> "FakeStore":
        assert service == "s3"
        self.read_with.append(credentials)
        return self

    def head_object(self, **request: str) -> dict[str, str]:
        assert request == {"Bucket": "assets", "Key": "code.zip"}
        return {"ETag": '"abc"'}

    def download_file(self, bucket: str, key: str, path: str, ExtraArgs: dict[str, str]) -> None:  # noqa: N803
        self.downloads += 1
        with zipfile.ZipFile(path, "w") as archive:
            for name in FILES:
                archive.writestr(name, "")


def assume(role_arn: str, name: str) -> RoleSession:
    """Open a session of the one role that trusts Managed Flink."""
    if role_arn != ROLE:
        raise ServiceError("AccessDeniedException", f"{name} may not assume {role_arn}", 403)
    return SESSION


class FakeJob:
    """A job that runs until it is told to end or crash."""

    def __init__(self, folder: Path) -> None:
        self.child = self
        self.log_path = folder / "flink.log"
        self.url = "http://127.0.0.1:4711"
        self.ended = threading.Event()
        self.status: int | None = None

    def wait_until_running(self) -> None:
        return None

    def poll(self) -> int | None:
        return self.status

    def end(self) -> None:
        self.status = 143 if self.status is None else self.status

    def crash(self) -> None:
        self.status = 137

    def stop_with_savepoint(self, folder: Path) -> str:
        self.end()
        return f"{folder}/savepoint-1"

    def savepoint(self, folder: Path) -> str:
        return f"{folder}/savepoint-2"

    def cause_of_end(self) -> str:
        return "killed"


class FakeEngine:
    """Starts fake jobs and remembers what it was asked for."""

    def __init__(self) -> None:
        self.jobs: list[FakeJob] = []
        self.asked: list[dict[str, Any]] = []
        self.started = threading.Condition()

    def start(self, application: Application, **asked: Any) -> FakeJob:
        job = FakeJob(asked["folder"])
        with self.started:
            self.jobs.append(job)
            self.asked.append({"application": application, **asked})
            self.started.notify_all()
        return job

    def job(self, number: int) -> FakeJob:
        """Wait for the start of that number, and return its job."""
        with self.started:
            assert self.started.wait_for(lambda: len(self.jobs) >= number, timeout=10)
        return self.jobs[number - 1]


class Heard:
    """What the control plane was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str | None]] = []
        self.news = threading.Condition()

    def __call__(self, status: str, message: str | None = None) -> None:
        with self.news:
            self.said.append((status, message))
            self.news.notify_all()

    def wait(self, condition: Callable[[list[tuple[str, str | None]]], bool]) -> None:
        with self.news:
            assert self.news.wait_for(lambda: condition(self.said), timeout=10), self.said


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(managed_flink.flink, "start", fake.start)
    monkeypatch.setattr(managed_flink, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(managed_flink, "POLL_SECONDS", 0.01)
    return fake


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def plane(tmp_path: Path, engine: FakeEngine, store: FakeStore):
    made = ManagedFlink(
        python=tmp_path / "python",
        scratch=tmp_path / "flink",
        client=store.for_session,
        assume=assume,
        streams=lambda _app, _session: {"provider": "kafka", "bootstrap.servers": "127.0.0.1:9092"},
        variables={"AWS_ENDPOINT_URL": "http://localhost:4566"},
    )
    yield made
    made.reset()


class TestWhatRuns:
    def test_everything_comes_from_the_record(self, plane, engine):
        plane.start(record(), None, Heard())
        engine.job(1)
        application = engine.asked[0]["application"]
        assert (application.main, application.jar) == ("clean/main.py", "lib/dependencies.jar")
        assert application.python_files == ("dep",)
        assert (application.parallelism, application.log_level) == (2, "WARN")
        assert application.checkpoints == Checkpoints(interval_ms=5000, min_pause_ms=1000)
        assert all((application.code / name).exists() for name in FILES)

    def test_the_properties_are_the_templates_but_for_where_the_streams_are(self, plane, engine):
        plane.start(record(), None, Heard())
        engine.job(1)
        path = Path(engine.asked[0]["environment"]["C360_FLINK_PROPERTIES"])
        groups = {group["PropertyGroupId"]: group["PropertyMap"] for group in json.loads(path.read_text())}
        assert groups == {
            **GROUPS,
            "streams": {**GROUPS["streams"], "provider": "kafka", "bootstrap.servers": "127.0.0.1:9092"},
        }

    def test_the_processes_and_the_reader_of_the_code_act_with_a_session_of_the_role(self, plane, engine, store):
        plane.start(record(), None, Heard())
        engine.job(1).crash()
        engine.job(2)
        for asked in engine.asked:
            assert SESSION.variables().items() <= asked["environment"].items()
        assert store.read_with == [SESSION.variables()]

    def test_a_role_that_cannot_be_assumed_is_reported_to_the_control_plane(self, plane, engine):
        heard = Heard()
        plane.start({**record(), "ServiceExecutionRole": "arn:other"}, None, heard)
        heard.wait(lambda said: said == [("FAILED", "clean may not assume arn:other")])
        assert engine.jobs == []

    def test_one_zip_is_unpacked_once(self, plane, engine, store):
        for number in (1, 2):
            plane.start(record(), None, Heard())
            engine.job(number)
        assert store.downloads == 1

    def test_checkpoints_can_be_off(self, tmp_path):
        for name in FILES:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        app = record()
        settings = app["ApplicationConfigurationDescription"]["FlinkApplicationConfigurationDescription"]
        settings["CheckpointConfigurationDescription"] = {"CheckpointingEnabled": False}
        assert application_of(app, tmp_path).checkpoints is None

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"jarfile": "lib/dependencies.jar"}, "lacks `python`"),
            ({"python": "clean/main.py"}, "lacks `jarfile`"),
            ({"python": "dirty/main.py", "jarfile": "lib/dependencies.jar"}, "has no `dirty/main.py`"),
        ],
    )
    def test_wrong_run_options_are_named(self, tmp_path, options, words):
        (tmp_path / "clean").mkdir()
        (tmp_path / "clean" / "main.py").touch()
        with pytest.raises(ManagedFlinkError, match=words):
            application_of(record(groups={"kinesis.analytics.flink.run.options": options}), tmp_path)

    def test_only_this_runtime_is_supported(self, plane):
        assert plane.supports("FLINK-2_3")
        assert not plane.supports("FLINK-1_20")


class TestItsLife:
    def test_the_control_plane_is_notified_that_it_runs(self, plane, engine):
        heard = Heard()
        plane.start(record(), "file:/savepoint", heard)
        heard.wait(lambda said: said == [("RUNNING", None)])
        assert engine.asked[0]["restore_from"] == "file:/savepoint"

    def test_a_crash_is_followed_by_a_start_from_the_last_checkpoint(self, plane, engine):
        heard = Heard()
        plane.start(record(), "file:/savepoint", heard)
        heard.wait(lambda said: len(said) == 1)
        checkpoint = engine.asked[0]["checkpoint_folder"] / "job" / "chk-7"
        checkpoint.mkdir(parents=True)
        (checkpoint / "_metadata").touch()
        engine.job(1).crash()
        engine.job(2)
        assert engine.asked[1]["restore_from"] == str(checkpoint)
        heard.wait(lambda said: said == [("RUNNING", None)] * 2)

    def test_a_crash_before_the_first_checkpoint_starts_as_before(self, plane, engine):
        plane.start(record(), "file:/savepoint", Heard())
        engine.job(1).crash()
        engine.job(2)
        assert engine.asked[1]["restore_from"] == "file:/savepoint"

    def test_an_application_that_always_crashes_is_given_up_with_the_reason(self, plane, engine):
        heard = Heard()
        plane.start(record(), None, heard)
        for number in range(1, managed_flink.RESTARTS + 2):
            engine.job(number).crash()
        heard.wait(lambda said: said[-1] == ("FAILED", f"gave up after {managed_flink.RESTARTS} restarts: killed"))

    def test_missing_code_is_reported_to_the_control_plane(self, plane):
        heard = Heard()
        plane.start(record(ApplicationCodeConfigurationDescription={"CodeContentDescription": {}}), None, heard)
        heard.wait(lambda said: said == [("FAILED", "clean: the code is not in S3; give S3ContentLocation")])

    def test_a_stop_saves_the_state_and_nothing_starts_again(self, plane, engine):
        heard = Heard()
        plane.start(record(), None, heard)
        heard.wait(lambda said: len(said) == 1)
        assert str(plane.stop(record(), force=False, take_snapshot=True)).endswith("snapshots/savepoint-1")
        assert len(engine.jobs) == 1
        assert plane.stop(record(), force=False, take_snapshot=True) is None

    def test_a_forced_stop_saves_nothing(self, plane, engine):
        plane.start(record(), None, Heard())
        engine.job(1)
        assert plane.stop(record(), force=True, take_snapshot=True) is None
        assert engine.job(1).poll() is not None

    def test_a_snapshot_leaves_it_running(self, plane, engine):
        heard = Heard()
        plane.start(record(), None, heard)
        heard.wait(lambda said: len(said) == 1)
        assert str(plane.snapshot(record(), "nightly")).endswith("snapshots/savepoint-2")
        assert engine.job(1).poll() is None

    def test_the_control_plane_signs_the_address_of_the_dashboard_of_one_that_runs(self, plane, engine, monkeypatch):
        from ministack.services import kinesisanalyticsv2 as control

        monkeypatch.setattr(control, "_dataplane", control._dataplane)
        monkeypatch.setattr(control, "_HANDLERS", dict(control._HANDLERS))
        monkeypatch.setattr(control, "_get", lambda name: record() if name == "clean" else None)
        monkeypatch.setattr(control, "_dataplane_view", lambda found: found)
        managed_flink.install(plane)
        sign = control._HANDLERS["CreateApplicationPresignedUrl"]

        def asked(name: str, kind: str = "FLINK_DASHBOARD_URL") -> tuple[int, dict[str, Any]]:
            status, _, body = sign({"ApplicationName": name, "UrlType": kind})
            return status, json.loads(body)

        assert asked("other")[1]["__type"].endswith("ResourceNotFoundException")
        assert asked("clean", "ZEPPELIN_UI_URL")[1]["__type"].endswith("InvalidArgumentException")
        assert asked("clean")[1]["__type"].endswith("ResourceInUseException")
        heard = Heard()
        plane.start(record(), None, heard)
        heard.wait(lambda said: len(said) == 1)
        status, answer = asked("clean")
        assert status == 200
        assert answer["AuthorizedUrl"].startswith("http://127.0.0.1:4711/?authToken=")

    def test_a_deleted_one_leaves_nothing_of_its_own(self, plane, engine, tmp_path):
        plane.start(record(), None, Heard())
        engine.job(1)
        plane.delete(record())
        assert engine.job(1).poll() is not None
        assert not (tmp_path / "flink" / "clean").exists()


class TestFlinkRun:
    APPLICATION = Application(
        name="clean",
        code=Path("/code"),
        main="clean/main.py",
        jar="lib/a.jar",
        python_files=("dep",),
        parallelism=2,
        checkpoints=Checkpoints(interval_ms=5000, min_pause_ms=1000),
        allow_non_restored_state=True,
    )

    def test_the_arguments_are_the_run_options(self):
        arguments = flink.run_arguments(self.APPLICATION, python=Path("/python"), restore_from="file:/s")
        pairs = dict(pairwise(arguments))
        assert pairs["--python"] == "/code/clean/main.py"
        assert pairs["--classpath"] == "file:///code/lib/a.jar"
        assert pairs["--pyFiles"] == "/code/dep"
        assert pairs["--parallelism"] == "2"
        assert pairs["--fromSavepoint"] == "file:/s"
        assert "--allowNonRestoredState" in arguments

    def test_every_address_is_the_loopback(self, tmp_path):
        options = flink.options(self.APPLICATION, port=1234, checkpoint_folder=tmp_path, temporary=tmp_path)
        addresses = {key: value for key, value in options.items() if key.endswith(("address", "host"))}
        assert len(addresses) == 6
        assert set(addresses.values()) == {"127.0.0.1"}

    def test_checkpoints_are_as_the_template_says(self, tmp_path):
        options = flink.options(self.APPLICATION, port=1234, checkpoint_folder=tmp_path, temporary=tmp_path)
        assert options["execution.checkpointing.interval"] == "5000 ms"
        assert options["execution.checkpointing.min-pause"] == "1000 ms"

    def test_the_newest_complete_checkpoint_counts(self, tmp_path):
        assert flink.latest_checkpoint(tmp_path) is None
        for number, complete in ((8, True), (9, True), (10, False)):
            folder = tmp_path / "job" / f"chk-{number}"
            folder.mkdir(parents=True)
            if complete:
                (folder / "_metadata").touch()
        assert flink.latest_checkpoint(tmp_path) == tmp_path / "job" / "chk-9"

    def test_an_environment_without_pyflink_is_named(self, tmp_path):
        with pytest.raises(FlinkError, match="has no PyFlink"):
            flink.flink_home(tmp_path / "bin" / "python")
