"""The nightly work on the lake: its tables are checked, and what is too old leaves it."""

from dataclasses import dataclass
from typing import Final

from c360_core.names import TableName, Zone, database_name
from twin.scenario.deployment import Deployment

INTERACTIONS: Final = f"{Zone.RAW}.{TableName.INTERACTIONS}"
IDENTIFIERS: Final = f"{Zone.CURATED}.{TableName.IDENTIFIER_MAP}"
TOO_OLD: Final = (91, 400)  # days; copies of events are kept for 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the newest check of two tables says.

    Attributes:
        broken: rules that they break.
        identifiers: rows of the map of identifiers, as the check counted them.
    """

    broken: int
    identifiers: int


def check(deployment: Deployment, *datasets: str) -> None:
    """Check tables, as every night."""
    deployment.execute("CheckTablesStateMachineArn", {"tables": ",".join(datasets)})


def broken_rules(deployment: Deployment, dataset: str) -> set[str]:
    """Return the rules that a table broke when it was checked last."""
    sql = f"SELECT rule FROM {_newest(deployment, dataset)} AND outcome = 'failed'"  # noqa: S608  # our own names
    return {str(row[0]) for row in deployment.query(sql)}


def checked(deployment: Deployment) -> Checked:
    """Check what the marts are built from, and return what came of it."""
    check(deployment, INTERACTIONS, IDENTIFIERS)
    sql = f"SELECT CAST(measured AS bigint) FROM {_newest(deployment, IDENTIFIERS)} AND kind = 'volume'"  # noqa: S608
    return Checked(
        broken=sum(len(broken_rules(deployment, dataset)) for dataset in (INTERACTIONS, IDENTIFIERS)),
        identifiers=int(str(deployment.query(sql)[0][0])),
    )


def identifiers(deployment: Deployment) -> int:
    """Count the map of identifiers with Athena."""
    return deployment.count(_table(deployment, IDENTIFIERS), "true")


def outlived(deployment: Deployment) -> int:
    """Add rows that are older than their contract allows, delete such rows as every night, and count what is left."""
    table = _table(deployment, f"{Zone.RAW}.{TableName.DUPLICATES}")
    rows = ", ".join(f"('too-old-{days}', 'web_events', current_timestamp - interval '{days}' day)" for days in TOO_OLD)
    deployment.query(f"INSERT INTO {table} (event_id, source, received_at) VALUES {rows}")  # noqa: S608
    old = "received_at < current_timestamp - interval '91' day"
    if deployment.count(table, old) != len(TOO_OLD):
        raise AssertionError(f"{table}: the old rows did not arrive")
    deployment.execute("EnforceRetentionStateMachineArn")
    return deployment.count(table, old)


def _table(deployment: Deployment, dataset: str) -> str:
    zone, _, table = dataset.partition(".")
    return f"{database_name(deployment.emulator.settings.environment, Zone(zone))}.{table}"


def _newest(deployment: Deployment, dataset: str) -> str:
    """Return the table of results and the condition of a table's newest check."""
    zone, _, table = dataset.partition(".")
    results = _table(deployment, f"{Zone.PRODUCTS}.{TableName.QUALITY_RESULTS}")
    of_table = f"zone = '{zone}' AND table_name = '{table}'"
    return (
        f"{results} WHERE {of_table} "  # noqa: S608  # our own names
        f"AND evaluated_at = (SELECT max(evaluated_at) FROM {results} WHERE {of_table})"
    )
