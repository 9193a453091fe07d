"""A Spark job runs on Glue or on EMR Serverless, by a setting, with the same script, rights and arguments."""

import json
import re

import pytest

from config.settings import SettingsError, load
from tests.infrastructure.assembly import definition, placeholder_assets, resolve, states, synthesize
from tests.infrastructure.findings import open_findings, unused_acknowledgements

APPLICATION = "AWS::EMRServerless::Application"
MOVED = ("identity_prepare", "identity_resolve", "remove_texts")
NETWORK = "foundation: {network: {deployed: true}}"
START = "arn:aws:states:::emr-serverless:startJobRun.sync"
# Arguments that Glue consumes itself.
GLUES_OWN = {
    "--conf",
    "--datalake-formats",
    "--enable-continuous-cloudwatch-log",
    "--enable-job-insights",
    "--enable-metrics",
    "--extra-py-files",
    "--job-language",
}


def _settings(folder, services, more=""):
    text = f"collection: {{texts: {{removed: true}}}}\nruntime: {{spark: {{services: {services}}}}}\n{more}\n"
    (folder / "dev.yaml").write_text(text, encoding="utf-8")
    return load("dev", folder)


def _synthesized(tmp_path_factory, services, more=""):
    folder = tmp_path_factory.mktemp("spark")
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(_settings(folder, services, more), assets, tmp_path_factory.mktemp("assembly"))


@pytest.fixture(scope="module")
def on_glue(tmp_path_factory):
    """A small environment with every job on Glue."""
    return _synthesized(tmp_path_factory, "{}")


@pytest.fixture(scope="module")
def on_emr(tmp_path_factory):
    """The same with every job on EMR Serverless that can be there."""
    return _synthesized(tmp_path_factory, "{" + ", ".join(f"{job}: emr_serverless" for job in MOVED) + "}", NETWORK)


def _step(assembly, pillar, name, state):
    machine = assembly.one("AWS::StepFunctions::StateMachine", pillar, name)
    return states(definition(machine))[state]


def _plain(value):
    """Return a value of a template as `definition` shows those of a state machine."""
    return resolve(value)


def _spark(application):
    (configuration,) = application.properties["RuntimeConfiguration"]
    return {name: _plain(value) for name, value in configuration["Properties"].items()}


def _arguments(step):
    """Return the arguments of a step on EMR Serverless, by their names."""
    submitted = step["Parameters"]["JobDriver"]["SparkSubmit"]
    if "EntryPointArguments" in submitted:
        words = [resolve(word) for word in submitted["EntryPointArguments"]]
        return dict(zip(words[::2], words[1::2], strict=True))
    written = submitted["EntryPointArguments.$"]
    assert written.startswith("States.Array(")
    pairs = re.findall(r"'(--\w+)', (.*?)(?=, '--|\)$)", written)
    return {name: value.strip("'") for name, value in pairs}


def test_an_application_is_there_for_each_job_that_the_settings_move_and_for_no_other(assembly):
    wanted = {job for job, service in assembly.settings.runtime.spark.services.items() if service == "emr_serverless"}
    if assembly.settings.analytics.emr_studio.deployed:
        wanted.add("notebooks")  # which has an application of its own
    prefix = f"c360-{assembly.settings.environment}-"
    assert {one.properties["Name"].removeprefix(prefix) for one in assembly.resources(APPLICATION)} == wanted


def test_without_the_setting_nothing_of_it_is_left(on_glue):
    text = json.dumps(on_glue.templates)
    assert "EMRServerless" not in text
    assert "emr-serverless" not in text


def test_every_pack_is_satisfied(on_emr):
    assert open_findings(on_emr.report) == []
    assert unused_acknowledgements(on_emr.folder, on_emr.report) == set()


def test_a_moved_job_is_no_job_of_glue(on_glue, on_emr):
    def described(assembly):
        return {
            one.properties["Description"].removeprefix("Spark job ") for one in assembly.resources("AWS::Glue::Job")
        }

    assert described(on_glue) - described(on_emr) == set(MOVED)


@pytest.mark.parametrize(
    ("pillar", "machine", "state", "job"),
    [
        ("collection", "TextRemoval", "Remove", "TextRemovalJob"),
        ("unification", "IdentityRun", "PrepareRecords", "IdentityPrepare"),
        ("unification", "IdentityRun", "ResolveIdentities", "IdentityResolve"),
    ],
)
def test_both_services_run_the_same_script_with_the_same_library_and_arguments(
    on_glue, on_emr, pillar, machine, state, job
):
    glue = on_glue.one("AWS::Glue::Job", pillar, job).properties
    started, there = _step(on_glue, pillar, machine, state), _step(on_emr, pillar, machine, state)
    submitted = there["Parameters"]["JobDriver"]["SparkSubmit"]
    assert there["Resource"] == START
    assert submitted["EntryPoint"] == _plain(glue["Command"]["ScriptLocation"])
    library = _plain(glue["DefaultArguments"]["--extra-py-files"])
    assert submitted["SparkSubmitParameters"] == f"--conf spark.submit.pyFiles={library}"
    of_glue = {name: _plain(value) for name, value in glue["DefaultArguments"].items() if name not in GLUES_OWN}
    of_run = {name.removesuffix(".$"): value for name, value in started["Parameters"].get("Arguments", {}).items()}
    assert _arguments(there) == of_glue | of_run
    assert set(of_glue) >= {"--environment", "--region"}


def test_both_services_give_spark_the_same_catalog(on_glue, on_emr):
    glue = on_glue.one("AWS::Glue::Job", "collection", "TextRemovalJob").properties["DefaultArguments"]["--conf"]
    pairs = dict(pair.split("=", 1) for pair in _plain(glue).split(" --conf "))
    spark = _spark(on_emr.one(APPLICATION, "collection", "TextRemoval"))
    assert {name: spark[name] for name in pairs} == pairs


def test_a_role_has_the_same_rights_in_the_lake_on_both(on_glue, on_emr):
    def rights(assembly):
        (policy,) = (
            one for one in assembly.resources("AWS::IAM::Policy", "collection")
            if one.logical_id.startswith("TextRemovalJobRole")
        )  # fmt: skip
        statements = policy.properties["PolicyDocument"]["Statement"]
        own = ("logs:", "cloudwatch:")
        return [one for one in map(json.dumps, statements) if not any(f'"{prefix}' in one for prefix in own)]

    assert rights(on_emr) == rights(on_glue)
    for assembly in (on_glue, on_emr):
        grants = assembly.resources("AWS::LakeFormation::PrincipalPermissions", "governance-raw")
        assert any("RemoveTextsRaw" in one.logical_id for one in grants)


def test_nothing_waits_for_work_and_an_idle_application_stops(on_emr):
    for application in on_emr.resources(APPLICATION):
        assert "InitialCapacity" not in application.properties
        assert application.properties["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 5}
        assert application.properties["AutoStartConfiguration"] == {"Enabled": True}


def test_moving_a_job_costs_nothing_while_it_does_not_run(tmp_path_factory, on_glue):
    moved = _synthesized(tmp_path_factory, "{remove_texts: emr_serverless}")
    assert moved.costs == on_glue.costs


def test_as_many_runs_at_a_time_as_on_glue(on_glue, on_emr):
    job = on_glue.one("AWS::Glue::Job", "collection", "TextRemovalJob").properties
    application = on_emr.one(APPLICATION, "collection", "TextRemoval").properties
    runs = job["ExecutionProperty"]["MaxConcurrentRuns"]
    assert application["SchedulerConfiguration"]["MaxConcurrentRuns"] == runs
    assert application["MaximumCapacity"]["Cpu"] == f"{4 * job['NumberOfWorkers'] * runs} vCPU"


def test_logs_are_under_the_environment_s_key_and_nowhere_else(on_emr):
    application = on_emr.one(APPLICATION, "collection", "TextRemoval").properties
    monitoring = application["MonitoringConfiguration"]
    assert monitoring["ManagedPersistenceMonitoringConfiguration"] == {"Enabled": False}
    logs = monitoring["CloudWatchLoggingConfiguration"]["LogGroupName"]["Ref"]
    group = on_emr.templates["collection"]["Resources"][logs]["Properties"]
    assert "KmsKeyId" in group
    assert "RetentionInDays" in group


def test_our_code_finds_its_python(on_emr):
    spark = _spark(on_emr.one(APPLICATION, "collection", "TextRemoval"))
    interpreters = {value for name, value in spark.items() if "PYTHON" in name or name.startswith("spark.pyspark")}
    assert interpreters == {"/usr/bin/python3.11"}


def test_only_a_job_that_calls_more_than_emr_reaches_is_in_the_network(on_emr):
    placed = {
        one.properties["Name"]
        for one in on_emr.resources(APPLICATION)
        if "NetworkConfiguration" in one.properties
    }  # fmt: skip
    assert placed == {"c360-dev-identity_resolve"}
    services = {resolve(one.properties["ServiceName"]) for one in on_emr.resources("AWS::EC2::VPCEndpoint")}
    reached = {name.rpartition(".")[2] for name in services}
    assert {"kinesis-streams", "glue", "logs", "secretsmanager", "s3", "dynamodb"} <= reached


def test_a_job_that_needs_the_network_says_so(tmp_path_factory):
    with pytest.raises(SettingsError, match=r"identity_resolve: emr_serverless needs foundation\.network\.deployed"):
        _synthesized(tmp_path_factory, "{identity_resolve: emr_serverless}")


def test_a_job_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    with pytest.raises(SettingsError, match=r"no such Spark job; write one of .*remove_texts"):
        _settings(tmp_path, "{remove_text: emr_serverless}")


@pytest.mark.parametrize("job", ["check_tables", "extract_tables", "ingest_files", "recommend"])
def test_a_job_that_needs_glue_stays_there(tmp_path, job):
    with pytest.raises(SettingsError, match=rf"{job} runs on Glue only: "):
        _settings(tmp_path, f"{{{job}: emr_serverless}}")
