"""Texts that people took back leave the lake by a job of its own, where the settings ask for it."""

import pytest

from config.settings import load
from tests.infrastructure.assembly import definition, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.findings import open_findings, unused_acknowledgements

HOUR = 2


@pytest.fixture(scope="module")
def removing(tmp_path_factory):
    """A small environment in which texts are removed."""
    folder = tmp_path_factory.mktemp("settings")
    text = f"collection: {{texts: {{removed: true, removal_hour_utc: {HOUR}}}}}"
    (folder / "dev.yaml").write_text(text, encoding="utf-8")
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("removing"))


def test_the_switch_brings_it_and_without_it_nothing_is_left(assembly):
    names = [one.logical_id for one in assembly.resources()]
    found = [name for name in names if "TextRemoval" in name or "RemoveTexts" in name]
    assert bool(found) is assembly.settings.collection.texts.removed is (assembly.settings.environment == "everything")


def test_every_pack_is_satisfied(removing):
    assert open_findings(removing.report) == []
    assert unused_acknowledgements(removing.folder, removing.report) == set()


def test_it_runs_every_night_and_again_after_a_failure(removing):
    rule = removing.one("AWS::Events::Rule", "collection", "TextRemoval").properties
    assert rule["ScheduleExpression"] == f"cron(0 {HOUR} * * ? *)"
    machine = removing.one("AWS::StepFunctions::StateMachine", "collection", "TextRemoval")
    run = states(definition(machine))["Remove"]
    assert run["Resource"].endswith("glue:startJobRun.sync")
    assert ["States.TaskFailed"] in [retry["ErrorEquals"] for retry in run["Retry"]]


def test_the_job_leaves_alone_what_has_just_arrived(removing):
    job = removing.one("AWS::Glue::Job", "collection", "TextRemoval").properties
    assert job["DefaultArguments"]["--settled_minutes"] == "60"


def test_the_job_writes_the_interactions_and_nothing_else(removing):
    policies = removing.resources("AWS::IAM::Policy", "collection")
    [policy] = [p for p in policies if p.logical_id.startswith("TextRemovalJobRole")]
    written = [
        resolve(resource)
        for statement in policy.properties["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action in {"s3:PutObject", "glue:UpdateTable"}
        for resource in (
            [statement["Resource"]] if not isinstance(statement["Resource"], list) else statement["Resource"]
        )
    ]
    tables = [one for one in written if ":table/" in one]
    assert [one.rpartition("/")[2] for one in tables] == ["interactions"]
    assert [one for one in written if one.startswith("arn:aws:s3") and not one.endswith("/interactions/*")] == []


def test_lake_formation_lets_it_write_in_the_raw_zone(removing):
    grants = removing.resources("AWS::LakeFormation::PrincipalPermissions", "governance-raw")
    assert [one.logical_id for one in grants if "RemoveTextsRaw" in one.logical_id]
