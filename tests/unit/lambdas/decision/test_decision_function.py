"""The decision function: one decision per occasion, stored, on the stream, and with the journey when there is one."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_aws.event_stream import StreamUnavailableError
from c360_core import single_view_keys as keys
from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Action
from c360_core.decision_rules import ContactRules
from c360_core.identity.keys import identifier_key
from c360_core.interaction import read_interaction
from c360_core.names import IdentifierType
from c360_core.play import Budget, Period, Playbook, load_playbook
from c360_core.profile import Profile
from c360_core.profile_item import profile_to_item
from lambdas.decision import handler
from lambdas.decision.logic import ConsentPendingError, Decider, PersonPendingError
from lambdas.shared.decision_publisher import DecisionPublisher
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryIdempotency, MemoryPeople, MemoryPublisher, MemoryStream
from tests.fakes.wire import LambdaContext, stream_record
from tests.unit.lambdas.conftest import HASH_SECRET, TABLE, Cloud

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
RULES = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=1, cap_days=7)
MAILBOX = identifier_key(HASH_SECRET.encode(), IdentifierType.EMAIL, "ada.lovelace@mail.org")
YES = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=NOON - timedelta(days=1))
UNHAPPY: dict[str, Any] = {
    "last_case_id": "k-1",
    "last_case_csat": 1,
    "last_case_closed_at": "2026-03-02T16:00:00Z",
    "live_events": 4,
}


class MemoryBus:
    """An event bus that keeps entries, or refuses them."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refuse = refuse

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # the service's name
        if self.refuse:
            return {"FailedEntryCount": len(Entries), "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


def decider(people: MemoryPeople, publisher: Any) -> Decider:
    return Decider(
        view=people, store=people, publisher=publisher, rules=RULES, keep_days=30, hash_secret=HASH_SECRET.encode
    )


@pytest.fixture
def people() -> MemoryPeople:
    return MemoryPeople(answers={PERSON: [YES]})


def test_a_first_purchase_is_decided_stored_and_announced_once(people: MemoryPeople) -> None:
    publisher = MemoryPublisher()

    actions = decider(people, publisher).on_change(None, profile(), now=NOON)

    assert actions == (Action.SEND,)
    assert [item["template"] for item in people.decided[PERSON]] == ["welcome"]
    assert [item["decision_id"] for item in publisher.published] == [people.decided[PERSON][0]["decision_id"]]


def test_a_second_delivery_decides_nothing_new_and_announces_the_same(people: MemoryPeople) -> None:
    publisher = MemoryPublisher()
    decider(people, publisher).on_change(None, profile(), now=NOON)
    people.answers = {}

    actions = decider(people, publisher).on_change(None, profile(), now=NOON + timedelta(hours=1))

    assert actions == ()
    assert len(people.decided[PERSON]) == 1
    assert publisher.published[0] == publisher.published[1]


def test_an_address_that_withdrew_gets_nothing_for_any_owner(people: MemoryPeople) -> None:
    people.address_answers[MAILBOX] = [replace(YES, granted=False)]

    actions = decider(people, MemoryPublisher()).on_change(None, profile(), now=NOON)

    assert actions == (Action.SUPPRESS,)
    assert [item["reasons"] for item in people.decided[PERSON]] == [["ADDRESS_SUPPRESSED"]]


def test_a_newer_consent_for_the_address_ends_its_suppression(people: MemoryPeople) -> None:
    no = replace(YES, granted=False, channel=Channel.ANY, decided_at=YES.decided_at - timedelta(hours=1))
    people.address_answers[MAILBOX] = [YES, no]

    assert decider(people, MemoryPublisher()).on_change(None, profile(), now=NOON) == (Action.SEND,)


def test_an_earlier_message_in_the_week_suppresses_the_next_and_suppressed_ones_do_not_count(
    people: MemoryPeople,
) -> None:
    one = decider(people, MemoryPublisher())
    one.on_change(None, profile(), now=NOON)

    second = one.on_change(profile(), profile(**UNHAPPY), now=NOON + timedelta(hours=1))
    third = one.on_change(
        profile(), profile(**{**UNHAPPY, "last_case_id": "k-2"}), now=NOON + timedelta(days=7, minutes=1)
    )

    assert (second, third) == ((Action.SUPPRESS,), (Action.SEND,))


COUNTED = {"last_consent_at": (NOON - timedelta(minutes=1)).isoformat()}
NO = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=False, decided_at=NOON - timedelta(minutes=1))


def test_an_answer_that_the_profile_counts_already_is_waited_for(people: MemoryPeople) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            people.answers[PERSON] = [NO]

    patient = replace(decider(people, MemoryPublisher()), pause=pause)

    assert patient.on_change(None, profile(**COUNTED), now=NOON) == (Action.SUPPRESS,)
    assert len(pauses) == 3


def test_without_the_answer_nothing_is_decided_and_the_change_comes_again(people: MemoryPeople) -> None:
    patient = replace(decider(people, MemoryPublisher()), pause=lambda _: None)

    with pytest.raises(ConsentPendingError, match="the change will be delivered again"):
        patient.on_change(None, profile(**COUNTED), now=NOON)

    assert people.decided == {}


def test_a_decision_waits_for_the_messages_that_belong_to_the_change(people: MemoryPeople) -> None:
    young = profile(computed_at=(NOON - timedelta(seconds=1)).isoformat())
    people.answers = {}
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        people.answers[PERSON] = [YES]  # it comes with the rest of the identity run

    patient = replace(decider(people, MemoryPublisher()), pause=pause)

    assert patient.on_change(None, young, now=NOON) == (Action.SEND,)
    assert pauses == [2.0]


def test_a_decision_is_taken_on_the_profile_as_it_is_by_then(people: MemoryPeople) -> None:
    people.profiles[PERSON] = profile(**COUNTED)
    patient = replace(decider(people, MemoryPublisher()), pause=lambda _: None)

    with pytest.raises(ConsentPendingError):
        patient.on_change(None, profile(), now=NOON)


@pytest.mark.parametrize(("age", "waited"), [(10.0, []), (3.0, []), (-60.0, [3.0])])
def test_an_old_change_and_a_fast_clock_cause_no_long_wait(
    people: MemoryPeople, age: float, waited: list[float]
) -> None:
    pauses: list[float] = []
    patient = replace(decider(people, MemoryPublisher()), pause=pauses.append)

    patient.on_change(None, profile(computed_at=(NOON - timedelta(seconds=age)).isoformat()), now=NOON)

    assert pauses == waited


def known(person_id: str, *, orders: int) -> Profile:
    return profile(person_id, orders=orders, live_orders=orders, live_events=2 + orders)


def test_whoever_got_a_welcome_gets_no_second_one_when_two_people_turn_out_to_be_one(people: MemoryPeople) -> None:
    people.answers["p_2"] = [YES]
    one = decider(people, MemoryPublisher())
    assert one.on_change(known("p_2", orders=0), known("p_2", orders=1), now=NOON) == (Action.SEND,)
    people.aliases = {"p_2": PERSON}

    assert one.on_change(known(PERSON, orders=0), known(PERSON, orders=1), now=NOON) == ()

    assert PERSON not in people.decided


def test_the_contacts_of_a_merged_person_count_for_the_survivors_cap(people: MemoryPeople) -> None:
    people.answers["p_2"] = [YES]
    one = decider(people, MemoryPublisher())
    one.on_change(None, profile("p_2"), now=NOON)
    people.aliases = {"p_2": PERSON}

    assert one.on_change(profile(), profile(**UNHAPPY), now=NOON) == (Action.SUPPRESS,)

    assert people.decided[PERSON][0]["reasons"] == ["FREQUENCY_CAP"]


def test_a_change_of_somebody_who_was_merged_is_the_survivors(people: MemoryPeople) -> None:
    people.aliases = {"p_2": PERSON}
    one = decider(people, MemoryPublisher())

    with pytest.raises(PersonPendingError, match=f"p_2: was merged into {PERSON}, who has no profile yet"):
        one.on_change(None, profile("p_2"), now=NOON)
    people.profiles = {PERSON: profile()}

    assert one.on_change(None, profile("p_2"), now=NOON) == (Action.SEND,)
    assert one.on_change(known(PERSON, orders=0), known(PERSON, orders=1), now=NOON) == ()
    assert list(people.decided) == [PERSON]


def test_former_ids_are_those_whose_alias_no_later_run_took_away(cloud: Cloud) -> None:
    def put(key: dict[str, str], version: int, **facts: object) -> None:
        cloud.dynamodb.put_item(TableName=TABLE, Item={**key, "version": version, **facts})

    for former in ("p_merged", "p_moved", "p_back", "p_merged_again", "p_early"):
        put(keys.former_key(PERSON, former), 7, person_id=former)
    put(keys.alias_key("p_merged"), 7, person_id=PERSON)
    put(keys.alias_key("p_moved"), 8, person_id="p_other")
    put(keys.alias_key("p_back"), 8, removed=True)
    put(keys.alias_key("p_merged_again"), 6, removed=True)

    assert sorted(cloud.reader.former_ids(PERSON)) == ["p_early", "p_merged", "p_merged_again"]


def announced(
    action: str, *, bus: MemoryBus, stream: MemoryStream, idempotency: MemoryIdempotency | None = None
) -> None:
    decision = {
        "decision_id": "d_1",
        "person_id": PERSON,
        "trigger": "first_purchase",
        "action": action,
        "channel": "email",
        "template": "welcome",
        "purpose": "marketing",
        "reasons": ["FIRST_PURCHASE", "CONSENT_GRANTED"],
        "decided_at": "2026-03-02T17:00:00.000Z",
        "not_before": "2026-03-03T13:00:00.000Z",
        "occasion_at": "2026-03-02T16:00:00.000Z",
    }
    publisher = DecisionPublisher(
        stream=stream, bus=bus, bus_name="bus", idempotency=idempotency or MemoryIdempotency(), trace_id="1-a-b"
    )  # type: ignore[arg-type]
    publisher.publish(decision, profile())


def test_a_decision_to_act_is_an_event_and_starts_the_journey() -> None:
    bus, stream = MemoryBus(), MemoryStream()

    announced("defer", bus=bus, stream=stream)

    (event,) = stream.events()
    assert (event["event_type"], event["source"]) == ("decision_made", "engagement_events")
    assert event["payload"]["reasons"] == ["FIRST_PURCHASE", "CONSENT_GRANTED"]
    (entry,) = bus.entries
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("bus", "c360.decision", "DecisionMade")
    detail = json.loads(entry["Detail"])
    assert (detail["action"], detail["template"], detail["trace_id"]) == ("defer", "welcome", "1-a-b")
    assert detail["not_before"] == "2026-03-03T13:00:00.000Z"
    assert "email" not in detail


def test_the_event_keeps_its_contract() -> None:
    stream = MemoryStream()

    announced("send", bus=MemoryBus(), stream=stream)

    read_interaction(stream.records[0].data, secret=b"0123456789abcdef", now=NOON)


def test_a_suppression_is_an_event_and_starts_no_journey() -> None:
    bus, stream = MemoryBus(), MemoryStream()

    announced("silence", bus=bus, stream=stream)

    assert (len(stream.records), bus.entries) == (1, [])


def test_an_announced_decision_is_not_announced_again() -> None:
    bus, stream, idempotency = MemoryBus(), MemoryStream(), MemoryIdempotency()

    announced("send", bus=bus, stream=stream, idempotency=idempotency)
    announced("send", bus=bus, stream=stream, idempotency=idempotency)

    assert (len(stream.records), len(bus.entries)) == (1, 1)


@pytest.mark.parametrize(
    ("bus", "stream"), [(MemoryBus(refuse=True), MemoryStream()), (MemoryBus(), MemoryStream(refuse={0}))]
)
def test_a_refusal_of_bus_or_stream_is_an_error_so_that_it_is_tried_again(bus: MemoryBus, stream: MemoryStream) -> None:
    with pytest.raises(StreamUnavailableError):
        announced("send", bus=bus, stream=stream)


@pytest.fixture
def _environment(contact_environment: pytest.MonkeyPatch) -> None:
    variables = {"EVENT_BUS_NAME": "default", "DECISION_TTL_DAYS": "400"}
    for name, value in variables.items():
        contact_environment.setenv(name, value)


def image(**changed: Any) -> dict[str, Any]:
    return {**keys.person_key(PERSON, keys.PROFILE), **profile_to_item(profile(**changed))}


def deliver(*records: dict[str, Any]) -> list[str]:
    answer = handler.handle({"Records": list(records)}, LambdaContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.usefixtures("_environment")
def test_a_suppressed_address_is_looked_up_by_its_key(cloud: Cloud) -> None:
    cloud.writer.put_consent(PERSON, YES)
    cloud.writer.put_address_consent(MAILBOX, replace(YES, granted=False))

    assert deliver(stream_record(image(), image(orders=0, live_orders=0, live_events=2))) == []

    (item,) = cloud.reader.decisions(PERSON, limit=10).items
    assert (item["action"], item["reasons"]) == ("silence", ["ADDRESS_SUPPRESSED"])


@pytest.mark.usefixtures("_environment")
def test_a_changed_item_becomes_a_decision_item_and_an_event(cloud: Cloud) -> None:
    cloud.writer.put_consent(PERSON, YES)
    record = stream_record(image(), image(orders=0, live_orders=0, live_events=2))

    assert deliver(record) == []
    assert deliver(record) == []

    (item,) = cloud.reader.decisions(PERSON, limit=10).items
    assert item["SK"] == f"DECISION#2026-03-01T12:00:00.000Z#{item['decision_id']}"
    assert (item["action"], item["reasons"]) == ("send", ["FIRST_PURCHASE", "CONSENT_GRANTED"])
    assert item["message_id"].startswith("m_")
    (event,) = cloud.events()
    assert event["payload"]["decision_id"] == item["decision_id"]


@pytest.mark.usefixtures("_environment")
def test_items_that_are_no_profiles_and_removals_mean_nothing(cloud: Cloud) -> None:
    segment = {**keys.person_key(PERSON, keys.segment_sort("vip")), "segment": "vip"}

    assert deliver(stream_record(segment), stream_record(None, image(), number="2")) == []
    assert cloud.items() == []


@pytest.mark.usefixtures("_environment")
def test_a_person_without_an_address_is_decided_on_without_an_event(cloud: Cloud) -> None:
    nobody: dict[str, Any] = dict.fromkeys(("email", "phone", "crm_id", "case_customer_id", "loyalty_id"))

    assert deliver(stream_record(image(**nobody))) == []

    (item,) = cloud.reader.decisions(PERSON, limit=10).items
    assert item["reasons"] == ["CONSENT_NEVER_GIVEN", "NO_EMAIL"]
    assert cloud.events() == []


@pytest.mark.usefixtures("_environment")
def test_an_item_that_cannot_be_read_is_reported_and_the_next_one_decided(cloud: Cloud, log: io.StringIO) -> None:
    broken = {**image(), "aggregates": {"orders": "ada.lovelace@mail.org"}}

    assert deliver(stream_record(broken, number="7"), stream_record(image(), number="8")) == ["7"]

    assert len(cloud.reader.decisions(PERSON, limit=10).items) == 1
    assert "field orders: expected a whole number" in log.getvalue()
    assert "ada.lovelace" not in log.getvalue()


def test_a_good_customer_who_is_very_unhappy_becomes_a_task_on_the_bus_and_no_contact(people: MemoryPeople) -> None:
    bus, stream = MemoryBus(), MemoryStream()
    publisher = DecisionPublisher(stream=stream, bus=bus, bus_name="bus", idempotency=MemoryIdempotency())  # type: ignore[arg-type]
    one, known = decider(people, publisher), {"orders": 9, "live_orders": 9, "segments": ["high_spenders"]}
    unhappy = profile(**known, scores={"sentiment": -0.9}, live_events=4)

    assert one.on_change(profile(**known), unhappy, now=NOON) == (Action.TASK,)

    (entry,) = bus.entries
    detail = json.loads(entry["Detail"])
    assert (detail["action"], detail["task"], detail["channel"]) == ("task", "service", "none")
    assert detail["reasons"] == ["UNHAPPY_VALUABLE"]
    assert not {"template", "purpose"} & set(detail)
    found = read_interaction(stream.records[0].data, secret=b"0123456789abcdef", now=NOON)
    assert json.loads(found.payload)["action"] == "task"
    # A task is no contact: the cap of one message leaves room for the apology.
    closed = profile(**known, **{**UNHAPPY, "live_events": 5}, scores={"sentiment": -0.9})
    assert one.on_change(unhappy, closed, now=NOON) == (Action.SEND,)


def budgeted(most: int) -> Playbook:
    (play,) = (play for play in load_playbook().plays if play.name == "first_purchase")
    return replace(load_playbook(), plays=(replace(play, budget=Budget(messages=most, per=Period.DAY)),))


def test_when_the_budget_of_a_play_is_spent_the_next_person_gets_nothing(people: MemoryPeople) -> None:
    people.answers["p_2"] = [YES]
    publisher = MemoryPublisher()
    one = replace(decider(people, publisher), playbook=budgeted(1))

    assert one.on_change(None, profile(), now=NOON) == (Action.SEND,)
    assert one.on_change(None, profile(), now=NOON) == ()
    assert one.on_change(None, profile("p_2"), now=NOON) == (Action.SUPPRESS,)

    assert people.decided["p_2"][0]["reasons"] == ["BUDGET_SPENT"]
    assert publisher.published[-1]["action"] == "silence"


def test_the_budget_is_counted_with_the_decision_or_not_at_all(cloud: Cloud) -> None:
    one = replace(
        decider(MemoryPeople(), MemoryPublisher()), playbook=budgeted(1), store=cloud.writer, view=cloud.reader
    )
    for person in (PERSON, "p_2"):
        cloud.writer.put_consent(person, YES)

    actions = [one.on_change(None, profile(person), now=NOON) for person in (PERSON, PERSON, "p_2", "p_2")]

    assert actions == [(Action.SEND,), (), (Action.SUPPRESS,), ()]
    (counter,) = (item for item in cloud.items() if item[keys.PARTITION].startswith(keys.BUDGET_PARTITION))
    assert (counter[keys.PARTITION], counter[keys.SORT], counter["spent"]) == (
        "BUDGET#first_purchase",
        "2026-03-02",
        1,
    )


def test_a_cap_sees_contacts_behind_many_silences(cloud: Cloud) -> None:
    cloud.writer.put_consent(PERSON, YES)
    # Kept for so long that the table does not take them for expired.
    one = replace(decider(MemoryPeople(), MemoryPublisher()), store=cloud.writer, view=cloud.reader, keep_days=3650)
    happened = [
        {**UNHAPPY, "last_case_id": f"k-{n}", "last_case_closed_at": f"2026-03-02T16:{n:02}:00Z"} for n in range(60)
    ]

    actions = [one.on_change(profile(), profile(**case), now=NOON)[0] for case in happened]

    assert actions == [Action.SEND] + [Action.SUPPRESS] * 59
