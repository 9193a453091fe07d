"""The persona tries to read what others asked, with its own credentials, and is refused at every step."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from c360_core.names import Querier, Zone, database_name, results_prefix, workgroup_name
from c360_core.personas import MARKETING_ANALYST
from ops.persona_session import persona_session
from tools.laptop.demonstrate import Demonstration
from twin.scenario import analysis
from twin.scenario.deployment import Deployment, StepFailedError

DENIED = {"AccessDenied", "AccessDeniedException"}
SECRET = "SELECT body FROM {quarantine}.rejected LIMIT 1"  # what the runbook asks, and no persona may read


class Persona:
    """The marketing analyst's own session, and the result of a steward's query that it knows the id of."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        settings = deployment.emulator.settings
        self.environment = settings.environment
        role = deployment.outputs[MARKETING_ANALYST.role_output]
        self._session = persona_session(settings.session(), role, endpoint=settings.endpoint)
        self._endpoint = settings.endpoint
        self.stewards = workgroup_name(self.environment, Querier.STEWARDS)
        sql = SECRET.format(quarantine=database_name(self.environment, Zone.QUARANTINE))
        deployment.query(sql, workgroup="StewardsWorkgroupName")
        listed = deployment.client("athena").list_query_executions(WorkGroup=self.stewards)
        self.known: str = listed["QueryExecutionIds"][0]

    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    @property
    def bucket(self) -> str:
        return self.deployment.outputs["ResultsBucketName"]


@pytest.fixture(scope="module")
def persona(run: Demonstration) -> Persona:
    return Persona(run.story.deployment)


def key_of(querier: Querier, execution: str) -> str:
    return f"{results_prefix(querier)}{execution}.csv"


ATTACKS: dict[str, Callable[[Persona], Any]] = {
    "results by id": lambda p: p.client("athena").get_query_results(QueryExecutionId=p.known),
    "query by id": lambda p: p.client("athena").get_query_execution(QueryExecutionId=p.known),
    "queries by id": lambda p: p.client("athena").batch_get_query_execution(QueryExecutionIds=[p.known]),
    "list of queries": lambda p: p.client("athena").list_query_executions(WorkGroup=p.stewards),
    "query in the workgroup": lambda p: p.client("athena").start_query_execution(
        QueryString="SELECT 1", WorkGroup=p.stewards
    ),
    "query in primary": lambda p: p.client("athena").start_query_execution(QueryString="SELECT 1"),
    "object": lambda p: p.client("s3").get_object(Bucket=p.bucket, Key=key_of(Querier.STEWARDS, p.known)),
    "list of objects": lambda p: p.client("s3").list_objects_v2(
        Bucket=p.bucket, Prefix=results_prefix(Querier.STEWARDS)
    ),
    "list of the bucket": lambda p: p.client("s3").list_objects_v2(Bucket=p.bucket),
    "key": lambda p: p.client("kms").generate_data_key(KeyId=p.deployment.outputs["KeyArn"], KeySpec="AES_256"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_persona_reaches_no_result_of_others(persona: Persona, attack: str) -> None:
    with pytest.raises(ClientError) as refusal:
        ATTACKS[attack](persona)
    assert refusal.value.response["Error"]["Code"] in DENIED


def test_the_persona_reads_its_own_results(persona: Persona) -> None:
    athena = persona.client("athena")
    own = MARKETING_ANALYST.workgroup_output
    assert persona.deployment.query("SELECT 1", client=athena, workgroup=own) == [("1",)]
    (execution, *_) = athena.list_query_executions(WorkGroup=persona.deployment.outputs[own])["QueryExecutionIds"]
    stored = persona.client("s3").get_object(Bucket=persona.bucket, Key=key_of(Querier.MARKETING_ANALYST, execution))
    assert b"1" in stored["Body"].read()


@pytest.mark.parametrize("table", ["profiles$files", "profiles$partitions"])
def test_the_metadata_of_a_table_is_closed_to_the_persona(persona: Persona, table: str) -> None:
    """The bounds of each file's columns are values of closed columns."""
    sql = f'SELECT * FROM {database_name(persona.environment, Zone.CURATED)}."{table}" LIMIT 1'
    with pytest.raises(StepFailedError) as refusal:
        persona.deployment.query(sql, client=persona.client("athena"), workgroup=MARKETING_ANALYST.workgroup_output)
    assert analysis.is_refusal(refusal.value)
