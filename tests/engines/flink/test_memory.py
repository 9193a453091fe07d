"""State of single records in `unify` expires by time; people and their sums never expire."""

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_core.contracts import load
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.unify.pipeline import ARRIVALS, PERSON_STATES, SUMS, Memory
from tests.engines.flink.test_poison import interaction
from tests.engines.flink.test_unify import executed, latest
from tests.engines.flink.unify_job import Unify, defined, eventually, running, table_environment

SHORT = timedelta(seconds=3)
KEY = "email:" + "0" * 32
OTHER = "device_id:" + "1" * 32
FIRST, SECOND = "p_00000000000000000000000one", "p_00000000000000000000000two"


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unify]:
    segments = load_segments(profile_fields(load().product("profiles").table))
    with running(tmp_path_factory.mktemp("memory"), segments, Memory(repeats=SHORT, timeline=SHORT)) as job:
        yield job


def owned(person: str, version: int) -> dict[str, Any]:
    return {"kind": "identifier", "op": "upsert", "key": KEY, "person_id": person, "version": version}


def order(number: int, **changes: Any) -> dict[str, Any]:
    return interaction(number, customer_key=KEY, identifier_keys=[KEY], **changes)


def profile(job: Unify, person: str) -> dict[str, Any]:
    profiles = [row for row in job.rows("profile_changes") if row["kind"] == "profile"]
    return latest(profiles, "person_id").get(person, {})


def timeline(job: Unify) -> set[tuple[str, str]]:
    events = [row for row in job.rows("profile_changes") if row["kind"] == "event"]
    standing = latest(events, "person_id", "event_id")
    return {key for key, row in standing.items() if row["op"] == "upsert"}


def test_a_repetition_in_time_counts_once_and_a_late_one_twice(forgetful: Unify) -> None:
    forgetful.feed("identity_change_records", [owned(FIRST, 1)])
    forgetful.feed("interaction_records", [order(1), order(1), order(2)])

    def once() -> None:
        assert (profile(forgetful, FIRST).get("orders"), profile(forgetful, FIRST).get("spend")) == (2, Decimal("2.00"))

    eventually(once)
    time.sleep(SHORT.total_seconds() + 1)
    once()
    forgetful.feed("interaction_records", [order(1)])

    def twice() -> None:
        assert profile(forgetful, FIRST)["orders"] == 3

    eventually(twice)


def test_sums_always_move_and_timeline_entries_only_in_time(forgetful: Unify) -> None:
    time.sleep(SHORT.total_seconds() + 1)
    forgetful.feed("interaction_records", [order(7)])
    eventually(lambda: _holds((FIRST, "e-7") in timeline(forgetful)))
    forgetful.feed("identity_change_records", [owned(SECOND, 2)])

    def moved() -> None:
        assert profile(forgetful, SECOND).get("orders") == 4
        assert profile(forgetful, FIRST)["op"] == "delete"
        assert timeline(forgetful) == {(FIRST, "e-1"), (FIRST, "e-2"), (SECOND, "e-7")}

    eventually(moved)


def test_no_state_but_these_two_grows_with_what_people_do(tmp_path: Path) -> None:
    """A join, or a retractable maximum, keeps a row for every event it has ever seen."""
    environment = table_environment(tmp_path)
    statements = defined(environment, tmp_path, load_segments(profile_fields(load().product("profiles").table)))

    states = executed(environment.from_path(PERSON_STATES).explain())
    joins = [step for step in states if "Join(" in step]
    assert joins, "answers about consent go with their identifier"
    assert all("HasUniqueKey" in step or "JoinKeyContainsUniqueKey" in step for step in joins), joins
    messages = executed(statements.explain())
    everything = [*states, *messages]
    assert not [step for step in everything if "Join(" in step and "NoUniqueKey" in step]
    assert not [step for step in everything if "Deduplicate(" in step], "behind the arrivals each record comes once"
    for view in (*ARRIVALS.values(), *SUMS.values()):
        assert "Join(" not in "".join(executed(environment.from_path(view).explain()))


def _holds(condition: bool) -> None:
    assert condition
