"""Signals: whether a change of a person's profile is what a play waits for, what it is about, and when it happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from c360_core.conditions import holds
from c360_core.moments import moment
from c360_core.play import MOMENT, SENTIMENT, Play, ProfileChange, ScoreCrossing, SegmentChange, known_fields
from c360_core.profile import Profile
from c360_core.segment import FieldType

ConditionValue = str | int | Decimal | date | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A signal that was seen.

    Attributes:
        subject: what it is about; the same however often the change is seen.
        at: when it happened.
    """

    subject: str
    at: datetime


def signal_of(play: Play, old: Profile | None, new: Profile) -> Seen | None:
    """Return the signal of a play that a change of a profile is, or None.

    Args:
        play: the play.
        old: the profile before; None when the person was unknown.
        new: the profile after.
    """
    match play.signal:
        case ProfileChange() as change:
            return _changed(change, old, new)
        case SegmentChange() as change:
            was = old is not None and change.segment in old.segments
            now = change.segment in new.segments
            if not _news(old, new) or (was, now) != (not change.entered, change.entered):
                return None
            return _at_version(new)
        case ScoreCrossing() as crossing:
            was = old is not None and crossing.holds(old.scores.get(crossing.score))
            if not _is_new(crossing, old, new) or was or not crossing.holds(new.scores.get(crossing.score)):
                return None
            return _at_version(new)


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


def _changed(change: ProfileChange, old: Profile | None, new: Profile) -> Seen | None:
    now = condition_values(new)
    if not holds(change.now, now):
        return None
    before = None if old is None else condition_values(old)
    if before is not None:
        if change.before is not None and not holds(change.before, before):
            return None
        if change.changed and all(before.get(name) == now.get(name) for name in change.changed):
            return None
        if change.before is None and not change.changed and holds(change.now, before):
            return None  # it was true before: nothing came to be so
    at = _moment_of(new, change.dated_by)
    if change.once_per == MOMENT:
        return Seen(subject=f"{new.person_id}@{at.isoformat()}", at=at)
    about = now.get(change.once_per)
    return None if about is None else Seen(subject=str(about), at=at)


def _is_new(crossing: ScoreCrossing, old: Profile | None, new: Profile) -> bool:
    """Tell whether a score tells of something new.

    Sentiment is as old as the text that it is about, which the profile counts already, and history gives none. So it
    needs nothing newer, unless two people have become one: what one of them wrote before is no news then.
    """
    same = old is not None and old.version.identity_version == new.version.identity_version
    return (crossing.score == SENTIMENT and same) or _news(old, new)


def _news(old: Profile | None, new: Profile) -> bool:
    """Tell whether a newer event than all before has come: what a replay of history repeats is older."""
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
