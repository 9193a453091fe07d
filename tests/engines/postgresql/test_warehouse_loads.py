"""The statements that load the warehouse, on a real database: every figure is that of the lake, to the cent."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_core.personas import MARKETING_ANALYST
from config.analytics import RowRule
from stacks.analytics.warehouse.access import access_batches
from stacks.analytics.warehouse.relations import relations_of
from stacks.analytics.warehouse.statements import Batch, read_batches
from tests.engines.postgresql.conftest import Warehouse
from twin.emulator.wire import ServiceError

PRODUCTS, CURATED = "c360_everything_products", "c360_everything_curated"
FOLDER = Path(__file__).parents[3] / "sql" / "warehouse"
BATCHES = read_batches(FOLDER, {"products": PRODUCTS, "curated": CURATED})
RELATIONS = relations_of(BATCHES)
FACTS = {
    "customer_key": "varchar",
    "occurred_on": "date",
    "currency": "varchar",
    "events": "bigint",
    "orders": "bigint",
    "returns": "bigint",
    "amount": "decimal(38,2)",
    "ordered_amount": "decimal(38,2)",
    "visits": "bigint",
    "cases_opened": "bigint",
    "cases_closed": "bigint",
    "last_received_at": "timestamp(6)",
    "customer_keys": "array(varchar)",
}
PEOPLE = {
    **dict.fromkeys(
        ("person_id", "email_masked", "phone_masked", "language", "time_zone", "loyalty_tier", "rfm_cell"),
        "varchar",
    ),
    "record_count": "bigint",
    "first_order_at": "timestamp(6)",
    "last_order_at": "timestamp(6)",
    "csat_average": "decimal(4,2)",
    "segments": "array(varchar)",
}
TYPES = {
    (PRODUCTS, "interactions_by_key_day"): FACTS,
    (PRODUCTS, "customer_360"): PEOPLE,
    (PRODUCTS, "segment_membership"): {"person_id": "varchar", "segment": "varchar", "since": "timestamp(6)"},
    (PRODUCTS, "product_ratings"): {
        "product_id": "varchar", "reviews": "bigint", "rating_average": "decimal(4,2)", "bad_reviews": "bigint",
    },
    (PRODUCTS, "spend_by_currency"): {
        "person_id": "varchar", "currency": "varchar", "orders": "bigint", "returns": "bigint",
        "spend": "decimal(38,2)",
    },
    (CURATED, "identifier_map"): {"identifier_key": "varchar", "person_id": "varchar"},
}  # fmt: skip


def fact(key: str, day: date, amount: str | None, *, currency: str = "USD", **more: Any) -> dict[str, Any]:
    orders = int(amount is not None and Decimal(amount) > 0)
    return {
        "customer_key": key,
        "occurred_on": day,
        "currency": currency,
        "events": 1,
        "orders": orders,
        "returns": int(amount is not None and not orders),
        "amount": amount,
        "ordered_amount": amount if orders else None,
        "visits": 0,
        "cases_opened": 0,
        "cases_closed": 0,
        "last_received_at": f"{day} 12:00:00",
        **more,
    }


def person(name: str, **more: Any) -> dict[str, Any]:
    return {"person_id": name, "language": "en", "record_count": 1, **more}


FIRST = date(2026, 3, 1)


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    """A warehouse that was loaded from a lake with three identifiers of two people, and one of nobody."""
    lake = warehouse.lake
    lake.types.update(TYPES)
    lake.rows.update({key: [] for key in TYPES})
    lake.rows[PRODUCTS, "interactions_by_key_day"] = [
        fact("k1", FIRST, "0.10"),
        fact("k1", FIRST + timedelta(days=9), "-0.10"),
        fact("k2", FIRST, "19.99"),
        fact("k2", FIRST, "7.00", currency="EUR"),
        fact("k3", FIRST + timedelta(days=3), "90071992547409.93"),  # no binary fraction holds it
        fact("k3", FIRST + timedelta(days=4), None),
        fact("k4", FIRST, "5.00"),
    ]
    lake.rows[PRODUCTS, "customer_360"] = [person("p1"), person("p2", csat_average="4.50", language="de")]
    lake.rows[PRODUCTS, "segment_membership"] = [{"person_id": "p1", "segment": "lapsing"}]
    lake.rows[PRODUCTS, "product_ratings"] = [
        {"product_id": "1", "reviews": 2, "rating_average": "3.50", "bad_reviews": 1}
    ]
    lake.rows[CURATED, "identifier_map"] = [
        {"identifier_key": key, "person_id": name} for key, name in (("k1", "p1"), ("k2", "p1"), ("k3", "p2"))
    ]
    load(warehouse)
    return warehouse


def load(warehouse: Warehouse, *rules: RowRule) -> None:
    """Run the batches as the state machine does: what is made once may be there already."""
    from psycopg import Error

    for batch in (*BATCHES[:-1], *access_batches(RELATIONS, rules)):
        try:
            warehouse.run(*batch.statements)
        except (Error, ServiceError) as error:
            if not batch.once or "already " not in str(error):
                raise


def batch(name: str) -> Batch:
    [found] = [one for one in BATCHES if one.name == name]
    return found


def differences(warehouse: Warehouse) -> int:
    """Build the mart from the same rows by arithmetic of our own, and ask the shipped statement."""
    lake = warehouse.lake
    people = {row["identifier_key"]: row["person_id"] for row in lake.rows[CURATED, "identifier_map"]}
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for row in lake.rows[PRODUCTS, "interactions_by_key_day"]:
        if row["customer_key"] in people and row["amount"] is not None:
            key = (people[row["customer_key"]], row["currency"])
            added = sums.setdefault(key, {"orders": 0, "returns": 0, "spend": Decimal(0)})
            added["orders"] += row["orders"]
            added["returns"] += row["returns"]
            added["spend"] += Decimal(row["amount"])
    lake.rows[PRODUCTS, "spend_by_currency"] = [
        {"person_id": name, "currency": currency, **added} for (name, currency), added in sums.items()
    ]
    [statement] = batch("differences").statements
    [(found,)] = warehouse.rows(statement)
    return int(found)


def spend(warehouse: Warehouse) -> dict[tuple[str, str], Decimal]:
    rows = warehouse.rows("SELECT person_id, currency, spend FROM warehouse.spend_by_person")
    return {(name, currency): amount for name, currency, amount in rows}


def test_the_figures_are_those_of_the_lake_to_the_cent(loaded: Warehouse) -> None:
    assert spend(loaded) == {
        ("p1", "USD"): Decimal("19.99"),
        ("p1", "EUR"): Decimal("7.00"),
        ("p2", "USD"): Decimal("90071992547409.93"),
    }
    assert differences(loaded) == 0


def test_a_cent_is_a_difference_and_so_is_a_person_too_many(loaded: Warehouse) -> None:
    assert differences(loaded) == 0
    mart = loaded.lake.rows[PRODUCTS, "spend_by_currency"]
    [statement] = batch("differences").statements
    mart[0]["spend"] += Decimal("0.01")
    assert loaded.rows(statement) == [(1,)]
    mart.append({"person_id": "p9", "currency": "USD", "orders": 1, "returns": 0, "spend": "1.00"})
    assert loaded.rows(statement) == [(2,)]


def test_a_load_that_is_repeated_changes_nothing(loaded: Warehouse) -> None:
    everything = "SELECT COUNT(*), SUM(amount) FROM warehouse.fact_activity"
    before = (spend(loaded), loaded.rows(everything))
    load(loaded)
    assert (spend(loaded), loaded.rows(everything)) == before
    assert loaded.rows("SELECT COUNT(*) FROM warehouse.dim_person") == [(2,)]


def test_late_data_changes_its_own_day_and_no_other(loaded: Warehouse) -> None:
    facts = loaded.lake.rows[PRODUCTS, "interactions_by_key_day"]
    facts[2] = fact("k2", FIRST, "24.99", last_received_at="2026-04-01 08:00:00")
    # Nobody told of this one: a day without news is not read again.
    facts[4]["amount"] = "1.00"
    load(loaded)
    found = spend(loaded)
    assert (found["p1", "USD"], found["p2", "USD"]) == (Decimal("24.99"), Decimal("90071992547409.93"))
    assert differences(loaded) == 1


def test_two_people_become_one_and_a_third_is_erased(loaded: Warehouse) -> None:
    lake = loaded.lake
    lake.rows[CURATED, "identifier_map"] = [
        {"identifier_key": "k1", "person_id": "p2"},
        {"identifier_key": "k2", "person_id": "p2"},
        {"identifier_key": "k4", "person_id": "p3"},
    ]
    lake.rows[PRODUCTS, "customer_360"] = [person("p2", language="fr"), person("p3")]
    lake.rows[PRODUCTS, "segment_membership"] = []
    load(loaded)
    assert differences(loaded) == 0
    people = loaded.rows("SELECT person_id, language FROM warehouse.dim_person ORDER BY person_id")
    assert people == [("p2", "fr"), ("p3", "en")]
    assert loaded.rows("SELECT COUNT(*) FROM warehouse.bridge_segment") == [(0,)]
    assert spend(loaded) == {
        ("p2", "USD"): Decimal("19.99"),
        ("p2", "EUR"): Decimal("7.00"),
        ("p3", "USD"): Decimal("5.00"),
    }


def test_the_calendar_has_no_gaps_and_knows_weekends(loaded: Warehouse) -> None:
    days = loaded.rows(
        "SELECT day, year, quarter, month, week, weekday, is_weekend FROM warehouse.dim_date ORDER BY day"
    )
    expected = [FIRST + timedelta(days=number) for number in range(10)]
    assert days == [
        (day, day.year, 1, 3, day.isocalendar().week, day.isoweekday() % 7, day.isoweekday() > 5) for day in expected
    ]


def test_months_add_up_to_what_people_have_spent(loaded: Warehouse) -> None:
    months = loaded.rows(
        "SELECT currency, SUM(spend) FROM warehouse.spend_by_month GROUP BY currency ORDER BY currency"
    )
    totals: dict[str, Decimal] = {}
    for (_, currency), amount in spend(loaded).items():
        totals[currency] = totals.get(currency, Decimal(0)) + amount
    assert months == sorted(totals.items())


def test_a_batch_that_fails_leaves_the_day_before(loaded: Warehouse) -> None:
    from psycopg import Error

    before = spend(loaded)
    facts = loaded.lake.rows[PRODUCTS, "interactions_by_key_day"]
    facts.append(fact("k1", FIRST, "1.00", last_received_at="2026-05-01 08:00:00"))
    facts.append({**facts[-1]})  # the same row twice breaks the key
    with pytest.raises(Error, match="duplicate key"):
        load(loaded)
    assert spend(loaded) == before


def test_a_persona_reads_by_its_role_and_changes_nothing(loaded: Warehouse) -> None:
    from psycopg import errors

    found: list[Any] = []
    read = "SELECT SUM(spend) FROM warehouse.spend_by_person"
    loaded.database.run([read], "IAMR:Analyst", found.append, roles=[MARKETING_ANALYST.database_role, "no_such_role"])
    assert found[0].rows == [(sum(spend(loaded).values()),)]
    with pytest.raises(errors.InsufficientPrivilege):
        loaded.rows(read, user="IAMR:Somebody")
    for change in ("DELETE FROM warehouse.dim_person", "CREATE TABLE warehouse.t (a INTEGER)"):
        with pytest.raises(errors.InsufficientPrivilege):
            loaded.run(change, user="IAMR:Analyst")


def test_an_empty_lake_gives_an_empty_warehouse(warehouse: Warehouse) -> None:
    warehouse.lake.types.update(TYPES)
    warehouse.lake.rows.update({key: [] for key in TYPES})
    load(warehouse)
    assert spend(warehouse) == {}
    assert warehouse.rows("SELECT COUNT(*) FROM warehouse.dim_date") == [(0,)]
    assert differences(warehouse) == 0


def test_only_the_columns_that_a_statement_names_are_read(loaded: Warehouse) -> None:
    read = [columns for _, table, columns in loaded.lake.reads if table == "interactions_by_key_day"]
    assert read[0] == ("occurred_on", "last_received_at")
    assert "customer_keys" not in read[-1]
    assert set(read[-1]) == set(FACTS) - {"customer_keys"}
