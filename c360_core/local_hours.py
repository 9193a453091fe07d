"""Hours of the day in somebody's time zone as moments, also where clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAYS: Final = 3  # today, tomorrow, and the day after where clocks skip the hour, or a whole day
_TWICE: Final = (0, 1)  # where clocks go back, they show an hour a second time


def next_in_hour(after: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """Return the first moment, from one on, at which clocks in a zone show an hour of the day; UTC.

    On a day on which clocks skip the hour there is none, so the next day's is returned.
    """
    local = after.astimezone(zone)
    if local.hour == hour:
        return after.astimezone(UTC)
    return next(at for at in _beginnings(local.date(), hour, zone) if at >= after)


def _beginnings(first: date, hour: int, zone: ZoneInfo) -> Iterator[datetime]:
    for days in range(_DAYS + 1):
        for fold in _TWICE:
            shown = datetime.combine(first + timedelta(days=days), time(hour, fold=fold), tzinfo=zone)
            at = shown.astimezone(UTC)
            if at.astimezone(zone).hour == hour:
                yield at
