import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.identity.similarity import same_birth_date, same_first_name, same_last_name, within_one_edit

WORDS = st.text(alphabet="abc", max_size=6)


def _distance(one, other):
    """Optimal string alignment by the textbook, for comparison."""
    rows = [list(range(len(other) + 1))]
    for i, x in enumerate(one, 1):
        rows.append([i])
        for j, y in enumerate(other, 1):
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (x != y))
            if i > 1 and j > 1 and x == other[j - 2] and one[i - 2] == y:
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i].append(best)
    return rows[-1][-1]


@given(WORDS, WORDS)
def test_within_one_edit_agrees_with_the_textbook_algorithm(one, other):
    assert within_one_edit(one, other) == (_distance(one, other) <= 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("robert", "robert"),
        ("r", "robert"),
        ("alex", "alexandra"),
        ("alex", "alexander"),
        ("kate", "catherine"),
        ("robert", "rboert"),
        ("steph", "stephanie"),
    ],
)
def test_one_person_may_write_both_first_names(one, other):
    assert same_first_name(one, other)
    assert same_first_name(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("alexander", "alexandra"), ("john", "jane"), ("ann", "amy"), ("jo", "john"), ("sue", "sam")]
)
def test_clearly_different_first_names_are_two_people(one, other):
    assert not same_first_name(one, other)


def test_last_names_may_be_double_or_mistyped():
    assert same_last_name("smith", "smithjones")
    assert same_last_name("jones", "smithjones")
    assert same_last_name("smith", "smiht")
    assert not same_last_name("smith", "jones")
    assert not same_last_name("li", "lin")


@pytest.mark.parametrize("other", ["1980-05-07", "1980-07-05", "1981-05-07", "1908-05-07"])
def test_one_typo_in_a_birth_date_is_tolerated(other):
    assert same_birth_date("1980-05-07", other)


@pytest.mark.parametrize("other", ["1955-05-07", "1980-06-17", "1990-12-07"])
def test_a_different_birth_date_is_recognised(other):
    assert not same_birth_date("1980-05-07", other)
