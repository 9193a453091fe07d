"""A run that does not fit into the driver's memory is refused before it reads anything."""

import pytest

from glue_jobs.identity_resolve.size import TooManyRecordsError, refuse_too_many


def test_a_run_at_the_limit_is_accepted() -> None:
    refuse_too_many({"curated.identity_records": 500_000, "curated.identity_map": 0}, 500_000)


def test_a_run_above_the_limit_is_refused_with_the_table_the_limit_and_the_fix() -> None:
    with pytest.raises(TooManyRecordsError) as refused:
        refuse_too_many({"curated.identity_records": 12, "curated.identity_map": 500_001}, 500_000)

    message = str(refused.value)
    assert "at most 500,000 rows of a table, but curated.identity_map has 500,001;" in message
    assert "unification.identity_driver is G.1X, set it to G.2X" in message
