"""The function behind the steps of journeys: ways, lots, tasks, and who waits for what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError

from c360_core.controls import Control, State
from c360_core.decision import message_id
from c360_core.journey import Happening, JourneyError
from c360_core.waiting import Waiting
from lambdas.journey_steps import handler
from lambdas.journey_steps.logic import Helper
from lambdas.journey_steps.requests import QUESTIONS
from lambdas.shared import aws
from lambdas.shared.waking import TaskTokens
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople, MemoryPublisher, MemoryTokens
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import EVENTS, LOCKS, TABLE, Cloud

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
SINCE = "2026-03-02T16:00:00.000Z"
BASE = {
    "decision_id": "d_1",
    "person_id": PERSON,
    "channel": "email",
    "purpose": "marketing",
    "trace_id": None,
    "trigger": "come_back",
    "journey": "win_back",
}
SPENT = {"combinator": "and", "rules": [{"field": "spend", "operator": ">=", "value": "10.00"}]}
CHOOSE = {
    **BASE,
    "ask": "choose",
    "step": "worth",
    "arms": [
        {"when": {"in_segments": ["seniors"]}, "then": "call"},
        {"when": {"query": SPENT}, "then": "write"},
    ],
    "otherwise": "leave",
}
TASK = {**BASE, "ask": "task", "step": "call", "task": "service", "since": SINCE}
WAIT = {
    **BASE,
    "ask": "wait",
    "step": "reaction",
    "happenings": ["clicked", "purchase"],
    "template": "win_back",
    "seconds": 3600,
    "since": SINCE,
    "token": "token-1",
}


class Desk:
    """The function's logic with everything around it in memory."""

    def __init__(self) -> None:
        self.people = MemoryPeople(profiles={PERSON: profile()})
        self.publisher, self.tokens = MemoryPublisher(), MemoryTokens(waiting={"token-1"})

    def ask(self, question: dict[str, Any], **changed: Any) -> dict[str, str]:
        helper = Helper(
            view=self.people,
            store=self.people,
            publisher=self.publisher,
            alarm=self.tokens,
            keep_days=30,
            clock=lambda: NOON,
        )
        return helper.answer(QUESTIONS.validate_python({**question, **changed}))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("changed", "way"),
    [({"segments": ["seniors"]}, "call"), ({}, "write"), ({"spend": 9.99}, "leave"), ({"spend": None}, "leave")],
)
def test_the_first_way_whose_condition_is_true_is_gone(desk: Desk, changed: dict[str, Any], way: str) -> None:
    desk.people.profiles[PERSON] = profile(**changed)
    assert desk.ask(CHOOSE) == {"status": "chosen", "way": way}


def test_who_was_merged_is_asked_as_the_survivor_and_who_is_gone_goes_the_last_way(desk: Desk) -> None:
    desk.people.profiles["p_2"] = profile("p_2", segments=["seniors"])
    desk.people.aliases[PERSON] = "p_2"
    assert desk.ask(CHOOSE)["way"] == "call"
    assert desk.ask(CHOOSE, person_id="p_3")["way"] == "leave"


def test_a_condition_that_the_profile_no_longer_knows_names_the_journey_and_the_step(desk: Desk) -> None:
    rule = {"combinator": "and", "rules": [{"field": "shoe_size", "operator": "=", "value": 1}]}
    with pytest.raises(
        JourneyError, match="journey `win_back`: step `worth`: field `query`: unknown field `shoe_size`"
    ):
        desk.ask(CHOOSE, arms=[{"when": {"query": rule}, "then": "call"}])


def test_a_lot_is_drawn_by_the_person(desk: Desk) -> None:
    shares = [{"percent": 50, "then": "a"}, {"percent": 50, "then": "b"}]
    question = {**BASE, "ask": "draw", "step": "lots", "shares": shares}
    ways = {desk.ask(question, person_id=f"p_{number}")["way"] for number in range(40)}
    assert ways == {"a", "b"}
    assert desk.ask(question) == desk.ask(question)


def test_a_task_is_a_decision_and_is_asked_for_once_however_often_the_step_runs(desk: Desk) -> None:
    assert [desk.ask(TASK)["status"] for _ in range(2)] == ["asked", "asked"]
    (stored,) = desk.people.decided[PERSON]
    assert (stored["action"], stored["task"], stored["trigger"]) == ("task", "service", "win_back")
    assert {one["decision_id"] for one in desk.publisher.published} == {stored["decision_id"]}
    assert desk.ask(TASK, decision_id="d_2")["status"] == "asked"
    assert len(desk.people.decided[PERSON]) == 2


@pytest.mark.parametrize("name", ["win_back", "come_back"])
def test_who_stops_the_journey_or_what_began_it_stops_its_tasks(desk: Desk, name: str) -> None:
    desk.people.said[name] = Control(name=name, state=State.STOPPED, at=NOON)
    assert desk.ask(TASK)["status"] == "stopped"
    assert (desk.people.decided, desk.publisher.published) == ({}, [])


def test_nobody_is_asked_to_see_to_somebody_who_is_gone(desk: Desk) -> None:
    assert desk.ask(TASK, person_id="p_3")["status"] == "gone"


def test_who_waits_is_noted_with_what_wakes_the_execution(desk: Desk) -> None:
    assert desk.ask(WAIT)["status"] == "waits"
    (waiting,) = desk.people.waits(PERSON)
    assert waiting == Waiting(
        person_id=PERSON,
        decision_id="d_1",
        step="reaction",
        token="token-1",  # of an execution, no secret
        happenings=(Happening.CLICKED, Happening.PURCHASE),
        message_id=message_id("d_1", QUESTIONS.validate_python(WAIT).channel, "win_back"),  # type: ignore[union-attr]
        since=datetime(2026, 3, 2, 16, tzinfo=UTC),
        expires_at=NOON + timedelta(hours=1),
    )
    assert desk.tokens.woken == []


def test_what_has_happened_before_the_waiting_began_is_not_missed(desk: Desk) -> None:
    clicked = {"message_id": message_id("d_1", QUESTIONS.validate_python(WAIT).channel, "win_back")}  # type: ignore[union-attr]
    desk.people.sent[PERSON] = [{**clicked, "outcome": "clicked"}]
    assert desk.ask(WAIT)["status"] == "woken"
    assert desk.tokens.woken == [("token-1", Happening.CLICKED)]
    assert desk.people.waiting == {}


@pytest.mark.parametrize(
    ("ordered", "status"), [("2026-03-02T16:30:00.000Z", "woken"), ("2026-03-02T15:59:59.000Z", "waits")]
)
def test_a_purchase_counts_since_the_journey_began(desk: Desk, ordered: str, status: str) -> None:
    desk.people.profiles[PERSON] = profile(last_order_at=ordered)
    assert desk.ask(WAIT)["status"] == status


def test_who_waits_no_more_when_it_is_noted_is_forgotten(desk: Desk) -> None:
    desk.tokens.waiting.clear()
    desk.people.profiles[PERSON] = profile(last_order_at="2026-03-02T16:30:00.000Z")
    assert desk.ask(WAIT)["status"] == "waits"
    assert desk.people.waiting == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {**BASE, "ask": "dance", "step": "x"},
        {**CHOOSE, "arms": []},
        {**WAIT, "happenings": ["sneeze"]},
        {"ask": "task"},
    ],
)
def test_a_question_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        QUESTIONS.validate_python(wrong)


def test_the_function_notes_who_waits_in_the_single_view(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "ENVIRONMENT": "dev",
        "SINGLE_VIEW_TABLE": TABLE,
        "IDEMPOTENCY_TABLE": LOCKS,
        "EVENTS_STREAM_NAME": EVENTS,
        "EVENT_BUS_NAME": "bus",
        "DECISION_TTL_DAYS": "30",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    cloud.put_profile(profile(), now=NOON)
    assert handler.handle({**WAIT, "since": "2999-01-01T00:00:00Z"}, LambdaContext()) == {"status": "waits"}
    (waiting,) = cloud.reader.waits(PERSON)
    assert (waiting.step, waiting.token) == ("reaction", "token-1")
    again = Waiting(**{**{name: getattr(waiting, name) for name in Waiting.__slots__}, "token": "token-2"})
    cloud.writer.put_wait(again)
    cloud.writer.take_wait(waiting)
    assert cloud.reader.waits(PERSON) == (again,), "the execution waits anew, with another token"
    cloud.writer.take_wait(again)
    assert cloud.reader.waits(PERSON) == ()


def test_only_an_execution_that_waits_no_more_is_no_error() -> None:
    client = aws.step_functions()
    waiting = Waiting(
        person_id=PERSON,
        decision_id="d_1",
        step="reaction",
        token="t",  # of an execution, no secret
        happenings=(Happening.PURCHASE,),
        message_id=None,
        since=NOON,
        expires_at=NOON,
    )
    with Stubber(client) as stub:
        told = {"taskToken": "t", "output": '{"status": "happened", "happened": "purchase"}'}
        stub.add_response("send_task_success", {}, told)
        assert TaskTokens(client=client).wake(waiting, Happening.PURCHASE)
        for code in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken"):
            stub.add_client_error("send_task_success", code)
            assert not TaskTokens(client=client).wake(waiting, Happening.PURCHASE)
        stub.add_client_error("send_task_success", "ThrottlingException")
        with pytest.raises(Exception, match="ThrottlingException"):
            TaskTokens(client=client).wake(waiting, Happening.PURCHASE)
