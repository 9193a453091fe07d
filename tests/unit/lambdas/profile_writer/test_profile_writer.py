"""The profile writer: whatever is delivered, how often and in which order, the single view ends the same."""

import io
import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter, WriteOutcome
from c360_core import single_view_keys as keys
from c360_core.consent import consent_from_change
from c360_core.decision_rules import trigger_events
from c360_core.play import load_playbook
from c360_core.profile import Profile
from c360_core.rebuild import Rebuild, rebuild_to_item, shard_end
from lambdas.profile_writer import handler
from lambdas.profile_writer.logic import sort_batch
from tests.factories.profiles import PERSON, profile, profile_change
from tests.fakes.wire import LambdaContext, kinesis_event
from tests.unit.lambdas.conftest import TABLE, Cloud

NOW = datetime.now(UTC)
RECENTLY = (NOW - timedelta(days=1)).isoformat(timespec="milliseconds")

Numbered = tuple[str, dict[str, Any]]
arrivals = itertools.count(49_000)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("TIMELINE_TTL_DAYS", "90")


def removal(person_id: str = PERSON, identity_version: int = 7) -> dict[str, Any]:
    return {"kind": "profile", "op": "delete", "person_id": person_id, "identity_version": identity_version}


def seen(event_id: str = "e-1", **changed: Any) -> dict[str, Any]:
    return {
        "kind": "event",
        "op": "upsert",
        "person_id": PERSON,
        "event_id": event_id,
        "event_type": "order_placed",
        "occurred_at": RECENTLY,
        "source": "pos_transactions",
        "amount": 12.3,
        "currency": "USD",
        **changed,
    }


def answered(*, granted: bool, at: str = "2026-03-01T12:00:00Z") -> dict[str, Any]:
    return {
        "kind": "consent",
        "person_id": PERSON,
        "purpose": "marketing",
        "channel": "email",
        "granted": granted,
        "decided_at": at,
    }


def deliver(*changes: Numbered | dict[str, Any]) -> list[str]:
    """Deliver changes as one batch; return the numbers of those that must be delivered again.

    The number is the one that `unify` gave; the positions in the stream are those of the arrival.
    """
    numbered = [change if isinstance(change, tuple) else (str(i), change) for i, change in enumerate(changes, 1)]
    records = {str(next(arrivals)): (number, {"sequence": int(number), **change}) for number, change in numbered}
    event = kinesis_event([(position, json.dumps(change).encode()) for position, (_, change) in records.items()])
    answer = handler.handle(event, LambdaContext())
    return [records[failure["itemIdentifier"]][0] for failure in answer["batchItemFailures"]]


def parsed(number: str, change: dict[str, Any]) -> Profile:
    """Return the profile that a record holds."""
    body = json.dumps({**change, "sequence": int(number)}).encode()
    found = sort_batch([(str(next(arrivals)), body)]).people[PERSON].profile
    assert isinstance(found, Profile)
    return found


def stored(cloud: Cloud) -> Profile:
    found = cloud.reader.profile(PERSON)
    assert found is not None
    return found


def test_a_profile_is_stored_in_parts_with_its_segments_beside_it(cloud: Cloud) -> None:
    assert deliver(profile_change(segments=["vip", "new_customers"])) == []

    item = next(item for item in cloud.items() if item["SK"] == "PROFILE")
    assert item["PK"] == f"PERSON#{PERSON}"
    assert str(item["aggregates"]["spend"]) == "12.34"
    assert item["version"]["identity_version"] == 7
    assert {item["segment"] for item in cloud.reader.segments(PERSON)} == {"vip", "new_customers"}


def test_only_the_last_profile_of_a_person_in_a_batch_is_written() -> None:
    batch = sort_batch(
        [(str(n), json.dumps(profile_change(orders=n)).encode()) for n in (9, 10, 11)]
        + [("12", json.dumps(profile_change("p_other")).encode())]
    )

    assert set(batch.people) == {PERSON, "p_other"}
    last = batch.people[PERSON].profile
    assert isinstance(last, Profile)
    assert last.number("orders") == 11
    assert batch.people[PERSON].sequences == ["9", "10", "11"]


def test_an_earlier_change_of_the_same_identity_version_changes_nothing(cloud: Cloud) -> None:
    deliver(("10", profile_change(orders=10)))

    assert deliver(("9", profile_change(orders=9))) == []
    assert stored(cloud).number("orders") == 10


def test_a_newer_identity_version_wins_over_a_later_change(cloud: Cloud) -> None:
    deliver(("10", profile_change(identity_version=8, orders=8)))
    deliver(("11", profile_change(identity_version=7, orders=7)))

    assert stored(cloud).number("orders") == 8


def test_leaving_a_segment_deletes_its_item_and_staying_keeps_the_date(cloud: Cloud) -> None:
    deliver(("1", profile_change(segments=["vip", "new_customers"])))
    before = {item["segment"]: item["since"] for item in cloud.reader.segments(PERSON)}
    deliver(("2", profile_change(segments=["vip", "lapsed"])))

    after = {item["segment"]: item["since"] for item in cloud.reader.segments(PERSON)}
    assert set(after) == {"vip", "lapsed"}
    assert after["vip"] == before["vip"]


def test_a_removal_takes_profile_and_segments_and_leaves_the_alias(cloud: Cloud) -> None:
    alias = {**keys.person_key(PERSON, keys.ALIAS), "person_id": "p_survivor"}
    cloud.dynamodb.put_item(TableName=TABLE, Item=alias)
    deliver(("1", profile_change()))
    deliver(("2", removal()))

    assert cloud.reader.profile(PERSON) is None
    assert cloud.reader.segments(PERSON) == []
    assert cloud.reader.survivor(PERSON) == "p_survivor"


def test_an_older_profile_does_not_bring_a_removed_person_back(cloud: Cloud) -> None:
    deliver(("2", removal()))
    deliver(("1", profile_change()))

    assert cloud.reader.profile(PERSON) is None


def test_a_newer_profile_brings_a_removed_person_back(cloud: Cloud) -> None:
    deliver(("1", removal()))
    deliver(("2", profile_change(identity_version=8)))

    assert stored(cloud).person_id == PERSON


def test_an_event_is_on_the_timeline_once_with_its_end_in_ninety_days(cloud: Cloud) -> None:
    deliver(seen())
    deliver(seen())

    (item,) = cloud.reader.timeline(PERSON, limit=10).items
    assert item["SK"] == f"EVENT#{item['occurred_at']}#pos_transactions#e-1"
    assert str(item["amount"]) == "12.30"
    ends = datetime.fromtimestamp(int(item["expires_at"]), UTC)
    assert ends - datetime.fromisoformat(item["occurred_at"]) == pytest.approx(
        timedelta(days=90), abs=timedelta(seconds=1)
    )


def test_an_event_that_would_have_left_the_timeline_is_not_written(cloud: Cloud) -> None:
    assert deliver(seen(occurred_at="2020-01-01T00:00:00Z")) == []

    assert cloud.items() == []


def test_a_withdrawal_stays_when_an_older_consent_arrives_late(cloud: Cloud) -> None:
    deliver(answered(granted=False, at="2026-03-02T12:00:00Z"))
    deliver(answered(granted=True, at="2026-03-01T12:00:00Z"))

    (consent,) = cloud.reader.consents(PERSON)
    assert not consent.granted


@pytest.mark.parametrize("first", [True, False])
def test_a_withdrawal_wins_over_a_consent_of_the_same_time(cloud: Cloud, first: bool) -> None:
    deliver(answered(granted=first))
    deliver(answered(granted=not first))

    (consent,) = cloud.reader.consents(PERSON)
    assert not consent.granted


MAILBOX = f"email:{'0' * 31}1"


def answered_address(*, granted: bool, at: str) -> dict[str, Any]:
    return {**answered(granted=granted, at=at), "kind": "address_consent", "op": "upsert", "person_id": MAILBOX}


def test_an_answer_about_an_address_is_stored_beside_whose_it_is(cloud: Cloud) -> None:
    assert deliver(answered_address(granted=False, at="2026-03-01T12:00:00Z")) == []

    (item,) = cloud.items()
    assert (item["PK"], item["SK"]) == (f"ID#email#{'0' * 31}1", "CONSENT#marketing#email")
    assert cloud.reader.person_of(MAILBOX) is None
    (consent,) = cloud.reader.address_consents(MAILBOX)
    assert (consent.granted, consent.decided_at) == (False, datetime(2026, 3, 1, 12, tzinfo=UTC))


ADDRESS_ANSWERS = st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(answers=ADDRESS_ANSWERS, order=st.randoms(use_true_random=False), cuts=st.integers(1, 3))
def test_in_any_order_an_address_ends_with_the_same_answer(cloud: Cloud, answers: Any, order: Any, cuts: int) -> None:
    for item in cloud.items():
        cloud.dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("PK", "SK")})
    at, no = max((day, not granted) for day, granted in answers)
    changes = [answered_address(granted=granted, at=f"2026-03-{day:02d}T12:00:00Z") for day, granted in answers]
    delivered = [*changes, *order.sample(changes, len(changes) // 2)]  # some come twice
    order.shuffle(delivered)

    for start in range(0, len(delivered), cuts):
        assert deliver(*delivered[start : start + cuts]) == []

    (consent,) = cloud.reader.address_consents(MAILBOX)
    assert (consent.decided_at.day, consent.granted) == (at, not no)


@pytest.mark.parametrize("broken", [{"granted": "no"}, {"purpose": "spying"}, {"decided_at": "soon"}])
def test_a_broken_answer_about_an_address_is_set_aside(cloud: Cloud, broken: dict[str, Any]) -> None:
    assert deliver({**answered_address(granted=False, at="2026-03-01T12:00:00Z"), **broken}) == []
    assert len(cloud.set_aside()) == 1
    assert cloud.items() == []


class Contended:
    """A table on which others are faster: the first transactions are cancelled, after what the others do."""

    def __init__(self, cloud: Cloud, reason: str, others: Sequence[Callable[[], object]]) -> None:
        self._cloud = cloud
        self._reason = reason
        self._others = list(others)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud.dynamodb, name)

    def transact_write_items(self, **request: Any) -> None:
        if not self._others:
            self._cloud.dynamodb.transact_write_items(**request)
            return
        self._others.pop(0)()
        reasons = [{"Code": "None"}, {"Code": self._reason}]
        cancelled = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(cancelled, "TransactWriteItems")  # type: ignore[arg-type]


def put_after(cloud: Cloud, first: Profile, second: Profile) -> WriteOutcome:
    """Put the second profile by what stood there before the first; the first arrives while the second is written."""
    before = cloud.stored_state(second)
    faster = Contended(cloud, "ConditionalCheckFailed", [lambda: cloud.put_profile(first, now=NOW)])
    return SingleViewWriter(client=faster, table=TABLE).put_profile(second, before, now=NOW)


def test_a_lost_race_leads_to_a_new_read(cloud: Cloud) -> None:
    older, newer = parsed("1", profile_change(orders=1)), parsed("2", profile_change(orders=2))

    assert put_after(cloud, newer, older) is WriteOutcome.STALE
    assert stored(cloud).number("orders") == 2


def test_a_lost_race_against_an_older_version_is_written_again(cloud: Cloud) -> None:
    older, newer = parsed("1", profile_change(orders=1)), parsed("2", profile_change(orders=2, segments=["vip"]))

    assert put_after(cloud, older, newer) is WriteOutcome.WRITTEN
    assert stored(cloud).number("orders") == 2
    assert [item["segment"] for item in cloud.reader.segments(PERSON)] == ["vip"]


def test_a_write_to_a_missing_item_is_repeated(cloud: Cloud) -> None:
    before = cloud.stored_state(profile())
    deliver(("1", profile_change(orders=1, segments=["lapsed"])))

    assert (
        cloud.writer.put_profile(parsed("2", profile_change(segments=["vip"])), before, now=NOW) is WriteOutcome.WRITTEN
    )
    assert [item["segment"] for item in cloud.reader.segments(PERSON)] == ["vip"]


def test_stored_states_are_read_in_few_requests_until_all_are_answered(cloud: Cloud) -> None:
    everybody = [f"p_{number}" for number in range(120)]
    deliver(*[profile_change(person_id) for person_id in everybody[:60]])
    requests: list[int] = []

    class Slow:
        """A table that answers for one key at a time less than it is asked for."""

        def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803  # the API's name
            asked = RequestItems[TABLE]["Keys"]
            requests.append(len(asked))
            answer = cloud.dynamodb.batch_get_item(
                RequestItems={TABLE: {**RequestItems[TABLE], "Keys": asked[:-1] or asked}}
            )
            rest = {TABLE: {**RequestItems[TABLE], "Keys": asked[-1:]}} if len(asked) > 1 else {}
            return {**answer, "UnprocessedKeys": rest}

    found = SingleViewReader(client=Slow(), table=TABLE).stored_states(everybody)

    assert [person_id for person_id, state in found.items() if state.has_profile] == everybody[:60]
    assert requests == [100, 1, 100, 1, 40, 1]


@pytest.mark.parametrize(("reason", "times"), [("ConditionalCheckFailed", 3), ("TransactionConflict", 1)])
def test_a_write_that_cannot_be_settled_is_an_error(cloud: Cloud, reason: str, times: int) -> None:
    tries: list[None] = []
    writer = SingleViewWriter(client=Contended(cloud, reason, [lambda: tries.append(None)] * 5), table=TABLE)

    with pytest.raises(ClientError):
        writer.put_profile(profile(), cloud.stored_state(profile()), now=NOW)

    assert len(tries) == times


def test_profile_and_segments_are_stored_together_or_not_at_all(cloud: Cloud) -> None:
    deliver(("1", profile_change(orders=1, segments=["vip"])))
    before = cloud.items()

    assert deliver(("2", profile_change(orders=2, segments=["lapsed", "x" * 2_000]))) == []
    assert len(cloud.set_aside()) == 1
    assert cloud.items() == before


def test_an_event_that_turned_out_to_be_another_persons_leaves_the_timeline(cloud: Cloud) -> None:
    deliver(("1", seen("e-1")), ("2", seen("e-2")))
    again = [seen("e-1", op="delete"), seen("e-3"), seen("e-3", op="delete"), seen("e-2", op="delete"), seen("e-2")]
    deliver(*[(str(number), change) for number, change in enumerate(again, 3)])

    assert [item["event_id"] for item in cloud.reader.timeline(PERSON, limit=10).items] == ["e-2"]


def test_a_yes_that_turned_out_to_be_another_persons_is_taken_back(cloud: Cloud) -> None:
    deliver(("1", answered(granted=True)))
    deliver(("2", {**answered(granted=True), "op": "delete"}))

    assert cloud.reader.consents(PERSON) == ()


def test_an_answer_is_taken_back_whichever_comes_first(cloud: Cloud) -> None:
    deliver(("2", {**answered(granted=True), "op": "delete"}))
    deliver(("1", answered(granted=True)))

    assert cloud.reader.consents(PERSON) == ()
    (remembered,) = cloud.items()
    assert datetime.fromtimestamp(int(remembered["expires_at"]), UTC) > NOW + timedelta(days=366)


def test_revoking_an_answer_keeps_a_withdrawal(cloud: Cloud) -> None:
    deliver(("1", answered(granted=False)))
    deliver(("2", {**answered(granted=False), "op": "delete"}))

    assert [consent.granted for consent in cloud.reader.consents(PERSON)] == [False]


@pytest.mark.parametrize("first", ["given", "taken back"])
def test_revoking_an_answer_keeps_later_answers(cloud: Cloud, first: str) -> None:
    said = consent_from_change(answered(granted=True, at="2026-03-01T12:00:00.001Z"))
    taken_back = ("2", {**answered(granted=True), "op": "delete"})
    deliver(("1", answered(granted=True)))
    steps = [lambda: cloud.writer.put_consent(PERSON, said), lambda: deliver(taken_back)]
    for step in steps if first == "given" else reversed(steps):
        step()

    assert cloud.reader.consents(PERSON) == (said,)


def test_when_the_youngest_answer_goes_to_another_person_the_one_before_counts(cloud: Cloud) -> None:
    deliver(("1", answered(granted=False, at="2026-03-01T12:00:00Z")))
    deliver(("2", answered(granted=True, at="2026-03-02T12:00:00Z")))
    deliver(("3", {**answered(granted=True, at="2026-03-02T12:00:00Z"), "op": "delete"}))
    deliver(("4", answered(granted=False, at="2026-03-01T12:00:00Z")))

    assert [consent.granted for consent in cloud.reader.consents(PERSON)] == [False]


def test_an_answer_during_the_stream_is_processed_too(cloud: Cloud) -> None:
    said = consent_from_change(answered(granted=False, at="2026-03-02T12:00:00Z"))

    class Faster:
        """A table on which the person is faster, once."""

        def __init__(self) -> None:
            self.others = [lambda: cloud.writer.put_consent(PERSON, said)]

        def __getattr__(self, name: str) -> Any:
            return getattr(cloud.dynamodb, name)

        def put_item(self, **request: Any) -> None:
            while self.others:
                self.others.pop()()
            cloud.dynamodb.put_item(**request)

    told = consent_from_change(answered(granted=True))
    writer = SingleViewWriter(client=Faster(), table=TABLE)
    writer.change_answers(PERSON, told.purpose, told.channel, lambda heard: heard.add(told, sequence=1), now=NOW)

    assert cloud.reader.consents(PERSON) == (said,)


def test_a_removed_entry_does_not_come_back(cloud: Cloud) -> None:
    deliver(("2", seen(op="delete")))
    deliver(("1", seen()))

    assert cloud.reader.timeline(PERSON, limit=10).items == []


def test_an_entry_that_is_added_again_later_is_stored(cloud: Cloud) -> None:
    deliver(("3", seen()))
    deliver(("2", seen(op="delete")))

    assert [item["event_id"] for item in cloud.reader.timeline(PERSON, limit=10).items] == ["e-1"]


def test_two_sources_may_use_the_same_id_at_the_same_moment(cloud: Cloud) -> None:
    deliver(seen(), seen(source="web_events"))
    deliver(("9", seen(source="web_events", op="delete")))

    assert [item["source"] for item in cloud.reader.timeline(PERSON, limit=10).items] == ["pos_transactions"]


def test_pages_pass_by_what_was_taken_off_or_has_expired(cloud: Cloud) -> None:
    hours = [(NOW - timedelta(hours=hour)).isoformat(timespec="milliseconds") for hour in range(12)]
    deliver(*[seen(f"e-{hour}", occurred_at=at) for hour, at in enumerate(hours)])
    deliver(*[(str(100 + hour), seen(f"e-{hour}", occurred_at=hours[hour], op="delete")) for hour in range(1, 9)])
    expired = next(item for item in cloud.items() if item.get("event_id") == "e-10")
    cloud.dynamodb.put_item(TableName=TABLE, Item={**expired, "expires_at": int(NOW.timestamp()) - 1})

    pages, cursor = [], None
    while not pages or cursor is not None:
        page = cloud.reader.timeline(PERSON, limit=2, cursor=cursor)
        cursor = page.cursor
        pages.append([item["event_id"] for item in page.items])

    assert pages[:2] == [["e-0", "e-9"], ["e-11"]]
    assert not any(pages[2:])


def test_changes_without_a_number_count_as_they_come_until_there_is_one(cloud: Cloud) -> None:
    def old(*changes: dict[str, Any]) -> None:
        for change in changes:
            deliver(("0", {**change, "sequence": None}))

    old(profile_change(orders=1), profile_change(orders=2), seen(), answered(granted=True))
    assert stored(cloud).number("orders") == 2
    deliver(
        ("1", profile_change(orders=3)), ("2", seen(op="delete")), ("3", {**answered(granted=True), "op": "delete"})
    )
    old(profile_change(orders=4), seen(), answered(granted=True))

    assert stored(cloud).number("orders") == 3
    assert cloud.reader.timeline(PERSON, limit=10).items == []
    assert cloud.reader.consents(PERSON) == ()


@pytest.mark.parametrize("number", [0, -1, "7", True, 1.5])
def test_an_invalid_number_is_set_aside(cloud: Cloud, log: io.StringIO, number: object) -> None:
    assert deliver(("1", profile_change(sequence=number))) == []
    (letter,) = cloud.set_aside()
    assert "field sequence: expected a whole number above 0" in letter["reason"]
    assert letter["reason"] in log.getvalue()


def test_poison_is_set_aside_with_the_reason_and_without_personal_data(cloud: Cloud, log: io.StringIO) -> None:
    poison = profile_change(orders="ada.lovelace@mail.org")

    assert deliver(("1", profile_change()), ("2", poison), ("3", seen())) == []

    (letter,) = cloud.set_aside()
    assert "field orders: expected a whole number" in letter["reason"]
    for told in (log.getvalue(), json.dumps(letter)):
        assert "field orders: expected a whole number" in told
        assert "ada.lovelace" not in told
    assert {item["SK"].split("#")[0] for item in cloud.items()} == {"PROFILE", "SEGMENT", "EVENT"}


@pytest.mark.parametrize("data", [b"\xff", b"[1]", b"{", b'{"kind": "rumour", "person_id": "p_1"}'])
def test_bytes_that_are_no_change_are_set_aside_by_their_position(cloud: Cloud, data: bytes) -> None:
    event = kinesis_event([("5", data)])

    assert handler.handle(event, LambdaContext()) == {"batchItemFailures": []}

    (letter,) = cloud.set_aside()
    position = letter["KinesisBatchInfo"]
    assert (position["shardId"], position["startSequenceNumber"]) == ("shardId-000000000000", "5")
    assert position["streamArn"] == event["Records"][0]["eventSourceARN"]
    assert position["approximateArrivalOfFirstRecord"] == "2026-02-02T02:40:00.000Z"


def test_many_unreadable_records_are_set_aside_at_once(cloud: Cloud) -> None:
    event = kinesis_event([(str(number), b"{") for number in range(1, 24)])

    assert handler.handle(event, LambdaContext()) == {"batchItemFailures": []}

    positions = [letter["KinesisBatchInfo"]["startSequenceNumber"] for letter in cloud.set_aside()]
    assert sorted(positions, key=int) == [str(number) for number in range(1, 24)]


def test_records_that_the_dead_letter_queue_refuses_are_delivered_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", f"{cloud.dead_letters}-gone")

    assert deliver(("1", profile_change(orders="many")), ("2", profile_change(orders=2))) == ["1"]
    assert stored(cloud).number("orders") == 2


def test_a_person_who_cannot_be_written_is_reported_and_the_others_are_written(cloud: Cloud, log: io.StringIO) -> None:
    too_big = profile_change("p_big", first_name="x" * 500_000)

    failed = deliver(("1", profile_change()), ("2", too_big), ("3", {**seen(), "person_id": "p_big"}))

    assert failed == ["2", "3"]
    assert stored(cloud).person_id == PERSON
    assert "person not written" in log.getvalue()


upserts = st.builds(
    profile_change,
    identity_version=st.integers(1, 3),
    orders=st.integers(0, 9),
    segments=st.lists(st.sampled_from(["vip", "lapsed", "new_customers"]), unique=True),
)
OTHER = "p_01HZX0000000000000000000BB"
operations = st.sampled_from(["upsert", "delete"])
people = st.sampled_from([PERSON, OTHER])
changes = st.one_of(
    upserts,
    st.builds(removal, identity_version=st.integers(1, 3)),
    # An interaction that goes from one person to another is a delete for the one and an upsert for the other.
    st.builds(seen, st.sampled_from(["e-1", "e-2"]), op=operations, person_id=people),
    st.builds(
        lambda answer, op, person: {**answer, "op": op, "person_id": person},
        st.builds(answered, granted=st.booleans(), at=st.integers(1, 5).map(lambda day: f"2026-03-0{day}T12:00:00Z")),
        operations,
        people,
    ),
)


def state(cloud: Cloud) -> dict[str, object]:
    """Return what readers are shown. Joining dates depend on the time of writing."""
    return {
        person_id: {
            "profile": cloud.reader.profile(person_id),
            "segments": sorted(item["segment"] for item in cloud.reader.segments(person_id)),
            "consents": cloud.reader.consents(person_id),
            "timeline": cloud.reader.timeline(person_id, limit=50).items,
        }
        for person_id in (PERSON, OTHER)
    }


def empty(cloud: Cloud) -> None:
    for item in cloud.items():
        cloud.dynamodb.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})


@given(st.lists(changes, min_size=1, max_size=8), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_repetition_and_cut_into_batches_converges(
    cloud: Cloud, sent: list[dict[str, Any]], data: st.DataObject
) -> None:
    numbered: list[Numbered] = [(str(number), change) for number, change in enumerate(sent, 100)]
    empty(cloud)
    for change in numbered:
        deliver(change)
    expected = state(cloud)

    repeated = numbered + data.draw(st.lists(st.sampled_from(numbered), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    cut = data.draw(st.integers(0, len(shuffled)))
    empty(cloud)
    for batch in filter(None, (shuffled[:cut], shuffled[cut:])):
        deliver(*batch)

    assert state(cloud) == expected


def test_outcomes_distinguish_a_repetition_from_a_stale_write(cloud: Cloud) -> None:
    newer, older = parsed("2", profile_change()), parsed("1", profile_change())

    outcomes = [cloud.put_profile(profile, now=NOW) for profile in (newer, newer, older)]

    assert outcomes == [WriteOutcome.WRITTEN, WriteOutcome.REPEATED, WriteOutcome.STALE]


def begin_rebuild(cloud: Cloud, rebuild: Rebuild) -> None:
    cloud.dynamodb.put_item(TableName=TABLE, Item={**keys.rebuild_key(), **rebuild_to_item(rebuild)})


def test_repeated_changes_of_a_rebuild_trigger_nothing_and_later_ones_do(cloud: Cloud) -> None:
    """A person with ten orders is told again from the first one on; then an eleventh comes, and an unhappy case."""
    deliver(("5", profile_change(orders=10, live_orders=10, live_events=10)))
    seen_by_decision = [stored(cloud)]
    begin_rebuild(cloud, Rebuild(since=10, until=20))
    for number in range(9):
        deliver((str(10 + number), profile_change(orders=number, live_orders=number, live_events=number)))
        seen_by_decision.append(stored(cloud))
    deliver(("19", profile_change(orders=10, live_orders=10, live_events=10)))
    seen_by_decision.append(stored(cloud))

    pairs = list(itertools.pairwise(seen_by_decision))
    assert [trigger_events(old, new, load_playbook()) for old, new in pairs] == [()] * len(pairs)
    assert stored(cloud).rebuilt
    assert stored(cloud).number("orders") == 10

    case = {"last_case_id": "c-1", "last_case_csat": 1, "last_case_closed_at": RECENTLY}
    deliver(("20", profile_change(orders=11, live_orders=11, live_events=11, **case)))
    assert not stored(cloud).rebuilt
    assert [one.subject for one in trigger_events(seen_by_decision[-1], stored(cloud), load_playbook())] == ["c-1"]


def test_a_rebuild_keeps_the_date_of_joining_unless_a_step_of_it_is_outside_the_segment(cloud: Cloud) -> None:
    segments = ["high_spenders", "midwest"]
    cloud.put_profile(parsed("5", profile_change(segments=segments)), now=NOW - timedelta(days=9))
    joined = {item["segment"]: item["since"] for item in cloud.reader.segments(PERSON)}
    begin_rebuild(cloud, Rebuild(since=10, until=20))
    deliver(("10", profile_change(orders=1, segments=["midwest"])))
    deliver(("11", profile_change(orders=9, segments=segments)))

    after = {item["segment"]: item["since"] for item in cloud.reader.segments(PERSON)}
    assert set(after) == set(segments) == set(stored(cloud).segments)
    assert after["midwest"] == joined["midwest"]
    assert after["high_spenders"] > joined["high_spenders"]


def test_while_a_rebuild_has_no_end_all_that_comes_is_its_own(cloud: Cloud) -> None:
    begin_rebuild(cloud, Rebuild(since=10))
    deliver(("9", profile_change()))
    assert not stored(cloud).rebuilt

    deliver(("99", profile_change()))

    assert stored(cloud).rebuilt


def ended(cloud: Cloud, shard: str) -> Any:
    return cloud.dynamodb.get_item(TableName=TABLE, Key=keys.ended_key(shard)).get("Item")


def test_the_end_of_a_shard_is_noted_when_all_before_it_is_written(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = shard_end("shardId-0", Rebuild(since=10, until=20))

    def refuse(*_: Any, **__: Any) -> WriteOutcome:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slower"}}, "PutItem")

    with monkeypatch.context() as patched:
        patched.setattr(SingleViewWriter, "put_profile", refuse)
        assert deliver(("11", profile_change()), ("10", end)) == ["11", "10"]
    assert ended(cloud, "shardId-0") is None

    assert deliver(("11", profile_change()), ("10", end)) == []
    assert ended(cloud, "shardId-0")["since"] == 10


def test_an_unreadable_record_does_not_stop_a_shard_from_reaching_its_end(cloud: Cloud) -> None:
    assert deliver(("11", {"kind": "gossip", "person_id": "x"}), ("10", shard_end("s", Rebuild(since=10)))) == []
    assert len(cloud.set_aside()) == 1
    assert ended(cloud, "s") is not None
