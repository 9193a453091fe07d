"""Who may do what in the warehouse: its database decides, as Redshift's would."""

import pytest

from tests.engines.postgresql.conftest import Warehouse
from twin.emulator.wire import ServiceError

SCHEMA = "CREATE EXTERNAL SCHEMA lake FROM DATA CATALOG DATABASE 'c360_x' IAM_ROLE default"
ANALYST = "IAMR:Analyst"


@pytest.fixture
def shared(warehouse: Warehouse) -> Warehouse:
    warehouse.lake.types["c360_x", "people"] = {"name": "varchar", "born": "date", "tags": "array(varchar)"}
    warehouse.lake.rows["c360_x", "people"] = [{"name": "Ada", "born": "1815-12-10"}]
    warehouse.run(SCHEMA, "CREATE SCHEMA shop", "CREATE TABLE shop.orders (number INTEGER)")
    return warehouse


def test_nobody_reads_what_he_was_not_granted(shared: Warehouse) -> None:
    from psycopg import errors

    with pytest.raises(errors.InsufficientPrivilege, match="permission denied for schema shop"):
        shared.rows("SELECT number FROM shop.orders", user=ANALYST)
    with pytest.raises(ServiceError, match="permission denied for schema lake"):
        shared.rows("SELECT name FROM lake.people", user=ANALYST)
    assert shared.lake.reads == []


def test_what_was_granted_is_read(shared: Warehouse) -> None:
    with pytest.raises(ServiceError):
        shared.rows("SELECT name FROM lake.people", user=ANALYST)  # the first statement lets the user be
    shared.run(f'GRANT USAGE ON SCHEMA lake TO "{ANALYST}"', f'GRANT USAGE ON SCHEMA shop TO "{ANALYST}"',
               f'GRANT SELECT ON TABLE shop.orders TO "{ANALYST}"')  # fmt: skip
    assert shared.rows("SELECT name FROM lake.people", user=ANALYST) == [("Ada",)]
    assert shared.rows("SELECT number FROM shop.orders", user=ANALYST) == []
    from psycopg import errors

    with pytest.raises(errors.InsufficientPrivilege):
        shared.run("DELETE FROM shop.orders", user=ANALYST)


def test_a_schema_that_is_there_is_refused_unless_it_may_be(shared: Warehouse) -> None:
    with pytest.raises(ServiceError, match="already exists"):
        shared.run(SCHEMA)
    shared.run(SCHEMA.replace("SCHEMA lake", "SCHEMA IF NOT EXISTS lake"))


def test_a_dropped_schema_is_forgotten(shared: Warehouse) -> None:
    shared.run("DROP SCHEMA lake CASCADE")
    shared.run(SCHEMA)
    assert shared.rows("SELECT name FROM lake.people") == [("Ada",)]


def test_a_column_of_parts_is_not_read(shared: Warehouse) -> None:
    from psycopg import errors

    with pytest.raises(errors.UndefinedColumn, match="tags"):
        shared.rows("SELECT tags FROM lake.people")
