"""Tiers of members: the newest counts, whatever happens in between, and what became of one is an event."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.bus_events import BusEvent
from c360_core.consent import Channel, Consent, Purpose
from c360_core.interaction import check
from c360_core.loyalty import TierRule, Tiers, known_tiers
from lambdas.loyalty import handler
from lambdas.loyalty.ledger import LEASE_SECONDS, Claim, TableLedger
from lambdas.loyalty.logic import NO_CONSENT, NO_MEMBER, LoyaltySystem
from lambdas.shared.outbound.https import Answer, HttpsCaller
from lambdas.shared.outbound.port import RefusedError, UnavailableError
from tests.factories.bus_events import bus_event
from tests.factories.profiles import PERSON, profile
from tests.fakes.outbound import MemoryCaller
from tests.fakes.ports import MemoryPeople, MemoryStream
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import EVENTS, LOCKS, TABLE, Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIERS = Tiers(
    rules=[TierRule(segment="high_spenders", tier="gold"), TierRule(segment="active_shoppers", tier="silver")],
    otherwise="basic",
)
MEMBER = "L0000001"


@dataclass
class MemoryLedger:
    """The ledger of a table, in a dictionary."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def claim(self, member_id: str, *, version: str, tier: str, now: float) -> Claim:
        """Take the lease as `TableLedger` does; a test compares the two."""
        item = self._item(member_id)
        if item["version"] >= version:
            return Claim.DONE if item["version"] == version else Claim.STALE
        if item["until"] > now:
            return Claim.BUSY
        if item["tier"] == tier and not item["doubtful"]:
            item["version"] = version
            return Claim.UNCHANGED
        item |= {"until": now + LEASE_SECONDS, "doubtful": True}
        return Claim.MINE

    def settle(self, member_id: str, *, version: str, tier: str, now: float) -> None:
        """Note what was written."""
        if self._item(member_id)["version"] <= version:
            self.items[member_id] = {"version": version, "tier": tier, "until": 0.0, "doubtful": False}

    def release(self, member_id: str) -> None:
        """End the lease."""
        self._item(member_id)["until"] = 0.0

    def _item(self, member_id: str) -> dict[str, Any]:
        return self.items.setdefault(member_id, {"version": "", "tier": None, "until": 0.0, "doubtful": False})


class World:
    """The function with everything around it in memory."""

    def __init__(self, *, purpose: Purpose | None = None, ledger: Any = None) -> None:
        self.people = MemoryPeople()
        self.stream, self.caller, self.now = MemoryStream(), MemoryCaller(), NOW
        self.system = LoyaltySystem(
            url="https://loyalty.example.com/members/",
            caller=self.caller,
            key=lambda: "key-of-the-system",
            view=self.people,
            ledger=MemoryLedger() if ledger is None else ledger,
            stream=self.stream,
            tiers=TIERS,
            purpose=purpose,
            clock=lambda: self.now,
        )

    def becomes(self, sequence: int, *segments: str, **changed: Any) -> dict[str, Any]:
        """Let the single view have a profile; return the event of the bus about it."""
        new = profile(sequence=sequence, segments=list(segments), **changed)
        self.people.profiles[PERSON] = new
        return bus_event(BusEvent.SEGMENTS_CHANGED, version=new.version.text)

    def written(self) -> list[str]:
        return [json.loads(one.body)["tier"] for one in self.caller.calls]

    def told(self) -> list[dict[str, Any]]:
        return [one["payload"] for one in self.stream.events()]


@pytest.mark.parametrize(
    ("segments", "tier"),
    [
        (("high_spenders", "active_shoppers"), "gold"),
        (("active_shoppers", "midwest"), "silver"),
        (("midwest",), "basic"),
        ((), "basic"),
    ],
)
def test_the_first_segment_that_fits_says_the_tier(segments: tuple[str, ...], tier: str) -> None:
    world = World()
    assert world.system.deliver(world.becomes(1, *segments)) == "accepted"

    [call] = world.caller.calls
    assert (call.method, call.url) == ("PUT", f"https://loyalty.example.com/members/{MEMBER}/tier")
    assert call.headers["authorization"] == "Bearer key-of-the-system"
    told = json.loads(call.body)
    assert (told["member_id"], told["tier"]) == (MEMBER, tier)
    assert b"ada" not in call.body.lower()
    assert tier in known_tiers()


def test_what_became_of_a_tier_is_an_event_that_its_contract_accepts() -> None:
    world = World()
    world.system.deliver(world.becomes(1, "high_spenders"))

    [event] = world.stream.events()
    assert check(event, now=NOW + timedelta(minutes=1))["event_type"] == "loyalty_tier_written"
    assert event["payload"] == {"tier": "gold", "outcome": "accepted"}
    assert event["identifiers"]["loyalty_id"] == [MEMBER]


def test_an_event_that_comes_again_writes_nothing_and_one_that_is_late_writes_no_older_tier() -> None:
    world = World()
    first = world.becomes(1, "active_shoppers")
    second = world.becomes(2, "high_spenders")

    assert [world.system.deliver(one) for one in (second, first, second)] == ["accepted", "done", "done"]
    assert world.written() == ["gold"]


def test_a_newer_profile_of_the_same_tier_needs_no_call() -> None:
    world = World()
    outcomes = [world.system.deliver(world.becomes(n, "high_spenders", f"x{n}")) for n in (1, 2, 3)]
    assert (outcomes, world.written()) == (["accepted", "unchanged", "unchanged"], ["gold"])


def test_after_a_call_in_doubt_the_tier_is_written_even_if_it_is_the_noted_one() -> None:
    """The call may have arrived; only another one makes sure."""
    world = World()
    world.system.deliver(world.becomes(1, "high_spenders"))
    world.caller.answers = [Answer(status=0)]
    with pytest.raises(UnavailableError, match="does not answer"):
        world.system.deliver(world.becomes(2))

    assert world.system.deliver(world.becomes(3, "high_spenders")) == "accepted"
    assert world.written() == ["gold", "basic", "gold"]


def test_while_somebody_writes_a_member_the_others_wait() -> None:
    world = World()
    event = world.becomes(2, "high_spenders")
    world.system.ledger.claim(MEMBER, version="1", tier="basic", now=NOW.timestamp())
    with pytest.raises(UnavailableError, match="another invocation") as raised:
        world.system.deliver(event)
    assert (raised.value.retry_after, raised.value.is_down) == (LEASE_SECONDS, False)

    world.now += timedelta(seconds=LEASE_SECONDS)
    assert world.system.deliver(event) == "accepted"


def test_a_refusal_is_told_and_set_aside_and_the_way_back_writes_the_tier() -> None:
    world = World()
    event = world.becomes(1, "high_spenders")
    world.caller.answers = [Answer(status=404)]
    with pytest.raises(RefusedError, match="loyalty answers 404"):
        world.system.deliver(event)
    assert world.told() == [{"tier": "gold", "outcome": "refused"}]

    assert world.system.deliver(event) == "accepted"


def test_nobody_is_written_who_is_no_member_or_is_gone() -> None:
    world = World()
    assert world.system.deliver(world.becomes(1, "high_spenders", loyalty_id=None)) == NO_MEMBER
    event = world.becomes(2, "high_spenders")
    world.people.profiles.clear()
    assert world.system.deliver(event) == NO_MEMBER
    assert world.caller.calls == []


def test_a_merged_person_has_the_tier_of_the_survivor() -> None:
    world = World()
    event = world.becomes(1)
    survivor = profile("p_other", sequence=9, identity_version=8, segments=["high_spenders"])
    world.people.profiles = {"p_other": survivor}
    world.people.aliases = {PERSON: "p_other"}
    assert world.system.deliver(event) == "accepted"
    assert world.written() == ["gold"]


def test_a_profile_that_is_older_than_the_event_is_read_again() -> None:
    world = World()
    event = world.becomes(2, "high_spenders")
    world.becomes(1)
    with pytest.raises(UnavailableError, match="not read as new") as raised:
        world.system.deliver(event)
    assert not raised.value.is_down


@pytest.mark.parametrize(("granted", "outcome"), [((True,), "accepted"), ((True, False), NO_CONSENT), ((), NO_CONSENT)])
def test_where_a_consent_is_needed_only_who_agrees_is_written(granted: tuple[bool, ...], outcome: str) -> None:
    world = World(purpose=Purpose.PERSONALISATION)
    world.people.answers[PERSON] = [
        Consent(purpose=Purpose.PERSONALISATION, channel=Channel.ANY, granted=one, decided_at=NOW + timedelta(days=n))
        for n, one in enumerate(granted)
    ]
    assert world.system.deliver(world.becomes(1, "high_spenders")) == outcome


OTHERS = (bus_event(), {**bus_event(), "source": "x"}, bus_event(BusEvent.SEGMENTS_CHANGED, version=None))


@pytest.mark.parametrize("event", OTHERS)
def test_another_event_moves_no_tier(event: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        World().system.deliver(event)


class KilledError(BaseException):
    """The function ends between two instructions."""


FATES = ("fine", "killed before", "killed after", "500", "500 but taken", "stream refuses", "killed in stream")


class Remote:
    """The loyalty system as it is there: its member's tier, and everything that it was asked."""

    def __init__(self, world: World) -> None:
        self.world, self.fate, self.tier = world, "fine", "basic"

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.fate == "killed before":
            raise KilledError
        if self.fate != "500":
            self.tier = json.loads(body)["tier"]
        if self.fate == "killed after":
            raise KilledError
        return Answer(status=500 if self.fate.startswith("500") else 200)


@settings(deadline=None)
@given(
    history=st.lists(st.sampled_from([(), ("active_shoppers",), ("high_spenders",)]), min_size=1, max_size=5),
    deliveries=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(FATES), st.integers(0, 90)), max_size=12),
    when=st.lists(st.integers(0, 12), min_size=5, max_size=5),
)
def test_whatever_happens_the_member_has_the_newest_tier_in_the_end(
    history: list[tuple[str, ...]], deliveries: list[tuple[int, str, int]], when: list[int]
) -> None:
    """Events come late, twice and out of order, and the function ends anywhere; each event is delivered in the end."""
    world = World()
    remote = Remote(world)
    object.__setattr__(world.system, "caller", remote)
    events: list[dict[str, Any]] = []
    moments = sorted(when)

    def write(event: dict[str, Any], fate: str) -> None:
        remote.fate = fate
        world.stream.refuse = {0} if fate == "stream refuses" else set()
        publish = world.stream.publish
        if fate == "killed in stream":
            world.stream.publish = _killed  # type: ignore[method-assign, assignment]
        try:
            world.system.deliver(event)
        except (KilledError, UnavailableError):
            pass
        finally:
            world.stream.publish = publish  # type: ignore[method-assign]

    for step in range(13):
        while len(events) < len(history) and moments[len(events)] <= step:
            events.append(world.becomes(len(events) + 1, *history[len(events)]))
        if step < len(deliveries):
            which, fate, seconds = deliveries[step]
            world.now += timedelta(seconds=seconds)
            if which < len(events):
                write(events[which], fate)
    # What is not acknowledged comes again, once whoever was killed has lost the lease.
    world.now += timedelta(seconds=2 * LEASE_SECONDS)
    for event in reversed(events):
        world.now += timedelta(seconds=1)
        write(event, "fine")

    assert remote.tier == TIERS.of(history[-1])
    ids = {(one["event_id"], one["payload"]["tier"]) for one in world.stream.events()}
    assert len({one for one, _ in ids}) == len(ids), "an event id says one thing"


def _killed(_records: Any) -> tuple[int, ...]:
    raise KilledError


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "settle", "release"]),
        st.integers(1, 4),
        st.sampled_from(["gold", "basic"]),
        st.integers(0, 40),
    ),
    max_size=12,
)


def test_the_table_and_the_memory_of_these_tests_give_the_same_leases(cloud: Cloud) -> None:
    @settings(deadline=None, max_examples=60)
    @given(steps=STEPS)
    def compare(steps: list[tuple[str, int, str, int]]) -> None:
        cloud.dynamodb.delete_item(TableName=LOCKS, Key={"id": f"MEMBER#{MEMBER}"})
        table, memory, now = TableLedger(client=cloud.dynamodb, table=LOCKS), MemoryLedger(), 1_000.0
        for step, version, tier, seconds in steps:
            now += seconds
            if step == "claim":
                ours = table.claim(MEMBER, version=str(version), tier=tier, now=now)
                assert ours is memory.claim(MEMBER, version=str(version), tier=tier, now=now)
            elif step == "settle":
                for ledger in (table, memory):
                    ledger.settle(MEMBER, version=str(version), tier=tier, now=now)
            else:
                for ledger in (table, memory):
                    ledger.release(MEMBER)

    compare()


def test_of_two_who_want_to_write_at_once_one_may(cloud: Cloud) -> None:
    ledger = TableLedger(client=cloud.dynamodb, table=LOCKS)
    claims = [ledger.claim(MEMBER, version=version, tier="gold", now=0.0) for version in ("1", "2")]
    assert claims == [Claim.MINE, Claim.BUSY]


def test_the_function_writes_to_the_system_that_its_environment_names(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = profile(sequence=5, segments=["high_spenders"])
    cloud.put_profile(new, now=NOW)
    for name, value in {
        "ENVIRONMENT": "dev",
        "SINGLE_VIEW_TABLE": TABLE,
        "DELIVERIES_TABLE": LOCKS,
        "EVENTS_STREAM_NAME": EVENTS,
        "LOYALTY_URL": "https://loyalty.example.com/members",
        "LOYALTY_SECRET_ARN": cloud.secrets.create_secret(Name="loyalty", SecretString="the-key")["ARN"],
        "QUEUE_URL": cloud.dead_letters,
        "DEAD_LETTERS_URL": cloud.dead_letters,
        "TIERS": '{"rules": [{"segment": "high_spenders", "tier": "gold"}], "otherwise": "basic"}',
        "PRIVATE_NETWORKS": "[]",
    }.items():
        monkeypatch.setenv(name, value)
    caller = MemoryCaller()
    monkeypatch.setattr(HttpsCaller, "call", lambda _, *args, **kwargs: caller.call(*args, **kwargs))
    record = {
        "messageId": "q",
        "receiptHandle": "h",
        "body": json.dumps(bus_event(BusEvent.SEGMENTS_CHANGED, version=new.version.text)),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:loyalty",
    }

    answers = [handler.handle({"Records": [record, record]}, LambdaContext()) for _ in range(2)]

    assert answers == [{"batchItemFailures": []}] * 2
    assert [json.loads(one.body)["tier"] for one in caller.calls] == ["gold"]
    assert [one["payload"] for one in cloud.events()] == [{"tier": "gold", "outcome": "accepted"}]
