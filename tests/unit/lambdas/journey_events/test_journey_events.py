"""The function that wakes people in journeys: each by what that person waits for, and by nothing else."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.bus_events import BusEvent, UnknownBusEventError
from c360_core.journey import Happening
from c360_core.waiting import Waiting
from lambdas.journey_events import handler
from lambdas.journey_events.logic import Waker
from lambdas.shared import aws
from tests.factories.bus_events import bus_event
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople, MemoryTokens
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import TABLE, Cloud

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def waiting(*happenings: Happening, person_id: str = PERSON, message: str | None = "m_1", step: str = "s") -> Waiting:
    return Waiting(
        person_id=person_id,
        decision_id="d_1",
        step=step,
        token=f"token-{step}",
        happenings=happenings,
        message_id=message,
        since=NOON - timedelta(hours=1),
        expires_at=NOON + timedelta(days=1),
    )


class World:
    """People who wait."""

    def __init__(self, *noted: Waiting) -> None:
        self.people = MemoryPeople(profiles={PERSON: profile()})
        self.tokens = MemoryTokens(waiting={one.token for one in noted})
        for one in noted:
            self.people.put_wait(one)

    def hear(self, kind: BusEvent, **changed: Any) -> list[Happening]:
        waker = Waker(view=self.people, store=self.people, alarm=self.tokens)
        return list(waker.on_event(bus_event(kind, **changed)))


@pytest.mark.parametrize(
    ("waits_for", "outcome", "woken"),
    [
        (Happening.CLICKED, "clicked", [Happening.CLICKED]),
        (Happening.CLICKED, "opened", []),
        (Happening.OPENED, "opened", [Happening.OPENED]),
        (Happening.OPENED, "clicked", [Happening.OPENED]),
        (Happening.OPENED, "bounced", []),
        (Happening.PURCHASE, "clicked", []),
    ],
)
def test_an_outcome_wakes_who_waits_for_it(waits_for: Happening, outcome: str, woken: list[Happening]) -> None:
    world = World(waiting(waits_for))
    assert world.hear(BusEvent.MESSAGE_OUTCOME, outcome=outcome) == woken
    assert bool(world.people.waiting) is not bool(woken)


def test_what_became_of_another_message_wakes_nobody() -> None:
    world = World(waiting(Happening.CLICKED, message="m_2"))
    assert world.hear(BusEvent.MESSAGE_OUTCOME, outcome="clicked") == []


@pytest.mark.parametrize(("hours", "woken"), [(0, [Happening.PURCHASE]), (-2, [])])
def test_a_purchase_wakes_who_waits_since_before_it(hours: int, woken: list[Happening]) -> None:
    world = World(waiting(Happening.PURCHASE, message=None))
    ordered = (NOON + timedelta(hours=hours)).isoformat()
    assert world.hear(BusEvent.ORDER_PLACED, ordered_at=ordered) == woken


def test_an_event_that_comes_again_changes_nothing_and_one_wakes_every_journey_of_the_person() -> None:
    world = World(waiting(Happening.PURCHASE, step="a"), waiting(Happening.CLICKED, Happening.PURCHASE, step="b"))
    assert world.hear(BusEvent.ORDER_PLACED) == [Happening.PURCHASE] * 2
    assert world.hear(BusEvent.ORDER_PLACED) == []
    assert sorted(token for token, _ in world.tokens.woken) == ["token-a", "token-b"]


def test_who_was_merged_while_waiting_is_found_under_either_id() -> None:
    world = World(waiting(Happening.PURCHASE))
    world.people.profiles["p_2"] = profile("p_2")
    world.people.aliases[PERSON] = "p_2"
    assert world.hear(BusEvent.ORDER_PLACED, person_id="p_2") == [Happening.PURCHASE]
    late = World(waiting(Happening.CLICKED, person_id="p_2"))
    late.people.profiles["p_2"] = profile("p_2")
    late.people.aliases[PERSON] = "p_2"
    assert late.hear(BusEvent.MESSAGE_OUTCOME, outcome="clicked") == [Happening.CLICKED], "sent under the former id"


def test_an_event_that_no_journey_waits_for_is_refused() -> None:
    with pytest.raises(UnknownBusEventError, match="no journey waits for such an event"):
        World(waiting(Happening.PURCHASE)).hear(BusEvent.SEGMENTS_CHANGED)


def test_a_message_that_cannot_be_read_comes_again_and_holds_nobody_up(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    told: list[dict[str, str]] = []

    class Tokens:
        def send_task_success(self, **request: str) -> None:
            told.append(request)

    monkeypatch.setattr(aws, "step_functions", Tokens)
    handler._waker.cache_clear()
    cloud.put_profile(profile(), now=NOON)
    cloud.writer.put_wait(waiting(Happening.PURCHASE))
    bodies = {"1": "{", "2": json.dumps(bus_event(BusEvent.ORDER_PLACED))}
    records = [
        {"messageId": name, "body": body, "eventSource": "aws:sqs", "receiptHandle": name}
        for name, body in bodies.items()
    ]
    answer = handler.handle({"Records": records}, LambdaContext())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [one["taskToken"] for one in told] == ["token-s"]
    assert cloud.reader.waits(PERSON) == ()
