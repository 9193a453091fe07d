# the statements are literals of these tests
"""Lake Formation's tags as the analyst meets them: each right is proven by a query under the analyst's own keys."""

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import QueryFailedError, Stack

pytestmark = pytest.mark.usefixtures("built")


@pytest.fixture(scope="module")
def analyst(stack: Stack) -> dict[str, str]:
    return stack.assume(lake.PERSONA)


def test_analyst_reads_the_marts(stack: Stack, analyst: dict[str, str]) -> None:
    assert stack.query("SELECT sum(spend) FROM customer_360 WHERE person_id < 'p_4'", credentials=analyst) == [
        ["140.13"]
    ]


def test_analyst_reads_the_columns_tagged_none_or_pseudonymous(stack: Stack, analyst: dict[str, str]) -> None:
    rows = stack.query(
        "SELECT person_id, spend FROM profiles WHERE event_count = 3", database=lake.CURATED, credentials=analyst
    )
    assert rows == [["p_1", "130.13"]]


@pytest.mark.parametrize("column", ["email", "first_name", "phone"])
def test_analyst_is_refused_the_columns_tagged_direct(stack: Stack, analyst: dict[str, str], column: str) -> None:
    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query(f"SELECT {column} FROM profiles", database=lake.CURATED, credentials=analyst)


def test_analyst_is_refused_all_columns_at_once(stack: Stack, analyst: dict[str, str]) -> None:
    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query("SELECT * FROM profiles", database=lake.CURATED, credentials=analyst)


def test_a_view_gives_the_analyst_no_more_than_what_is_below_it(stack: Stack, analyst: dict[str, str]) -> None:
    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query("SELECT payload FROM stg_interactions", database=lake.CURATED, credentials=analyst)


def test_analyst_is_refused_a_database_without_tags(stack: Stack, analyst: dict[str, str]) -> None:
    stack.client("glue").create_database(
        DatabaseInput={"Name": "untagged", "LocationUri": f"s3://{lake.LAKE}/untagged"}
    )
    stack.query("CREATE TABLE untagged.t WITH (table_type='ICEBERG', is_external=false) AS SELECT 1 AS a")

    assert stack.query("SELECT a FROM untagged.t") == [["1"]]
    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query("SELECT a FROM untagged.t", credentials=analyst)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM decisions",
        "DROP TABLE decisions",
        "CREATE TABLE mine WITH (table_type='ICEBERG', is_external=false) AS SELECT 1 AS a",
        "CREATE VIEW mine AS SELECT 1 AS a",
    ],
)
def test_analyst_changes_nothing(stack: Stack, analyst: dict[str, str], sql: str) -> None:
    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query(sql, credentials=analyst)


def test_analyst_unloads_what_may_be_read(stack: Stack, analyst: dict[str, str]) -> None:
    target = f"s3://{lake.RESULTS}/analyst/"
    stack.query(f"UNLOAD (SELECT person_id, spend FROM customer_360) TO '{target}'", credentials=analyst)
    found = stack.client("s3").list_objects_v2(Bucket=lake.RESULTS, Prefix="analyst/")
    assert found["KeyCount"] >= 1

    with pytest.raises(QueryFailedError, match="PERMISSION_DENIED"):
        stack.query(f"UNLOAD (SELECT email FROM {lake.CURATED}.profiles) TO '{target}2/'", credentials=analyst)
