"""The dataflow of `clean`, as SQL over table names; it does not depend on how the tables are defined."""

from dataclasses import dataclass
from typing import Any, Final

from c360_core import contracts
from c360_core.interaction import REJECTED_EVENT_PREFIX
from c360_core.names import TableName
from flink_apps.clean.functions import RESULT, clean_event
from flink_apps.shared import sql
from flink_apps.shared.secrets import SecretReader

PACKAGE: Final = "flink_apps.clean"
VIEWS: Final = ("checked", "visited", "counted", "cleaned", "refused")
INSERTS: Final = ("write_interactions", "write_lake", "write_duplicates", "write_rejected")
# Columns of a valid event that pass through the dataflow unchanged.
EVENT_COLUMNS: Final = (
    "event_id",
    "event_type",
    "source",
    "schema_version",
    "occurred_ms",
    "received_ms",
    "trace_id",
    "replay_id",
    "customer_key",
    "identifier_keys",
    "order_id",
    "amount",
    "currency",
    "payload",
    "identifiers",
)
MILLISECONDS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Names of the tables, as SQL writes them.

    Attributes:
        source: `body` BYTES, `position` STRING (equal for equal bodies), `arrived_at` as processing time.
        interactions: the stream of interactions.
        lake_interactions: interactions in the lake, with the clear identifiers.
        duplicates: repeated events.
        rejected: records that broke their contract.
    """

    source: str
    interactions: str
    lake_interactions: str
    duplicates: str
    rejected: str


def build(
    table_environment: Any, tables: Tables, *, secret: SecretReader, session_gap_minutes: int, run_id: str
) -> Any:
    """Return the statement set that reads the source once and fills all four sinks.

    Args:
        table_environment: has the tables, and gets the views.
        tables: names of the tables.
        secret: reads the key for hashing identifiers.
        session_gap_minutes: minutes without events that end a session.
        run_id: stored with each rejection, to show who rejected the record.
    """
    table = contracts.load().product(TableName.INTERACTIONS).table
    values = {
        "source": tables.source,
        "interactions": tables.interactions,
        "lake_interactions": tables.lake_interactions,
        "duplicates": tables.duplicates,
        "rejected": tables.rejected,
        "result_columns": ", ".join(f"event.`{name}` AS `{name}`" for name in RESULT),
        "event_columns": ", ".join(EVENT_COLUMNS),
        "session_gap_ms": str(session_gap_minutes * MILLISECONDS_PER_MINUTE),
        "rejected_event_prefix": REJECTED_EVENT_PREFIX,
        "run_id": run_id,
        "interaction_columns": ", ".join(f"`{field.name}`" for field in table.fields if not field.lake_only),
        "lake_columns": ", ".join(f"`{field.name}`" for field in table.fields),
    }
    table_environment.create_temporary_system_function("clean_event", clean_event(secret))
    for view in VIEWS:
        [query] = sql.statements(PACKAGE, f"{view}.sql", values)
        table_environment.create_temporary_view(view, table_environment.sql_query(query))
    statements = table_environment.create_statement_set()
    for insert in INSERTS:
        [statement] = sql.statements(PACKAGE, f"{insert}.sql", values)
        statements.add_insert_sql(statement)
    return statements
