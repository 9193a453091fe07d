"""The timeline: what a person did, newest first, for as long as it is of use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from c360_core.change_fields import decimal_of, required_moment, required_text


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
        amount=None if amount is None else decimal_of(amount, "amount"),
        currency=_text_or_none(change.get("currency")),
        session_id=_text_or_none(change.get("session_id")),
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
