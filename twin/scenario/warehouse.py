"""The warehouse: loaded when the marts have been built, and asked by the marketing analyst."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from c360_core.names import WAREHOUSE_DATABASE, WAREHOUSE_SCHEMA, Zone, database_name
from ops.persona_session import persona_session
from twin.scenario.deployment import SUCCEEDED, Deployment, StepFailedError, money
from twin.scenario.waiting import until

LOAD_SECONDS: Final = 300.0
STATEMENT_SECONDS: Final = 60.0
SPEND_SQL: Final = f"SELECT SUM(spend) FROM {WAREHOUSE_SCHEMA}.spend_by_person"  # noqa: S608  # our own names
CHANGE_SQL: Final = f"DELETE FROM {WAREHOUSE_SCHEMA}.dim_person"  # noqa: S608  # our own names
_ENDED: Final = frozenset({"FINISHED", "FAILED", "ABORTED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the warehouse and Athena say of the same spend.

    Attributes:
        asked: the warehouse's answer to the marketing analyst.
        athena: the mart's.
        refused: changes that the analyst was refused.
    """

    asked: Decimal
    athena: Decimal
    refused: int


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
    spend = _run(deployment, client, SPEND_SQL)
    if spend["Status"] != "FINISHED":
        raise StepFailedError(f"the warehouse did not answer: {spend.get('Error')}")
    [[value]] = client.get_statement_result(Id=spend["Id"])["Records"]
    change = _run(deployment, client, CHANGE_SQL)
    table = f"{database_name(settings.environment, Zone.PRODUCTS)}.spend_by_currency"
    return Answers(
        asked=money(value["stringValue"]),
        athena=money(deployment.query(f"SELECT sum(spend) FROM {table}")[0][0]),  # noqa: S608  # our own names
        refused=int("permission denied" in str(change.get("Error"))),
    )


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
