"""A run that would not fit into the driver's memory is refused before it reads anything."""

import pytest

from glue_jobs.identity_resolve.size import TooManyRecordsError, refuse_too_many


def test_as_many_as_fit_are_let_pass() -> None:
    refuse_too_many({"curated.identity_records": 500_000, "curated.identity_map": 0}, 500_000)


def test_one_too_many_is_refused_with_the_table_the_limit_and_the_fix() -> None:
    with pytest.raises(TooManyRecordsError) as refused:
        refuse_too_many({"curated.identity_records": 12, "curated.identity_map": 500_001}, 500_000)

    said = str(refused.value)
    assert "500,000 rows of a table at most, but curated.identity_map has 500,001: set" in said
    assert "unification.identity_driver to G.2X" in said
