"""Sends one message, if the person still wants it, and answers what happened."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_aws.idempotency import REPEATED, Idempotency, InProgressError, Result
from c360_aws.single_view_reader import Page
from c360_core.address import address_keys
from c360_core.consent import Channel, Consent
from c360_core.controls import ASK_AGAIN, Control, State, state_of
from c360_core.decision import Reason, missing_value
from c360_core.decision_rules import ContactRules, earliest_send_time, suppression_reasons
from c360_core.delivery import Outcome, SentMessage
from c360_core.devices import Device, live_devices
from c360_core.message_templates import MessageTemplates
from c360_core.moments import moment, moment_text
from c360_core.profile import Profile
from lambdas.message_sender.channels import ChannelSender
from lambdas.message_sender.message import Message, SendResult
from lambdas.shared.refusals import Refusals

# At least so many are read; more where the frequency cap is higher.
RECENT_MESSAGES: Final = 50
# Decisions that are read at a time.
DECISIONS: Final = 50


class Status(StrEnum):
    """What happened to a message."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    DEFERRED = "deferred"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the journey gets as an answer. `not_before` is set when the message is deferred."""

    status: Status
    message_id: str
    reasons: tuple[str, ...] = ()
    not_before: datetime | None = None

    def document(self) -> dict[str, object]:
        """Return the answer in the form that the journey reads."""
        return {
            "status": str(self.status),
            "message_id": self.message_id,
            "reasons": list(self.reasons),
            "not_before": None if self.not_before is None else moment_text(self.not_before),
        }


class RecipientView(Protocol):
    """What the sender needs to know of the recipient."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""

    def address_consents(self, keyed_hash: str) -> Sequence[Consent]:
        """Return all answers about an address, whoever gave them."""

    def devices(self, person_id: str) -> Sequence[Device]:
        """Return a person's devices, expired or not."""

    def controls(self, names: Iterable[str]) -> Sequence[Control]:
        """Return what somebody said about these journeys and plays."""

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of decisions, newest first."""

    def messages(self, person_id: str, *, limit: int) -> Sequence[Mapping[str, Any]]:
        """Return the latest messages, newest first."""


class MessageStore(Protocol):
    """Where it is stored what became of messages."""

    def note_sent(self, sent: SentMessage) -> None:
        """Note a message before its channel gets it, for the reports about it."""

    def put_message(self, sent: SentMessage) -> None:
        """Store that a message was sent; storing it again changes nothing."""

    def put_outcome(self, sent: SentMessage, outcome: Outcome, *, at: datetime) -> bool:
        """Store what became of a message, unless more is known already; return whether it was stored."""

    def put_not_sent(self, decision: Mapping[str, Any], *, template: str, reasons: Sequence[str], at: datetime) -> None:
        """Store with a decision why a message of it was not sent."""


class UnknownChannelError(RuntimeError):
    """No module sends through the channel of a message; the error names the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends messages of decisions."""

    view: RecipientView
    store: MessageStore
    channels: Mapping[Channel, ChannelSender]
    stream: EventStream
    idempotency: Idempotency
    refusals: Refusals
    hash_secret: Callable[[], bytes]
    rules: ContactRules
    templates: MessageTemplates
    keep_days: int
    clock: Callable[[], datetime]

    def send(self, message: Message) -> Answer:
        """Send a message unless there is a reason to suppress or defer it now; the journey reads the answer.

        Why it is suppressed is stored with the decision: whoever asks why somebody got nothing finds it there.

        Raises:
            StreamUnavailableError: sent, but not yet recorded; call again, it will not be sent twice.
            UnknownChannelError: nothing sends through the channel of the message.
        """
        answer = self._answer(message)
        if answer.status is Status.SUPPRESSED and (decision := self._decision(message)) is not None:
            self.store.put_not_sent(decision, template=str(message.template), reasons=answer.reasons, at=self.clock())
        return answer

    def _decision(self, message: Message) -> Mapping[str, Any] | None:
        """Return the decision that asked for a message, or None when it has expired. It keeps the id of then."""
        cursor: str | None = None
        while True:
            page = self.view.decisions(message.person_id, limit=DECISIONS, cursor=cursor)
            found = next((item for item in page.items if item["decision_id"] == message.decision_id), None)
            cursor = page.cursor
            if found is not None or cursor is None:
                return found

    def _answer(self, message: Message) -> Answer:
        channel = self._channel(message)
        if (held := self._held(message, self.clock())) is not None:
            return held
        person_id = self.view.current_id(message.person_id)
        profile = None if person_id is None else self.view.profile(person_id)
        if profile is None:
            return _suppressed(message, Reason.PERSON_GONE)
        now = self.clock()
        if message.channel is Channel.PUSH:
            profile = self._with_devices(profile, now)
        against = suppression_reasons(
            profile,
            consents=self.view.consents(profile.person_id),
            contacts=self._contacts(profile.person_id, message),
            purpose=message.purpose,
            channel=message.channel,
            rules=self.rules,
            now=now,
            address_consents=self._address_consents(profile, message.channel),
            message=message.template,
        )
        # SES takes a mail whose values are missing, and drops it.
        missing = self.templates.missing(message.template, profile)
        if against or missing:
            return _suppressed(message, *against, *map(missing_value, missing))
        not_before = earliest_send_time(profile, self.rules, now, channel=message.channel)
        if not_before > now:
            return Answer(
                status=Status.DEFERRED,
                message_id=message.message_id,
                reasons=("QUIET_HOURS",),
                not_before=not_before,
            )
        return self._send_once(message, profile, channel)

    def _held(self, message: Message, now: datetime) -> Answer | None:
        """Return the answer to a message whose journey, or what began it, is paused or stopped."""
        names = [name for name in (message.journey, message.trigger) if name is not None]
        match state_of(self.view.controls(names), now):
            case State.STOPPED:
                return _suppressed(message, Reason.STOPPED)
            case State.PAUSED:
                return Answer(
                    status=Status.DEFERRED,
                    message_id=message.message_id,
                    reasons=("PAUSED",),
                    not_before=now + ASK_AGAIN,
                )
            case State.RUNNING:
                return None

    def _with_devices(self, profile: Profile, now: datetime) -> Profile:
        everybody = (profile.person_id, *self.view.former_ids(profile.person_id))
        there = [device for one in everybody for device in self.view.devices(one)]
        return replace(profile, devices=live_devices(there, now=now))

    def _channel(self, message: Message) -> ChannelSender:
        if message.channel not in self.channels:
            raise UnknownChannelError(
                f"channel: nothing sends through `{message.channel}`, only through {', '.join(sorted(self.channels))}; "
                "switch it on in the settings, or add a module to lambdas/message_sender/channels"
            )
        return self.channels[message.channel]

    def _address_consents(self, profile: Profile, channel: Channel) -> list[Consent]:
        keys = address_keys(profile, channel, self.hash_secret())
        return [consent for key in keys for consent in self.view.address_consents(key)]

    def _send_once(self, message: Message, profile: Profile, channel: ChannelSender) -> Answer:
        def work() -> Result:
            sent = self._sent(message, profile, self.clock())
            # First: the report of a fast mailbox, or of one whose answer is in doubt, must find the person.
            self.store.note_sent(sent)
            return {"delivery": str(channel.send(message, profile)), "sent_at": moment_text(sent.sent_at)}

        try:
            result = self.idempotency.run_once(f"send:{message.message_id}", work)
        except InProgressError:
            self._note_doubt(message, profile, self.clock())
            return _suppressed(message, Reason.SEND_IN_DOUBT)
        match SendResult(result["delivery"]):
            case SendResult.REJECTED:
                return _suppressed(message, Reason.ADDRESS_REJECTED)
            case SendResult.IN_DOUBT:
                self._note_doubt(message, profile, moment(result["sent_at"]))
                return _suppressed(message, Reason.SEND_IN_DOUBT)
            case SendResult.OPTED_OUT:
                sent = self._sent(message, profile, moment(result["sent_at"]))
                self.refusals.by_person(sent, why="opted_out", at=sent.sent_at)
                return _suppressed(message, Reason.ADDRESS_SUPPRESSED)
            case SendResult.ACCEPTED:
                self._record(message, profile, moment(result["sent_at"]))
        status = Status.DUPLICATE if result[REPEATED] else Status.SENT
        return Answer(status=status, message_id=message.message_id)

    def _sent(self, message: Message, profile: Profile, sent_at: datetime) -> SentMessage:
        return SentMessage(
            message_id=message.message_id,
            decision_id=message.decision_id,
            person_id=profile.person_id,
            channel=message.channel,
            purpose=message.purpose,
            template=str(message.template),
            address_keys=address_keys(profile, message.channel, self.hash_secret()),
            sent_at=sent_at,
            expires_at=sent_at + timedelta(days=self.keep_days),
        )

    def _record(self, message: Message, profile: Profile, sent_at: datetime) -> None:
        sent = self._sent(message, profile, sent_at)
        self.store.put_message(sent)
        record = engagement_record(
            "message_sent",
            profile=profile,
            subject=message.message_id,
            occurred_at=sent_at,
            payload=sent.facts,
            trace_id=message.trace_id,
        )
        if record is not None and self.stream.publish([record]):
            raise StreamUnavailableError(f"message {message.message_id}: sent, but the events stream refused the event")

    def _note_doubt(self, message: Message, profile: Profile, at: datetime) -> None:
        """Store a message that may have gone out: it counts for caps, because the person may have it."""
        self.store.put_outcome(self._sent(message, profile, at), Outcome.IN_DOUBT, at=at)

    def _contacts(self, person_id: str, message: Message) -> list[datetime]:
        # One more than the cap, because this very message may be among them.
        limit = max(RECENT_MESSAGES, self.rules.cap_messages + 1)
        everybody = (person_id, *self.view.former_ids(person_id))
        recent = [item for one in everybody for item in self.view.messages(one, limit=limit)]
        # A retry of this very message is no second contact, and one in doubt may be stored twice.
        others = {item["message_id"]: moment(item["sent_at"]) for item in recent}
        return [at for message_id, at in others.items() if message_id != message.message_id]


def _suppressed(message: Message, *reasons: str) -> Answer:
    return Answer(status=Status.SUPPRESSED, message_id=message.message_id, reasons=tuple(str(r) for r in reasons))
