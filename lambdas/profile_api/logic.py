"""The answers of the API from the single view, without HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream
from c360_aws.single_view_reader import CursorError, Page, WholeView
from c360_core.address import address_keys
from c360_core.change_fields import CENT
from c360_core.consent import Channel, Consent, Purpose, supersedes
from c360_core.identity.keys import identifier_key
from c360_core.identity.normalise import normalise
from c360_core.interaction import RejectedEventError, read_interaction
from c360_core.moments import in_milliseconds, moment, moment_text
from c360_core.names import IdentifierType
from c360_core.profile import PARTS, Profile
from c360_core.profile_document import profile_document
from lambdas.profile_api.problems import (
    ambiguous_lookup,
    newer_answer,
    no_identifier,
    stream_unavailable,
    two_readings,
    unknown_customer,
    unusable_field,
)
from lambdas.profile_api.query import Parameter

CONSENTS_PART: Final = "consents"
KNOWN_PARTS: Final = (*PARTS, CONSENTS_PART)
# Attributes of items that the API does not show.
HIDDEN: Final = frozenset({"PK", "SK", "expires_at", "sequence", "standing"})
MAX_PAGE: Final = 100
MAX_WORDING: Final = 32  # the contract's
_PERSON_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FEW_DIGITS: Final = re.compile(r"[0-9]{1,9}")
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

Document = dict[str, Any]


class CustomerView(Protocol):
    """The single view, as far as the API reads it."""

    def whole(self, person_id: str) -> WholeView | None:
        """Return profile and segments, or None."""

    def survivor(self, person_id: str) -> str | None:
        """Return the id into which a person was merged, or None."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def person_of(self, keyed_hash: str) -> str | None:
        """Return the id of the person to whom an identifier belongs, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""

    def segments(self, person_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a person's segment items."""

    def timeline(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of the timeline, newest first."""

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of decisions, newest first."""

    def message_page(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of messages, newest first."""


class ConsentStore(Protocol):
    """Where consents are stored."""

    def put_consent(self, person_id: str, consent: Consent) -> bool:
        """Store an answer unless a younger one is stored; return whether it was stored."""

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address unless a younger one is stored; return whether it was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The customers, as applications ask about them. Every method raises ProblemDetails when it has no answer."""

    view: CustomerView
    store: ConsentStore
    stream: EventStream
    hash_secret: Callable[[], bytes]
    link_templates: Mapping[str, str]
    clock: Callable[[], datetime]

    def by_id(self, person_id: str, parts: Sequence[str] = PARTS) -> Document:
        """Return a customer, under the surviving id if this id was merged into another."""
        found = (self.view.whole(person_id) or self._survivor(person_id)) if may_be_an_id(person_id) else None
        if found is None:
            raise unknown_customer("id")
        document = profile_document(found.profile, link_templates=self.link_templates, parts=parts)
        if "segments" in parts:
            since = {str(item["segment"]): item.get("since") for item in found.segments}
            document["segments"] = [{"segment": name, "since": since.get(name)} for name in found.profile.segments]
        if CONSENTS_PART in parts:
            document[CONSENTS_PART] = self._consents(found.profile.person_id)
        return document

    def by_identifier(self, query: Mapping[str, Parameter], parts: Sequence[str] = PARTS) -> Document:
        """Return the customer to whom an identifier belongs."""
        asked = [(kind, query[kind]) for kind in IdentifierType if kind in query and query[kind].text]
        if len(asked) != 1:
            raise ambiguous_lookup()
        kind, parameter = asked[0]
        value = read_identifier(kind, parameter)
        person_id = self.view.person_of(identifier_key(self.hash_secret(), kind, value))
        if person_id is None:
            raise unknown_customer(kind)
        return self.by_id(person_id, parts)

    def timeline(self, person_id: str, *, limit: int, cursor: str | None) -> Document:
        """Return a page of what a customer did, newest first."""
        current = self._current(person_id)
        return self._page(current, "events", lambda: self.view.timeline(current, limit=limit, cursor=cursor))

    def decisions(self, person_id: str, *, limit: int, cursor: str | None) -> Document:
        """Return a page of what was decided about a customer, newest first, with the reasons."""
        current = self._current(person_id)
        return self._page(current, "decisions", lambda: self.view.decisions(current, limit=limit, cursor=cursor))

    def messages(self, person_id: str, *, limit: int, cursor: str | None) -> Document:
        """Return a page of what was sent to a customer, newest first, with what became of it."""
        current = self._current(person_id)
        return self._page(current, "messages", lambda: self.view.message_page(current, limit=limit, cursor=cursor))

    def segments(self, person_id: str) -> Document:
        """Return the segments that a customer is in."""
        current = self._current(person_id)
        return {"person_id": current, "segments": [_shown(item) for item in self.view.segments(current)]}

    def consents(self, person_id: str) -> Document:
        """Return a customer's present consents."""
        current = self._current(person_id)
        return {"person_id": current, "consents": self._consents(current)}

    def put_consent(self, person_id: str, purpose: str, channel: str, body: object) -> Document:
        """Take a customer's answer: it counts at once, and is published to the events stream as an interaction.

        It counts for the customer and for the address of its channel, which other people may share.

        The event comes first, then the single view: an answer that cannot be recorded is not stored. The caller may
        send it again, because the event of one answer has one id. A repetition without `decided_at` is a new answer,
        given later.
        """
        consent = read_consent(purpose, channel, body, now=self.clock())
        current = self._current(person_id)
        profile = self.view.profile(current)
        if profile is None:
            raise unknown_customer("id")
        repeated = consent in (stored := self._answers_to(current, consent))
        if not repeated and any(not supersedes(consent, answer) for answer in stored):
            raise newer_answer()
        self._record(profile, consent, body)
        for key in address_keys(profile, consent.channel, self.hash_secret()):
            self.store.put_address_consent(key, consent)
        if not self.store.put_consent(current, consent) and consent not in self._answers_to(current, consent):
            raise newer_answer()  # a newer answer arrived in between; the event is still true
        return {"person_id": current, **_consent_document(consent)}

    def _answers_to(self, person_id: str, question: Consent) -> list[Consent]:
        """Return the stored answer to the same purpose and channel, if there is one."""
        asked = (question.purpose, question.channel)
        return [answer for answer in self.view.consents(person_id) if (answer.purpose, answer.channel) == asked]

    def _record(self, profile: Profile, consent: Consent, body: object) -> None:
        """Publish the answer as an event, after a check that every reader will accept it."""
        wording = body.get("wording_version") if isinstance(body, Mapping) else None
        payload = {"purpose": str(consent.purpose), "channel": str(consent.channel), "granted": consent.granted}
        at = moment_text(consent.decided_at)
        record = engagement_record(
            "consent_changed",
            profile=profile,
            subject=f"{profile.person_id}|{consent.purpose}|{consent.channel}|{at}",
            occurred_at=consent.decided_at,
            payload=payload if wording is None else {**payload, "wording_version": wording},
        )
        if record is None:
            raise no_identifier()
        try:
            read_interaction(record.data, secret=self.hash_secret(), now=self.clock())
        except RejectedEventError as error:
            raise unusable_field("body", error.reason, "Correct it, and send the request again.") from error
        if self.stream.publish([record]):
            raise stream_unavailable()

    def _survivor(self, person_id: str) -> WholeView | None:
        survivor = self.view.survivor(person_id)
        return None if survivor is None else self.view.whole(survivor)

    def _current(self, person_id: str) -> str:
        current = self.view.current_id(person_id) if may_be_an_id(person_id) else None
        if current is None:
            raise unknown_customer("id")
        return current

    def _consents(self, person_id: str) -> list[Document]:
        answers = sorted(self.view.consents(person_id), key=lambda c: (c.purpose, c.channel))
        return [_consent_document(consent) for consent in answers]

    def _page(self, person_id: str, name: str, read: Callable[[], Page]) -> Document:
        try:
            page = read()
        except CursorError as error:
            raise unusable_field("cursor", str(error), "Pass the cursor unchanged from the previous page.") from error
        return {"person_id": person_id, name: [_shown(item) for item in page.items], "cursor": page.cursor}


def may_be_an_id(text: str) -> bool:
    """Return whether this may be an id; the table does not accept keys of any length or content."""
    return _PERSON_ID.fullmatch(text) is not None


def read_identifier(kind: IdentifierType, parameter: Parameter) -> str:
    """Return the match form of an identifier in a query.

    A malformed value is never repaired, because the result could be another person's identifier. Where a bare plus
    allows two readings, nobody is looked up.

    Raises:
        ProblemDetails: 422, the value names nobody, or could name two people.
    """
    readings = {parameter.text, parameter.form_text}
    found = {normalise(kind, text).value for text in readings if not _has_lost_its_plus(kind, text)} - {None}
    if len(found) > 1:
        raise two_readings(kind)
    for value in found:
        if value is not None:
            return value
    raise unusable_field(
        kind,
        "Its value is malformed or a placeholder, and names nobody.",
        "Send a real one, a plus as %2B.",
    )


def _has_lost_its_plus(kind: IdentifierType, text: str) -> bool:
    """Return whether a number begins with a blank, which was a plus: without it the number means another country."""
    return kind is IdentifierType.PHONE and text[:1].isspace() and text.strip()[:1].isdecimal()


def read_parts(text: str | None) -> tuple[str, ...]:
    """Return the parts that a request names, separated by commas; all parts of the profile when it names none."""
    if not text:
        return PARTS
    parts = tuple(part.strip() for part in text.split(","))
    unknown = sorted(set(parts) - set(KNOWN_PARTS))
    if unknown:
        raise unusable_field("parts", "It names parts that there are not.", f"Choose from {', '.join(KNOWN_PARTS)}.")
    return parts


def read_limit(text: str | None) -> int:
    """Return the length of a page: 1 to 100, and 50 when the request names none."""
    if not text:
        return MAX_PAGE // 2
    if not _FEW_DIGITS.fullmatch(text) or not 1 <= int(text) <= MAX_PAGE:
        raise unusable_field("limit", "It is no page length.", f"Send a whole number from 1 to {MAX_PAGE}.")
    return int(text)


def read_consent(purpose: str, channel: str, body: object, *, now: datetime) -> Consent:
    """Return the answer in a request: `granted`, and `decided_at` when it was given before now.

    Raises:
        ProblemDetails: 422, a field is missing or wrong.
    """
    if purpose not in set(Purpose):
        raise unusable_field("purpose", "There is no such purpose.", f"Choose from {', '.join(Purpose)}.")
    if channel not in set(Channel):
        raise unusable_field("channel", "There is no such channel.", f"Choose from {', '.join(Channel)}.")
    document = body if isinstance(body, Mapping) else {}
    granted, wording = document.get("granted"), document.get("wording_version")
    if not isinstance(granted, bool):
        raise unusable_field("granted", "It is missing, or neither true nor false.", "Send true or false.")
    if wording is not None and not (isinstance(wording, str) and len(wording) <= MAX_WORDING and wording.isprintable()):
        raise unusable_field(
            "wording_version",
            f"It is no text of at most {MAX_WORDING} printable characters.",
            "Send the wording's version.",
        )
    decided_at = in_milliseconds(_decided_at(document.get("decided_at"), now))
    return Consent(purpose=Purpose(purpose), channel=Channel(channel), granted=granted, decided_at=decided_at)


def _decided_at(value: object, now: datetime) -> datetime:
    if value is None:
        return now
    fix = "Send ISO 8601 UTC, not later than now, or leave it out."
    try:
        decided_at = moment(value if isinstance(value, str) else "")
    except (ValueError, OverflowError) as error:
        raise unusable_field("decided_at", "It is no ISO 8601 moment.", fix) from error
    if decided_at > now + CLOCK_TOLERANCE:
        # An answer from the future would override every withdrawal until then.
        raise unusable_field("decided_at", "It lies in the future.", fix)
    return min(decided_at, now)


def _consent_document(consent: Consent) -> Document:
    return {
        "purpose": str(consent.purpose),
        "channel": str(consent.channel),
        "granted": consent.granted,
        "decided_at": moment_text(consent.decided_at),
    }


def _shown(item: Mapping[str, Any]) -> Document:
    shown = {name: value for name, value in item.items() if name not in HIDDEN}
    if isinstance(amount := shown.get("amount"), Decimal):
        shown["amount"] = str(amount.quantize(CENT))  # the table returns 12.30 as 12.3
    return shown
