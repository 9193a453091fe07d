"""The warehouse: loaded when the marts have been built, and asked by the marketing analyst."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from c360_core.names import WAREHOUSE_DATABASE, WAREHOUSE_SCHEMA, TableName, Zone, database_name
from c360_core.personas import MARKETING_ANALYST
from ops.persona_session import persona_session
from twin.scenario.deployment import SUCCEEDED, Deployment, StepFailedError, money
from twin.scenario.waiting import until

LOAD_SECONDS: Final = 300.0
STATEMENT_SECONDS: Final = 60.0
SPEND_SQL: Final = f"SELECT SUM(spend) FROM {WAREHOUSE_SCHEMA}.spend_by_person"  # noqa: S608  # our own names
# Of the stream of interactions, and of the lake: each event once.
STREAMED_SQL: Final = f"SELECT SUM(amount), SUM(events) FROM {WAREHOUSE_SCHEMA}.live_activity"  # noqa: S608  # our own names
LAKE_SQL: Final = (
    "SELECT sum(amount), count(*) FROM (SELECT source, event_id, min(amount) AS amount FROM {raw}.interactions "
    "GROUP BY source, event_id)"
)
CHANGE_SQL: Final = f"DELETE FROM {WAREHOUSE_SCHEMA}.dim_person"  # noqa: S608  # our own names
# Relations of the warehouse, and what of the lake each is loaded from: zone, table, and columns by their names there.
ALIKE: Final[Mapping[str, tuple[Zone, str, Mapping[str, str]]]] = {
    "bridge_person": (
        Zone.CURATED,
        TableName.IDENTIFIER_MAP,
        {"customer_key": "identifier_key", "person_id": "person_id"},
    ),
    "bridge_segment": (
        Zone.PRODUCTS,
        TableName.SEGMENT_MEMBERSHIP,
        {name: name for name in ("person_id", "segment", "since")},
    ),
    "dim_person": (
        Zone.PRODUCTS,
        "customer_360",
        {
            name: name
            for name in (
                "person_id", "email_masked", "phone_masked", "language", "time_zone", "loyalty_tier", "rfm_cell",
                "record_count", "first_order_at", "last_order_at", "csat_average",
            )
        },
    ),
    "dim_product": (
        Zone.PRODUCTS,
        "product_ratings",
        {name: name for name in ("product_id", "reviews", "rating_average", "bad_reviews")},
    ),
    "spend_by_person": (
        Zone.PRODUCTS,
        "spend_by_currency",
        {name: name for name in ("person_id", "currency", "orders", "returns", "spend")},
    ),
}  # fmt: skip
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_ENDED: Final = frozenset({"FINISHED", "FAILED", "ABORTED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the warehouse and Athena say of the same spend.

    Attributes:
        asked: the warehouse's answer to the marketing analyst.
        athena: the mart's.
        refused: changes that the analyst was refused.
        streamed: amounts of all events that the warehouse has read from the stream.
        in_lake: the same of the lake.
        alike: relations of which the analyst sees in the warehouse what it sees in the lake, row by row.
    """

    asked: Decimal
    athena: Decimal
    refused: int
    alike: int
    streamed: Decimal
    in_lake: Decimal


def loaded(deployment: Deployment) -> None:
    """Wait until the warehouse has been loaded, which the build of the marts starts.

    Raises:
        StepFailedError: a load has failed.
    """
    for execution in deployment.wait_for_executions("LoadWarehouseStateMachineArn", 1, seconds=LOAD_SECONDS):
        if execution["status"] != SUCCEEDED:
            raise StepFailedError(f"{execution['executionArn']}: {execution.get('error')}: {execution.get('cause')}")


def ask(deployment: Deployment) -> Answers:
    """Ask the warehouse as the marketing analyst, and Athena for the same."""
    settings = deployment.emulator.settings
    session = persona_session(
        settings.session(), deployment.outputs["MarketingAnalystRoleArn"], endpoint=settings.endpoint
    )
    client = session.client("redshift-data", endpoint_url=settings.endpoint)
    [(spend,)] = _rows(deployment, client, SPEND_SQL)
    change = _run(deployment, client, CHANGE_SQL)
    [(streamed, _)] = _rows(deployment, client, STREAMED_SQL)
    raw = database_name(settings.environment, Zone.RAW)
    [(in_lake, _)] = deployment.query(LAKE_SQL.format(raw=raw))
    table = f"{database_name(settings.environment, Zone.PRODUCTS)}.spend_by_currency"
    return Answers(
        asked=money(spend),
        athena=money(deployment.query(f"SELECT sum(spend) FROM {table}")[0][0]),  # noqa: S608  # our own names
        streamed=money(streamed),
        in_lake=money(in_lake),
        refused=int("permission denied" in str(change.get("Error"))),
        alike=sum(
            _is_alike(deployment, client, session.client("athena", endpoint_url=settings.endpoint), name)
            for name in ALIKE
        ),
    )


def _is_alike(deployment: Deployment, warehouse: Any, athena: Any, name: str) -> bool:
    """Tell whether the analyst reads the same rows in the warehouse and, through Athena, in the lake."""
    zone, table, columns = ALIKE[name]
    asked = f"SELECT {', '.join(columns)} FROM {WAREHOUSE_SCHEMA}.{name}"  # noqa: S608  # our own names
    here = _rows(deployment, warehouse, asked)
    place = f"{database_name(deployment.emulator.settings.environment, zone)}.{table}"
    there = deployment.query(
        f"SELECT {', '.join(columns.values())} FROM {place}",  # noqa: S608  # our own names
        client=athena,
        workgroup=MARKETING_ANALYST.workgroup_output,
    )
    return bool(there) and Counter(map(_plain, here)) == Counter(map(_plain, there))


def _plain(row: Sequence[Any]) -> tuple[str, ...]:
    """Return values as both write them: a number or a time without zeros at its end."""
    return tuple(_short("" if value is None else str(value)) for value in row)


def _short(text: str) -> str:
    if _NUMBER.fullmatch(text) or re.fullmatch(r".*:\d\d\.\d+", text):
        return text.rstrip("0").rstrip(".")
    return text


def _rows(deployment: Deployment, client: Any, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query of the warehouse.

    Raises:
        StepFailedError: it has failed.
    """
    ended = _run(deployment, client, sql)
    if ended["Status"] != "FINISHED":
        raise StepFailedError(f"the warehouse did not answer: {ended.get('Error')}")
    for page in client.get_paginator("get_statement_result").paginate(Id=ended["Id"]):
        for record in page["Records"]:
            yield tuple(None if one.get("isNull") else next(iter(one.values())) for one in record)


def _run(deployment: Deployment, client: Any, sql: str) -> dict[str, Any]:
    started = client.execute_statement(
        WorkgroupName=deployment.outputs["WarehouseWorkgroupName"], Database=WAREHOUSE_DATABASE, Sql=sql
    )
    ended: dict[str, Any] = until(
        f"the statement {sql} has ended",
        lambda: client.describe_statement(Id=started["Id"]),
        lambda seen: seen["Status"] in _ENDED,
        seconds=STATEMENT_SECONDS,
        pause=0.1,
    )
    return ended
