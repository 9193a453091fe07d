"""In-memory ports of the functions, each as small as the protocol that it stands for."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from c360_aws.single_view_reader import Page
from c360_aws.stream_writer import StreamRecord
from c360_core.consent import Consent
from c360_core.controls import Control
from c360_core.decision import Decision, decision_facts
from c360_core.delivery import STANDING, Outcome, SentMessage
from c360_core.devices import Device
from c360_core.inbox import InboxMessage, waiting
from c360_core.journey import Happening
from c360_core.moments import moment_text
from c360_core.profile import Profile
from c360_core.waiting import Waiting
from lambdas.message_sender.message import Message, SendResult


@dataclass
class MemoryStream:
    """Keeps what is published; refuses the records whose indexes are in `refuse`, on every call."""

    records: list[StreamRecord] = field(default_factory=list)
    refuse: set[int] = field(default_factory=set)

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        """Keep the records that are not refused."""
        self.records.extend(record for index, record in enumerate(records) if index not in self.refuse)
        return tuple(sorted(self.refuse & set(range(len(records)))))

    def events(self) -> list[dict[str, Any]]:
        """Return what was published, parsed."""
        return [json.loads(record.data) for record in self.records]


@dataclass
class MemorySecrets:
    """Secrets by ARN."""

    values: dict[str, str]

    def text(self, arn: str) -> str:
        """Return a secret."""
        return self.values[arn]


@dataclass
class MemoryIdempotency:
    """Remembers results by key, as the idempotency table does."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run_once(self, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do the work the first time; repeat its result later."""
        if key in self.results:
            return {**self.results[key], "repeated": True}
        self.results[key] = work()
        return {**self.results[key], "repeated": False}


@dataclass
class MemoryTokens:
    """Executions that wait, by their tokens; who wakes one that waits no more is told so."""

    waiting: set[str] = field(default_factory=set)
    woken: list[tuple[str, Happening]] = field(default_factory=list)

    def wake(self, waiting: Waiting, happened: Happening) -> bool:
        """Wake an execution."""
        if waiting.token not in self.waiting:
            return False
        self.waiting.remove(waiting.token)
        self.woken.append((waiting.token, happened))
        return True


@dataclass
class MemoryPeople:
    """People with their answers, decisions and messages; reads and writes at once."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list[Consent]] = field(default_factory=dict)
    address_answers: dict[str, list[Consent]] = field(default_factory=dict)
    decided: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    noted: dict[str, SentMessage] = field(default_factory=dict)
    phones: dict[str, dict[str, Device]] = field(default_factory=dict)
    inboxes: dict[str, dict[str, InboxMessage]] = field(default_factory=dict)
    said: dict[str, Control] = field(default_factory=dict)
    waiting: dict[tuple[str, str, str], Waiting] = field(default_factory=dict)

    def current_id(self, person_id: str) -> str | None:
        """Return the surviving id, or None."""
        current = self.aliases.get(person_id, person_id)
        return current if current in self.profiles else None

    def survivor(self, person_id: str) -> str | None:
        """Return the surviving id of a merged person, or None."""
        return self.aliases.get(person_id)

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""
        return [former for former, survivor in self.aliases.items() if survivor == person_id]

    def profile(self, person_id: str) -> Profile | None:
        """Return a profile, or None."""
        return self.profiles.get(person_id)

    def newest_profile(self, person_id: str) -> Profile | None:
        """Return a profile, or None."""
        return self.profiles.get(person_id)

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        """Return what somebody said about these."""
        return [self.said[name] for name in names if name in self.said]

    def waits(self, person_id: str) -> Sequence[Waiting]:
        """Return in which steps a person waits."""
        return [one for (whose, _, _), one in self.waiting.items() if whose == person_id]

    def put_wait(self, waiting: Waiting) -> None:
        """Note that a person waits."""
        self.waiting[waiting.person_id, waiting.decision_id, waiting.step] = waiting

    def take_wait(self, waiting: Waiting) -> None:
        """Forget that a person waits."""
        key = (waiting.person_id, waiting.decision_id, waiting.step)
        if self.waiting.get(key) == waiting:
            del self.waiting[key]

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers."""
        return self.answers.get(person_id, [])

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address."""
        return self.address_answers.get(keyed_hash, [])

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return the latest decisions."""
        return Page(items=self.decided.get(person_id, [])[-limit:][::-1])

    def messages(self, person_id: str, *, limit: int) -> Sequence[dict[str, Any]]:
        """Return the latest messages."""
        return self.sent.get(person_id, [])[-limit:][::-1]

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        """Store a decision once."""
        known = self.decided.setdefault(decision.person_id, [])
        if any(item["decision_id"] == decision.decision_id for item in known):
            return False
        known.append(decision_facts(decision))
        return True

    def put_within_budget(self, decision: Decision, *, period: str, most: int, keep_days: int) -> bool | None:
        """Store a decision once and count it, while there is something left."""
        account = (decision.trigger, period)
        if any(item["decision_id"] == decision.decision_id for item in self.decided.get(decision.person_id, [])):
            return False
        if self.spent.get(account, 0) >= most:
            return None
        self.spent[account] = self.spent.get(account, 0) + 1
        return self.put_decision(decision, keep_days=keep_days)

    def put_not_sent(self, decision: Mapping[str, Any], *, template: str, reasons: Sequence[str], at: datetime) -> None:
        """Store with a decision why a message was not sent."""
        known = self.decided[decision["person_id"]]
        place = next(n for n, item in enumerate(known) if item["decision_id"] == decision["decision_id"])
        others = [one for one in decision.get("not_sent", ()) if one["template"] != template]
        now = {"template": template, "reasons": list(reasons), "at": moment_text(at)}
        known[place] = {**decision, "not_sent": [*others, now]}

    def note_sent(self, sent: SentMessage) -> None:
        """Note a message."""
        self.noted[sent.message_id] = sent

    def sent_message(self, message_id: str) -> SentMessage | None:
        """Return what was noted of a message."""
        return self.noted.get(message_id)

    def inbox(self, person_id: str) -> Sequence[InboxMessage]:
        """Return what lies in an inbox."""
        return tuple(self.inboxes.get(person_id, {}).values())

    def devices(self, person_id: str) -> Sequence[Device]:
        """Return the devices of a person."""
        return tuple(self.phones.get(person_id, {}).values())

    def put_device(self, person_id: str, device: Device) -> None:
        """Store a device, and take it from whoever had it before."""
        self.forget_device(device.token)
        self.phones.setdefault(person_id, {})[device.token] = device

    def forget_device(self, token: str) -> None:
        """Forget a device."""
        for there in self.phones.values():
            there.pop(token, None)

    def put_in_inbox(self, person_id: str, message: InboxMessage, *, most: int) -> None:
        """Put a message into an inbox, where only the newest stay."""
        there = {**self.inboxes.get(person_id, {}), message.message_id: message}
        kept = waiting(there.values(), now=message.put_at, most=most)
        self.inboxes[person_id] = {one.message_id: one for one in kept}

    def take_from_inbox(self, person_id: str, message_id: str) -> None:
        """Take a message out of an inbox."""
        self.inboxes.get(person_id, {}).pop(message_id, None)

    def put_message(self, sent: SentMessage) -> None:
        """Store a message."""
        self.put_outcome(sent, Outcome.SENT, at=sent.sent_at)

    def put_outcome(self, sent: SentMessage, outcome: Outcome, *, at: datetime) -> bool:
        """Store what became of a message, unless more is known."""
        stored = self.sent.setdefault(sent.person_id, [])
        # The key is made of time and message.
        key = {"message_id": sent.message_id, "sent_at": moment_text(sent.sent_at)}
        known = next((item for item in stored if key.items() <= item.items()), None)
        if known is not None and STANDING[known["outcome"]] >= STANDING[outcome]:
            return False
        told = {**sent.facts, "sent_at": moment_text(sent.sent_at), "outcome": outcome, "outcome_at": moment_text(at)}
        if known is None:
            stored.append(told)
        else:
            known.update(told)
        return True

    def put_consent(self, person_id: str, consent: Consent) -> bool:
        """Store an answer of a person."""
        self.answers.setdefault(person_id, []).append(consent)
        return True

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address."""
        self.address_answers.setdefault(keyed_hash, []).append(consent)
        return True


@dataclass
class MemoryChannel:
    """A channel whose service gives a fixed answer and remembers what it got."""

    answer: SendResult | Exception = SendResult.ACCEPTED
    handed_over: list[tuple[Message, Profile]] = field(default_factory=list)

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Take a message."""
        self.handed_over.append((message, profile))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class MemoryPublisher:
    """Remembers what was published."""

    published: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Remember a decision."""
        self.published.append(dict(decision))
