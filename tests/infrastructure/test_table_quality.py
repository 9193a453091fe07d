"""The checks of tables at rest, and the gate before the marts, by a switch."""

import json
import re

import pytest

from c360_core import contracts
from c360_core.names import QUALITY_METRIC, TableName, Zone, database_name
from config.settings import SettingsError, load
from tests.infrastructure.assembly import definition, resolve, states
from tests.infrastructure.rights import job, listed, prefixes_in, resources_of, statements, tables_in

CHECKED = [table for table in contracts.load().lake_tables() if table.zone in {Zone.RAW, Zone.CURATED}]


def test_a_switch_brings_the_checks_and_the_gate_and_leaves_nothing(assembly):
    quality = assembly.settings.analytics.quality.deployed
    names = [one.logical_id for one in assembly.resources()]
    found = [name for name in names if "TableQuality" in name or "CheckTables" in name or "Recovered" in name]
    assert bool(found) is quality is (assembly.settings.environment != "dev")
    [project] = assembly.resources("AWS::CodeBuild::Project", "analytics")
    variables = {one["Name"]: one["Value"] for one in project.properties["Environment"]["EnvironmentVariables"]}
    assert variables["C360_QUALITY_GATE"] == ("true" if quality else "false")


def test_tables_are_checked_every_night_before_the_models_are_built(everything):
    rules = {rule.logical_id: rule.properties for rule in everything.resources("AWS::Events::Rule", "analytics")}
    [nightly] = [rule for name, rule in rules.items() if name.startswith("TableQualityNightly")]
    [built] = [rule for name, rule in rules.items() if name.startswith("ModelsNightly")]
    hours = [int(re.findall(r"cron\(0 (\d+) ", rule["ScheduleExpression"])[0]) for rule in (nightly, built)]
    assert hours == [2, 4]
    assert [json.loads(target["Input"]) for target in nightly["Targets"]] == [{"tables": "all"}]
    machine = everything.one("AWS::StepFunctions::StateMachine", "analytics", "TableQuality")
    check = states(definition(machine))["Check"]
    assert check["Parameters"]["Arguments"] == {"--tables.$": "$.tables"}


def test_models_that_are_built_before_the_tables_are_checked_are_refused(tmp_path):
    text = "analytics: {nightly_models: true, nightly_hour_utc: 2, quality: {deployed: true}}"
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="not before nightly_hour_utc"):
        load("dev", tmp_path)


def test_a_table_that_recovers_has_its_marts_built_at_once(everything):
    [rule] = [
        one.properties
        for one in everything.resources("AWS::Events::Rule", "analytics")
        if one.logical_id.startswith("ModelsRecovered")
    ]
    assert rule["EventPattern"] == {
        "source": ["c360.quality"],
        "detail-type": ["Dataset checked"],
        "detail": {"outcome": ["recovered"]},
    }
    assert "EventBusName" in rule
    assert ["Models" in resolve(target["Arn"]) for target in rule["Targets"]] == [True]


def test_the_check_reads_what_it_checks_and_writes_its_results_only(everything):
    role = "TableQualityJobRole"
    written = resources_of(everything, "analytics", role, "glue:UpdateTable", "s3:PutObject", "s3:DeleteObject")
    products = database_name("everything", Zone.PRODUCTS)
    assert tables_in(written) == {f"{products}/{TableName.QUALITY_RESULTS}"}
    assert prefixes_in(written) == {TableName.QUALITY_RESULTS}
    read = tables_in(resources_of(everything, "analytics", role, "glue:GetTable"))
    checked = {f"{database_name('everything', table.zone)}/{table.name}" for table in CHECKED}
    assert read == checked | {f"{products}/{TableName.QUALITY_RESULTS}"}
    grants = {
        one.logical_id
        for zone in ("raw", "curated", "products")
        for one in everything.resources("AWS::LakeFormation::PrincipalPermissions", f"governance-{zone}")
        if "CheckTables" in one.logical_id
    }
    assert {re.sub("[0-9A-F]{8}$", "", name) for name in grants} >= {
        "GrantsCheckTablesRawInteractions",
        "GrantsCheckTablesCuratedIdentityMap",
        "GrantsCheckTablesProductsQualityResults",
        "GrantsCheckTablesProductsLocation",
    }


def test_the_tolerances_are_those_of_the_settings(everything):
    arguments = job(everything, "check_tables", "analytics")["DefaultArguments"]
    stated = everything.settings.analytics.quality
    assert {
        name: arguments[f"--{name}"] for name in ("window_days", "volume_percent", "null_points", "slack_hours")
    } == {
        "window_days": str(stated.window_days),
        "volume_percent": str(stated.volume_percent),
        "null_points": str(stated.null_points),
        "slack_hours": str(stated.slack_hours),
    }


def test_an_alarm_names_each_table(everything):
    alarms = [
        one.properties
        for one in everything.resources("AWS::CloudWatch::Alarm", "operations")
        if one.properties.get("MetricName") == QUALITY_METRIC
    ]
    by_dataset = {
        next(d["Value"] for d in alarm["Dimensions"] if d["Name"] == "Dataset"): alarm["AlarmDescription"]
        for alarm in alarms
    }
    assert by_dataset.keys() == {f"{table.zone}.{table.name}" for table in CHECKED}
    assert all(dataset in text for dataset, text in by_dataset.items())


def test_the_check_may_say_what_it_found(everything):
    role = "TableQualityJobRole"
    [bus] = resources_of(everything, "analytics", role, "events:PutEvents")
    assert "Bus" in bus
    [rulesets] = resources_of(everything, "analytics", role, "glue:PublishDataQuality")
    assert rulesets.endswith(":dataQualityRuleset/*")
    spaces = {
        one["Condition"]["StringEquals"]["cloudwatch:namespace"]
        for one in statements(everything, "analytics", role)
        if "cloudwatch:PutMetricData" in listed(one["Action"])
    }
    assert spaces == {"Customer360", "Glue"}
