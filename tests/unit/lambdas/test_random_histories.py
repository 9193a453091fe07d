"""Whatever happens to people, and wherever we are cut off, nobody gets what he should not, and nobody is forgotten.

A history is a list of things that happen to three people: orders, cases, scores, answers, moves, merges, replays. Its
changes are delivered late, again and again, and both functions are cut off between any two effects. What must hold is
written here anew and simply: the world below knows everything, and judges each mail at the moment when it goes out.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_aws.idempotency import InProgressError
from c360_aws.stream_writer import StreamRecord
from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Action, Decision, Template
from c360_core.decision_rules import ContactRules, in_holdout
from c360_core.delivery import Outcome, SentMessage
from c360_core.devices import Device, Platform
from c360_core.identity.keys import identifier_key
from c360_core.inbox import Receipt
from c360_core.message_templates import load_templates
from c360_core.moments import moment, moment_text
from c360_core.names import IdentifierType
from c360_core.play import Playbook, known_fields, parse_playbook
from c360_core.profile import Profile
from c360_core.written import Known
from lambdas.decision.logic import ConsentPendingError, Decider
from lambdas.inbox.logic import Inboxes
from lambdas.message_sender.channels.in_app import InAppMessages, InAppText
from lambdas.message_sender.logic import Sender, Status
from lambdas.message_sender.message import Message, SendResult
from lambdas.shared.decision_publisher import DecisionPublisher
from lambdas.shared.refusals import Refusals
from tests.factories.profiles import profile
from tests.fakes.ports import MemoryPeople, MemoryStream

SECRET: Final = b"0123456789abcdef"
PEOPLE: Final = ("p_1", "p_2", "p_3")
ZONES: Final = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", None)
# Days before clocks change, forward or back, on either half of the earth, and one without a change.
STARTS: Final = tuple(
    datetime(2026, month, day, 12, tzinfo=UTC) for month, day in ((3, 7), (3, 28), (4, 4), (9, 5), (10, 24), (7, 1))
)
QUIET_FROM, QUIET_UNTIL, CAP, CAP_DAYS, PLAY_CAP, BUDGET = 21, 8, 1, 7, 1, 1
STAYS, MOST_WAITING = 14, 2  # days and messages in the app
MOST_TRIES: Final = 400  # more than there are cuts
RULES: Final = ContactRules(
    quiet_from=QUIET_FROM,
    quiet_until=QUIET_UNTIL,
    default_time_zone="UTC",
    cap_messages=CAP,
    cap_days=CAP_DAYS,
)


def rule(field_name: str, operator: str, value: object = None) -> dict[str, Any]:
    one = {"field": field_name, "operator": operator}
    return {"combinator": "and", "rules": [one if value is None else {**one, "value": value}]}


PLAYS: Final[Sequence[dict[str, Any]]] = (
    {
        "name": "first",
        "signal": {
            "profile_change": {
                "now": rule("orders", "=", 1),
                "before": {
                    "combinator": "or",
                    "rules": [*rule("orders", "null")["rules"], *rule("orders", "<=", 0)["rules"]],
                },
                "dated_by": "first_order_at",
            }
        },
    },
    {
        "name": "sorry",
        "message": "service_recovery",
        "signal": {
            "profile_change": {
                "now": rule("last_case_csat", "<=", 2),
                "changed": ["last_case_id"],
                "dated_by": "last_case_closed_at",
                "once_per": "last_case_id",
            }
        },
    },
    {
        "name": "vip",
        "signal": {"segment_entry": {"segment": "vip"}},
        "budget": {"messages": BUDGET, "per": "month"},
        "holdout_percent": 50,
    },
    {
        "name": "churn",
        "signal": {"score": {"score": "churn", "at_least": "0.8"}},
        "at_most": {"messages": PLAY_CAP, "days": 30},
    },
)


def playbook(channel: Channel) -> Playbook:
    common = {"description": "x", "message": "welcome", "purpose": "marketing", "channels": [str(channel)]}
    limits = {
        "quiet_hours": {"from": QUIET_FROM, "until": QUIET_UNTIL, "default_time_zone": "UTC"},
        "cap": {"messages": CAP, "days": CAP_DAYS},
    }
    document = {"limits": limits, "plays": [{**common, **play} for play in PLAYS]}
    return parse_playbook(document, Known(fields=known_fields()), file="plays.yaml")


BOOKS: Final = {channel: playbook(channel) for channel in (Channel.EMAIL, Channel.IN_APP, Channel.PUSH)}


class CutOffError(BaseException):
    """The function is over, and nothing more of it runs: no error handler of the product may catch it."""


@dataclass
class Knife:
    """Cuts a function off before or after some of its effects."""

    cuts: list[int] = field(default_factory=list)

    def around(self, effect: Callable[[], Any]) -> Any:
        cut = self.cuts.pop(0) if self.cuts else 0
        if cut == 1:
            raise CutOffError
        done = effect()
        if cut == 2:
            raise CutOffError
        return done


@dataclass
class Locks:
    """Idempotency: an error frees the key; work that is cut off frees it only for functions that say when they end."""

    knife: Knife
    frees: bool
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def run_once(self, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if key in self.results:
            return {**self.results[key], "repeated": True}
        if key in self.held:
            raise InProgressError(key)
        self.held.add(key)
        try:
            done = work()
            self.knife.around(lambda: self.results.update({key: done}))
        except CutOffError:
            if self.frees or key in self.results:
                self.held.discard(key)
            raise
        except Exception:
            self.held.discard(key)
            raise
        self.held.discard(key)
        return {**done, "repeated": False}


@dataclass
class View(MemoryPeople):
    """The single view, with a knife around each write."""

    knife: Knife = field(default_factory=Knife)

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        store = super().put_decision
        return bool(self.knife.around(lambda: store(decision, keep_days=keep_days)))

    def put_within_budget(self, decision: Decision, *, period: str, most: int, keep_days: int) -> bool | None:
        account = (decision.trigger, period)
        if any(item["decision_id"] == decision.decision_id for item in self.decided.get(decision.person_id, [])):
            return False
        if self.spent.get(account, 0) >= most:
            return None

        def both() -> bool:  # a transaction: no knife fits between
            self.spent[account] = self.spent.get(account, 0) + 1
            return MemoryPeople.put_decision(self, decision, keep_days=keep_days)

        return bool(self.knife.around(both))

    def note_sent(self, sent: SentMessage) -> None:
        store = super().note_sent
        self.knife.around(lambda: store(sent))

    def put_outcome(self, sent: SentMessage, outcome: Outcome, *, at: datetime) -> bool:
        store = super().put_outcome
        return bool(self.knife.around(lambda: store(sent, outcome, at=at)))

    def put_not_sent(self, decision: Mapping[str, Any], *, template: str, reasons: Sequence[str], at: datetime) -> None:
        store = super().put_not_sent
        self.knife.around(lambda: store(decision, template=template, reasons=reasons, at=at))


@dataclass
class Stream(MemoryStream):
    """The events stream, with a knife."""

    knife: Knife = field(default_factory=Knife)

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        store = super().publish
        refused: tuple[int, ...] = self.knife.around(lambda: store(records))
        return refused


@dataclass
class Human:
    """What really is so about one human, whatever ids we have given."""

    ids: set[str]
    zone: str | None
    answers: list[tuple[datetime, bool]] = field(default_factory=list)
    address: list[tuple[datetime, bool]] = field(default_factory=list)
    mails: list[tuple[datetime, str]] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)

    def agrees(self, channel: Channel) -> bool:
        """The newest answer counts, and of several at one moment the refusal; an address must not have refused.

        A message in the app has no address.
        """
        refused = channel is Channel.EMAIL and _newest(self.address) is False
        return _newest(self.answers) is True and not refused


def _newest(answers: list[tuple[datetime, bool]]) -> bool | None:
    newest = max((at for at, _ in answers), default=None)
    return None if newest is None else all(granted for at, granted in answers if at == newest)


@dataclass(frozen=True)
class Event:
    """Something that a person did."""

    kind: str
    at: datetime
    live: bool
    about: str
    value: Decimal = Decimal(0)


@dataclass
class World:
    """Everything: the people, what we know of them, and both functions, with a knife each for our effects and SES."""

    now: datetime
    knife: Knife
    post: Knife
    humans: list[Human]
    channel: Channel = Channel.EMAIL
    events: dict[str, list[Event]] = field(default_factory=lambda: {person: [] for person in PEOPLE})
    changes: list[tuple[Profile | None, Profile]] = field(default_factory=list)
    waiting: list[tuple[Profile | None, Profile]] = field(default_factory=list)
    journeys: list[tuple[datetime, Message]] = field(default_factory=list)
    done: dict[str, Status] = field(default_factory=dict)
    late: list[tuple[str, Consent]] = field(default_factory=list)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.view = View(knife=self.knife)
        self.stream = Stream(knife=self.knife)
        publisher = DecisionPublisher(
            stream=self.stream,
            bus=self,  # type: ignore[arg-type]
            bus_name="bus",
            idempotency=Locks(self.knife, frees=True),
        )
        self.decider = Decider(
            view=self.view,
            store=self.view,
            publisher=publisher,
            rules=RULES,
            keep_days=400,
            hash_secret=lambda: SECRET,
            playbook=BOOKS[self.channel],
            pause=lambda _: None,
        )
        self.sender = Sender(
            view=self.view,
            store=self.view,
            channels={self.channel: self},
            stream=self.stream,
            idempotency=Locks(self.knife, frees=False),
            refusals=Refusals(view=self.view, store=self.view, stream=self.stream, hash_secret=lambda: SECRET),
            hash_secret=lambda: SECRET,
            rules=RULES,
            templates=load_templates(),
            keep_days=400,
            clock=lambda: self.now,
        )
        self.in_app = InAppMessages(
            store=self.view,
            texts={template: InAppText(title="Hello", text="{{first_name}}") for template in Template},
            url="https://shop.example.com/",
            days=STAYS,
            most=MOST_WAITING,
            clock=lambda: self.now,
        )
        self.inboxes = Inboxes(
            view=self.view,
            store=self.view,
            stream=self.stream,
            secrets=lambda: [SECRET],
            minutes=15,
            most=MOST_WAITING,
            clock=lambda: self.now,
        )
        for person in PEOPLE:
            self.publish_profile(person)
            phone = Device(
                token=person, platform=Platform.APPLE, registered_at=self.now, expires_at=self.now + timedelta(days=400)
            )
            self.view.put_device(person, phone)

    def human(self, person: str) -> Human:
        return next(one for one in self.humans if person in one.ids)

    # ---- what happens

    def happens(self, person: str, kind: str, value: Decimal, *, live: bool) -> None:
        person = self.view.aliases.get(person, person)
        self.numbers += 1
        self.events[person].append(Event(kind, self.now, live, f"{kind}-{self.numbers}", value))
        self.publish_profile(person)

    def answers(self, person: str, granted: bool, *, of_address: bool) -> None:
        person = self.view.aliases.get(person, person)
        human = self.human(person)
        if of_address:
            said = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=granted, decided_at=self.now)
            human.address.append((self.now, granted))
            key = identifier_key(SECRET, IdentifierType.EMAIL, mailbox(person))
            self.view.address_answers.setdefault(key, []).append(said)
            return
        said = Consent(purpose=Purpose.MARKETING, channel=self.channel, granted=granted, decided_at=self.now)
        human.answers.append((self.now, granted))
        self.late.append((person, said))
        self.happens(person, "answer", Decimal(0), live=True)

    def answers_arrive(self) -> None:
        """Store the answers that profiles count already: they come by messages of their own."""
        for person, said in self.late:
            self.view.answers.setdefault(person, []).append(said)
        self.late.clear()

    def moves(self, person: str, zone: str | None) -> None:
        person = self.view.aliases.get(person, person)
        self.human(person).zone = zone
        self.publish_profile(person)

    def merges(self, former: str, survivor: str) -> None:
        former, survivor = (self.view.aliases.get(one, one) for one in (former, survivor))
        if former == survivor:
            return
        one, other = self.human(former), self.human(survivor)
        self.humans.remove(one)
        other.ids |= one.ids
        other.answers += one.answers
        # The golden address is the survivor's, so what was said about the other one does not count.
        other.mails += one.mails
        other.closed |= one.closed
        self.view.aliases = {old: survivor if who == former else who for old, who in self.view.aliases.items()}
        self.view.aliases[former] = survivor
        self.events[survivor] += self.events[former]
        self.answers_arrive()
        self.view.answers.setdefault(survivor, []).extend(self.view.answers.pop(former, []))
        del self.view.profiles[former]
        self.publish_profile(survivor)

    def publish_profile(self, person: str) -> None:
        """Compute a profile as `unify` does, and store it."""
        events = self.events[person]
        orders = [event for event in events if event.kind == "order"]
        cases = sorted((e for e in events if e.kind == "case" and e.live), key=lambda e: (e.at, e.about))
        scores = sorted((e for e in events if e.kind == "score"), key=lambda e: (e.at, e.about))
        said = [event.at for event in events if event.kind == "answer"]
        self.numbers += 1
        new = profile(
            person,
            sequence=self.numbers,
            email=mailbox(person),
            time_zone=self.human(person).zone,
            orders=len(orders),
            live_orders=sum(event.live for event in orders),
            live_events=sum(event.live for event in events),
            event_count=len(events),
            first_order_at=moment_text(min(e.at for e in orders)) if orders else None,
            last_order_at=None,
            last_event_at=moment_text(max(e.at for e in events)) if events else None,
            last_consent_at=moment_text(max(said)) if said else None,
            last_case_id=cases[-1].about if cases else None,
            last_case_csat=int(cases[-1].value) if cases else None,
            last_case_closed_at=moment_text(cases[-1].at) if cases else None,
            scores={"churn": float(scores[-1].value)} if scores else None,
            segments=["vip"] if len(orders) >= 2 else [],
            computed_at=moment_text(self.now - timedelta(seconds=10)),
        )
        old = self.view.profiles.get(person)
        self.view.profiles[person] = new
        self.changes.append((old, new))
        self.waiting.append((old, new))

    # ---- the functions, cut off and tried again

    def deliver(self) -> None:
        """Deliver what waits, in order, each until it is decided."""
        while self.waiting:
            self.decides_at_last(*self.waiting[0])
            self.waiting.pop(0)

    def decides_at_last(self, old: Profile | None, new: Profile) -> None:
        """Deliver a change until it is decided."""
        for _ in range(MOST_TRIES):
            if self.decides(old, new):
                return
        pytest.fail(f"a change of {new.person_id} is never decided")

    def decides(self, old: Profile | None, new: Profile) -> bool:
        before = {key for items in self.view.decided.values() for key in [item["decision_id"] for item in items]}
        try:
            self.decider.on_change(old, new, now=self.now)
        except CutOffError:
            return False
        except ConsentPendingError:
            self.answers_arrive()
            return False
        finally:
            for items in self.view.decided.values():
                for item in items:
                    if item["decision_id"] not in before:
                        self.judge_decision(item)
        return True

    def run_journeys(self) -> None:
        """Send what is due; a cut-off task is tried again, as the state machine does."""
        self.answers_arrive()
        for place, (due, message) in enumerate(self.journeys):
            if due > self.now or message.message_id in self.done:
                continue
            while True:
                try:
                    answer = self.sender.send(message)
                except CutOffError:
                    continue
                break
            if answer.status is Status.DEFERRED:
                assert answer.not_before is not None
                self.journeys[place] = (answer.not_before, message)
            else:
                self.done[message.message_id] = answer.status

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # the service's name
        """Take decisions as the event bus does, and begin their journeys; a repetition begins another one."""

        def begin() -> dict[str, Any]:
            for entry in Entries:
                told = json.loads(entry["Detail"])
                message = Message(
                    decision_id=told["decision_id"],
                    person_id=told["person_id"],
                    channel=Channel(told["channel"]),
                    purpose=Purpose(told["purpose"]),
                    template=Template(told["template"]),
                )
                self.journeys.append((self.now, message))
            return {"FailedEntryCount": 0}

        answer: dict[str, Any] = self.knife.around(begin)
        return answer

    def send(self, message: Message, person: Profile) -> SendResult:
        """Take a mail as SES does: this is the moment that counts."""
        return SendResult(self.post.around(lambda: self.takes(message, person)))

    def takes(self, message: Message, person: Profile) -> str:
        answer = self.judge_mail(message, person)
        if self.channel is Channel.PUSH:
            assert {device.token for device in person.devices} == self.human(message.person_id).ids
        return self.in_app.send(message, person) if self.channel is Channel.IN_APP else answer

    def reads(self, person: str, *, closes: bool) -> None:
        """Let somebody look into the inbox, and close the newest message there; a cut-off call is made again."""
        human = self.human(self.view.aliases.get(person, person))
        opened = f"Bearer {self.inboxes.open_for(person)['token']}"
        waiting = [message["message_id"] for message in self.inboxes.messages(opened)["messages"]]
        assert len(waiting) <= MOST_WAITING
        assert self.channel is Channel.IN_APP or not waiting
        assert set(waiting) <= {message for at, message in human.mails if at > self.now - timedelta(days=STAYS)}
        assert not set(waiting) & human.closed
        while closes and waiting:
            try:
                self.inboxes.receive(opened, waiting[0], Receipt.DISMISSED)
            except CutOffError:
                continue
            human.closed.add(waiting[0])
            break

    # ---- the judge

    def judge_decision(self, item: dict[str, Any]) -> None:
        assert item["reasons"]
        if item["action"] == Action.SUPPRESS:
            return
        human = self.human(item["person_id"])
        assert human.agrees(self.channel)
        contacted = [
            one
            for person in human.ids
            for one in self.view.decided.get(person, [])
            if one["action"] != Action.SUPPRESS and one["decision_id"] != item["decision_id"]
        ]
        week = [one for one in contacted if moment(one["decided_at"]) > self.now - timedelta(days=CAP_DAYS)]
        assert len(week) < CAP
        own = [one for one in contacted if one["trigger"] == "churn"]
        assert item["trigger"] != "churn" or len(own) < PLAY_CAP
        if item["trigger"] == "vip":
            play = BOOKS[self.channel].play("vip")
            assert play is not None
            assert not in_holdout(play, item["person_id"])
            months = Counter(
                one["decided_at"][:7]
                for items in self.view.decided.values()
                for one in items
                if one["trigger"] == "vip" and one["action"] != Action.SUPPRESS
            )
            assert max(months.values()) <= BUDGET

    def judge_mail(self, message: Message, person: Profile) -> str:
        human = self.human(message.person_id)
        assert human.agrees(self.channel)
        hour = self.now.astimezone(ZoneInfo(human.zone or "UTC")).hour
        assert self.channel is Channel.IN_APP or QUIET_UNTIL <= hour < QUIET_FROM
        assert message.message_id not in [known for _, known in human.mails]
        assert len([at for at, _ in human.mails if at > self.now - timedelta(days=CAP_DAYS)]) < CAP
        assert person.text("attributes", "email") == mailbox(
            self.view.aliases.get(message.person_id, message.person_id)
        )
        human.mails.append((self.now, message.message_id))
        return SendResult.ACCEPTED

    def nobody_is_lost(self) -> None:
        """Every signal has its decision, and every decision to send has its mail, or the reasons why not."""
        decided = {item["decision_id"]: item for items in self.view.decided.values() for item in items}
        about = {(item["trigger"], item["occasion_at"]) for item in decided.values()}
        for old, new in self.changes:
            if new.number("live_events") == (old.number("live_events") if old else 0):
                continue
            case, before = new.text("aggregates", "last_case_id"), old and old.text("aggregates", "last_case_id")
            if case != before and (new.number("last_case_csat") or 9) <= 2:
                assert ("sorry", new.text("aggregates", "last_case_closed_at")) in about
            if new.number("orders") == 1 and not (old and old.number("orders")):
                assert ("first", new.text("aggregates", "first_order_at")) in about
            if "vip" in new.segments and "vip" not in (old.segments if old else ()):
                assert "vip" in {trigger for trigger, _ in about}
        began = {message.decision_id for _, message in self.journeys}
        for key, item in decided.items():
            if item["action"] == Action.SUPPRESS:
                assert key not in began
            else:
                assert key in began
        for _, message in self.journeys:
            status = self.done.get(message.message_id)
            if status is Status.SUPPRESSED:
                assert decided[message.decision_id]["not_sent"][0]["reasons"]


def mailbox(person: str) -> str:
    return f"{person.replace('_', '')}@mail.org"


PERSON: Final = st.sampled_from(["p_1", "p_1", "p_1", "p_2", "p_2", "p_3"])
STEP: Final = st.one_of(
    st.tuples(st.just("order"), PERSON, st.booleans()),
    st.tuples(st.just("case"), PERSON, st.integers(1, 3)),
    st.tuples(st.just("score"), PERSON, st.sampled_from(["0.2", "0.9"])),
    st.tuples(st.sampled_from(["answer", "address"]), PERSON, st.sampled_from([True, True, True, False])),
    st.tuples(st.just("zone"), PERSON, st.sampled_from(ZONES)),
    st.tuples(st.just("merge"), PERSON, PERSON),
    st.tuples(st.just("deliver"), st.none(), st.booleans()),
    st.tuples(st.just("again"), st.none(), st.integers(0, 40)),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([9, 15, 200])),
    st.tuples(st.just("read"), PERSON, st.booleans()),
)


def run(
    start: datetime,
    steps: Sequence[tuple[str, Any, Any]],
    cuts: list[int],
    post: list[int],
    *,
    live: bool,
    channel: Channel = Channel.EMAIL,
) -> World:
    humans = [Human(ids={person}, zone=zone) for person, zone in zip(PEOPLE, ZONES, strict=False)]
    world = World(now=start, knife=Knife(list(cuts)), post=Knife(list(post)), humans=humans, channel=channel)
    for person in PEOPLE if live else ():
        world.answers(person, granted=True, of_address=False)
    for step in steps:
        take(world, step, live=live)
        world.now += timedelta(minutes=7)
    for _ in range(3):
        world.deliver()
        world.run_journeys()
        world.now += timedelta(hours=25)
    for person in PEOPLE:
        world.reads(person, closes=False)
    # Everything once more: the same changes, and the same decisions to the journeys.
    for old, new in list(world.changes):
        world.decides_at_last(old, new)
    world.run_journeys()
    return world


def take(world: World, step: tuple[str, Any, Any], *, live: bool) -> None:  # noqa: C901  # a case for each kind of step
    match step:
        case ("order", person, now):
            world.happens(person, "order", Decimal(0), live=live and now)
        case ("case" | "score" as kind, person, value):
            world.happens(person, kind, Decimal(value), live=live)
        case ("answer" | "address" as kind, person, granted):
            world.answers(person, granted, of_address=kind == "address")
        case ("zone", person, zone):
            world.moves(person, zone)
        case ("merge", one, other):
            world.merges(one, other)
        case ("deliver", _, journeys_are_fast):
            world.deliver()
            if journeys_are_fast:
                world.run_journeys()
        case ("again", _, place):
            old, new = world.changes[place % len(world.changes)]
            if (old, new) not in world.waiting:
                world.decides(old, new)
        case ("read", person, closes):
            world.reads(person, closes=closes)
        case ("wait", _, hours):
            world.now += timedelta(hours=hours)
            world.run_journeys()
        case _:
            pytest.fail(f"nothing is done for {step}")


HISTORY: Final = st.lists(STEP, min_size=10, max_size=35)
CUTS: Final = st.lists(st.sampled_from([0, 0, 0, 1, 2]), max_size=150)
POST: Final = st.lists(st.sampled_from([0, 1, 2]), max_size=8)


@pytest.mark.parametrize("channel", BOOKS)
@given(start=st.sampled_from(STARTS), steps=HISTORY, cuts=CUTS, post=POST)
@settings(max_examples=60, deadline=None)
def test_nobody_gets_what_he_should_not_and_nobody_is_forgotten(
    channel: Channel, start: datetime, steps: list[tuple[str, Any, Any]], cuts: list[int], post: list[int]
) -> None:
    run(start, steps, cuts, post, live=True, channel=channel).nobody_is_lost()


@given(st.sampled_from(STARTS), HISTORY)
@settings(max_examples=25, deadline=None)
def test_history_sends_nothing(start: datetime, steps: list[tuple[str, Any, Any]]) -> None:
    quiet = [step for step in steps if step[0] not in ("answer", "address")]

    world = run(start, quiet, [], [], live=False)

    assert (world.view.decided, world.journeys) == ({}, [])
