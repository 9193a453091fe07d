"""Audiences of advertising platforms, by the settings alone: a run a day for each, removals that are watched."""

import json

import pytest

from c360_core import contracts
from c360_core.names import Querier, TableName, Zone, database_name, workgroup_name
from config.settings import SettingsError, load
from stacks.activation.audiences.keeping import RUNBOOK
from tests.infrastructure.assembly import ROOT, definition, resolve, states

NAMES = ("SpendersGoogle", "SpendersMeta")
AUDIENCE = "name: a, segment: high_spenders, platform: meta, account: '1', audience_id: '2', secret: s"


def run(assembly, name: str):
    """Return the states of the machine of an audience."""
    [machine] = [
        machine
        for machine in assembly.resources("AWS::StepFunctions::StateMachine")
        if f"Audiences{name}" in machine.logical_id
    ]
    return dict(states(definition(machine)))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_asks_in_its_own_workgroup_for_hashes_in_the_form_of_the_platform(everything, name):
    asked = run(everything, name)["Ask"]["Parameters"]
    platform = name.removeprefix("Spenders").lower()
    table = f'"{database_name("everything", Zone.PRODUCTS)}"."{TableName.SHARED_AUDIENCES}"'
    assert asked["QueryString"] == (
        f"SELECT kind, {platform}_sha256 AS sha256 FROM {table} WHERE segment = 'high_spenders'"
    )
    assert asked["WorkGroup"] == workgroup_name("everything", Querier.AUDIENCES)


@pytest.mark.parametrize("name", NAMES)
def test_a_removal_that_is_left_fails_the_run(everything, name):
    found = run(everything, name)
    again, left = found["IsDone"]["Choices"]
    assert (again["Variable"], again["Next"]) == ("$.progress.again", "WaitForPlatform")
    assert (left["Variable"], left["NumericGreaterThan"], left["Next"]) == (
        "$.progress.removals_left",
        0,
        "SomebodyIsLeft",
    )
    assert found["SomebodyIsLeft"]["Type"] == "Fail"
    assert found["IsDone"]["Default"] == "UpToDate"


def test_a_busy_platform_is_told_again_and_one_that_refuses_is_not(everything):
    retries = run(everything, "SpendersMeta")["Tell"]["Retry"]
    errors = {error for retry in retries for error in retry["ErrorEquals"]}
    assert {"PlatformBusyError", "StoreBusyError"} <= errors
    assert not errors & {"PlatformRefusedError", "CredentialsError", "States.ALL", "States.TaskFailed"}


def test_the_runs_come_after_the_marts(everything):
    rules = [
        rule.properties["ScheduleExpression"]
        for rule in everything.resources("AWS::Events::Rule")
        if "Audiences" in rule.logical_id and "ScheduleExpression" in rule.properties
    ]
    settings = everything.settings
    assert rules == [f"cron(0 {settings.activation.audiences_hour_utc} * * ? *)"] * 2
    assert settings.activation.audiences_hour_utc > settings.analytics.nightly_hour_utc


def test_the_function_reads_the_answers_of_the_audiences_and_the_secrets_of_the_settings_alone(everything):
    statements = [
        statement
        for policy in everything.resources("AWS::IAM::Policy")
        if policy.logical_id.startswith("AudiencesFunctionRole")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]

    def resources(action: str) -> set[str]:
        found = set()
        for statement in statements:
            actions = statement["Action"]
            if action in ([actions] if isinstance(actions, str) else actions):
                named = statement["Resource"]
                found |= {json.dumps(one) for one in (named if isinstance(named, list) else [named])}
        return found

    secrets = resources("secretsmanager:GetSecretValue")
    assert len(secrets) == 2
    assert all("secret:c360/google-ads-??????" in one or "secret:c360/meta-ads-??????" in one for one in secrets)
    assert all("/athena/audiences/*" in one for one in resources("s3:GetObject"))


def test_without_audiences_nothing_of_them_is_left(assemblies):
    for name, assembly in assemblies.items():
        if not assembly.settings.activation.audiences:
            text = json.dumps(assembly.templates)
            assert "shared_audiences" not in text, name
            assert "audience_members" not in text, name
            assert f"athena/{Querier.AUDIENCES}/" not in text, name


def test_a_build_makes_the_members_of_the_segments_that_the_settings_name(everything):
    [project] = everything.resources("AWS::CodeBuild::Project")
    variables = {one["Name"]: one["Value"] for one in project.properties["Environment"]["EnvironmentVariables"]}
    assert resolve(variables["C360_AUDIENCE_SEGMENTS"]) == "high_spenders"


def test_the_hashes_are_closed_to_every_persona():
    [table] = contracts.load().audience_tables()
    closed = {field.name: field.classification for field in table.fields if field.name.endswith("_sha256")}
    assert set(closed.values()) == {"direct"}
    assert set(closed) == {"google_sha256", "meta_sha256"}


def test_the_runbook_is_there():
    assert (ROOT / "docs" / "runbooks" / RUNBOOK).is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"activation: {{audiences: [{{{AUDIENCE.replace('high_spenders', 'rich')}}}]}}",
            "no segment `rich`; use one of .*high_spenders",
        ),
        (f"activation: {{audiences: [{{{AUDIENCE.replace('meta', 'tiktok')}}}]}}", "platform: .*'google' or 'meta'"),
        (f"activation: {{audiences: [{{{AUDIENCE.replace(chr(39) + '1' + chr(39), '123-456')}}}]}}", "account"),
        (f"activation: {{audiences: [{{{AUDIENCE}, url: 'http://graph.facebook.com'}}]}}", "url: .*pattern"),
        (f"activation: {{audiences: [{{{AUDIENCE}}}, {{{AUDIENCE}}}]}}", "the name a is there twice"),
        (
            f"activation: {{audiences: [{{{AUDIENCE}}}, {{{AUDIENCE.replace('name: a', 'name: b')}}}]}}",
            "an audience that another one keeps",
        ),
        (
            f"{{activation: {{audiences: [{{{AUDIENCE}}}]}}, analytics: {{nightly_models: false}}}}",
            "needs analytics.nightly_models: true",
        ),
        (
            f"{{activation: {{audiences: [{{{AUDIENCE}}}], audiences_hour_utc: 4}}, "
            "analytics: {nightly_models: true}}",
            "is not after analytics.nightly_hour_utc",
        ),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, said):
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load("dev", tmp_path)
