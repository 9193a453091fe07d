"""Cuts are divided so that an outcome is used only where it could be known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_ml.errors import InputError
from c360_ml.split import months_after, split

MONTHS = [months_after("2024-01-01", months) for months in range(30)]


@given(known=st.sets(st.sampled_from(MONTHS), min_size=1), window=st.integers(1, 6))
def test_the_outcome_of_each_part_is_known_when_the_next_begins(known, window):
    try:
        divided = split(known, MONTHS, window=window)
    except InputError:
        needed = months_after(max(known), -window)
        assert not [cut for last in known if last <= needed for cut in known if cut <= months_after(last, -window)], (
            "there was a way to divide them"
        )
        return
    assert divided.holdout == max(known)
    assert months_after(divided.validation, window) <= divided.holdout
    assert all(months_after(cut, window) <= divided.validation for cut in divided.train)
    assert divided.train
    assert divided.newest == MONTHS[-1]
    later = {cut for cut in known if cut < divided.validation} - set(divided.train)
    assert all(months_after(cut, window) > divided.validation for cut in later), "every cut that may be used is"
    assert set(divided.recent) == later
    assert all(months_after(cut, window) <= divided.holdout for cut in divided.recent)


def test_too_few_cuts_say_which_would_do():
    with pytest.raises(InputError, match=r"2025-04-01 to 2025-06-01.* the oldest has to be 2024-12-01 or earlier"):
        split(["2025-04-01", "2025-05-01", "2025-06-01"], ["2025-09-01"], window=3)
    with pytest.raises(InputError, match="no cut has a known outcome"):
        split([], ["2025-09-01"], window=3)


@pytest.mark.parametrize(
    ("cut", "why"), [("2025-02-30", "is no date"), ("someday", "is no date"), ("2025-02-02", "not the first day")]
)
def test_a_cut_is_the_first_day_of_a_month(cut, why):
    with pytest.raises(InputError, match=why):
        months_after(cut, 1)


def test_months_go_over_years():
    assert months_after("2025-11-01", 3) == "2026-02-01"
    assert months_after("2025-02-01", -3) == "2024-11-01"
