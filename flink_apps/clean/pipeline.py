"""The dataflow of `clean`, as SQL over table names; it does not depend on how the tables are defined."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from c360_core import contracts
from c360_core.interaction import REJECTED_EVENT_PREFIX
from c360_core.names import TableName
from flink_apps.clean.functions import KEY_SEPARATOR, TEXTS, clean_event
from flink_apps.shared import sql
from flink_apps.shared.secrets import SecretReader

PACKAGE: Final = "flink_apps.clean"
VIEWS: Final = ("checked", "visited", "counted", "cleaned", "refused")
INSERTS: Final = ("write_interactions", "write_lake", "write_duplicates", "write_rejected")
# In the application's jar, which documents them.
FUNCTIONS: Final = {"text_of": "c360.TextOf", "visit": "c360.Visit"}
# Texts of the packed answer that are numbers.
NUMBERS: Final = {"schema_version": "INT", "occurred_ms": "BIGINT", "received_ms": "BIGINT"}
# A place of the statements must not have the name of another: `source` is the table that is read.
PLACE_NAMES: Final = {"source": "source_name"}
MILLISECONDS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Names of the tables, as SQL writes them.

    Attributes:
        source: `body` BYTES, `arrived_at` as processing time.
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
        "key_separator": KEY_SEPARATOR,
        **unpacked(),
        "session_gap_ms": str(session_gap_minutes * MILLISECONDS_PER_MINUTE),
        "rejected_event_prefix": REJECTED_EVENT_PREFIX,
        "run_id": run_id,
        "interaction_columns": ", ".join(f"`{field.name}`" for field in table.fields if not field.lake_only),
        "lake_columns": ", ".join(f"`{field.name}`" for field in table.fields),
    }
    for name, function in FUNCTIONS.items():
        table_environment.execute_sql(f"CREATE TEMPORARY SYSTEM FUNCTION {name} AS '{function}' LANGUAGE JAVA")
    table_environment.create_temporary_system_function("clean_event", clean_event(secret))
    for view in VIEWS:
        [query] = sql.statements(PACKAGE, f"{view}.sql", values)
        table_environment.create_temporary_view(view, table_environment.sql_query(query))
    statements = table_environment.create_statement_set()
    for insert in INSERTS:
        [statement] = sql.statements(PACKAGE, f"{insert}.sql", values)
        statements.add_insert_sql(statement)
    return statements


def unpacked() -> Mapping[str, str]:
    """Return the expression that reads each text of a packed answer, by the name of its place in the statements."""
    expressions = {name: f"text_of(event, {place})" for place, name in enumerate(TEXTS)}
    numbers = {name: f"CAST({expressions[name]} AS {kind})" for name, kind in NUMBERS.items()}
    return {PLACE_NAMES.get(name, name): text for name, text in (expressions | numbers).items()}
