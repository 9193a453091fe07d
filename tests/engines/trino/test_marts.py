"""The dbt project on the twin's Athena: built for real, read back to the cent."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import awswrangler as wr
import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import QueryFailedError, Stack, run_dbt, wait_for
from twin.settings import ROOT

pytestmark = pytest.mark.usefixtures("built")

ONE_DIFFERS = "1 deliveries differ from the first one of their id"
TWO_UNREADABLE = "2 closed cases; a satisfaction is a number from 1 to 5"


def read(stack: Stack, sql: str, **options: Any) -> list[dict[str, Any]]:
    frame = wr.athena.read_sql_query(
        sql,
        database=lake.PRODUCTS,
        workgroup=lake.WORKGROUP,
        boto3_session=stack.session(),
        athena_query_wait_polling_delay=0.1,
        **options,
    )
    return list(frame.to_dict("records"))


def test_every_node_of_the_project_succeeds(built: dict[str, str]) -> None:
    assert set(built.values()) <= {"success", "pass"}
    # What is plain Parquet is asked as a query, by the tests of what is shared.
    models = {path.stem for path in (ROOT / "sql" / "models").rglob("*.sql")} - {"shared_identities"}
    assert sorted(name.rpartition(".")[2] for name in built if name.startswith("model.")) == sorted(models)
    assert sum(name.startswith("unit_test.") for name in built) == 2


def test_a_dbt_error_fails_the_build(dbt_variables: dict[str, str]) -> None:
    done = run_dbt(dbt_variables, "build", "--select", "rfm", "--no-such-option")

    assert done.returncode != 0
    assert "No such option" in done.stderr


@pytest.mark.parametrize(
    ("name", "columns", "rows", "found"),
    [
        ("is_key_decisions", "decision_id, person_id, action", "('d', 'p', 'send'), ('e', 'p', 'send')", 0),
        ("is_key_decisions", "decision_id, person_id, action", "('d', 'p', 'send'), ('d', 'q', 'send')", 1),
        ("is_key_decisions", "decision_id, person_id, action", "(NULL, 'p', 'send'), ('e', NULL, 'send')", 2),
        ("no_nulls_segment_membership", "person_id, segment", "('p', 'vip'), ('q', 'vip')", 0),
        ("no_nulls_segment_membership", "person_id, segment", "('p', NULL), (NULL, 'vip')", 2),
        ("within_rfm", "recency_score, frequency_score, monetary_score", "(1, 5, 3)", 0),
        (
            "one_row_per_person_currency",
            "person_id, currency, is_main",
            "('p', 'USD', true), ('p', 'EUR', false), ('q', 'USD', true)",
            0,
        ),
        (
            "one_row_per_person_currency",
            "person_id, currency, is_main",
            "('p', 'USD', true), ('p', 'USD', false), ('q', 'USD', false), ('r', 'USD', true), ('r', 'EUR', true)",
            3,
        ),
        ("within_rfm", "recency_score, frequency_score, monetary_score", "(0, 1, 1), (1, 6, 1), (1, 1, NULL)", 3),
    ],
)
def test_the_data_tests_find_what_they_look_for(
    stack: Stack, dbt_variables: dict[str, str], name: str, columns: str, rows: str, found: int
) -> None:
    [compiled] = Path(dbt_variables["DBT_TARGET_PATH"]).glob(f"compiled/**/{name}*.sql")
    text = compiled.read_text(encoding="utf-8")
    relation = text.partition("from ")[2].split()[0]
    assert len(stack.query(text.replace(relation, f"(VALUES {rows}) AS bad ({columns})"))) == found


def test_spend_is_exact_and_counts_a_repeated_history_once(stack: Stack) -> None:
    rows = read(stack, "SELECT person_id, spend, average_basket FROM customer_360 ORDER BY 1", ctas_approach=False)

    assert [(row["person_id"], row["spend"]) for row in rows] == [
        ("p_1", Decimal("130.13")),
        ("p_2", Decimal("10.00")),
        ("p_3", Decimal("0.00")),
        ("p_4", Decimal("25.00")),
        ("p_5", Decimal("1999999999999.98")),
    ]
    assert rows[0]["average_basket"] == Decimal("75.08")


def test_unknown_customers_keep_their_own_id_and_stay_out_of_the_marts(stack: Stack) -> None:
    unknown = "a_" + "d" * 26
    found = stack.query(
        "SELECT person_id, is_known FROM stg_interactions WHERE event_id = 'e-06'", database=lake.CURATED
    )
    assert found == [[unknown, "false"]]
    assert stack.query("SELECT count(*) FROM customer_360 WHERE person_id LIKE 'a%' OR person_id = 'p_9'") == [["0"]]


def test_a_deleted_review_counts_no_more_and_an_edited_one_by_what_it_says_now(stack: Stack) -> None:
    rows = stack.query(
        "SELECT product_id, reviews, rating_average, bad_reviews FROM product_ratings ORDER BY product_id"
    )
    assert rows == [["17", "2", "3.00", "1"], ["18", "1", "3.00", "0"]]


def test_readers_see_the_newest_text_and_none_that_was_deleted(stack: Stack) -> None:
    rows = stack.query("SELECT kind, text_id, text FROM stg_reviews ORDER BY 1, 2", database=lake.CURATED)
    assert [tuple(row) for row in rows] == [
        ("mention", "r-1", "Love it."),
        ("review", "event r-3a", "No id."),
        ("review", "r-1", "It broke."),
        ("review", "r-4", None),
    ]
    payloads = stack.query(
        "SELECT payload FROM stg_interactions WHERE source = 'product_reviews'", database=lake.CURATED
    )
    assert {row[0] for row in payloads} == {"{}"}


def test_contact_data_of_the_newest_profile_is_masked(stack: Stack) -> None:
    found = stack.query("SELECT email_masked, phone_masked FROM customer_360 WHERE person_id = 'p_1'")
    assert found == [["m***@***.org", "***0123"]]


def test_segments_are_those_of_the_newest_profile_since_they_hold_without_a_break(stack: Stack) -> None:
    rows = stack.query("SELECT person_id, segment, since FROM segment_membership ORDER BY segment")
    assert rows == [
        ["p_1", "frequent", "2026-02-12 00:01:00.000000"],
        ["p_1", "vip", "2026-02-12 00:03:00.000000"],
    ]


def test_spend_by_segment_and_month(stack: Stack) -> None:
    rows = read(
        stack,
        "SELECT * FROM spend_by_segment_month WHERE month >= date '2026-01-01' ORDER BY month, segment",
        ctas_approach=False,
    )
    assert [(r["month"], r["segment"], r["spend"], r["orders"]) for r in rows] == [
        (date(2026, 1, 1), "frequent", Decimal("100.10"), 1),
        (date(2026, 1, 1), "vip", Decimal("100.10"), 1),
        (date(2026, 2, 1), "frequent", Decimal("30.03"), 1),
        (date(2026, 2, 1), "none", Decimal("10.00"), 1),
        (date(2026, 2, 1), "vip", Decimal("30.03"), 1),
    ]


def test_decisions_keep_their_reasons(stack: Stack) -> None:
    rows = stack.query("SELECT decision_id, person_id, action, channel, reasons FROM decisions ORDER BY 1 DESC")
    assert rows == [
        ["d-1", "p_1", "send", "email", "[FIRST_ORDER, CONSENT_GRANTED]"],
        ["d-0", "p_5", None, None, None],  # reasons that are no list, and the id a second time
    ]


def test_a_person_with_two_currencies_has_sums_in_each(stack: Stack) -> None:
    found = stack.query(
        "SELECT currency, orders, spend, average_basket, is_main FROM spend_by_currency WHERE person_id = 'p_4' "
        "ORDER BY currency"
    )
    assert found == [["EUR", "2", "25.00", "12.50", "true"], ["USD", "1", "10.00", "10.00", "false"]]
    assert stack.query("SELECT currency, currencies, orders, spend FROM customer_360 WHERE person_id = 'p_4'") == [
        ["EUR", "2", "3", "25.00"]
    ]
    assert stack.query("SELECT currency, monetary FROM rfm WHERE person_id = 'p_4'") == [["EUR", "25.00"]]


def test_a_quality_problem_of_a_customer_is_a_row(stack: Stack) -> None:
    found = stack.query('SELECT person_id, "check", detail, since FROM customer_quality ORDER BY 1, 2')
    assert found == [
        ["p_4", "several_currencies", "USD 10.00, EUR 25.00", "2025-12-02 10:00:00.000000"],
        ["p_5", "event_id_used_twice", ONE_DIFFERS, "2025-12-02 10:00:00.000000"],
        ["p_5", "unreadable_satisfaction", TWO_UNREADABLE, "2025-12-03 10:00:00.000000"],
    ]
    satisfaction = stack.query("SELECT csat_average, cases_closed FROM customer_360 WHERE person_id = 'p_5'")
    assert satisfaction == [["3.00", "5"]]


def test_awswrangler_reads_by_ctas(stack: Stack) -> None:
    rows = read(
        stack,
        "SELECT person_id, spend, orders, cast(last_order_at AS timestamp(3)) AS last_order_at, segments "
        "FROM customer_360 WHERE orders > 0 AND person_id < 'p_3'",
        ctas_approach=True,
    )
    by_person = {row["person_id"]: row for row in rows}
    assert {person: (row["spend"], row["orders"]) for person, row in by_person.items()} == {
        "p_1": (Decimal("130.13"), 2),
        "p_2": (Decimal("10.00"), 1),
    }
    assert by_person["p_1"]["last_order_at"] == datetime(2026, 2, 1, 10, 0)  # noqa: DTZ001  # Athena's times have no zone
    assert list(by_person["p_1"]["segments"]) == ["frequent", "vip"]
    tables = stack.client("glue").get_tables(DatabaseName=lake.PRODUCTS)["TableList"]
    assert not [table["Name"] for table in tables if table["Name"].startswith("temp_table")]


def test_awswrangler_reads_by_unload(stack: Stack) -> None:
    target = f"s3://{lake.RESULTS}/unloaded/"
    rows = read(
        stack,
        "SELECT person_id, spend, csat_average FROM customer_360 WHERE person_id = 'p_2'",
        ctas_approach=False,
        unload_approach=True,
        s3_output=target,
    )
    assert rows == [{"person_id": "p_2", "spend": Decimal("10.00"), "csat_average": Decimal("4.50")}]


def test_parameters_reach_the_engine_as_values(stack: Stack) -> None:
    rows = read(
        stack,
        "SELECT orders FROM customer_360 WHERE person_id = ? AND spend > ?",
        ctas_approach=False,
        params=["'p_1'", "100"],
        paramstyle="qmark",
    )
    assert rows == [{"orders": 2}]


@pytest.mark.parametrize("path", sorted((ROOT / "sql" / "named_queries").glob("*.sql")), ids=lambda path: path.stem)
def test_named_queries_run(stack: Stack, path: Any) -> None:
    sql = path.read_text(encoding="utf-8")
    options: dict[str, Any] = {"ExecutionParameters": ["'p_1'"]} if "?" in sql else {}
    assert stack.query(sql, **options)


# What is asked with which values, and the first columns of what comes.
PREPARED = {
    "one_customer": ("'p_2'", [["p_2"]]),
    "decisions_about": ("'p_1'", [["2026-02-14 20:00:00.000000"]]),
    "customers_of_segment": ("'vip'", [["p_1"]]),
    "orders_between": ("'2026-02-01', '2026-02-28'", [["USD", "3", "1", "140.02", "1"]]),
    "idle_customers": ("'USD', 10", [["p_5"], ["p_1"]]),
    "lift_of": ("'no_such_experiment'", []),
    "attribution_of": ("'2026-02-01', 'USD'", [["visit"]]),
}


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "sql" / "prepared_statements").glob("*.sql")))
def test_common_questions_are_answered_by_name(stack: Stack, name: str) -> None:
    values, expected = PREPARED[name]
    rows = stack.query(f"EXECUTE {name} USING {values}")
    assert [row[: len(wanted)] for row, wanted in zip(rows, expected, strict=True)] == expected


def test_a_repeated_question_is_answered_without_reading(stack: Stack) -> None:
    hour = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    athena, asked = stack.client("athena"), "EXECUTE customers_of_segment USING 'frequent'"
    told = []
    for _ in range(2):
        started = athena.start_query_execution(
            QueryString=asked,
            WorkGroup=lake.WORKGROUP,
            QueryExecutionContext={"Database": lake.PRODUCTS},
            ResultReuseConfiguration=hour,
        )
        told.append(wait_for(athena, started["QueryExecutionId"])["Statistics"])
    assert [one["ResultReuseInformation"]["ReusedPreviousResult"] for one in told] == [False, True]
    assert told[1]["DataScannedInBytes"] == 0 < told[0]["DataScannedInBytes"]


def test_prepared_statements_run_with_arguments(stack: Stack) -> None:
    stack.query("PREPARE spend_of FROM SELECT spend FROM customer_360 WHERE person_id = ?")
    assert stack.query("EXECUTE spend_of USING 'p_2'") == [["10.00"]]
    stack.query("DEALLOCATE PREPARE spend_of")
    with pytest.raises(QueryFailedError, match="PreparedStatement spend_of was not found"):
        stack.query("EXECUTE spend_of USING 'p_2'")


def test_views_and_marts_show_their_columns_in_the_catalog(stack: Stack) -> None:
    glue = stack.client("glue")
    view = glue.get_table(DatabaseName=lake.CURATED, Name="stg_interactions")["Table"]
    types = {column["Name"]: column["Type"] for column in view["StorageDescriptor"]["Columns"]}
    assert types["amount"] == "decimal(14,2)"
    assert types["occurred_at"] == "timestamp"
    assert view["StorageDescriptor"]["Location"] == ""  # as Athena has it; clients read it without asking
    mart = glue.get_table(DatabaseName=lake.PRODUCTS, Name="customer_360")["Table"]
    assert mart["Parameters"]["table_type"].upper() == "ICEBERG"
    assert mart["Description"].startswith("One row per person of now.")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE t WITH (table_type='ICEBERG', is_external=false) AS SELECT now() AS at", "cast it to timestamp"),
        ("CREATE VIEW v AS SELECT now() AS at", "cast it to timestamp"),
        ("SELECT nothing FROM customer_360", "COLUMN_NOT_FOUND"),
    ],
)
def test_a_query_that_athena_refuses_fails_with_its_reason(stack: Stack, sql: str, reason: str) -> None:
    with pytest.raises(QueryFailedError, match=reason):
        stack.query(sql)


def test_bought_products_join_people_by_person_household_and_postal_code(stack: Stack) -> None:
    assert stack.query("SELECT product, people FROM enrichment_coverage ORDER BY 1") == [
        ["advertising_audiences", "2"],
        ["credit_bands", "3"],
        ["demographics", "1"],
    ]
    assert stack.query("SELECT credit_band, people FROM people_by_credit_band ORDER BY 1") == [["A", "2"], ["C", "1"]]
    found = stack.query(
        "SELECT person_id, array_join(audiences, ' ') FROM customer_360 WHERE person_id < 'p_4' ORDER BY 1"
    )
    assert found[-3:] == [["p_1", "cooks runners"], ["p_2", "runners"], ["p_3", ""]]


def test_a_licence_is_named_where_its_data_is_shown(stack: Stack) -> None:
    assert stack.query("SELECT attribution, licence_ends FROM enrichment_coverage WHERE product = 'credit_bands'") == [
        ["Credit bands by Example Credit Bureau.", "2036-01-01"]
    ]


def test_a_product_says_nothing_once_its_licence_has_ended(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """The same view as dbt compiled it, on the first day after the term."""
    [compiled] = Path(dbt_variables["DBT_TARGET_PATH"]).glob("compiled/**/stg_enrichment.sql")
    text = compiled.read_text(encoding="utf-8")
    assert text.count("current_date") == 3

    def people(day: str) -> list[list[str]]:
        sql = text.replace("current_date", f"date '{day}'")
        return stack.query(f"SELECT product, count(DISTINCT person_id) FROM ({sql}) GROUP BY 1 ORDER BY 1")

    assert [row[1] for row in people("2035-12-31")] == ["2", "3", "1"]
    assert people("2036-01-01") == []
