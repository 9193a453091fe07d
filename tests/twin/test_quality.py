"""A fault in a table holds back the marts that depend on it, until it is corrected."""

from typing import Any

import pytest

from c360_core.names import TableName, Zone, database_name
from tools.laptop.demonstrate import Demonstration
from twin.scenario import analysis, upkeep
from twin.scenario.deployment import Deployment, StepFailedError

MACHINE = "BuildModelsStateMachineArn"
DATASET = f"{Zone.CURATED}.{TableName.IDENTITY_MAP}"
SECONDS = 300


def builds(deployment: Deployment) -> list[dict[str, Any]]:
    states = deployment.client("stepfunctions")
    found: list[dict[str, Any]] = states.list_executions(stateMachineArn=deployment.outputs[MACHINE])["executions"]
    return found


def said_by_the_last_build(deployment: Deployment) -> str:
    codebuild = deployment.client("codebuild")
    project = deployment.outputs["ModelsProjectName"]
    ids = codebuild.list_builds_for_project(projectName=project)["ids"]
    described = codebuild.batch_get_builds(ids=ids)["builds"]
    newest = max(described, key=lambda build: build["startTime"])
    return str(newest["phases"])


def test_a_fault_stops_the_marts_that_need_the_table_and_a_correction_builds_them(run: Demonstration) -> None:
    deployment = run.story.deployment
    curated, products = (
        database_name(deployment.emulator.settings.environment, zone) for zone in (Zone.CURATED, Zone.PRODUCTS)
    )
    table = f"{curated}.{TableName.IDENTITY_MAP}"
    customers = deployment.version_of(f"{products}.customer_360")
    spend = deployment.version_of(f"{products}.spend_by_currency")
    deployment.query(
        f"INSERT INTO {table} (record_id, person_id, valid_from, run_id, version) "
        "VALUES ('planted', NULL, current_timestamp, 'planted', 1)"
    )

    upkeep.check(deployment, DATASET)

    assert upkeep.broken_rules(deployment, DATASET) == {'IsComplete "person_id"'}
    with pytest.raises(StepFailedError):
        analysis.build_models(deployment)
    assert "source_keeps_its_rules_curated" in said_by_the_last_build(deployment)  # the rest is cut off
    assert deployment.version_of(f"{products}.customer_360") == customers
    assert deployment.version_of(f"{products}.spend_by_currency") != spend

    deployment.query(f"DELETE FROM {table} WHERE record_id = 'planted'")
    before = len(builds(deployment))
    upkeep.check(deployment, DATASET)

    # The event of the recovery starts the build.
    ended = deployment.wait_for_executions(MACHINE, before + 1, seconds=SECONDS)
    newest = max(ended, key=lambda execution: execution["startDate"])
    assert newest["status"] == "SUCCEEDED"
    assert deployment.version_of(f"{products}.customer_360") != customers
