"""`unify` on a real Flink: the last profile of every person is exact, in any order of arrival."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyflink.table import TableEnvironment

from c360_core.contracts import load
from c360_core.segment import load as load_segments
from c360_core.segment import parse, profile_fields, to_sql
from flink_apps.unify.pipeline import PERSON_STATES
from tests.engines.flink.unify_job import Unify, defined, eventually, running, table_environment
from tests.engines.flink.unify_oracle import Oracle, Row, moment, read
from tests.engines.flink.unify_world import EVENTS, World
from tests.factories.segment_cases import CASES, FIELDS, FLINK_TYPES, PROFILES, document

HALF = EVENTS // 2


@dataclass(slots=True)
class Story:
    """A job and its input so far."""

    job: Unify
    oracle: Oracle

    def tell(self, *, interactions: list[Row] | None = None, identity: list[Row] | None = None) -> None:
        if interactions:
            self.oracle.interactions += interactions
            self.job.feed("interaction_records", interactions)
        if identity:
            self.oracle.changes += identity
            self.job.feed("identity_change_records", identity)

    def messages(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.job.rows("profile_changes") if row["kind"] == kind]

    def profiles(self) -> dict[str, dict[str, Any] | None]:
        """Return the last message about each person, by version and number, not by arrival."""
        last = latest(self.messages("profile"), "person_id")
        return {person: read(row) if row["op"] == "upsert" else None for person, row in last.items()}

    def check_profiles(self) -> None:
        expected = self.oracle.profiles()
        found = self.profiles()
        assert {person: found.get(person) for person in expected} == expected
        # Who is not expected at all was anonymous for a while.
        assert {person for person in set(found) - set(expected) if found[person] is not None} == set()


def latest(messages: list[dict[str, Any]], *key: str) -> dict[Any, dict[str, Any]]:
    """Return the message with the highest number for each subject, in any order of arrival."""
    shuffled = Random(1).sample(messages, len(messages))
    ordered = sorted(shuffled, key=lambda row: row["sequence"])
    return {tuple(row[name] for name in key) if key[1:] else row[key[0]]: row for row in ordered}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Four worlds, told in four interleavings; after each chapter every profile is checked."""
    segments = load_segments(profile_fields(load().product("profiles").table))
    late, early, mixed, shuffled = World("l"), World("e"), World("m"), World("s")
    # The fourth one comes in any order: what was done, and what three runs say of it.
    done = Random(2).sample(shuffled.interactions(), EVENTS)
    runs = shuffled.first_run() + shuffled.merge_run() + shuffled.split_run()
    said = Random(3).sample(runs, len(runs))
    with running(tmp_path_factory.mktemp("unify"), segments) as job:
        told = Story(job, Oracle(segments))
        # The first world does everything before anyone is recognised; the second one is known beforehand.
        told.tell(interactions=late.interactions())
        told.tell(identity=early.first_run() + early.merge_run() + early.split_run() + mixed.first_run())
        eventually(told.check_profiles)
        told.tell(identity=late.first_run())
        told.tell(interactions=mixed.interactions()[:HALF] + mixed.interactions()[:HALF] + done[:HALF])
        told.tell(identity=said[: len(said) // 2])
        eventually(told.check_profiles)
        told.tell(identity=late.merge_run() + mixed.merge_run())
        eventually(told.check_profiles)
        told.tell(interactions=mixed.interactions()[HALF:] + early.interactions()[:HALF] + done[HALF:])
        told.tell(identity=said[len(said) // 2 :])
        eventually(told.check_profiles)
        told.tell(identity=late.split_run() + mixed.split_run())
        told.tell(interactions=early.interactions())  # the first half comes twice
        told.tell(identity=mixed.first_run() + early.first_run())  # old news again
        eventually(told.check_profiles)
        yield told


def test_every_profile_is_exact_after_every_chapter(story: Story) -> None:
    eventually(story.check_profiles)

    assert sum(1 for profile in story.profiles().values() if profile) > 40
    spend = sum((profile.get("spend", 0) for profile in story.profiles().values() if profile), Decimal(0))
    assert spend == sum(sum(of.values()) for of in amounts(story).values() if len(of) == 1)


def test_the_newest_value_of_each_score_is_in_the_profile(story: Story) -> None:
    eventually(story.check_profiles)

    names = [set(profile["scores"]) for profile in story.profiles().values() if profile and "scores" in profile]
    assert {"churn_risk", "sentiment"} in names, "of several identifiers, and of each score the newest"
    computed = [row for row in story.oracle.interactions if row["event_type"] == "score_computed"]
    assert sum(map(len, names)) < len({(row["source"], row["event_id"]) for row in computed})


def test_amounts_in_two_currencies_give_no_spend_and_no_high_spender(story: Story) -> None:
    eventually(story.check_profiles)

    profiles = story.profiles()
    mixed = {person: of for person, of in amounts(story).items() if len(of) > 1}
    assert any(sum(of.values()) >= 1_000 for of in mixed.values()), "added up, they would be"
    for person in mixed:
        profile = profiles[person]
        assert profile is not None
        assert not profile.keys() & {"spend", "currency"}
        assert "high_spenders" not in profile["segments"]
        assert profile["orders"] + profile["returns"] > 1
    returning = [person for person, of in mixed.items() if of["EUR"] < 0]
    assert returning, "somebody has paid in one currency and got back another"


def amounts(story: Story) -> dict[str, dict[str, Decimal]]:
    """Return payments minus refunds by person and currency."""
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for person, events in story.oracle.attributed().items():
        for event in events:
            if event["event_type"] in ("order_placed", "order_returned"):
                found[person][event["currency"]] += Decimal(event["amount"])
    return found


def test_merged_and_forgotten_persons_are_published_as_deleted(story: Story) -> None:
    profiles = story.profiles()

    for name in ("l", "e", "m", "s"):
        world = World(name)
        assert profiles[world.person(3)] is None
        assert profiles[world.person(4)] is None
        assert profiles[world.person(1)] is not None, "the split brought this one back"
        assert profiles[world.person(10)] is not None, "known, though there is no interaction"


def test_versions_of_a_person_never_go_back(story: Story) -> None:
    versions: dict[str, list[int]] = defaultdict(list)
    for message in story.messages("profile"):
        versions[message["person_id"]].append(message["identity_version"])

    assert all(told == sorted(told) for told in versions.values())


def test_every_change_of_one_thing_has_a_higher_number_than_the_one_before(story: Story) -> None:
    keys = {"profile": (), "consent": ("purpose", "channel"), "event": ("source", "event_id")}
    for kind, names in keys.items():
        numbers: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for message in story.messages(kind):
            # An event goes from one person to another: both changes are of one thing.
            who = () if kind == "event" else (message["person_id"],)
            numbers[*who, *(message[name] for name in names)].append(message["sequence"])

        assert any(len(told) > 1 for told in numbers.values())
        assert all(told == sorted(set(told)) for told in numbers.values()), kind


def test_numbers_are_microseconds_of_now(story: Story) -> None:
    youngest = max(message["sequence"] for message in story.messages("profile"))

    assert abs(datetime.now(UTC).timestamp() - youngest / 1_000_000) < 900


def test_nothing_is_shuffled_between_the_state_and_the_number(story: Story, tmp_path: Path) -> None:
    """What leaves one task in order must get its number there: behind a shuffle the order is gone."""
    environment = table_environment(tmp_path)
    statements = defined(environment, tmp_path, story.oracle.segments)

    states = executed(environment.from_path(PERSON_STATES).explain())
    keeps_state = re.compile(r"(GroupAggregate|Join|ProcessTableFunction)\(")
    for branch in branches(states):
        # What is rejected is told once and has no state; then nothing at all may be shuffled.
        state = next((line for line, step in enumerate(branch) if keeps_state.search(step)), len(branch))
        assert not any("Exchange(" in step for step in branch[:state])
    messages = executed(statements.explain())
    numbered = [branch for branch in branches(messages) if any("next_sequence()" in step for step in branch)]
    assert numbered
    for branch in numbered:
        first = max(line for line, step in enumerate(branch) if "next_sequence()" in step)
        state = next((line for line, step in enumerate(branch) if "timeline_of_person(" in step), len(branch))
        assert first < state
        assert not any("Exchange(" in step for step in branch[first:state])


def executed(explained: str) -> list[str]:
    """The steps of the plan that runs, one a line, indented below the step that they feed."""
    return [line for line in explained.partition("== Optimized Execution Plan ==")[2].splitlines() if line.strip()]


def branches(plan: list[str]) -> list[list[str]]:
    """Each way through a plan from its top to a leaf."""
    depth = [len(line) - len(line.lstrip(" :+-")) for line in plan]
    found, way = [], list[int]()
    for line in range(len(plan)):
        while way and depth[way[-1]] >= depth[line]:
            way.pop()
        way.append(line)
        if line + 1 == len(plan) or depth[line + 1] <= depth[line]:
            found.append([plan[step] for step in way])
    return found


def test_a_profile_never_dips_while_only_interactions_arrive(story: Story) -> None:
    known_beforehand = {World("e").person(number) for number in range(10)}
    counts: dict[str, list[int]] = defaultdict(list)
    for message in story.messages("profile"):
        if message["op"] == "upsert" and message["person_id"] in known_beforehand:
            counts[message["person_id"]].append(message["event_count"])

    assert counts
    assert all(told == sorted(told) for told in counts.values())


def test_consents_are_the_latest_answer_of_the_person(story: Story) -> None:
    def check() -> None:
        last = latest(story.messages("consent"), "person_id", "purpose", "channel")
        standing = {
            key: (row["granted"], read(row)["decided_at"]) for key, row in last.items() if row["op"] == "upsert"
        }
        assert standing == story.oracle.consents()

    eventually(check)


def test_consents_of_an_address_are_the_latest_answer_of_any_person(story: Story) -> None:
    def check() -> None:
        messages = story.messages("address_consent")
        assert {row["op"] for row in messages} == {"upsert"}
        last = latest(messages, "person_id", "purpose", "channel")
        standing = {key: (row["granted"], read(row)["decided_at"]) for key, row in last.items()}
        assert standing == story.oracle.address_consents()

    eventually(check)
    kinds = {key.partition(":")[0] for key, _, _ in story.oracle.address_consents()}
    assert kinds == {"email", "phone"}, "a device is no address"


def test_the_timeline_holds_what_is_not_history_with_the_right_person(story: Story) -> None:
    def check() -> None:
        last = latest(story.messages("event"), "person_id", "source", "event_id")
        assert {key for key, row in last.items() if row["op"] == "upsert"} == story.oracle.timeline()

    eventually(check)


def test_the_lake_keeps_every_version_and_empties_removed_persons(story: Story) -> None:
    def check() -> None:
        rows = story.job.rows("profiles")
        assert len(rows) == len(story.messages("profile"))
        last = {row["person_id"]: read(row) for row in sorted(rows, key=lambda row: moment(row["computed_at"]))}
        for person, profile in story.profiles().items():
            if profile is None:
                assert last[person].keys() == {"person_id", "identity_version", "event_count", "segments"}
                assert (last[person]["event_count"], last[person]["segments"]) == (0, [])
            else:
                assert last[person] == profile

    eventually(check)


def test_membership_is_entered_and_left_as_the_profile_says(story: Story) -> None:
    def check() -> None:
        rows = story.job.rows("segment_membership")
        told: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for row in rows:
            told[row["person_id"], row["segment"]].append(row["member"])
        now = {key for key, steps in told.items() if steps[-1]}
        profiles = story.profiles().items()
        assert now == {(person, name) for person, profile in profiles if profile for name in profile["segments"]}
        assert all(steps == [place % 2 == 0 for place in range(len(steps))] for steps in told.values())
        assert {row["why"] for row in rows} <= {segment.description for segment in story.oracle.segments}

    eventually(check)


def test_small_batches_end_by_the_clock_and_not_by_watermarks(story: Story, tmp_path: Path) -> None:
    environment = table_environment(tmp_path)
    defined(environment, tmp_path, story.oracle.segments)

    plan = environment.from_path(PERSON_STATES).explain()

    assert "mode=[ProcTime]" in plan
    assert "mode=[RowTime]" not in plan


def test_flink_decides_segments_like_python(tmp_path: Path) -> None:
    environment = table_environment(tmp_path)
    environment.execute_sql(f"CREATE TEMPORARY VIEW profile AS {_as_values()}")
    conditions = {segment.name: to_sql(segment.condition) for segment in parse(document(), FIELDS, file="cases")}
    columns = ["person", *(f"({condition}) IS TRUE AS `{name}`" for name, condition in conditions.items())]

    members = _members(environment, f"SELECT {', '.join(columns)} FROM profile", list(conditions))

    assert members == {name: expected for name, _, expected in CASES}


def _as_values() -> str:
    rows = []
    for person, profile in PROFILES.items():
        cells = [f"CAST({_literal(profile[name])} AS {kind}) AS `{name}`" for name, kind in FLINK_TYPES.items()]
        rows.append(f"SELECT CAST('{person}' AS STRING) AS person, {', '.join(cells)}")
    return " UNION ALL ".join(rows)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if hasattr(value, "hour"):
        return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}'"
    escaped = str(value).replace("'", "''")
    return f"'{escaped}'"


def _members(environment: TableEnvironment, query: str, names: list[str]) -> dict[str, frozenset[str]]:
    members: dict[str, set[str]] = {name: set() for name in names}
    with environment.execute_sql(query).collect() as rows:
        for row in rows:
            person, *answers = row
            for name, answer in zip(names, answers, strict=True):
                if answer:
                    members[name].add(person)
    return {name: frozenset(people) for name, people in members.items()}
