"""From the rows that models score to records of the Feature Store, page by page.

A record's time is that of the run: a repetition of the run's call changes nothing that readers see, and whoever has no
profile any more gets no record.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final, Protocol

from c360_core.features import PERSON, FeatureError, FeatureKind, FeatureValue, record_of
from c360_core.profile import Profile

LINES_PER_CALL: Final = 20_000
_PAGE: Final = 500
_WRITERS: Final = 16  # threads; they mostly wait for the store


class FeatureLineError(ValueError):
    """A line that no record can be made of; the message says where."""


class ProfileView(Protocol):
    """What is known of people."""

    def profiles(self, person_ids: Iterable[str]) -> Mapping[str, Profile]:
        """Return the profiles of the people who have one, by the ids that were asked for."""


Put = Callable[[Sequence[FeatureValue]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the rows are kept.

    Attributes:
        lines: read so far.
        records: put by this call.
        unknown: people of this call without a profile.
        done: whether nothing is left.
    """

    lines: int
    records: int
    unknown: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureKeeper:
    """Keeps features of people who have a profile.

    Attributes:
        put: puts a record into the group.
        kinds: of the group's features.
    """

    view: ProfileView
    put: Put
    kinds: Mapping[str, FeatureKind]

    def keep(self, lines: Iterable[bytes], *, at: datetime, after: int, most: int = LINES_PER_CALL) -> Progress:
        """Put the records of some lines.

        Args:
            lines: of the whole file.
            at: when the run began, the time of its records.
            after: how many lines are put already.
            most: how many this call takes.

        Raises:
            FeatureLineError: a line is no row of features.
        """
        taken = islice(enumerate(lines, start=1), after, after + most)
        read = kept = 0
        with ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            while page := list(islice(taken, _PAGE)):
                records = self._records(page, at)
                read, kept = read + len(page), kept + len(records)
                for _ in pool.map(self.put, records):
                    pass  # an error of any of them is raised here
        return Progress(lines=after + read, records=kept, unknown=read - kept, done=read < most)

    def _records(self, page: Sequence[tuple[int, bytes]], at: datetime) -> list[Sequence[FeatureValue]]:
        rows = [_row(number, line) for number, line in page]
        known = self.view.profiles(str(row[PERSON]) for _, row in rows)
        found: list[Sequence[FeatureValue]] = []
        for number, row in rows:
            if row[PERSON] in known:
                try:
                    found.append(record_of(row, self.kinds, at=at))
                except FeatureError as error:
                    raise FeatureLineError(f"line {number}: {error}") from error
        return found


def _row(number: int, line: bytes) -> tuple[int, Mapping[str, Any]]:
    try:
        row = json.loads(line, parse_float=Decimal)
    except ValueError as error:
        raise FeatureLineError(f"line {number}: it is no JSON") from error
    if not isinstance(row, dict) or not row.get(PERSON):
        raise FeatureLineError(f"line {number}: expected the columns of a row, with {PERSON}")
    return number, row
