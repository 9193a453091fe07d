"""What a clean room shares, built by dbt, and protected queries on Trino: the answers are those of plain sets.

It comes last, because it adds answers about consent to the lake.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, run_dbt
from tests.infrastructure.assembly import ROOT
from twin.providers.clean_rooms.privacy import with_noise
from twin.providers.clean_rooms.queries import plan
from twin.providers.clean_rooms.rules import read_rule
from twin.providers.clean_rooms.sql import SharedTable, literal

pytestmark = pytest.mark.usefixtures("built")
BRAND, PARTNER, TEMPLATE = "123456789012", "210987654321", "arn:template"
SHARED = "stg_shared_addresses shared_people shared_segments shared_orders"


def hash_of(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def answer(stack: Stack, event: str, key: str, at: str, *, granted: bool) -> None:
    payload = json.dumps({"purpose": "marketing", "channel": "email", "granted": granted})
    columns = (
        "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
        "session_start, payload, identifiers"
    )
    stack.query(
        f"INSERT INTO {lake.RAW}.interactions ({columns}) VALUES ('{event}', 'consent_changed', 'web_events', 1, "
        f"timestamp '2026-02-15 {at} UTC', timestamp '2026-02-20 02:00:00 UTC', '{key}', array['{key}'], false, "
        f"'{payload}', '{{}}')"
    )


def rebuild(variables: dict[str, str], *models: str) -> None:
    done = run_dbt(variables, "build", "--select", *models)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(scope="module")
def agreed(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """Two customers agree, one of them takes it back; the models are built after each.

    The segments of the lake are none that are shared, so that they get one more.
    """
    stack.query(
        "INSERT INTO segment_membership (person_id, segment, since) "
        "SELECT person_id, 'midwest', min(since) FROM segment_membership GROUP BY person_id"
    )
    answer(stack, "c-1", lake.LOYALTY, "10:00:00", granted=True)
    answer(stack, "c-2", lake.CRM, "10:00:00", granted=True)
    rebuild(dbt_variables, "customer_events", *SHARED.split())
    first = stack.query("SELECT email_sha256 FROM shared_people ORDER BY 1")
    assert [row[0] for row in first] == sorted(map(hash_of, ("ann@example.com", "bob@example.com")))
    answer(stack, "c-3", lake.CRM, "11:00:00", granted=False)
    rebuild(dbt_variables, "customer_events", *SHARED.split())


@pytest.mark.usefixtures("agreed")
def test_who_withdrew_is_gone_from_every_shared_table(stack: Stack) -> None:
    assert stack.query("SELECT email_sha256, customer_id, is_shared FROM shared_people") == [
        [hash_of("ann@example.com"), hash_of("ann@example.com")[:32], "true"]
    ]
    shared = stack.query("SELECT email_sha256, segment FROM shared_segments")
    assert shared == [[hash_of("ann@example.com"), "midwest"]]
    assert stack.query("SELECT DISTINCT email_sha256 FROM shared_orders") == [[hash_of("ann@example.com")]]


@pytest.mark.usefixtures("agreed")
def test_what_a_partners_ids_are_mapped_to_is_hashed(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """Its table is plain Parquet, which the twin's lake does not write; its query runs as it is."""
    done = run_dbt({**dbt_variables, "C360_SHARED_IDENTITIES": "true"}, "compile", "--select", "shared_identities")
    assert done.returncode == 0, done.stdout[-3000:]
    [compiled] = Path(dbt_variables["DBT_TARGET_PATH"]).glob("compiled/**/shared_identities.sql")
    query = compiled.read_text(encoding="utf-8")
    assert stack.query(f"SELECT count(*), min(email), min(build) FROM ({query})") == [
        ["1", hash_of("ann@example.com"), "all"]
    ]


@pytest.mark.usefixtures("agreed")
def test_orders_are_those_of_the_person(stack: Stack) -> None:
    rows = stack.query(
        "SELECT cast(ordered_on AS varchar), orders, amount FROM shared_orders "
        "WHERE ordered_on < date '2026-03-01' ORDER BY 1"
    )
    assert rows == [["2026-01-05", "1", "100.10"], ["2026-02-01", "1", "50.05"]]


# ---- protected queries

PEOPLE = [(f"h{number}", "gold" if number % 10 == 0 else "basic", number) for number in range(60)]
SEEN = [(f"h{number}", "spring", "ad" if number % 2 else "control", "2026-01-01") for number in range(20, 80)]
BOUGHT = [(f"h{number}", "2026-01-10", "USD", number) for number in range(0, 60, 3)]
MET = {hash_ for hash_, *_ in PEOPLE} & {hash_ for hash_, *_ in SEEN}
TYPES = {"people": "email_sha256, loyalty_tier, spend", "audience": "email_sha256, campaign, variant, seen_on"}


@pytest.fixture(scope="module")
def room(stack: Stack) -> dict[str, SharedTable]:
    """Three tables with custom rules and two with aggregation rules, on the same rows."""

    def made(name: str, columns: str, rows: list[tuple[Any, ...]]) -> str:
        values = ", ".join(str(row) for row in rows)
        dates = columns.replace("seen_on", "CAST(seen_on AS date) AS seen_on").replace(
            "ordered_on", "CAST(ordered_on AS date) AS ordered_on"
        )
        stack.query(
            f"CREATE TABLE room_{name} WITH (table_type = 'ICEBERG', is_external = false, "
            f"location = 's3://{lake.LAKE}/room/{name}/') AS "
            f"SELECT {dates} FROM (VALUES {values}) AS t ({columns})"
        )
        return f'"awsdatacatalog"."{lake.PRODUCTS}"."room_{name}"'

    people = made("people", TYPES["people"], list(PEOPLE))
    audience = made("audience", TYPES["audience"], list(SEEN))
    orders = made("orders", "email_sha256, ordered_on, currency, amount", list(BOUGHT))

    def custom(name: str, owner: str, source: str, columns: str, *, private: bool = True) -> SharedTable:
        stated: dict[str, Any] = {"AllowedAnalyses": [TEMPLATE]}
        if private:
            stated["DifferentialPrivacy"] = {"Columns": [{"Name": "email_sha256"}]}
        allowed = frozenset(columns.split(", "))
        rule = read_rule(name, "CUSTOM", {"V1": {"Custom": stated}}, allowed)
        return SharedTable(name=name, owner=owner, rule=rule, columns=allowed, source=source)

    def counted(name: str, owner: str, source: str, columns: str, least: int) -> SharedTable:
        allowed = frozenset(columns.split(", "))
        sums = [{"ColumnNames": ["spend"], "Function": "SUM"}] if "spend" in allowed else []
        stated = {
            "AggregateColumns": [{"ColumnNames": ["email_sha256"], "Function": "COUNT_DISTINCT"}, *sums],
            "JoinColumns": ["email_sha256"],
            "JoinRequired": "QUERY_RUNNER",
            "DimensionColumns": sorted(allowed & {"loyalty_tier", "campaign", "variant"}),
            "ScalarFunctions": ["ROUND", "UPPER", "CAST"],
            "OutputConstraints": [{"ColumnName": "email_sha256", "Minimum": least, "Type": "COUNT_DISTINCT"}],
        }
        rule = read_rule(name, "AGGREGATION", {"V1": {"Aggregation": stated}}, allowed)
        return SharedTable(name=name, owner=owner, rule=rule, columns=allowed, source=source)

    return {
        "people": custom("people", BRAND, people, TYPES["people"]),
        "orders": custom("orders", BRAND, orders, "email_sha256, ordered_on, currency, amount"),
        "audience": custom("audience", PARTNER, audience, TYPES["audience"], private=False),
        "customers": counted("customers", BRAND, people, TYPES["people"], 10),
        "audience_counts": counted("audience_counts", PARTNER, audience, TYPES["audience"], 2),
    }


COUNTED = "FROM customers c INNER JOIN audience_counts a ON c.email_sha256 = a.email_sha256"


def exact(stack: Stack, room: dict[str, SharedTable], query: str) -> list[list[Any]]:
    made = plan(query, tables=room, runner=PARTNER)
    return made.finish(stack.query(made.sql))


def test_an_overlap_on_trino_is_that_of_the_sets(stack: Stack, room: dict[str, SharedTable]) -> None:
    spend = sum(spend for hash_, _, spend in PEOPLE if hash_ in MET)
    query = f"SELECT COUNT(DISTINCT c.email_sha256) AS people, SUM(c.spend) AS spend {COUNTED}"
    assert exact(stack, room, query) == [[str(len(MET)), str(spend)]]


def test_small_groups_are_left_out_on_trino(stack: Stack, room: dict[str, SharedTable]) -> None:
    """Of forty who are met, four have the tier gold."""
    query = (
        f"SELECT UPPER(c.loyalty_tier) AS tier, COUNT(DISTINCT c.email_sha256) AS n {COUNTED} "
        "WHERE a.campaign IN ('spring', 'x') GROUP BY UPPER(c.loyalty_tier) HAVING COUNT(DISTINCT c.email_sha256) > 1 "
        "ORDER BY n DESC"
    )
    assert exact(stack, room, query) == [["BASIC", "36"]]


@pytest.mark.parametrize(
    ("template", "parameters", "expected"),
    [
        ("audience_overlap", {}, [["spring", 40]]),
        (
            "campaign_reach",
            {"campaign": "spring"},
            [["basic", 36, 36]],
        ),
        (
            "campaign_lift",
            {"campaign": "spring", "currency": "USD"},
            [["ad", 20, 7, 273], ["control", 20, 6, 234]],
        ),
    ],
)
def test_the_shipped_templates_run_on_trino(
    stack: Stack, room: dict[str, SharedTable], template: str, parameters: dict[str, str], expected: list[list[Any]]
) -> None:
    """Without noise their answers are those of the sets; groups of fewer than ten people are left out."""
    made = plan(
        (ROOT / "sql" / "clean_room" / f"{template}.sql").read_text(encoding="utf-8"),
        tables=room,
        runner=PARTNER,
        template=TEMPLATE,
        author=BRAND,
        parameters={name: literal(name, "VARCHAR", value) for name, value in parameters.items()},
    )
    found = with_noise(made, stack.query(made.sql), 10, lambda _: 0.0)
    assert sorted([row[0], *map(int, row[1:])] for row in found) == expected
