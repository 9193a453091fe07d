"""What a table is expected to be: bounds worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest

from c360_core.names import QualityKind, QualityOutcome
from glue_jobs.check_tables.expectations import (
    Expectation,
    History,
    Measures,
    Remembered,
    Tolerance,
    expectations,
)

NOW = datetime(2026, 3, 20, 3, tzinfo=UTC)
DAY = 86400
TOLERANCE = Tolerance(volume_percent=50, null_points=20, slack_hours=12)


def check(days_ago, kind, measured, outcome=QualityOutcome.PASSED, column=None, hour=0):
    at = NOW - timedelta(days=days_ago) + timedelta(hours=hour)
    return Remembered(at=at, kind=kind, column=column, outcome=outcome, measured=measured)


def of_days(kind, *numbers, column=None):
    """Return a check a day, the last of them yesterday."""
    return [check(len(numbers) - place, kind, number, column=column) for place, number in enumerate(numbers)]


def expected(found, checks, cadence_seconds=0):
    history = History(checks=checks, today=date(2026, 3, 20))
    said = expectations(found, history, now=NOW, cadence_seconds=cadence_seconds, tolerance=TOLERANCE)
    return {(one.kind, one.column): one for one in said}


def rows_of(number, newest=None, **nulls):
    return Measures(rows=number, nulls=nulls, newest=newest)


def test_the_least_rows_are_half_of_the_median():
    checks = of_days(QualityKind.VOLUME, 1000, 100, 400)
    at_bound, below = (expected(rows_of(number), checks)[QualityKind.VOLUME, None] for number in (200, 199))
    assert (at_bound.rule, at_bound.holds) == ("RowCount >= 200", True)
    assert (below.rule, below.holds) == ("RowCount >= 200", False)


@pytest.mark.parametrize(
    "checks",
    [
        [],
        of_days(QualityKind.VOLUME, 500, 500),
        of_days(QualityKind.VOLUME, 99, 99, 99),
        [check(0, QualityKind.VOLUME, 500, hour=-hour) for hour in (0, 1, 2)],
        [check(days, QualityKind.VOLUME, 500, QualityOutcome.FAILED) for days in (1, 2, 3, 4)],
    ],
    ids=["nothing", "two days", "few rows", "one day", "failures"],
)
def test_too_little_history_judges_nothing(checks):
    found = expected(rows_of(1, NOW - timedelta(days=9), email=0.9), checks)
    assert {one.rule for one in found.values()} == {None}
    assert all(one.holds for one in found.values())
    assert found[QualityKind.NULLS, "email"].measured == 0.9


def test_of_each_day_the_last_check_counts_and_only_ten_days():
    checks = [
        *(check(days, QualityKind.VOLUME, 9000) for days in range(11, 20)),
        *(check(days, QualityKind.VOLUME, 7, hour=-1) for days in range(1, 11)),
        *(check(days, QualityKind.VOLUME, 300) for days in range(1, 11)),
    ]
    assert expected(rows_of(300), checks)[QualityKind.VOLUME, None].rule == "RowCount >= 150"


def test_a_table_that_changed_for_good_is_learned_anew_after_its_failures():
    past = [check(days, QualityKind.VOLUME, 1000) for days in range(9, 20)]
    failures = [check(days, QualityKind.VOLUME, 10, QualityOutcome.FAILED) for days in range(1, 9)]
    assert expected(rows_of(10), [*past, *failures])[QualityKind.VOLUME, None].rule is None
    assert expected(rows_of(10), [*past, *failures[2:]])[QualityKind.VOLUME, None].rule == "RowCount >= 500"


def test_a_share_of_empty_values_may_grow_by_some_points():
    volume = of_days(QualityKind.VOLUME, 500, 500, 500)
    shares = of_days(QualityKind.NULLS, 0.1, 0.3, 0.2, column="email")
    others = of_days(QualityKind.NULLS, 0.9, 0.9, 0.9, column="phone")
    found = expected(rows_of(500, email=0.4, phone=1.0), [*volume, *shares, *others])
    assert found[QualityKind.NULLS, "email"].rule == 'Completeness "email" >= 0.6000'
    assert found[QualityKind.NULLS, "email"].holds
    assert found[QualityKind.NULLS, "phone"].rule == 'Completeness "phone" >= 0.0000'
    assert not expected(rows_of(500, email=0.41), [*volume, *shares])[QualityKind.NULLS, "email"].holds


@pytest.mark.parametrize(
    ("age_hours", "cadence", "ages", "holds"),
    [
        (36, DAY, [], True),
        (36.1, DAY, [], False),
        (13, 900, [], False),
        (100, DAY, [90 * 3600] * 3, True),
        (103, DAY, [90 * 3600] * 3, False),
        (12.4, 0, [1800] * 3, True),
        (12.6, 0, [1800] * 3, False),
        (1000, 0, [], True),
    ],
)
def test_data_may_be_as_old_as_its_cadence_or_its_history_and_some_hours(age_hours, cadence, ages, holds):
    checks = [*of_days(QualityKind.VOLUME, 500, 500, 500), *of_days(QualityKind.FRESHNESS, *ages)]
    newest = NOW - timedelta(hours=age_hours)
    found: Expectation = expected(rows_of(500, newest), checks, cadence)[QualityKind.FRESHNESS, None]
    assert found.holds is holds
    assert found.measured == pytest.approx(age_hours * 3600)


def test_a_source_that_falls_silent_fails_each_night_and_never_becomes_usual():
    """Each night it is a day older; its failures are no examples."""
    checks = [
        *of_days(QualityKind.VOLUME, *[500] * 12),
        *(check(days, QualityKind.FRESHNESS, 20 * 3600) for days in range(6, 12)),
    ]
    for days in range(1, 5):
        newest = NOW - timedelta(hours=20) - timedelta(days=days)
        found = expected(rows_of(500, newest), checks, DAY)[QualityKind.FRESHNESS, None]
        assert not found.holds
        checks.append(check(6 - days, QualityKind.FRESHNESS, found.measured, QualityOutcome.FAILED))


def test_a_table_that_never_had_data_has_no_age():
    assert (QualityKind.FRESHNESS, None) not in expected(rows_of(0), [], DAY)
