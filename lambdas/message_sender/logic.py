"""Sends one message, if the person still wants it, and says what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_aws.idempotency import REPEATED, Once, Result, UnderWayError
from c360_core.address import address_keys
from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Rules, Template, earliest, message_id, objections
from c360_core.profile import Profile
from c360_core.timeline import moment, moment_text

PERSON_GONE: Final = "PERSON_GONE"
ADDRESS_REJECTED: Final = "ADDRESS_REJECTED"
SEND_IN_DOUBT: Final = "SEND_IN_DOUBT"
# Enough to see every message within the window of the frequency cap.
RECENT_MESSAGES: Final = 50


class Status(StrEnum):
    """What became of a message."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    DEFERRED = "deferred"
    DUPLICATE = "duplicate"


class Delivery(StrEnum):
    """What the mail service said. In doubt: it may have taken the message, so it must not get it again."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one person, as a decision wants it."""

    decision_id: str
    person_id: str
    channel: Channel
    purpose: Purpose
    template: Template
    trace_id: str | None = None

    @property
    def message_id(self) -> str:
        """The id that cannot be sent twice."""
        return message_id(self.decision_id, self.channel, self.template)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the journey is told. `not_before` is set when the message is deferred."""

    status: Status
    message_id: str
    reasons: tuple[str, ...] = ()
    not_before: datetime | None = None

    def document(self) -> dict[str, object]:
        """Return the answer as the journey reads it."""
        return {
            "status": str(self.status),
            "message_id": self.message_id,
            "reasons": list(self.reasons),
            "not_before": None if self.not_before is None else moment_text(self.not_before),
        }


class SingleView(Protocol):
    """What the sender needs to know of a person."""

    def current_id(self, person_id: str) -> str | None:
        """Return the id under which a person lives now, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address, whoever gave them."""

    def messages(self, person_id: str, *, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the latest messages, newest first."""


class Ledger(Protocol):
    """Where messages are kept."""

    def put_message(self, person_id: str, message: Mapping[str, str], *, sent_at: datetime, keep_days: int) -> None:
        """Store that a message was sent; storing it again changes nothing."""


class MailService(Protocol):
    """Who delivers."""

    def send(self, message: Message, profile: Profile) -> Delivery:
        """Hand a message over, once. An error means: certainly not taken, and may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends messages of decisions."""

    view: SingleView
    ledger: Ledger
    mail: MailService
    stream: EventStream
    once: Once
    hash_secret: Callable[[], bytes]
    rules: Rules
    keep_days: int
    clock: Callable[[], datetime]

    def send(self, message: Message) -> Answer:
        """Send a message unless something speaks against it now; the journey reads the answer.

        Raises:
            StreamUnavailableError: sent, but not yet recorded; call again, it will not be sent twice.
        """
        person_id = self.view.current_id(message.person_id)
        profile = None if person_id is None else self.view.profile(person_id)
        if profile is None:
            return _suppressed(message, PERSON_GONE)
        now = self.clock()
        against = objections(
            profile,
            consents=self.view.consents(profile.person_id),
            contacts=self._contacts(profile.person_id, message),
            purpose=message.purpose,
            channel=message.channel,
            rules=self.rules,
            now=now,
            address_consents=self._address_consents(profile, message.channel),
        )
        if against:
            return _suppressed(message, *against)
        not_before = earliest(profile, self.rules, now)
        if not_before > now:
            return Answer(
                status=Status.DEFERRED,
                message_id=message.message_id,
                reasons=("QUIET_HOURS",),
                not_before=not_before,
            )
        return self._send_once(message, profile)

    def _address_consents(self, profile: Profile, channel: Channel) -> list[Consent]:
        keys = address_keys(profile, channel, self.hash_secret())
        return [consent for key in keys for consent in self.view.address_consents(key)]

    def _send_once(self, message: Message, profile: Profile) -> Answer:
        def work() -> Result:
            return {"delivery": str(self.mail.send(message, profile)), "sent_at": moment_text(self.clock())}

        try:
            result = self.once(f"send:{message.message_id}", work)
        except UnderWayError:
            return _suppressed(message, SEND_IN_DOUBT)
        match Delivery(result["delivery"]):
            case Delivery.REJECTED:
                return _suppressed(message, ADDRESS_REJECTED)
            case Delivery.IN_DOUBT:
                return _suppressed(message, SEND_IN_DOUBT)
            case Delivery.ACCEPTED:
                self._record(message, profile, moment(result["sent_at"]))
        status = Status.DUPLICATE if result[REPEATED] else Status.SENT
        return Answer(status=status, message_id=message.message_id)

    def _record(self, message: Message, profile: Profile, sent_at: datetime) -> None:
        facts = {
            "message_id": message.message_id,
            "decision_id": message.decision_id,
            "channel": str(message.channel),
            "template": str(message.template),
        }
        self.ledger.put_message(profile.person_id, facts, sent_at=sent_at, keep_days=self.keep_days)
        record = engagement_record(
            "message_sent",
            profile=profile,
            subject=message.message_id,
            occurred_at=sent_at,
            payload=facts,
            trace_id=message.trace_id,
        )
        if record is not None and self.stream.publish([record]):
            raise StreamUnavailableError(f"message {message.message_id}: sent, but the events stream did not take it")

    def _contacts(self, person_id: str, message: Message) -> list[datetime]:
        recent = self.view.messages(person_id, limit=RECENT_MESSAGES)
        # A retry of this very message is no second contact.
        return [moment(item["sent_at"]) for item in recent if item["message_id"] != message.message_id]


def _suppressed(message: Message, *reasons: str) -> Answer:
    return Answer(status=Status.SUPPRESSED, message_id=message.message_id, reasons=tuple(str(r) for r in reasons))
