"""`c360 rebuild profiles`: what it does in which order, and that whoever is interrupted goes on by typing it again."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from c360_core import single_view_keys as keys
from c360_core.profile import Profile, Version
from c360_core.profile_item import profile_to_item
from c360_core.rebuild import SHARD_END, Rebuild, rebuild_from_item, rebuild_to_item, sequence_at
from ops.application import SKIP, ApplicationControl, ApplicationError
from ops.dashboard import DashboardError, FlinkDashboard, Task
from ops.deployed_streams import ShardEnds
from ops.rebuild import (
    HISTORY,
    RebuildFailedError,
    RebuildServices,
    deployed,
    history_is_read,
    rebuild_profiles,
)
from ops.view import ProfileWriterControl, RebuildFindings, SingleViewCheck, ViewError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEFORE = sequence_at(NOW - timedelta(hours=1))
AFTER = sequence_at(NOW + timedelta(hours=1))
APPLICATION = "unify-1"
SHARDS = ("shardId-000", "shardId-001")


def source(table: str) -> str:
    """The name that Flink has for what reads a table."""
    return f"Source: IcebergSource-glue_catalog.c360_dev_zone.{table} -> Calc[2]"


class DiedError(Exception):
    """The terminal was closed."""


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Call")


@dataclass
class World:
    """The services, as far as a rebuild sees them, and everything that it asked of them, in order.

    Attributes:
        dies_at: the call, by its place among all, at which whoever types is interrupted.
        keeper: how often something else starts the application when it has been stopped.
    """

    status: str = "RUNNING"
    restore: str = "RESTORE_FROM_LATEST_SNAPSHOT"
    mapping: str = "Enabled"
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    dies_at: int | None = None
    keeper: int = 0
    starts: bool = True
    saves: str = "READY"
    reading: int = 2
    dashboard_failures: int = 0
    jobless: bool = False
    earlier: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)
    clock: datetime = NOW

    def call(self, name: str) -> None:
        self.calls.append(name)
        if self.dies_at is not None and len(self.calls) == self.dies_at:
            raise DiedError(name)

    # ---- the application

    def describe_application(self, **_: Any) -> dict[str, Any]:
        run = {"ApplicationRestoreConfigurationDescription": {"ApplicationRestoreType": self.restore}}
        configuration = {"RunConfigurationDescription": run}
        return {
            "ApplicationDetail": {
                "ApplicationStatus": self.status,
                "ApplicationConfigurationDescription": configuration,
            }
        }

    def stop_application(self, **_: Any) -> None:
        self.call("stop")
        self.status = "READY"

    def start_application(self, *, RunConfiguration: Mapping[str, Any], **_: Any) -> None:  # noqa: N803  # boto3's words
        self.call("start")
        if self.keeper:
            self.keeper -= 1
            self.status, self.restore = "RUNNING", "RESTORE_FROM_LATEST_SNAPSHOT"
            raise refused("ResourceInUseException")
        self.restore = RunConfiguration["ApplicationRestoreConfiguration"]["ApplicationRestoreType"]
        self.status = "RUNNING" if self.starts else "READY"

    def create_application_snapshot(self, *, SnapshotName: str, **_: Any) -> None:  # noqa: N803  # boto3's words
        self.call(f"save {SnapshotName.rpartition('-')[0].rpartition('-')[0]}")
        self.snapshots[SnapshotName] = self.saves

    def describe_application_snapshot(self, *, SnapshotName: str, **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's words
        return {"SnapshotDetails": {"SnapshotStatus": self.snapshots[SnapshotName]}}

    def list_application_snapshots(self, **_: Any) -> dict[str, Any]:
        found = [
            {"SnapshotName": name, "SnapshotStatus": status, "SnapshotCreationTimestamp": NOW}
            for name, status in self.snapshots.items()
        ]
        return {"SnapshotSummaries": found}

    # ---- the writer

    def get_event_source_mapping(self, **_: Any) -> dict[str, Any]:
        return {"State": self.mapping}

    def update_event_source_mapping(self, *, Enabled: bool, **_: Any) -> None:  # noqa: N803  # boto3's words
        self.call("feed" if Enabled else "hold")
        self.mapping = "Enabled" if Enabled else "Disabled"

    def get_paginator(self, name: str) -> Any:
        return {"list_shards": self._shards, "scan": self._scan}[name]

    @property
    def _shards(self) -> Any:
        open_shards = [
            {"ShardId": name, "SequenceNumberRange": {}, "HashKeyRange": {"StartingHashKey": str(number)}}
            for number, name in enumerate(SHARDS)
        ]
        closed = {**open_shards[0], "ShardId": "closed", "SequenceNumberRange": {"EndingSequenceNumber": "1"}}
        return _Pages([{"Shards": [*open_shards, closed]}])

    @property
    def _scan(self) -> Any:
        profiles = [item for item in self.items.values() if item["SK"] == keys.PROFILE]
        return _Pages([{"Items": profiles[:1]}, {"Items": profiles[1:]}])

    def put_record(self, *, Data: bytes, ExplicitHashKey: str, **_: Any) -> None:  # noqa: N803  # boto3's words
        self.call("end")
        change = json.loads(Data)
        self.told.append({**change, "place": ExplicitHashKey})
        assert self.mapping == "Enabled"
        self.items["REBUILD", keys.ENDED_PREFIX + change["person_id"]] = {
            **keys.ended_key(change["person_id"]),
            "since": change["sequence"],
        }
        self._write()

    def _write(self) -> None:
        """Stand for the writer: everyone who was there is told again."""
        for item in self.items.values():
            if item["SK"] == keys.PROFILE and not item.get("lost"):
                item["version"]["sequence"] = AFTER

    # ---- the table

    def get_item(self, *, Key: Mapping[str, str], **_: Any) -> dict[str, Any]:  # noqa: N803  # boto3's words
        item = self.items.get((Key["PK"], Key["SK"]))
        return {} if item is None else {"Item": item}

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> None:  # noqa: N803  # boto3's words
        self.call("note")
        self.items[Item["PK"], Item["SK"]] = Item

    def profile(self, person_id: str, *, lost: bool = False) -> None:
        profile = Profile(person_id=person_id, version=Version(identity_version=1, sequence=BEFORE))
        key = keys.person_key(person_id, keys.PROFILE)
        self.items[key["PK"], key["SK"]] = {**key, **profile_to_item(profile), "lost": lost}

    # ---- what is asked

    def tick(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def wait(self, _: float) -> None:
        self.reading = max(0, self.reading - 1)

    def tasks(self) -> tuple[Task, ...]:
        if self.jobless and self.restore == SKIP:
            return ()
        if self.earlier:
            return (Task(name="Source: interaction_records[5]", status="RUNNING"),)
        if self.dashboard_failures:
            self.dashboard_failures -= 1
            raise DashboardError("the Flink dashboard did not answer /jobs/overview: 502")
        status = "RUNNING" if self.reading else "FINISHED"
        past = tuple(Task(name=source(name), status=status) for name in HISTORY)
        return (*past, Task(name="Source: interaction_records[5]", status="RUNNING"))

    def deployed(self) -> RebuildServices:
        services: Any = self

        class Application(ApplicationControl):
            def tasks(self) -> tuple[Task, ...]:
                assert services.status == "RUNNING"
                return tuple(services.tasks())

        return RebuildServices(
            environment="dev",
            application=Application(client=services, name=APPLICATION, pause=self.wait),
            writer=ProfileWriterControl(
                functions=services,
                mapping="m-1",
                ends=ShardEnds(client=services, stream="profile-changes"),
                pause=self.wait,
            ),
            view=SingleViewCheck(client=services, table="view"),
            now=self.tick,
            pause=self.wait,
        )


@dataclass
class _Pages:
    pages: list[dict[str, Any]]

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self.pages


@dataclass
class Said:
    """What was said at the terminal."""

    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)


def world(**changes: Any) -> World:
    made = World(**changes)
    for number in range(3):
        made.profile(f"p_{number}")
    return made


def noted(made: World) -> Rebuild:
    return rebuild_from_item(made.items["REBUILD", keys.REBUILD_SORT])


def test_the_writer_is_held_from_before_the_stop_until_the_lake_is_read() -> None:
    made, said = world(), Said()

    report = rebuild_profiles(made.deployed(), said)

    assert made.calls == [
        "save before-rebuild", "hold", "stop", "note", "start", "save rebuilt", "note", "feed", "end", "end", "note",
    ]  # fmt: skip
    assert (made.status, made.restore, made.mapping) == ("RUNNING", SKIP, "Enabled")
    assert report.found == RebuildFindings(rebuilt=3, older=0, examples=())
    assert report.passed
    assert report.snapshot == "before-rebuild-20260301-120001"
    assert any("before-rebuild-20260301-120001" in note for note in said.notes), "the way back is told"


def test_changes_between_start_and_end_are_marked_and_later_ones_are_not() -> None:
    made = world()

    rebuild_profiles(made.deployed(), Said())

    rebuild = noted(made)
    assert rebuild.until is not None
    assert rebuild.over
    assert BEFORE < rebuild.since < rebuild.until < AFTER
    assert rebuild.repeats(rebuild.since)
    assert not rebuild.repeats(rebuild.until)
    assert not rebuild.repeats(BEFORE)
    ends = [(end["kind"], end["person_id"], end["sequence"], end["place"]) for end in made.told]
    assert ends == [(SHARD_END, shard, rebuild.since, str(number)) for number, shard in enumerate(SHARDS)]


@pytest.mark.parametrize("died_at", range(1, 12))
def test_interrupted_anywhere_it_is_finished_by_typing_it_again(died_at: int) -> None:
    made = world(dies_at=died_at)
    with pytest.raises(DiedError):
        rebuild_profiles(made.deployed(), Said())
    assert made.mapping == "Enabled" or made.calls[-1] not in ("save before-rebuild", "hold")

    made.dies_at = None
    report = rebuild_profiles(made.deployed(), Said())

    assert report.passed
    assert (made.status, made.restore, made.mapping) == ("RUNNING", SKIP, "Enabled")
    assert noted(made).over
    assert report.snapshot is not None
    assert report.snapshot.startswith("before-rebuild")
    # Nobody is fed with a half of the past: the writer goes on after the last start, and never before it.
    assert max(i for i, call in enumerate(made.calls) if call == "start") < made.calls.index("feed")


def test_a_second_rebuild_starts_from_the_beginning() -> None:
    made = world()
    rebuild_profiles(made.deployed(), Said())
    first = noted(made)

    report = rebuild_profiles(made.deployed(), Said())

    assert not report.resumed
    assert made.calls.count("start") == 2
    assert first.until is not None
    assert noted(made).since > first.until


def test_a_stopped_application_is_rebuilt_and_keeps_its_latest_snapshot_for_a_return() -> None:
    made, said = world(status="READY", snapshots={"daily": "READY", "broken": "FAILED"}), Said()

    report = rebuild_profiles(made.deployed(), said)

    assert report.passed
    assert report.snapshot == "daily"
    assert "stop" not in made.calls


def test_an_application_that_never_ran_has_no_snapshot_to_return_to() -> None:
    said = Said()

    report = rebuild_profiles(world(status="READY").deployed(), said)

    assert report.snapshot is None
    assert any("no way back" in note for note in said.notes)


def test_without_the_way_back_nothing_is_stopped() -> None:
    made = world(saves="FAILED")

    with pytest.raises(ApplicationError, match=r"snapshot before-rebuild.* is FAILED"):
        rebuild_profiles(made.deployed(), Said())

    assert (made.status, made.mapping) == ("RUNNING", "Enabled")


def test_another_starter_is_overridden_or_named() -> None:
    made = world(keeper=2)
    assert rebuild_profiles(made.deployed(), Said()).passed
    assert made.restore == SKIP

    with pytest.raises(RebuildFailedError, match=r"unification\.unify\.started"):
        rebuild_profiles(world(keeper=9).deployed(), Said())


def test_an_application_that_does_not_start_is_an_error_and_the_writer_stays_paused() -> None:
    made = world(starts=False)

    with pytest.raises(ApplicationError, match="did not start: its log says why"):
        rebuild_profiles(made.deployed(), Said())
    assert made.mapping == "Disabled"

    made.starts = True
    assert rebuild_profiles(made.deployed(), Said()).passed


def test_a_dashboard_that_does_not_answer_now_and_then_is_asked_again() -> None:
    assert rebuild_profiles(world(status="READY", dashboard_failures=5).deployed(), Said()).passed
    with pytest.raises(DashboardError, match="502"):
        rebuild_profiles(world(status="READY", dashboard_failures=99).deployed(), Said())


def test_a_job_that_never_runs_is_named() -> None:
    made = world(jobless=True)

    with pytest.raises(RebuildFailedError, match="runs, and its job does not, for 10 min"):
        rebuild_profiles(made.deployed(), Said())
    assert made.mapping == "Disabled"


def test_an_old_version_or_a_forbidden_dashboard_is_reported_before_any_change() -> None:
    for changes in ({"earlier": True}, {"dashboard_failures": 1}):
        made = world(**changes)
        with pytest.raises((RebuildFailedError, DashboardError)):
            rebuild_profiles(made.deployed(), Said())
        assert made.calls == []


def test_a_profile_that_the_lake_does_not_make_is_named() -> None:
    made = world()
    made.profile("p_lost", lost=True)

    report = rebuild_profiles(made.deployed(), Said())

    assert report.found == RebuildFindings(rebuilt=3, older=1, examples=("p_lost",))
    assert not report.passed
    assert report.as_dict()["not_rebuilt_examples"] == ["p_lost"]


def test_a_mapping_that_does_not_obey_is_an_error() -> None:
    made = world(mapping="Disabling")

    with pytest.raises(ViewError, match=r"m-1 of profile_writer is Disabling after 600 s"):
        made.deployed().writer.hold()


def test_history_is_read_when_both_sources_have_ended_and_no_others_are_asked() -> None:
    def tasks(*statuses: str) -> tuple[Task, ...]:
        named = zip(HISTORY, statuses, strict=False)
        return (*(Task(name=source(name), status=status) for name, status in named),
                Task(name="Source: interaction_records[1]", status="RUNNING"))  # fmt: skip

    assert history_is_read(tasks("FINISHED", "FINISHED"))
    assert not history_is_read(tasks("FINISHED", "RUNNING"))
    assert not history_is_read(())
    with pytest.raises(RebuildFailedError, match="earlier version"):
        history_is_read(tasks())


# ---- what is deployed


class Stacks:
    """Stands for CloudFormation."""

    def __init__(self, outputs: Mapping[str, str] | None) -> None:
        self.outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's words
        if self.outputs is None:
            raise refused("ValidationError")
        assert StackName in {"C360-dev-Unification", "C360-dev-Collection"}
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}


OUTPUTS = {
    "UnifyApplicationName": APPLICATION,
    "ProfileWriterMappingId": "m-1",
    "SingleViewTableName": "view",
}


def clients(outputs: Mapping[str, str] | None) -> Callable[[str], Any]:
    return lambda service: Stacks(outputs) if service == "cloudformation" else object()


def test_everything_is_found_by_the_outputs_of_the_stack() -> None:
    there = deployed("dev", clients(OUTPUTS), object())

    assert (there.application.name, there.writer.mapping) == (APPLICATION, "m-1")
    assert isinstance(there.writer.ends, ShardEnds)
    assert (there.writer.ends.stream, there.view.table) == ("c360-dev-profile-changes", "view")


@pytest.mark.parametrize("missing", ["UnifyApplicationName", "ProfileWriterMappingId"])
def test_a_sleeping_environment_must_be_woken_first(missing: str) -> None:
    outputs = {name: value for name, value in OUTPUTS.items() if name != missing}

    with pytest.raises(RebuildFailedError, match=rf"{missing}: the environment sleeps.*streams\.deployed"):
        deployed("dev", clients(outputs), object())


def test_missing_deployments_are_named() -> None:
    with pytest.raises(RebuildFailedError, match="C360-dev-Unification cannot be read"):
        deployed("dev", clients(None), object())


def test_a_rebuild_is_read_back_from_the_table_unchanged() -> None:
    for rebuild in (Rebuild(since=1), Rebuild(since=1, until=2, snapshot="s", over=True)):
        assert rebuild_from_item(rebuild_to_item(rebuild)) == rebuild


# ---- the dashboard


class Answers(BaseHTTPRequestHandler):
    """Stands for the dashboard behind a signed address: the cookie of the first answer opens the others."""

    pages: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        first = "authToken=t" in self.path
        known = first or "session=s" in (self.headers.get("Cookie") or "")
        self.send_response(200 if known else 403)
        if first:
            self.send_header("Set-Cookie", "session=s")
        self.end_headers()
        if known:
            self.wfile.write(json.dumps(self.pages.get(path, {})).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the dashboard, whose answers come without a socket."""
    import http.client
    import urllib.request

    asked: list[str] = []

    def answer(self: Any, request: urllib.request.Request) -> Any:
        asked.append(request.full_url)
        raw, out = io.BytesIO(), io.BytesIO()
        lines = [f"GET {request.selector} HTTP/1.1", *(f"{k}: {v}" for k, v in request.header_items()), "", ""]
        raw.write("\r\n".join(lines).encode())
        raw.seek(0)
        handler = Answers.__new__(Answers)
        handler.rfile, handler.wfile, handler.client_address = io.BufferedReader(raw), out, ("", 0)  # type: ignore[arg-type]
        handler.request_version = "HTTP/1.1"
        handler.handle_one_request()
        out.seek(0)

        class Wire:
            def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
                return out

        response = http.client.HTTPResponse(Wire())  # type: ignore[arg-type]
        response.begin()
        response.url = request.full_url
        response.msg = response.reason
        return response

    monkeypatch.setattr(urllib.request.HTTPSHandler, "https_open", answer)
    Answers.pages = {
        "/flinkdashboard/jobs/overview": {
            "jobs": [{"jid": "old", "state": "FAILED"}, {"jid": "j", "state": "RUNNING"}]
        },
        "/flinkdashboard/jobs/j": {"vertices": [{"name": "Source: a[1]", "status": "FINISHED"}]},
    }
    return asked


def test_the_signed_address_is_exchanged_for_a_cookie_and_its_jobs_are_requested(answers: list[str]) -> None:
    tasks = FlinkDashboard("https://x.kinesisanalytics.example/flinkdashboard?authToken=t").tasks()

    assert tasks == (Task(name="Source: a[1]", status="FINISHED"),)
    assert [url.rpartition("/flinkdashboard")[2] for url in answers] == ["?authToken=t", "/jobs/overview", "/jobs/j"]


def test_where_no_job_runs_there_are_no_tasks(answers: list[str]) -> None:
    Answers.pages["/flinkdashboard/jobs/overview"] = {"jobs": [{"jid": "j", "state": "RESTARTING"}]}

    assert FlinkDashboard("https://x.example/flinkdashboard?authToken=t").tasks() == ()


def test_a_refusal_names_what_was_asked_and_never_the_key_to_it(answers: list[str]) -> None:
    with pytest.raises(DashboardError, match=r"/flinkdashboard: .*403") as failed:
        FlinkDashboard("https://x.example/flinkdashboard?authToken=stale")

    assert "stale" not in str(failed.value)
