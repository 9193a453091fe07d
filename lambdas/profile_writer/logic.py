"""Sorts a batch of profile changes by person, keeps only what counts, and writes it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from c360_core.consent import Consent, consent_from_change
from c360_core.profile import Profile, Removal, profile_from_change
from c360_core.timeline import InvalidChangeError, TimelineEntry, entry_from_change, required_text
from lambdas.shared.single_view_reader import Standing
from lambdas.shared.single_view_writer import Outcome


class Operation(StrEnum):
    """What a change does."""

    UPSERT = "upsert"
    DELETE = "delete"


class SingleView(Protocol):
    """What the writer needs of the single view."""

    def standings(self, person_ids: Iterable[str]) -> Mapping[str, Standing]:
        """Return what stands in the place of each person."""

    def put_profile(self, profile: Profile, there: Standing, *, now: datetime) -> Outcome:
        """Store a profile and its segments unless a newer one is there."""

    def remove_profile(self, removal: Removal, there: Standing, *, now: datetime) -> Outcome:
        """Remove a profile and its segments unless a newer one is there."""

    def put_event(self, entry: TimelineEntry, *, keep_days: int) -> None:
        """Store a timeline entry."""

    def remove_event(self, entry: TimelineEntry) -> None:
        """Take an entry off a timeline."""

    def put_consent(self, person_id: str, consent: Consent) -> bool:
        """Store an answer unless a younger one is there."""

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address unless a younger one is there."""

    def retract_grant(self, person_id: str, consent: Consent) -> None:
        """Take back a yes unless there is a younger answer."""


@dataclass(slots=True, kw_only=True)
class PersonChanges:
    """All that one batch says about one person, or one address, with the sequence numbers that said it.

    An address has its identifier key in the place of the person's id, and answers only.
    """

    person_id: str
    sequences: list[str] = field(default_factory=list)
    profile: Profile | Removal | None = None
    events: dict[str, tuple[Operation, TimelineEntry]] = field(default_factory=dict)
    consents: list[tuple[Operation, Consent]] = field(default_factory=list)
    address_consents: list[Consent] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch sorted by person, and the records that cannot be read, by sequence number."""

    people: dict[str, PersonChanges] = field(default_factory=dict)
    unreadable: dict[str, InvalidChangeError] = field(default_factory=dict)


def sort_batch(records: Iterable[tuple[str, bytes]]) -> Batch:
    """Sort records, given as (sequence number, JSON), by person.

    Of several profiles of one person the newest version stays, of several changes of one event the last: exactly what
    writing them one by one would leave, in fewer writes. Answers stay all, in order; they are few.
    """
    batch = Batch()
    for sequence, data in records:
        try:
            _take(batch, sequence, _read(data))
        except InvalidChangeError as error:
            batch.unreadable[sequence] = error
    return batch


def write_person(
    view: SingleView, changes: PersonChanges, there: Mapping[str, Standing], *, keep_days: int, now: datetime
) -> Outcome | None:
    """Write all that a batch says about one person; doing it again changes nothing.

    Args:
        view: where to write.
        changes: what the batch says.
        there: what stood in a person's place before, for everyone of whom the batch has a profile.
        keep_days: how long an event stays on the timeline.
        now: the moment of writing.

    Returns:
        What became of the profile, or None when the batch had no profile of this person.
    """
    for answer in changes.address_consents:
        view.put_address_consent(changes.person_id, answer)
    for operation, consent in changes.consents:
        if operation is Operation.UPSERT:
            view.put_consent(changes.person_id, consent)
        else:
            view.retract_grant(changes.person_id, consent)
    for operation, entry in changes.events.values():
        if operation is Operation.DELETE:
            view.remove_event(entry)
        elif entry.expires_at(keep_days) > now:
            view.put_event(entry, keep_days=keep_days)
    if changes.profile is None:
        return None
    standing = there[changes.person_id]
    if isinstance(changes.profile, Removal):
        return view.remove_profile(changes.profile, standing, now=now)
    return view.put_profile(changes.profile, standing, now=now)


def _take(batch: Batch, sequence: str, change: Mapping[str, object]) -> None:
    kind = required_text(change, "kind")
    person_id = required_text(change, "person_id")
    if kind == "profile":
        profile = profile_from_change(change, position=sequence)
        person = _person(batch, person_id, sequence)
        if person.profile is None or profile.version.text > person.profile.version.text:
            person.profile = profile
    elif kind == "event":
        operation, entry = _operation(change), entry_from_change(change)
        _person(batch, person_id, sequence).events[entry.event_id] = (operation, entry)
    elif kind == "consent":
        operation, consent = _operation(change), consent_from_change(change)
        _person(batch, person_id, sequence).consents.append((operation, consent))
    elif kind == "address_consent":
        answer = consent_from_change(change)
        _person(batch, person_id, sequence).address_consents.append(answer)
    else:
        raise InvalidChangeError("field kind: expected profile, event, consent or address_consent")


def _operation(change: Mapping[str, object]) -> Operation:
    """Return what to do with an event or an answer; they are deleted when they turn out to be another person's."""
    try:
        return Operation(str(change.get("op", Operation.UPSERT)))
    except ValueError as error:
        raise InvalidChangeError("field op: expected upsert or delete") from error


def _person(batch: Batch, person_id: str, sequence: str) -> PersonChanges:
    person = batch.people.setdefault(person_id, PersonChanges(person_id=person_id))
    person.sequences.append(sequence)
    return person


def _read(data: bytes) -> Mapping[str, Any]:
    try:
        change = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise InvalidChangeError("the record is not JSON in UTF-8") from error
    if not isinstance(change, dict):
        raise InvalidChangeError("the record is not a JSON object")
    return change
