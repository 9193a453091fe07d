"""Past interactions go on their stream again by a job of its own, where the settings ask for it."""

import pytest

from config.settings import load
from tests.infrastructure.assembly import definition, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.estate import Estate
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.policies import Policies

DAYS = 200


@pytest.fixture(scope="module")
def filling(tmp_path_factory):
    """A small environment with a backfill."""
    folder = tmp_path_factory.mktemp("settings")
    text = (
        "collection: {backfill: {deployed: true, share_percent: 30}}\n"
        f"unification: {{unify: {{deduplication_days: {DAYS}}}}}\n"
    )
    (folder / "dev.yaml").write_text(text, encoding="utf-8")
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("filling"))


def test_the_switch_brings_it_and_without_it_nothing_is_left(assembly):
    found = [one.logical_id for one in assembly.resources() if "Backfill" in one.logical_id]
    assert (
        bool(found) is assembly.settings.collection.backfill.deployed is (assembly.settings.environment == "everything")
    )


def test_every_pack_is_satisfied(filling):
    assert open_findings(filling.report) == []
    assert unused_acknowledgements(filling.folder, filling.report) == set()


def test_the_job_knows_how_long_unify_remembers_and_how_fast_it_may_write(filling):
    given = filling.one("AWS::Glue::Job", "collection", "Backfill").properties["DefaultArguments"]
    assert (given["--remembered_days"], given["--share_percent"]) == (str(DAYS), "30")
    assert resolve(given["--interactions_stream"]) == "c360-dev-interactions"


def test_two_runs_never_write_at_once_and_a_failed_one_goes_on(filling):
    job = filling.one("AWS::Glue::Job", "collection", "Backfill").properties
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    fill = states(definition(filling.one("AWS::StepFunctions::StateMachine", "collection", "Backfill")))["Fill"]
    assert fill["Resource"].endswith("glue:startJobRun.sync")
    assert ["States.TaskFailed"] in [retry["ErrorEquals"] for retry in fill["Retry"]]
    assert fill["Parameters"]["Arguments"] == {
        f"--{name}.$": f"$.{name}" for name in ("backfill_id", "source", "first_day", "last_day", "mode")
    }


def test_the_job_reads_the_interactions_and_writes_their_stream_alone(filling):
    [statements] = [held for role, held in Policies(Estate(filling)).of_roles.items() if "BackfillJobRole" in role]

    def named(action):
        return {
            each.rpartition("/")[2] or each for one in statements if action in one.actions for each in one.resources
        }

    assert named("kinesis:PutRecords") == {"c360-dev-interactions"}
    written = {action for one in statements for action in one.actions if action.startswith(("s3:Put", "s3:Delete"))}
    assert written == set()
    assert "interactions" in named("glue:GetTable")
    assert {one for one in statements if "glue:UpdateTable" in one.actions} == set()
    items = {action for one in statements for action in one.actions if action.startswith("dynamodb:")}
    assert items == {"dynamodb:GetItem", "dynamodb:UpdateItem"}


def test_lake_formation_lets_it_read_the_interactions(filling):
    grants = filling.resources("AWS::LakeFormation::PrincipalPermissions", "governance-raw")
    [grant] = [
        one.properties
        for one in grants
        if "BackfillRaw" in one.logical_id and "Table" in str(one.properties["Resource"])
    ]
    assert sorted(grant["Permissions"]) == ["DESCRIBE", "SELECT"]
