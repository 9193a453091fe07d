"""Consent: dated answers per purpose and channel, and the one rule that reads them.

An answer belongs to a person and, if it came with the address of its channel, to that address as well: a mailbox may
have several owners. The newest answer counts, wherever and in whatever order answers arrived. No answer is no consent,
and of two answers given at the same moment the withdrawal counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from c360_core.change_fields import InvalidChangeError, change_sequence, required_moment, required_text
from c360_core.moments import moment_text
from c360_core.names import IdentifierType

E = TypeVar("E", bound=StrEnum)


class Purpose(StrEnum):
    """What the data may be used for."""

    MARKETING = "marketing"
    ANALYTICS = "analytics"
    PERSONALISATION = "personalisation"


class Channel(StrEnum):
    """The channel that an answer is about; `any` stands for all channels of its purpose."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    IN_APP = "in_app"
    ANY = "any"


# The types of identifiers that are addresses of a channel. One without an address keeps its messages until the person
# comes for them.
ADDRESS_TYPES: Final[Mapping[Channel, Sequence[IdentifierType]]] = MappingProxyType(
    {
        Channel.EMAIL: (IdentifierType.EMAIL,),
        Channel.SMS: (IdentifierType.PHONE,),
        Channel.PUSH: (IdentifierType.PUSH_TOKEN,),
        Channel.IN_APP: (),
        Channel.ANY: (IdentifierType.EMAIL, IdentifierType.PHONE, IdentifierType.PUSH_TOKEN),
    }
)


class ConsentStatus(StrEnum):
    """What the answers of a person, or about an address, amount to for one purpose in one channel."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    NEVER_ASKED = "never_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One answer of one person, or about one address: yes or no, to a purpose in a channel, at a moment."""

    purpose: Purpose
    channel: Channel
    granted: bool
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that is known of a person's answer to one purpose in one channel.

    The result does not depend on the order or the repetition of what was added, because each part only ever grows.

    Attributes:
        streamed: the latest answer from `unify`, which knows all answers; None when `unify` retracted it.
        sequence: the number of that change.
        direct: the youngest answer without a number: it came from the person directly, ahead of the stream.
        withdrawn_at: moment of the youngest withdrawal. It is never retracted: a person to whom it was wrongly
            attributed can agree again.
        retracted_at: moment of the youngest answer that was retracted, because it belongs to another person.
    """

    streamed: Consent | None = None
    sequence: int = 0
    direct: Consent | None = None
    withdrawn_at: datetime | None = None
    retracted_at: datetime | None = None

    def add(self, consent: Consent, *, sequence: int = 0) -> "Answers":
        """Return what is known after an answer; one without a number did not come from the stream."""
        withdrawn_at = self.withdrawn_at if consent.granted else _later(self.withdrawn_at, consent.decided_at)
        if not sequence:
            younger = self.direct is None or supersedes(consent, self.direct)
            return replace(self, direct=consent if younger else self.direct, withdrawn_at=withdrawn_at)
        if sequence <= self.sequence:
            return replace(self, withdrawn_at=withdrawn_at)
        return replace(self, streamed=consent, sequence=sequence, withdrawn_at=withdrawn_at)

    def retract(self, consent: Consent, *, sequence: int = 0) -> "Answers":
        """Return what is known after an answer was retracted, because it belongs to another person."""
        retracted_at = _later(self.retracted_at, consent.decided_at)
        if sequence <= self.sequence:
            return replace(self, retracted_at=retracted_at)
        return replace(self, streamed=None, sequence=sequence, retracted_at=retracted_at)

    def current(self, purpose: Purpose, channel: Channel) -> Consent | None:
        """Return the answer that counts, or None when there is none."""
        left = [consent for consent in (self.streamed, self._direct()) if consent is not None]
        if self.withdrawn_at is not None:
            no = Consent(purpose=purpose, channel=channel, granted=False, decided_at=self.withdrawn_at)
            left.append(no)
        return max(left, key=_rank, default=None)

    def _direct(self) -> Consent | None:
        if self.direct is None or (self.retracted_at is not None and self.direct.decided_at <= self.retracted_at):
            return None
        return self.direct


def supersedes(new: Consent, old: Consent) -> bool:
    """Return whether `new` replaces `old`: it is younger or, at the same moment, withdraws what `old` grants."""
    return _rank(new) > _rank(old)


def consent_status(consents: Iterable[Consent], purpose: Purpose, channel: Channel) -> ConsentStatus:
    """Return the status of a person or an address, from all its answers in any order.

    An answer for `any` channel covers this channel as well: a later withdrawal from everything ends an earlier consent
    to one channel, and a later consent to that channel counts again.
    """
    spoken = [c for c in consents if c.purpose is purpose and c.channel in (channel, Channel.ANY)]
    if not spoken:
        return ConsentStatus.NEVER_ASKED
    return ConsentStatus.GRANTED if max(spoken, key=_rank).granted else ConsentStatus.WITHDRAWN


def consent_from_change(change: Mapping[str, object]) -> Consent:
    """Read a change of kind `consent` or `address_consent`; raise InvalidChangeError when it breaks the contract."""
    granted = change.get("granted")
    if not isinstance(granted, bool):
        raise InvalidChangeError(f"field granted: expected true or false, got {type(granted).__name__}")
    return Consent(
        purpose=_one_of(Purpose, change, "purpose"),
        channel=_one_of(Channel, change, "channel"),
        granted=granted,
        decided_at=required_moment(change, "decided_at"),
    )


def answers_to_item(answers: Answers, purpose: Purpose, channel: Channel) -> dict[str, object]:
    """Return the answers as the single view stores them, without keys; the answer that counts is at the top level."""
    current = answers.current(purpose, channel)
    top: dict[str, object] = {"purpose": str(purpose), "channel": str(channel)}
    if current is not None:
        top |= _facts(current)
    parts: dict[str, object] = {"sequence": answers.sequence}
    for name, consent in (("told", answers.streamed), ("given", answers.direct)):
        if consent is not None:
            parts[name] = _facts(consent)
    for name, at in (("withdrawn_at", answers.withdrawn_at), ("retracted_at", answers.retracted_at)):
        if at is not None:
            parts[name] = moment_text(at)
    return {**top, "heard": parts}


def answers_from_item(item: Mapping[str, object]) -> Answers:
    """Read answers from the single view; an item from before changes were numbered is one answer without a number."""
    heard = item.get("heard")
    if not isinstance(heard, Mapping):
        return Answers().add(consent_from_change(item))

    def part(name: str) -> Consent | None:
        facts = heard.get(name)
        return consent_from_change({**item, **facts}) if isinstance(facts, Mapping) else None

    def at(name: str) -> datetime | None:
        return required_moment(heard, name) if name in heard else None

    return Answers(
        streamed=part("told"),
        sequence=change_sequence(heard) if heard.get("sequence") else 0,
        direct=part("given"),
        withdrawn_at=at("withdrawn_at"),
        retracted_at=at("retracted_at"),
    )


def _facts(consent: Consent) -> dict[str, object]:
    return {"granted": consent.granted, "decided_at": moment_text(consent.decided_at)}


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _rank(consent: Consent) -> tuple[datetime, bool]:
    return consent.decided_at, not consent.granted


def _one_of(kind: type[E], change: Mapping[str, object], field: str) -> E:
    text = required_text(change, field)
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidChangeError(f"field {field}: expected one of {', '.join(kind)}") from error
