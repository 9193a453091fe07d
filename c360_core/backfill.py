"""What a backfill is: which interactions go on their stream again, and how far it has come.

A backfill is cut into hours of arrival. The record of its progress names the last hour that has arrived whole on the
stream: whoever goes on begins behind it, and repeats at most the hour after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from c360_core.digests import digest
from c360_core.moments import moment_text

PREFIX: Final = "backfill-"
ID_DIGITS: Final = 20
# Readers forget an interaction so many days after it came; days this close to that are refused.
MARGIN_DAYS: Final = 2
KEY: Final = "backfill_id"  # of the table of progress


class BackfillMode(StrEnum):
    """What a run does: `count` counts, `send` sends."""

    COUNT = "count"
    SEND = "send"


class BackfillRefusedError(ValueError):
    """These days cannot be filled again; the message says why, and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The interactions of a source that arrived on some days, in UTC.

    Attributes:
        source: the contract's name.
        first: the first day.
        last: the last day, which belongs to it.
    """

    source: str
    first: date
    last: date

    def identifier(self, generation: int = 1) -> str:
        """Return the id of the backfill, which is the `replay_id` of all that it sends.

        Args:
            generation: 2 for one that is begun anew after the first, and so on.
        """
        told = f"{self.source}/{self.first.isoformat()}/{self.last.isoformat()}/{generation}"
        return PREFIX + digest(told, digits=ID_DIGITS)

    @property
    def start(self) -> datetime:
        """When the first day began."""
        return datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)

    def end(self, *, settled: datetime) -> datetime:
        """Return the time before which interactions must have arrived: the end of the last day, or `settled`."""
        after = self.last + timedelta(days=1)
        return min(datetime(after.year, after.month, after.day, tzinfo=UTC), settled)

    def check(self, *, today: date, remembered_days: int) -> None:
        """Refuse what would not have one effect.

        Args:
            today: in UTC.
            remembered_days: how long `unify` knows an interaction again.

        Raises:
            BackfillRefusedError: names the dates and the fix.
        """
        if self.last < self.first:
            raise BackfillRefusedError(f"the last day {self.last} is before the first {self.first}; exchange them")
        if self.last > today:
            raise BackfillRefusedError(f"the last day {self.last} has not come; today is {today} in UTC")
        oldest = today - timedelta(days=remembered_days - MARGIN_DAYS)
        if self.first < oldest:
            raise BackfillRefusedError(
                f"what arrived on {self.first} would count twice: `unify` knows an interaction again for "
                f"{remembered_days} days. Begin at {oldest} or later, or run `./c360 rebuild profiles`, which reads "
                "all of the lake"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The interactions that arrived in one hour.

    Attributes:
        start: the hour.
        records: how many there are.
    """

    start: datetime
    records: int

    @property
    def name(self) -> str:
        """The hour as text; the order of these texts is the order of the hours."""
        return moment_text(self.start)


def left(hours: Sequence[Hour], done: str | None) -> list[Hour]:
    """Return the hours that follow the last one that was done, in order."""
    return sorted((hour for hour in hours if done is None or hour.name > done), key=lambda hour: hour.start)
