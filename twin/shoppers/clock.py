"""Times as epoch milliseconds."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# 460 whole weeks take the data of 2017 to October 2025 .. October 2026 and keep every weekday.
HISTORY_SHIFT: Final = 460 * 7 * DAY
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(milliseconds: int) -> str:
    """Return the instant as the envelope wants it: ISO 8601, UTC, milliseconds."""
    day, rest = divmod(milliseconds, DAY)
    hour, rest = divmod(rest, HOUR)
    minute, rest = divmod(rest, MINUTE)
    return f"{_day(day)}T{hour:02d}:{minute:02d}:{rest // SECOND:02d}.{rest % SECOND:03d}Z"


@cache
def _day(days: int) -> str:
    """Formatting a date takes longer than the rest of an event; there are only a few hundred of them."""
    return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")


def milliseconds(moment: datetime) -> int:
    """Return the instant in epoch milliseconds; `moment` must carry its time zone."""
    return round((moment - _EPOCH).total_seconds() * SECOND)


def midnight(day: date) -> int:
    """Return the start of a day in UTC."""
    return milliseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))
