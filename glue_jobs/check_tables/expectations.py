"""What a table is expected to be, from its own history: numbers in, DQDL out, without Spark.

A rule compares with a bound that the history gives. DQDL's own dynamic rules would do the same inside Glue alone, with
a history that nobody else can read; these bounds are plain numbers, which every evaluator reads and everybody sees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Final

from c360_core.names import QualityKind, QualityOutcome

REMEMBERED_DAYS: Final = 10  # days of checks that are compared with
LEAST_DAYS: Final = 3  # fewer say nothing
LEAST_ROWS: Final = 100  # of a table with fewer the numbers say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a table may be from its history.

    Attributes:
        volume_percent: it has at least so many percent of its usual rows.
        null_points: a column's share of empty values is at most so many percentage points above the usual one.
        slack_hours: the newest row is at most so much older than usual, or than the contract's frequency allows.
    """

    volume_percent: int
    null_points: int
    slack_hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """A table as it was found.

    Attributes:
        rows: those that were looked at.
        nulls: share of empty values, from 0 to 1, by column that may be empty.
        newest: when the newest data arrived; None for a table that never had any.
    """

    rows: int
    nulls: Mapping[str, float]
    newest: datetime | None

    def age_seconds(self, now: datetime) -> float:
        """Return the age of the newest data, 0 without any."""
        return max(0.0, (now - self.newest).total_seconds()) if self.newest else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One measure of an earlier check."""

    at: datetime
    kind: QualityKind
    column: str | None
    outcome: QualityOutcome
    measured: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One measure, and the rule that it has to keep.

    Attributes:
        kind: what is measured.
        column: of a share of empty values.
        measured: the number.
        rule: in DQDL, and for freshness in words; None while there is too little history.
        holds: whether the number keeps the rule. It decides for freshness, which DQDL would ask of every row, and for
            a table without rows, of which an evaluator says nothing.
    """

    kind: QualityKind
    column: str | None
    measured: float
    rule: str | None
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The earlier checks of a table.

    One check a day counts, the last, and none of today: a table that is checked ten times in an hour learns nothing.
    What failed is no example.
    """

    checks: Sequence[Remembered]
    today: date

    def usual(self, kind: QualityKind, column: str | None = None) -> list[float]:
        """Return the numbers of the last days that were no failure."""
        by_day: dict[date, Remembered] = {}
        for check in sorted(self.checks, key=lambda check: check.at):
            if (check.kind, check.column) == (kind, column) and check.at.date() < self.today:
                by_day[check.at.date()] = check
        latest = [by_day[day] for day in sorted(by_day)[-REMEMBERED_DAYS:]]
        return [check.measured for check in latest if check.outcome is not QualityOutcome.FAILED]


def expectations(
    found: Measures, history: History, *, now: datetime, cadence_seconds: int, tolerance: Tolerance
) -> list[Expectation]:
    """Return what is expected of a table now.

    Args:
        found: the table.
        history: its earlier checks.
        now: when it is checked.
        cadence_seconds: how often its data comes by its contract; 0 for a stream, whose own history decides.
        tolerance: how far it may be off.
    """
    usual_rows = history.usual(QualityKind.VOLUME)
    known = len(usual_rows) >= LEAST_DAYS and median(usual_rows) >= LEAST_ROWS
    least = int(median(usual_rows) * tolerance.volume_percent / 100) if known else None
    expected = [
        Expectation(
            kind=QualityKind.VOLUME,
            column=None,
            measured=found.rows,
            rule=None if least is None else f"RowCount >= {least}",
            holds=least is None or found.rows >= least,
        )
    ]
    if found.newest is not None:
        usual = history.usual(QualityKind.FRESHNESS) if known else []
        expected.append(_freshness(found.age_seconds(now), usual, cadence_seconds, tolerance))
    for column, share in found.nulls.items():
        usual = history.usual(QualityKind.NULLS, column) if known else []
        expected.append(_nulls(column, share, usual, tolerance))
    return expected


def _freshness(age: float, usual: Sequence[float], cadence_seconds: int, tolerance: Tolerance) -> Expectation:
    learned = median(usual) if len(usual) >= LEAST_DAYS else None
    allowed = None
    if cadence_seconds or learned is not None:
        allowed = max(cadence_seconds, learned or 0) + tolerance.slack_hours * 3600
    return Expectation(
        kind=QualityKind.FRESHNESS,
        column=None,
        measured=age,
        rule=None if allowed is None else f"the newest data is at most {allowed / 3600:.1f} hours old",
        holds=allowed is None or age <= allowed,
    )


def _nulls(column: str, share: float, usual: Sequence[float], tolerance: Tolerance) -> Expectation:
    most = min(1.0, median(usual) + tolerance.null_points / 100) if len(usual) >= LEAST_DAYS else None
    return Expectation(
        kind=QualityKind.NULLS,
        column=column,
        measured=share,
        rule=None if most is None else f'Completeness "{column}" >= {1 - most:.4f}',
        holds=most is None or share <= most,
    )
