"""Groups a batch of profile changes by person, keeps the changes that count, and writes them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from c360_aws.single_view_reader import StoredState
from c360_aws.single_view_writer import WriteOutcome
from c360_core import single_view_keys as keys
from c360_core.change_fields import InvalidChangeError, change_sequence, required_text
from c360_core.consent import Answers, Channel, Consent, Purpose, consent_from_change
from c360_core.exact_json import UnreadableJsonError, decode
from c360_core.profile import Profile, Removal
from c360_core.profile_change import profile_from_change
from c360_core.rebuild import SHARD_END, Rebuild, ended_shard
from c360_core.timeline import TimelineEntry, entry_from_change


class Operation(StrEnum):
    """What a change does to an item."""

    UPSERT = "upsert"
    DELETE = "delete"


class ProfileStore(Protocol):
    """The single view, as far as the writer needs it."""

    def stored_states(self, person_ids: Iterable[str]) -> Mapping[str, StoredState]:
        """Return what is stored of each person."""

    def rebuild(self) -> Rebuild | None:
        """Return the latest rebuild of all profiles, or None."""

    def put_ended(self, shard: str, *, since: int) -> None:
        """Record that all messages of a rebuild in a shard are written."""

    def put_profile(self, profile: Profile, there: StoredState, *, now: datetime) -> WriteOutcome:
        """Store a profile and its segments unless a newer one is stored."""

    def remove_profile(self, removal: Removal, there: StoredState, *, now: datetime) -> WriteOutcome:
        """Remove a profile and its segments unless a newer one is stored."""

    def put_event(self, entry: TimelineEntry, *, sequence: int, keep_days: int) -> bool:
        """Store a timeline entry unless a later change of it is stored."""

    def remove_event(self, entry: TimelineEntry, *, sequence: int, keep_days: int) -> bool:
        """Remove an entry from a timeline unless a later change of it is stored."""

    def change_answers(
        self,
        person_id: str,
        purpose: Purpose,
        channel: Channel,
        change: Callable[[Answers], Answers],
        *,
        now: datetime,
    ) -> Answers:
        """Apply a change to the stored answers to one question."""

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address unless a younger one is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventChange:
    """A change of a timeline entry, with its number."""

    operation: Operation
    sequence: int
    entry: TimelineEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentChange:
    """A change of an answer, with its number."""

    operation: Operation
    sequence: int
    consent: Consent

    def apply(self, answers: Answers) -> Answers:
        """Return the answers after this change."""
        change = answers.add if self.operation is Operation.UPSERT else answers.retract
        return change(self.consent, sequence=self.sequence)


@dataclass(slots=True, kw_only=True)
class PersonChanges:
    """All changes of one person, or one address, in a batch, with the sequence numbers of their records.

    For an address, `person_id` is its identifier key, and there are answers only. Events are keyed by their sort key,
    and answers by purpose and channel.
    """

    person_id: str
    sequences: list[str] = field(default_factory=list)
    profile: Profile | Removal | None = None
    events: dict[str, EventChange] = field(default_factory=dict)
    consents: dict[tuple[Purpose, Channel], list[ConsentChange]] = field(default_factory=dict)
    address_consents: list[Consent] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Batch:
    """A batch grouped by person.

    Attributes:
        people: the changes by person id.
        ends: records that end a rebuild in a shard: the shard and the rebuild's first number, by sequence number.
        unreadable: the errors of the records that cannot be read, by sequence number.
    """

    people: dict[str, PersonChanges] = field(default_factory=dict)
    ends: dict[str, tuple[str, int]] = field(default_factory=dict)
    unreadable: dict[str, InvalidChangeError] = field(default_factory=dict)


def sort_batch(records: Iterable[tuple[str, bytes]], rebuild: Rebuild | None = None) -> Batch:
    """Group records, given as (sequence number, JSON), by person; mark the profiles that a rebuild repeats.

    Of several profiles of one person the newest version remains, and of several changes of one event the latest: the
    result of writing them one by one, in fewer writes. All changes of an answer remain; they become one write.
    """
    batch = Batch()
    for sequence, data in records:
        try:
            _take(batch, sequence, _read(data), rebuild)
        except InvalidChangeError as error:
            batch.unreadable[sequence] = error
    return batch


def write_person(
    view: ProfileStore, changes: PersonChanges, there: Mapping[str, StoredState], *, keep_days: int, now: datetime
) -> WriteOutcome | None:
    """Write all changes of one person; writing them again changes nothing.

    Args:
        view: where to write.
        changes: the changes of the person.
        there: what is stored of each person of whom the batch has a profile.
        keep_days: how long an event stays on the timeline, in days.
        now: the moment of writing.

    Returns:
        The outcome for the profile, or None when the batch has no profile of this person.
    """
    for consent in changes.address_consents:
        view.put_address_consent(changes.person_id, consent)
    for (purpose, channel), answers in changes.consents.items():
        view.change_answers(changes.person_id, purpose, channel, _all(answers), now=now)
    for change in changes.events.values():
        # An expired entry is not written, so nothing need keep it from coming back.
        if change.entry.expires_at(keep_days) > now:
            write = view.remove_event if change.operation is Operation.DELETE else view.put_event
            write(change.entry, sequence=change.sequence, keep_days=keep_days)
    if changes.profile is None:
        return None
    stored = there[changes.person_id]
    if isinstance(changes.profile, Removal):
        return view.remove_profile(changes.profile, stored, now=now)
    return view.put_profile(changes.profile, stored, now=now)


def _take(batch: Batch, sequence: str, change: Mapping[str, object], rebuild: Rebuild | None) -> None:
    kind = required_text(change, "kind")
    person_id = required_text(change, "person_id")
    if kind == "profile":
        profile = profile_from_change(change, position=sequence)
        if isinstance(profile, Profile) and rebuild is not None and rebuild.repeats(profile.version.sequence):
            profile = replace(profile, rebuilt=True)
        person = _person(batch, person_id, sequence)
        if person.profile is None or profile.version.text > person.profile.version.text:
            person.profile = profile
    elif kind == "event":
        event = EventChange(
            operation=_operation(change), sequence=change_sequence(change), entry=entry_from_change(change)
        )
        events, key = _person(batch, person_id, sequence).events, keys.event_sort(event.entry)
        if key not in events or event.sequence >= events[key].sequence:
            events[key] = event
    elif kind == "consent":
        answer = ConsentChange(
            operation=_operation(change), sequence=change_sequence(change), consent=consent_from_change(change)
        )
        answers = _person(batch, person_id, sequence).consents
        answers.setdefault((answer.consent.purpose, answer.consent.channel), []).append(answer)
    elif kind == SHARD_END:
        batch.ends[sequence] = (ended_shard(change), change_sequence(change))
    elif kind == "address_consent":
        _person(batch, person_id, sequence).address_consents.append(consent_from_change(change))
    else:
        raise InvalidChangeError("field kind: expected profile, event, consent, address_consent or rebuild_end")


def _all(changes: Iterable[ConsentChange]) -> Callable[[Answers], Answers]:
    def apply(answers: Answers) -> Answers:
        for change in changes:
            answers = change.apply(answers)
        return answers

    return apply


def _operation(change: Mapping[str, object]) -> Operation:
    """Return what to do with an event or an answer; it is deleted when it turns out to belong to another person."""
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
        change = decode(data.decode())
    except UnreadableJsonError as error:
        raise InvalidChangeError(f"field {error.field or 'record'}: {error.fault}") from error
    except ValueError as error:
        raise InvalidChangeError("the record is not JSON in UTF-8") from error
    if not isinstance(change, dict):
        raise InvalidChangeError("the record is not a JSON object")
    return change
