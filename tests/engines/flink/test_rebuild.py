"""`unify` without a snapshot rebuilds every profile from the lake and the rest of the streams."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyflink.common import Configuration, JobClient
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment

from c360_core.contracts import Table, load
from c360_core.projections import flink_type
from c360_core.segment import Operator, Segment, SegmentRule, profile_fields
from c360_core.segment import load as load_segments
from flink_apps.shared.tables import JSON_FORMAT, create_table
from flink_apps.unify.job import past
from tests.engines.flink.clean_support import JAR
from tests.engines.flink.test_unify import Story, latest
from tests.engines.flink.unify_job import PASTS, Unify, defined, eventually, running, table_environment
from tests.engines.flink.unify_oracle import Oracle, Row, read
from tests.engines.flink.unify_world import EVENTS, World

HALF, QUARTER = EVENTS // 2, EVENTS // 4
PARALLELISM = "parallelism.default"
RESTORE = "execution.state-recovery.path"
IGNORE = "execution.state-recovery.ignore-unclaimed-state"
MOVED = "high_spenders"
# An invalid case: it went to quarantine when it came over the stream, and must go there again.
BAD = {"event_type": "case_closed", "payload": '{"case_id": "c-1", "csat": 1000}'}


def segments() -> Sequence[Segment]:
    return load_segments(profile_fields(load().product("profiles").table))


def changed() -> Sequence[Segment]:
    """Return the segments of a new version, with a lower limit for high spenders."""
    lower = SegmentRule(field="spend", operator=Operator.GREATER_OR_EQUAL, values=(Decimal("500.00"),))
    return [replace(one, condition=lower) if one.name == MOVED else one for one in segments()]


def latest_rows(changes: Sequence[Row]) -> list[Row]:
    """Return the rows of `latest_identity_changes` after these messages: the latest of each subject."""
    last: dict[str, Row] = {}
    for change in sorted(changes, key=lambda one: one["version"]):
        last[change["key"] if change["kind"] == "identifier" else change["person_id"]] = change
    return [{**change, "subject": subject, **_born(change)} for subject, change in last.items()]


def _born(change: Row) -> dict[str, Any]:
    text = change.get("birth_date")
    return {"birth_date": text if text is None or text[:4].isdigit() else None}


def sent(row: Row) -> bytes:
    """Return the record that `clean` sends for an interaction."""
    names = [field.name for field in load().product("interactions").table.fields if not field.lake_only]
    record = {name: row[name] for name in names if row.get(name) is not None}
    return json.dumps(record, separators=(",", ":")).encode()


def lay(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """Write rows to the folder of a history table."""
    (folder / name).mkdir()
    kept = [{key: value for key, value in row.items() if key != "key"} for row in rows]
    (folder / name / "rows.json").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")


def check_all(story: Story) -> None:
    """Compare all messages about people with the expected ones."""
    story.check_profiles()
    consents = latest(story.messages("consent"), "person_id", "purpose", "channel")
    standing = {k: (row["granted"], read(row)["decided_at"]) for k, row in consents.items() if row["op"] == "upsert"}
    assert standing == story.oracle.consents()
    addresses = latest(story.messages("address_consent"), "person_id", "purpose", "channel")
    answers = {key: (row["granted"], read(row)["decided_at"]) for key, row in addresses.items()}
    assert answers == story.oracle.address_consents()
    events = latest(story.messages("event"), "person_id", "source", "event_id")
    assert {key for key, row in events.items() if row["op"] == "upsert"} == story.oracle.timeline()


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The lake has three quarters, some of it twice; the stream the last half; identity runs overlap as well.

    The application that starts is a new version, with a segment of another meaning.
    """
    folder, world = tmp_path_factory.mktemp("rebuilt"), World("r")
    events = world.interactions()
    bad = {**events[1], "event_id": "bad", **BAD}
    lay(folder, "past_interactions", [*events[: HALF + QUARTER], *events[:20], bad, bad])
    before = world.first_run() + world.merge_run()
    lay(folder, "past_identity_changes", latest_rows(before + world.split_run()))
    with running(folder, changed()) as job:
        story = Story(job, Oracle(changed(), list(events), [*before, *world.split_run()]))
        job.feed("interaction_records", events[HALF:])
        job.feed_records("interaction_records", [sent(bad)])
        job.feed("identity_change_records", world.merge_run() + world.split_run())
        yield story


def test_every_profile_answer_and_timeline_is_what_it_was(rebuilt: Story) -> None:
    eventually(lambda: check_all(rebuilt))

    profiles = rebuilt.profiles()
    assert sum(1 for profile in profiles.values() if profile) >= 10
    world = World("r")
    assert profiles[world.person(3)] is None, "merged"
    assert profiles[world.person(4)] is None, "forgotten"


def test_a_new_version_evaluates_earlier_interactions_again(rebuilt: Story) -> None:
    eventually(lambda: check_all(rebuilt))

    oracle = rebuilt.oracle
    before = members(Oracle(segments(), oracle.interactions, oracle.changes).profiles())
    by_news_alone = members(Oracle(changed(), oracle.interactions[HALF:], oracle.changes).profiles())
    assert members(rebuilt.profiles()) > before
    assert members(rebuilt.profiles()) - before - by_news_alone, "somebody is in it for what only the lake has"


def members(profiles: Mapping[str, dict[str, Any] | None]) -> set[str]:
    return {person for person, profile in profiles.items() if profile and MOVED in profile["segments"]}


def test_a_bad_row_of_the_lake_is_the_rejection_of_its_record(rebuilt: Story) -> None:
    """The record came three times, twice from the lake, and gives one rejection."""

    def check() -> None:
        rows = rebuilt.job.rows("rejected")
        assert [row["reason"] for row in rows] == [
            "`payload.csat` is no whole number from 0 to 99; send one, or leave it out"
        ]

    eventually(lambda: check_all(rebuilt))
    eventually(check)


# ---- the lake as it is: Iceberg


@dataclass(frozen=True, slots=True)
class Lake:
    """Iceberg tables of a folder."""

    folder: Path

    def catalog(self) -> str:
        return (
            "CREATE CATALOG lake WITH ('type' = 'iceberg', 'catalog-type' = 'hadoop', "
            f"'warehouse' = '{(self.folder / 'warehouse').as_uri()}')"
        )

    def names(self) -> Mapping[str, str]:
        """Return the tables in the form that the application reads."""
        return {product: past(f"`lake`.`c360`.`{product}`") for product in PASTS.values()}

    def create(self) -> None:
        environment = self._environment()
        environment.execute_sql("CREATE DATABASE `lake`.`c360`")
        for product in PASTS.values():
            columns = ", ".join(f"`{name}` {kind}" for name, kind in self._columns(product))
            environment.execute_sql(f"CREATE TABLE `lake`.`c360`.`{product}` ({columns})")

    def add(self, product: str, rows: Sequence[Row]) -> None:
        """Commit rows, in several files."""
        name = next(name for name, one in PASTS.items() if one == product)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        lay(self.folder, name, rows)
        environment = self._environment()
        options = {"connector": "filesystem", "path": (self.folder / name).as_uri(), **JSON_FORMAT}
        environment.execute_sql(create_table("rows", self._columns(product), options=options))
        environment.execute_sql(f"INSERT INTO `lake`.`c360`.`{product}` SELECT * FROM `rows`").wait()

    def _environment(self) -> TableEnvironment:
        configuration = Configuration()
        for key, value in {"pipeline.jars": JAR.as_uri(), PARALLELISM: "2", "table.local-time-zone": "UTC"}.items():
            configuration.set_string(key, value)
        settings = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(configuration).build()
        environment = TableEnvironment.create(settings)
        environment.execute_sql(self.catalog())
        return environment

    def _columns(self, product: str) -> list[tuple[str, str]]:
        table: Table = load().product(product).table
        return [(field.name, flink_type(field)) for field in table.fields]


def start(folder: Path, lake: Lake, more: Mapping[str, str]) -> JobClient:
    environment = table_environment(folder, more)
    environment.execute_sql(lake.catalog())
    client = defined(environment, folder, segments(), pasts=lake.names()).execute().get_job_client()
    assert client is not None
    return client


def stopped(client: JobClient, folder: Path) -> str:
    """Stop a job as the service does; return where its snapshot is. PyFlink's own method asks for too little."""
    formats = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType
    return str(client._j_job_client.stopWithSavepoint(False, folder.as_uri(), formats.CANONICAL).get())


def test_history_is_read_once_at_the_start_even_by_more_readers(tmp_path: Path) -> None:
    """A snapshot remembers that the lake has been read; what comes into the lake later comes over the stream, too."""
    world, lake = World("i"), Lake(tmp_path)
    events = world.interactions()
    lake.create()
    for part in range(4):
        lake.add("interactions", events[part * QUARTER // 2 : (part + 1) * QUARTER // 2])
    lake.add("latest_identity_changes", latest_rows(world.first_run()))
    story = Story(Unify(tmp_path), Oracle(segments(), events[:HALF], world.first_run()))

    client = start(tmp_path, lake, {PARALLELISM: "2"})
    eventually(lambda: check_all(story))
    saved = stopped(client, tmp_path / "snapshots")
    # Rows that no stream has and no profile may show: a second reading would.
    lake.add("interactions", [{**event, "event_id": f"again-{event['event_id']}"} for event in events[:HALF]])
    before = len(story.job.rows("profile_changes"))
    # The sinks of files, which stand for streams here, have other names in each plan, and nothing to go on with.
    client = start(tmp_path, lake, {PARALLELISM: "3", RESTORE: saved, IGNORE: "true"})
    try:
        story.tell(interactions=events[QUARTER:], identity=world.merge_run())
        eventually(lambda: check_all(story))
        assert len(story.job.rows("profile_changes")) > before
    finally:
        client.cancel().result()
