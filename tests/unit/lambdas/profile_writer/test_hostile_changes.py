"""A campaign against the readers of streams: whatever lies on one, it costs nobody else anything."""

import io
import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Final

import pytest

from c360_core.decision_rules import ContactRules
from c360_core.profile import Profile
from c360_core.profile_item import profile_from_item, profile_to_item
from lambdas.decision.logic import ConsentPendingError, Decider
from lambdas.profile_writer import handler
from lambdas.profile_writer.logic import sort_batch
from tests.factories.hostile import change_text, damaged, profile_text
from tests.factories.profiles import profile_change
from tests.fakes.ports import MemoryPeople, MemoryPublisher
from tests.fakes.wire import LambdaContext, kinesis_event
from tests.unit.lambdas.conftest import TABLE, Cloud

SEED: Final = 20_260_301
CAMPAIGNS: Final = 4  # each in an empty table: the one in memory copies itself at every transaction
BATCHES: Final = 6
HOSTILE: Final = 25
PROFILES: Final = 3_000
NOW: Final = datetime(2026, 3, 2, 17, tzinfo=UTC)
RULES: Final = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=1, cap_days=7)
ARRIVALS: Final = itertools.count(70_000)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("TIMELINE_TTL_DAYS", "90")


def deliver(cloud: Cloud, *records: bytes) -> set[int]:
    """Deliver records as one batch; return the places of those that are set aside. None may have to come again."""
    numbers = [str(next(ARRIVALS)) for _ in records]
    answer = handler.handle(kinesis_event(list(zip(numbers, records, strict=True))), LambdaContext())
    assert answer["batchItemFailures"] == []
    return {numbers.index(letter["KinesisBatchInfo"]["startSequenceNumber"]) for letter in cloud.set_aside()}


@pytest.mark.parametrize("campaign", range(CAMPAIGNS))
def test_no_change_blocks_its_neighbours(cloud: Cloud, log: io.StringIO, campaign: int) -> None:
    random = Random(SEED + campaign)
    taken = refused = 0
    for number in range(BATCHES):
        hostile = [damaged(change_text(random), random) for _ in range(HOSTILE)]
        good = profile_change(f"p_good_{number}", orders=number)
        failed = deliver(cloud, *hostile, json.dumps(good).encode())

        assert HOSTILE not in failed
        view = cloud.reader.profile(f"p_good_{number}")
        assert view is not None
        assert view.number("orders") == number
        refused += len(failed)
        taken += HOSTILE - len(failed)

    assert min(taken, refused) > BATCHES * HOSTILE / 10
    assert "Traceback" not in log.getvalue()
    assert log.getvalue().count("unreadable profile change") == refused


def test_every_stored_profile_can_be_decided_about() -> None:
    random = Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(PROFILES):
        batch = sort_batch([(str(number), profile_text(random).encode())])
        profiles = [p.profile for p in batch.people.values() if isinstance(p.profile, Profile)]
        for profile in profiles:
            stored = profile_from_item(profile_to_item(profile))
            people = MemoryPeople()
            decider = Decider(
                view=people,
                store=people,
                publisher=MemoryPublisher(),
                rules=RULES,
                keep_days=30,
                hash_secret=lambda: b"0123456789abcdef",
                pause=lambda _: None,
            )
            try:
                outcomes.update(map(str, decider.on_change(None, stored, now=NOW)))
            except ConsentPendingError:  # it waits for a consent that nobody gave
                outcomes["underway"] += 1
        outcomes["stored"] += len(profiles)

    assert outcomes["stored"] > PROFILES / 5
    assert outcomes["silence"] > 0


# Each of these ended the whole batch, for everybody in it, or was stored and ended the decision about the person.
@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"sequence": 1', '"sequence": 1e2147483648', "sequence"),
        ('"sequence": 1', '"sequence": 9223372036854775808', "sequence"),
        ('"orders": 1,', '"orders": 1e300,', "orders"),
        ('"orders": 1,', '"orders": NaN,', "orders"),
        ('"orders": 1,', '"orders": 1, "orders": 2,', "orders"),
        ('"orders": 1,', '"orders": 1' + "0" * 400 + ",", "orders"),
        ('"spend": 12.34', '"spend": 1e40', "spend"),
        ('"spend": 12.34', '"spend": -Infinity', "spend"),
        ('"first_name": "Ada"', '"first_name": "\\ud800"', "first_name"),
        ('"first_name": "Ada"', '"first_name": "Ada", "more": ' + "[" * 40_000 + "]" * 40_000, "record"),
        ('"p_1"', f'"{"p" * 2_100}"', "person_id"),
        ('["new_customers"]', f'["{"s" * 1_100}"]', "segments"),
        ('"2026-03-01T12:00:01.000Z"', '"soon"', "computed_at"),
        ('"2026-03-01T12:00:01.000Z"', '"0001-01-01T00:00:00+14:00"', "computed_at"),
    ],
)
def test_a_profile_violation_is_reported_by_its_field(
    cloud: Cloud, log: io.StringIO, old: str, new: str, field: str
) -> None:
    text = json.dumps(profile_change("p_1", sequence=1))
    assert old in text

    assert deliver(cloud, text.replace(old, new, 1).encode(), json.dumps(profile_change("p_good")).encode()) == {0}
    assert f"unreadable profile change: field {field}: " in log.getvalue()
    assert cloud.reader.profile("p_good") is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", "a lot"),
        ("amount", True),
        ("amount", "NaN"),
        ("amount", "1e999999"),
        ("occurred_at", "9999-12-31T23:59:59-12:00"),
        ("occurred_at", "0001-01-01T00:00:00Z"),
        ("event_id", "\N{SHOPPING TROLLEY}" * 300),
    ],
)
def test_an_event_violation_is_reported_by_its_field(cloud: Cloud, log: io.StringIO, name: str, value: object) -> None:
    seen = {
        "kind": "event",
        "person_id": "p_1",
        "event_id": "e-1",
        "event_type": "order_placed",
        "occurred_at": "2026-03-01T12:00:00.000Z",
        "source": "pos_transactions",
        name: value,
    }

    assert deliver(cloud, json.dumps(seen).encode(), json.dumps(profile_change("p_good")).encode()) == {0}
    assert f"unreadable profile change: field {name}: " in log.getvalue()
    assert cloud.reader.profile("p_good") is not None
