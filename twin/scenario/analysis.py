"""What analysts see: the marts, read with awswrangler through Athena, and what a persona may read of the lake."""

from decimal import Decimal
from typing import Any, Final

import awswrangler

from c360_core.names import TableName, Zone, database_name
from c360_core.personas import MARKETING_ANALYST
from ops.persona_session import persona_session
from ops.queries.asking import Desk
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.result import Analysis, PersonaAnswer

SEGMENTS_SQL: Final = "SELECT segment, count(*) AS members FROM segment_membership GROUP BY segment ORDER BY 2 DESC"
SPEND_SQL: Final = (
    "SELECT date_format(month, '%Y-%m') AS month, segment, sum(spend) AS spend "
    "FROM spend_by_segment_month GROUP BY 1, 2 ORDER BY 1, 2"
)
RFM_SQL: Final = "SELECT recency_score, frequency_score, count(*) AS customers FROM rfm GROUP BY 1, 2"
ALLOWED_SQL: Final = "SELECT person_id, email_masked, phone_masked, spend FROM {products}.customer_360 LIMIT 3"
ASKED_SEGMENT: Final = "high_spenders"
POLL_SECONDS: Final = 0.1  # these queries take less than the second between two looks that is usual
# How a query says that its author may not: by Lake Formation, and by IAM.
_REFUSALS: Final = ("PERMISSION_DENIED", "is not authorized to perform")
REFUSED_SQL: Final = (
    "SELECT email FROM {curated}.{profiles} LIMIT 1",
    "SELECT identifiers FROM {raw}.{interactions} LIMIT 1",
)


def build_models(deployment: Deployment) -> None:
    """Run the state machine that builds and tests the dbt models, to its end."""
    deployment.execute("BuildModelsStateMachineArn")


def read_marts(deployment: Deployment) -> Analysis:
    """Read the marts."""
    segments = _frame(deployment, SEGMENTS_SQL)
    spend = _frame(deployment, SPEND_SQL)
    rfm = _frame(deployment, RFM_SQL)
    return Analysis(
        segments=tuple((str(row[0]), int(row[1])) for row in segments),
        spend=tuple((str(row[0]), str(row[1]), Decimal(str(row[2]))) for row in spend),
        rfm=tuple((int(row[0]), int(row[1]), int(row[2])) for row in rfm),
    )


def ask_as_analyst(deployment: Deployment) -> tuple[PersonaAnswer, ...]:
    """Ask as the marketing analyst: once for masked columns, then for what must be refused.

    Raises:
        StepFailedError: a query failed for another reason than that the persona may not.
    """
    environment = deployment.emulator.settings.environment
    names = {zone.value: database_name(environment, zone) for zone in Zone}
    names |= {
        TableName.PROFILES.value: TableName.PROFILES.value,
        TableName.INTERACTIONS.value: TableName.INTERACTIONS.value,
    }
    athena = as_role(deployment, deployment.outputs["MarketingAnalystRoleArn"])
    answers = []
    for sql in (ALLOWED_SQL, *REFUSED_SQL):
        query = sql.format(**names)
        try:
            rows = deployment.query(query, client=athena, workgroup="MarketingAnalystWorkgroupName")
            answers.append(PersonaAnswer(query=query, allowed=True, answer="; ".join(str(row) for row in rows)))
        except StepFailedError as refusal:
            if not is_refusal(refusal):
                raise
            answers.append(PersonaAnswer(query=query, allowed=False, answer=str(refusal)))
    return tuple(answers)


def ask_by_name(deployment: Deployment) -> tuple[int, PersonaAnswer]:
    """Ask for the members of a segment by a prepared question, as `./c360 sql` does for the marketing analyst.

    Returns:
        How many there are, and the answer with its price.
    """
    desk = Desk(
        athena=as_role(deployment, deployment.outputs[MARKETING_ANALYST.role_output]),
        workgroup=deployment.outputs[MARKETING_ANALYST.workgroup_output],
        persona=MARKETING_ANALYST,
        environment=deployment.emulator.settings.environment,
    )
    statement = f"EXECUTE customers_of_segment USING '{ASKED_SEGMENT}'"
    answer = desk.ask(statement)
    members = sum(1 for _ in answer.rows())
    return members, PersonaAnswer(query=statement, allowed=True, answer=f"{members} customers: {answer.cost}")


def is_refusal(error: StepFailedError) -> bool:
    """Say whether a query failed because its author may not ask it."""
    return any(words in str(error) for words in _REFUSALS)


def _frame(deployment: Deployment, sql: str) -> list[Any]:
    endpoint = deployment.emulator.settings.endpoint
    for service in ("athena", "s3", "glue", "sts"):
        setattr(awswrangler.config, f"{service}_endpoint_url", endpoint)
    awswrangler.config.athena_query_wait_polling_delay = POLL_SECONDS
    frame = awswrangler.athena.read_sql_query(
        sql,
        database=database_name(deployment.emulator.settings.environment, Zone.PRODUCTS),
        workgroup=deployment.outputs["OperatorsWorkgroupName"],
        ctas_approach=False,
        boto3_session=deployment.emulator.settings.session(),
    )
    return list(frame.itertuples(index=False, name=None))


def as_role(deployment: Deployment, role_arn: str) -> Any:
    """Return an Athena client that asks as a role."""
    settings = deployment.emulator.settings
    session = persona_session(settings.session(), role_arn, endpoint=settings.endpoint)
    return session.client("athena", endpoint_url=settings.endpoint)
