"""Signals: whether a change of a person's profile is what a play waits for, what it is about, and when it happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from c360_core.conditions import holds
from c360_core.moments import moment
from c360_core.play import MOMENT, SENTIMENT, Play, ProfileChange, ScoreCrossing, SegmentChange, known_fields
from c360_core.profile import Profile
from c360_core.segment import FieldType

# The column that counts what is not replayed history.
LIVE_EVENTS: Final = "live_events"

ConditionValue = str | int | Decimal | date | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A signal that was seen.

    Attributes:
        subject: what it is about; the same however often the change is seen. That of a person begins with `<id>@`.
        at: when it happened.
    """

    subject: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a profile.

    Attributes:
        old: the profile before; None when the person was unknown.
        new: the profile after.
        before, now: what conditions may name of both.
    """

    old: Profile | None
    new: Profile
    before: Mapping[str, ConditionValue] | None
    now: Mapping[str, ConditionValue]

    @classmethod
    def of(cls, old: Profile | None, new: Profile) -> "Change":
        """Return the change from one profile to another."""
        before = None if old is None else condition_values(old)
        return cls(old=old, new=new, before=before, now=condition_values(new))


def is_news(old: Profile | None, new: Profile) -> bool:
    """Tell whether something happened between two profiles of a person that is not replayed history.

    A profile without the count of live events was computed before there was one. Then an event must have come that is
    newer than all before, because most of what a replay repeats is older.
    """
    if (counted := new.number(LIVE_EVENTS)) is not None:
        return counted > ((old.number(LIVE_EVENTS) if old is not None else None) or 0)
    return _is_newer(old, new)


def signal_of(play: Play, change: Change) -> Seen | None:
    """Return the signal of a play that a change of a profile is, or None."""
    match play.signal:
        case ProfileChange() as wanted:
            return _changed(wanted, change)
        case SegmentChange() as wanted:
            was = change.old is not None and wanted.segment in change.old.segments
            now = wanted.segment in change.new.segments
            return _at_version(change.new) if (was, now) == (not wanted.entered, wanted.entered) else None
        case ScoreCrossing() as crossing:
            was = change.old is not None and crossing.holds(change.old.scores.get(crossing.score))
            now = crossing.holds(change.new.scores.get(crossing.score))
            return _at_version(change.new) if now and not was and not _was_said_before(crossing, change) else None


def condition_values(profile: Profile) -> dict[str, ConditionValue]:
    """Return the columns of a profile that conditions may name, with values of their types; unknown ones are absent."""
    found: dict[str, ConditionValue] = {}
    for part in (profile.attributes, profile.aggregates, profile.links, profile.enrichment, _of_record(profile)):
        for name, value in part.items():
            kind = known_fields().get(name)
            known = None if kind is None else _typed(kind, value)
            if known is not None:
                found[name] = known
    return found


def _typed(kind: FieldType, value: str | int | Decimal) -> ConditionValue | None:
    """Return a value in the type of its column; None for a text that is no time, which the single view may have."""
    try:
        if kind is FieldType.TIME:
            return moment(str(value))
        return date.fromisoformat(str(value)) if kind is FieldType.DATE else value
    except ValueError:
        return None


def _of_record(profile: Profile) -> Mapping[str, str | int | Decimal]:
    own: dict[str, str | int | Decimal] = {
        "person_id": profile.person_id,
        "identity_version": profile.version.identity_version,
        "event_count": profile.event_count,
        "record_count": profile.record_count,
    }
    return own if profile.last_event_at is None else {**own, "last_event_at": profile.last_event_at}


def _changed(wanted: ProfileChange, change: Change) -> Seen | None:
    before, now = change.before, change.now
    if not holds(wanted.now, now):
        return None
    if before is not None:
        if wanted.before is not None and not holds(wanted.before, before):
            return None
        if wanted.changed and all(before.get(name) == now.get(name) for name in wanted.changed):
            return None
        if wanted.before is None and not wanted.changed and holds(wanted.now, before):
            return None  # it was true before: nothing came to be so
    at = _moment_of(change.new, wanted.dated_by)
    if wanted.once_per == MOMENT:
        return Seen(subject=f"{change.new.person_id}@{at.isoformat()}", at=at)
    about = now.get(wanted.once_per)
    return None if about is None else Seen(subject=str(about), at=at)


def _was_said_before(crossing: ScoreCrossing, change: Change) -> bool:
    """Tell whether a mood came with a person who turned out to be the same: what one wrote before is no news."""
    old, new = change.old, change.new
    merged = old is not None and old.version.identity_version != new.version.identity_version
    return crossing.score == SENTIMENT and merged and not _is_newer(old, new)


def _is_newer(old: Profile | None, new: Profile) -> bool:
    """Tell whether an event has come that is newer than all before."""
    if new.last_event_at is None:
        return False
    return old is None or old.last_event_at is None or moment(new.last_event_at) > moment(old.last_event_at)


def _at_version(new: Profile) -> Seen:
    return Seen(subject=f"{new.person_id}@{new.version.text}", at=_moment_of(new, None))


def _moment_of(profile: Profile, column: str | None) -> datetime:
    text = (profile.text("aggregates", column) if column else None) or profile.last_event_at
    if text is None:
        known = f"{column} and last_event_at are" if column else "last_event_at is"
        raise ValueError(f"profile {profile.person_id}: {known} missing; nothing says when it happened")
    return moment(text)
