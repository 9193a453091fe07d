# the statements are literals of these tests
"""What a team counts: literal answers, and figures that change with people, late data and rebuilds as they should."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, let_dbt, run_dbt
from tests.figures.second_engine import SecondEngine, marts

pytestmark = pytest.mark.usefixtures("numbers")

KEPT = ("events_by_key_day", "customer_events", "interactions_by_key_day")
JOINED, INTO, FORGOTTEN = "i_003", "i_002", "i_005"
LATE, NEW = "cookie_id:late", "email:new"


def insert(stack: Stack, *rows: tuple[str, str, str, str, str, str | None]) -> None:
    """Events of the till: id, type, when it happened, when it arrived, whose it is, and the amount."""
    columns = "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, amount, currency"
    values = ", ".join(
        f"('{event}', '{kind}', 'pos_transactions', 1, timestamp '{at} UTC', timestamp '{received} UTC', '{key}', "
        f"{f'decimal {lake.quote(amount)}' if amount else 'null'}, {lake.quote('USD' if amount else None)}, '{{}}')"
        for event, kind, at, received, key, amount in rows
    )
    stack.query(f"INSERT INTO {lake.RAW}.interactions ({columns}, payload) VALUES {values}")


def contents(stack: Stack) -> dict[str, list[list[str | None]]]:
    """Every row of every mart that a second engine knows, and of what they are made of."""
    return {name: sorted(stack.query(f"SELECT * FROM {name}"), key=str) for name in (*marts(), *KEPT)}


def total(stack: Stack, columns: str, mart: str) -> list[str | None]:
    sums = ", ".join(f"sum({column})" for column in columns.split(", "))
    return stack.query(f"SELECT {sums} FROM {mart}")[0]


def newest_read(stack: Stack, model: str) -> int:
    """Return the bytes that the newest statement read with which dbt computed a model."""
    athena = stack.client("athena")
    for page in athena.get_paginator("list_query_executions").paginate(WorkGroup=lake.WORKGROUP):
        for query in page["QueryExecutionIds"]:
            execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            if f"model.customer_360.{model}" in execution["Query"] and "with deliveries as" in execution["Query"]:
                return int(execution["Statistics"]["DataScannedInBytes"])
    raise AssertionError(f"{model} was not built")


def test_a_lifetime_is_in_the_main_currency_and_its_days_are_over(stack: Stack) -> None:
    """An order in dollars and, on the next two days, 20.00 and 5.00 in euros: three orders in two days, 25.00 euros."""
    rows = stack.query(
        "SELECT currency, first_order_on, last_order_on, orders, returns, spend, order_interval_days, spend_30_days, "
        "spend_90_days, spend_365_days FROM customer_lifetime WHERE person_id = 'p_4'"
    )
    assert rows == [["EUR", "2025-12-01", "2025-12-03", "3", "0", "25.00", "1.00", "25.00", "25.00", None]]


def test_the_days_add_up_to_what_is_known_of_the_people(stack: Stack) -> None:
    """To the cent: what the shop took by day, and what it took of each person."""
    days = stack.query("SELECT currency, sum(known_net_amount) FROM orders_by_day GROUP BY 1 ORDER BY 1")
    people = stack.query("SELECT currency, sum(spend) FROM spend_by_currency GROUP BY 1 ORDER BY 1")
    assert days == people
    assert (
        total(stack, "events", "interactions_by_day")
        == stack.query("SELECT sum(events) FROM interactions_by_key_day")[0]
    )


def join_and_forget(stack: Stack) -> None:
    """Join and forget people about whom nothing is simple."""
    identifiers, records = f"{lake.CURATED}.identifier_map", f"{lake.CURATED}.identity_map"
    now = "timestamp '2026-03-25 00:00:00 UTC'"
    stack.query(f"UPDATE {identifiers} SET person_id = '{INTO}' WHERE person_id = '{JOINED}'")
    stack.query(
        f"INSERT INTO {records} (record_id, person_id, valid_from, run_id, version) SELECT record_id, '{INTO}', {now}, "
        f"'run-11', 11 FROM {records} WHERE person_id = '{JOINED}' AND valid_to IS NULL"
    )
    stack.query(f"DELETE FROM {identifiers} WHERE person_id = '{FORGOTTEN}'")
    stack.query(
        f"UPDATE {records} SET valid_to = {now} WHERE person_id IN ('{JOINED}', '{FORGOTTEN}') AND valid_to IS NULL"
    )


def test_joined_people_and_late_data_count_where_they_should_and_a_full_refresh_gives_the_same_numbers(
    stack: Stack, dbt_variables: dict[str, str]
) -> None:
    """What each of them moves, and that it moves nothing else, is in `test_dashboard_figures`."""
    join_and_forget(stack)
    insert(
        stack,
        ("t-1", "order_placed", "2025-03-03 23:59:59", "2026-04-06 10:00:00", LATE, "11.00"),  # a year late
        ("t-2", "order_placed", "2026-04-06 10:00:00", "2026-04-06 10:00:01", NEW, "12.00"),  # a new day
        ("t-2", "order_placed", "2026-04-06 10:00:00", "2026-04-06 10:00:02", NEW, "12.00"),  # which comes twice
        ("t-3", "product_viewed", "2026-04-06 00:00:00", "2026-04-06 00:00:01", NEW, None),  # the first moment of a day
    )
    let_dbt(dbt_variables, "build")

    late = "SELECT sum(orders), sum(net_amount) FROM orders_by_day WHERE day = date '2025-03-03'"
    invented = stack.query(
        f"SELECT count(*), coalesce(sum(amount), 0) FROM (SELECT DISTINCT source, event_id, amount, event_type FROM "
        f"{lake.RAW}.interactions WHERE event_type = 'order_placed' AND cast(occurred_at AS date) = date '2025-03-03')"
    )
    assert stack.query(late)[0][0] == invented[0][0]
    people = stack.query(f"SELECT count(*) FROM customer_lifetime WHERE person_id IN ('{JOINED}', '{FORGOTTEN}')")
    assert people == [["0"]]
    rows = stack.query("SELECT orders, net_amount, known_orders FROM orders_by_day WHERE day = date '2026-04-06'")
    assert rows == [["1", "12.00", "0"]]
    engine = SecondEngine(stack)
    assert {mart: engine.differences(mart)[:3] for mart in marts()} == {mart: [] for mart in marts()}
    grown = contents(stack)
    # Without the tests of data, which would look at the same rows again.
    let_dbt(dbt_variables, "run", "--full-refresh")
    assert contents(stack) == grown


@pytest.mark.parametrize("model", ["events_by_key_day", "customer_events"])
def test_a_build_reads_the_new_days_alone(stack: Stack, dbt_variables: dict[str, str], model: str) -> None:
    """By the bytes that the engine read, and by the literals from which it chooses the files."""
    one = ("run", "--select", model)
    assert run_dbt(dbt_variables, *one, "--full-refresh").returncode == 0
    everything = newest_read(stack, model)
    insert(stack, ("t-9", "order_placed", "2026-04-20 10:00:00", "2026-04-20 10:00:01", NEW, "1.00"))
    assert run_dbt(dbt_variables, *one).returncode == 0
    day = newest_read(stack, model)

    assert 0 < day < everything / 10, (day, everything)
    [compiled] = Path(dbt_variables["DBT_TARGET_PATH"]).glob(f"compiled/**/{model}.sql")
    literals = re.findall(r"(?:occurred_at|received_at) >= timestamp '(\S+)", compiled.read_text(encoding="utf-8"))
    since = "2026-03-29"  # eight days before the newest arrival that was known
    days = stack.query(
        f"SELECT DISTINCT cast(cast(occurred_at AS timestamp(6)) AS date) FROM {lake.RAW}.interactions "
        f"WHERE received_at >= timestamp '{since} 00:00:00 UTC'"
    )
    assert literals
    assert [literal for literal in literals if literal < since and [literal] not in days] == []
    stack.query(f"DELETE FROM {lake.RAW}.interactions WHERE event_id = 't-9'")
    assert run_dbt(dbt_variables, *one, "--full-refresh").returncode == 0


def test_no_feature_of_churn_knows_what_came_later(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """An order in the first moment of the cut changes the labels and no feature."""
    where = "FROM churn_features WHERE cut_on = date '2025-12-01'"
    [[person, key]] = stack.query(
        f"SELECT f.person_id, min(m.identifier_key) FROM (SELECT * {where} AND churned) AS f "
        f"INNER JOIN {lake.CURATED}.identifier_map AS m ON f.person_id = m.person_id GROUP BY 1 ORDER BY 1 LIMIT 1"
    )
    [before] = stack.query(f"SELECT * {where} AND person_id = '{person}'")
    insert(stack, ("t-20", "order_placed", "2025-12-01 00:00:00", "2026-04-07 10:00:00", str(key), "5.00"))
    models = ("interactions_by_key_day", "events_by_key_day", "churn_features")
    assert run_dbt(dbt_variables, "run", "--select", *models).returncode == 0

    [after] = stack.query(f"SELECT * {where} AND person_id = '{person}'")
    *features, churned, spent = before
    assert (churned, after[-2]) == ("true", "false")
    assert Decimal(str(after[-1])) - Decimal(str(spent)) in {Decimal(0), Decimal(5)}, "by the currency of the order"
    assert after[:-2] == features
    [later] = stack.query(f"SELECT max(orders) > {before[5]} FROM churn_features WHERE person_id = '{person}'")
    assert later == ["true"], "the next cuts know it"


def test_each_answer_of_attribution_adds_up_to_all_orders(stack: Stack) -> None:
    """But for the ninth digit of the parts that a path is divided into; in December somebody is too rich for it."""
    answers = ("first", "last", "linear", "position", "data_driven")
    sums = ", ".join(f"round(sum(orders_{answer}), 3), sum(amount_{answer})" for answer in answers)
    [row] = stack.query(f"SELECT {sums} FROM attribution WHERE month <> date '2025-12-01'")
    [[orders, amount]] = stack.query(
        "SELECT count(*), sum(amount) FROM customer_events WHERE event_type = 'order_placed' "
        "AND date_trunc('month', occurred_at) <> timestamp '2025-12-01 00:00:00'"
    )
    assert [Decimal(str(value)) for value in row[::2]] == [Decimal(str(orders))] * len(answers)
    assert all(abs(Decimal(str(value)) - Decimal(str(amount))) < 1 for value in row[1::2])
