"""Policies of the warehouse on a real database: who sees which rows, and what stands for contact data."""

from datetime import timedelta
from typing import Any

import pytest

from c360_core.personas import MARKETING_ANALYST
from config.analytics import RowRule
from tests.engines.postgresql.conftest import Warehouse
from tests.engines.postgresql.test_warehouse_loads import (
    CURATED,
    FIRST,
    PRODUCTS,
    RELATIONS,
    TYPES,
    fact,
    load,
    person,
)
from twin.emulator.wire import ServiceError

DOLLARS = RowRule(column="currency", values=("USD",), warehouse_roles=("dollars",))
GERMAN = RowRule(column="language", values=("de",), warehouse_roles=("german",))
NAMES = sorted(one.name for one in RELATIONS)


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    """People of two languages and currencies, one of them with contact data."""
    lake = warehouse.lake
    lake.types.update(TYPES)
    lake.rows.update({key: [] for key in TYPES})
    lake.rows[PRODUCTS, "interactions_by_key_day"] = [
        fact("k1", FIRST, "10.00"),
        fact("k1", FIRST + timedelta(days=40), "7.00", currency="EUR"),
        fact("k2", FIRST, "5.00", currency="EUR"),
    ]
    lake.rows[PRODUCTS, "customer_360"] = [
        person("p1", email_masked="a***@example.com", phone_masked="***12"),
        person("p2", language="de"),
    ]
    lake.rows[PRODUCTS, "segment_membership"] = [{"person_id": "p1", "segment": "lapsing"}]
    lake.rows[PRODUCTS, "product_ratings"] = [
        {"product_id": "1", "reviews": 2, "rating_average": "3.50", "bad_reviews": 1}
    ]
    lake.rows[CURATED, "identifier_map"] = [
        {"identifier_key": key, "person_id": name} for key, name in (("k1", "p1"), ("k2", "p2"))
    ]
    load(warehouse, DOLLARS, GERMAN)
    return warehouse


def read(warehouse: Warehouse, sql: str, *roles: str, user: str = "IAMR:Somebody") -> list[tuple[Any, ...]]:
    """Ask as a person with roles. Each combination of roles has a user of its own: a membership stays."""
    outcomes: list[Any] = []
    warehouse.database.run([sql], "_".join([user, *roles]), outcomes.append, roles=roles)
    return sorted(outcomes[-1].rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_persona_sees_every_row_and_value(loaded: Warehouse, name: str) -> None:
    sql = f"SELECT * FROM warehouse.{name}"
    everything = sorted(loaded.rows(sql))
    assert everything
    assert read(loaded, sql, MARKETING_ANALYST.database_role) == everything


@pytest.mark.parametrize("name", NAMES)
def test_somebody_else_sees_nothing_though_he_was_granted_to_read(loaded: Warehouse, name: str) -> None:
    [relation] = [one for one in RELATIONS if one.name == name]
    sql = f"SELECT * FROM warehouse.{name}"
    with pytest.raises(Exception, match="permission denied"):
        read(loaded, sql)
    loaded.run(
        'GRANT USAGE ON SCHEMA warehouse TO "IAMR:Somebody"', f'GRANT SELECT ON {relation.place} TO "IAMR:Somebody"'
    )
    seen = read(loaded, sql)
    # What a materialized view is computed from takes no policy in Redshift: there the grant decides alone.
    assert bool(seen) is not relation.takes_policies


def test_a_limited_role_sees_rows_with_the_values_of_its_rule(loaded: Warehouse) -> None:
    sql = "SELECT person_id, currency, spend FROM warehouse.spend_by_person"
    assert {row[1] for row in loaded.rows(sql)} == {"USD", "EUR"}
    assert [row[:2] for row in read(loaded, sql, "dollars")] == [("p1", "USD")]
    months = read(loaded, "SELECT currency, SUM(spend) FROM warehouse.spend_by_month GROUP BY currency", "dollars")
    assert [row[0] for row in months] == ["USD"]
    assert [row[0] for row in read(loaded, "SELECT person_id FROM warehouse.dim_person", "german")] == ["p2"]
    # Sums of everybody that are not by the column stay whole.
    assert read(loaded, "SELECT product_id FROM warehouse.dim_product", "german") == [("1",)]


@pytest.mark.parametrize(
    ("role", "closed"),
    [
        ("dollars", ["bridge_person", "bridge_segment", "dim_person", "fact_activity"]),
        ("german", ["bridge_person", "bridge_segment", "fact_activity", "spend_by_person"]),
    ],
)
def test_relations_of_persons_without_the_column_are_closed(loaded: Warehouse, role: str, closed: list[str]) -> None:
    for name in NAMES:
        sql = f"SELECT * FROM warehouse.{name}"
        if name in closed:
            with pytest.raises(Exception, match="permission denied"):
                read(loaded, sql, role)
        else:
            read(loaded, sql, role)


def test_somebody_with_two_roles_sees_what_either_sees(loaded: Warehouse) -> None:
    sql = "SELECT person_id FROM warehouse.dim_person"
    assert read(loaded, sql, "german", MARKETING_ANALYST.database_role) == [("p1",), ("p2",)]


def test_contact_data_is_shown_to_those_who_may_read_it(loaded: Warehouse) -> None:
    sql = "SELECT person_id, email_masked, phone_masked FROM warehouse.dim_person WHERE person_id = 'p1'"
    assert read(loaded, sql, MARKETING_ANALYST.database_role) == [("p1", "a***@example.com", "***12")]
    rule = RowRule(column="language", values=("en",), warehouse_roles=("english",))
    load(loaded, rule)
    assert read(loaded, sql, "english") == [("p1", None, None)]
    # A mask holds before the condition, so that nothing can be found out by asking.
    asked = "SELECT person_id FROM warehouse.dim_person WHERE email_masked = 'a***@example.com'"
    assert read(loaded, asked, "english") == []


def test_a_rule_that_has_changed_holds_from_the_next_load_on(loaded: Warehouse) -> None:
    load(loaded, RowRule(column="currency", values=("EUR",), warehouse_roles=("dollars",)))
    sql = "SELECT person_id, currency FROM warehouse.spend_by_person"
    assert read(loaded, sql, "dollars") == [("p1", "EUR"), ("p2", "EUR")]
    load(loaded, RowRule(column="segment", values=("lapsing",), warehouse_roles=("dollars",)))
    with pytest.raises(Exception, match="permission denied"):
        read(loaded, sql, "dollars")
    assert read(loaded, "SELECT person_id FROM warehouse.bridge_segment", "dollars") == [("p1",)]


def test_what_was_rebuilt_is_protected_again(loaded: Warehouse) -> None:
    loaded.run("DROP SCHEMA IF EXISTS warehouse CASCADE")
    load(loaded, DOLLARS, GERMAN)
    sql = "SELECT person_id, email_masked FROM warehouse.dim_person"
    assert read(loaded, sql, "german") == [("p2", None)]


def test_only_the_administrator_changes_policies(loaded: Warehouse) -> None:
    for change in (
        "DROP RLS POLICY IF EXISTS all_rows CASCADE",
        "ALTER TABLE warehouse.dim_person ROW LEVEL SECURITY OFF",
        "ATTACH RLS POLICY all_rows ON warehouse.dim_person TO PUBLIC",
    ):
        with pytest.raises(ServiceError, match="permission denied"):
            read(loaded, change, MARKETING_ANALYST.database_role)


def test_rows_that_policies_protect_are_not_changed_by_others(loaded: Warehouse) -> None:
    sql = "DELETE FROM warehouse.dim_person"
    role = MARKETING_ANALYST.database_role
    with pytest.raises(Exception, match="permission denied"):
        read(loaded, sql, role)
    loaded.run(f"GRANT DELETE ON warehouse.dim_person TO ROLE {role}")
    with pytest.raises(ServiceError, match="does not support a change of rows that policies protect"):
        read(loaded, sql, role)


def test_what_redshift_refuses_is_refused(loaded: Warehouse) -> None:
    loaded.run("CREATE RLS POLICY p WITH (currency VARCHAR(3)) USING (currency = 'USD')")
    for sql, said in {
        "CREATE RLS POLICY p USING (TRUE)": "already exists",
        "ATTACH RLS POLICY p ON warehouse.fact_activity TO PUBLIC": "which a materialized view reads",
        "ATTACH RLS POLICY p ON warehouse.dim_person TO PUBLIC": 'column "currency"',
        "ATTACH RLS POLICY q ON warehouse.dim_person TO PUBLIC": 'policy "q" does not exist',
        "ATTACH RLS POLICY all_rows ON warehouse.dim_person TO ROLE marketing_analyst": "already attached",
        "ATTACH MASKING POLICY show_contact ON warehouse.dim_person (email_masked) TO ROLE x": "with same priority",
        "DROP RLS POLICY all_rows": "is attached",
        "DROP RLS POLICY q": "does not exist",
        "CREATE MATERIALIZED VIEW warehouse.v AS SELECT person_id FROM warehouse.dim_person": "row-level security",
        "CREATE RLS POLICY r USING (EXISTS (SELECT 1))": "looks something up",
        "ALTER RLS POLICY all_rows USING (FALSE)": "does not support this form",
    }.items():
        with pytest.raises(ServiceError, match=said):
            loaded.run(sql)
