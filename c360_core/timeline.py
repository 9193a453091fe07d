"""Moments as text, and the timeline: what a person did, newest first, for as long as it is of use.

A moment is written in one form everywhere, `2026-03-01T09:30:00.000Z`, so that text order is time order and
a sort key can carry it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal


class InvalidChangeError(ValueError):
    """A change that breaks the contract of its stream; the message names the field, never its value."""


def moment(text: str) -> datetime:
    """Read an ISO 8601 text; without an offset it is UTC. Raise ValueError for anything else."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def moment_text(at: datetime) -> str:
    """Write a moment in UTC with milliseconds, the form in which text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def required_text(change: Mapping[str, object], field: str) -> str:
    """Return a text field of a change; raise InvalidChangeError when it is missing, empty or no text."""
    value = change.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidChangeError(f"field {field}: expected a text that is not empty, got {type(value).__name__}")
    return value


def required_moment(change: Mapping[str, object], field: str) -> datetime:
    """Return a moment of a change; raise InvalidChangeError when it is missing or not ISO 8601."""
    text = required_text(change, field)
    try:
        return moment(text)
    except ValueError as error:
        raise InvalidChangeError(f"field {field}: expected an ISO 8601 moment") from error


def change_sequence(change: Mapping[str, object]) -> int:
    """Return the number of a change: of two about the same thing, the higher one is the later word.

    0 where there is none, which is how applications of before there were numbers wrote: later than nothing.

    Raises:
        InvalidChangeError: it is no whole number above 0.
    """
    value = change.get("sequence")
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value) or value < 1:
        raise InvalidChangeError("field sequence: expected a whole number above 0")
    return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One interaction as the timeline shows it: no payload, no identifiers."""

    person_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    source: str
    amount: Decimal | None = None
    currency: str | None = None
    session_id: str | None = None

    def expires_at(self, keep_days: int) -> datetime:
        """Return when the entry leaves the timeline; the lake keeps the interaction."""
        return self.occurred_at + timedelta(days=keep_days)


def entry_from_change(change: Mapping[str, object]) -> TimelineEntry:
    """Read a profile change of kind `event`; raise InvalidChangeError when it breaks the contract."""
    amount = change.get("amount")
    return TimelineEntry(
        person_id=required_text(change, "person_id"),
        event_id=required_text(change, "event_id"),
        event_type=required_text(change, "event_type"),
        occurred_at=required_moment(change, "occurred_at"),
        source=required_text(change, "source"),
        amount=None if amount is None else Decimal(str(amount)).quantize(Decimal("0.01")),
        currency=_text_or_none(change.get("currency")),
        session_id=_text_or_none(change.get("session_id")),
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
