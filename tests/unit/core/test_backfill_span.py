"""Which days a backfill takes, what it is called, and what is left of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.backfill import MARGIN_DAYS, BackfillRefusedError, Hour, Span, left

TODAY = date(2026, 3, 10)
REMEMBERED = 30
OLDEST = TODAY - timedelta(days=REMEMBERED - MARGIN_DAYS)


def span(first: date, last: date, source: str = "web_events") -> Span:
    return Span(source=source, first=first, last=last)


@pytest.mark.parametrize(("first", "last"), [(OLDEST, OLDEST), (OLDEST, TODAY), (TODAY, TODAY)])
def test_days_that_unify_remembers_are_taken(first: date, last: date) -> None:
    span(first, last).check(today=TODAY, remembered_days=REMEMBERED)


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        (OLDEST - timedelta(days=1), TODAY, f"would count twice.*Begin at {OLDEST}"),
        (TODAY, TODAY + timedelta(days=1), "has not come"),
        (TODAY, TODAY - timedelta(days=1), "exchange them"),
    ],
)
def test_other_days_are_refused_with_a_fix(first: date, last: date, complaint: str) -> None:
    with pytest.raises(BackfillRefusedError, match=complaint):
        span(first, last).check(today=TODAY, remembered_days=REMEMBERED)


def test_the_id_follows_from_the_span_and_fits_a_replay_id() -> None:
    spans = [span(TODAY, TODAY), span(OLDEST, TODAY), span(TODAY, TODAY, "pos_transactions")]
    ids = {each.identifier(generation) for each in spans for generation in (1, 2)}
    assert len(ids) == 6
    assert all(len(each) <= 64 for each in ids)  # the limit of `replay_id`
    assert span(TODAY, TODAY).identifier() == span(TODAY, TODAY).identifier(1)


def test_it_ends_with_the_last_day_or_with_what_has_settled() -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    assert span(OLDEST, TODAY).end(settled=noon) == noon
    assert span(OLDEST, date(2026, 3, 9)).end(settled=noon) == datetime(2026, 3, 10, tzinfo=UTC)


@given(numbers=st.lists(st.integers(0, 2000), unique=True), killed_after=st.integers(0, 2000))
def test_whoever_goes_on_does_what_is_left_and_nothing_twice(numbers: list[int], killed_after: int) -> None:
    hours = [Hour(start=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n), records=1) for n in numbers]
    first = left(hours, None)[:killed_after]
    rest = left(hours, first[-1].name if first else None)
    assert [*first, *rest] == sorted(hours, key=lambda hour: hour.start)
