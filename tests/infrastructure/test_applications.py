"""Flink applications: deployed stopped, on the runtime and with the properties that their code expects."""

from dataclasses import fields

import pytest

from c360_core.names import READS, WRITES, Property, Stream, Zone, database_name, stream_name
from flink_apps.shared.properties import ApplicationProperties, StreamProvider, TuningSettings, UnifyTuningSettings
from tests.infrastructure.assembly import resolve

WRITTEN = {"clean": Stream.INTERACTIONS, "unify": Stream.PROFILE_CHANGES}
USES = {
    "clean": {Stream.EVENTS, Stream.INTERACTIONS},
    "unify": {Stream.INTERACTIONS, Stream.IDENTITY_CHANGES, Stream.PROFILE_CHANGES},
}


@pytest.fixture(params=["clean", "unify"])
def name(request):
    return request.param


@pytest.fixture
def application(assembly, name):
    pillar = {"clean": "collection", "unify": "unification"}[name]
    return assembly.one("AWS::KinesisAnalyticsV2::Application", pillar).properties


@pytest.fixture
def groups(application):
    listed = application["ApplicationConfiguration"]["EnvironmentProperties"]["PropertyGroups"]
    return {
        group["PropertyGroupId"]: {key: resolve(value) for key, value in group["PropertyMap"].items()}
        for group in listed
    }


def test_runtime_is_flink_2_3(application):
    assert application["RuntimeEnvironment"] == "FLINK-2_3"
    assert application["ApplicationMode"] == "STREAMING"


def test_nothing_starts_it_and_nothing_lets_it_forget_state(application):
    assert "RunConfiguration" not in application
    assert "NonRestoredState" not in str(application)


def test_code_is_a_zip_with_the_documented_layout(application, groups, name):
    code = application["ApplicationConfiguration"]["ApplicationCodeConfiguration"]
    assert code["CodeContentType"] == "ZIPFILE"
    assert resolve(code["CodeContent"]["S3ContentLocation"]["FileKey"]).endswith(".zip")
    assert groups[Property.RUN_OPTIONS] == {
        "python": f"{name}/main.py",
        "jarfile": "lib/pyflink-dependencies.jar",
        "pyFiles": "dep/",
    }


def test_state_is_kept(application, assembly, name):
    configuration = application["ApplicationConfiguration"]
    assert configuration["ApplicationSnapshotConfiguration"] == {"SnapshotsEnabled": True}
    assert configuration["ApplicationSystemRollbackConfiguration"] == {"RollbackEnabled": True}
    settings = {"clean": assembly.settings.collection.clean, "unify": assembly.settings.unification.unify}[name]
    checkpoints = configuration["FlinkApplicationConfiguration"]["CheckpointConfiguration"]
    assert checkpoints["CheckpointInterval"] == settings.checkpoint_interval_seconds * 1000
    assert checkpoints["CheckpointingEnabled"] is True


def test_parallelism_follows_the_settings(application, assembly, name):
    settings = {"clean": assembly.settings.collection.clean, "unify": assembly.settings.unification.unify}[name]
    parallelism = application["ApplicationConfiguration"]["FlinkApplicationConfiguration"]["ParallelismConfiguration"]
    assert parallelism["Parallelism"] == settings.parallelism
    assert parallelism["AutoScalingEnabled"] is settings.autoscaling


def test_the_code_reads_its_property_groups(groups, assembly, name):
    environment = assembly.settings.environment
    properties = ApplicationProperties(groups, origin=name)
    assert properties.environment() == environment
    streams = properties.streams()
    assert streams.provider is StreamProvider.KINESIS
    assert dict(streams.names).keys() == USES[name] == dict(streams.arns).keys()
    reads, writes = (set(groups[Property.STREAMS][key].split(",")) for key in (READS, WRITES))
    assert writes == {stream_name(environment, WRITTEN[name])}
    assert reads == set(streams.names.values()) - writes
    if name == "clean":
        assert streams.names[Stream.EVENTS] == stream_name(environment, Stream.EVENTS)
        assert streams.arns[Stream.EVENTS] == f"arn:aws:kinesis:us-east-1:123456789012:stream/c360-{environment}-events"
        lake = properties.lake(Zone.RAW, Zone.QUARANTINE)
        assert lake.databases[Zone.RAW] == database_name(environment, Zone.RAW)
        assert properties.identity().hash_secret_arn
        clean = assembly.settings.collection.clean
        assert properties.tuning() == TuningSettings(
            state_ttl_hours=clean.state_ttl_hours, session_gap_minutes=clean.session_gap_minutes
        )
        assert groups[Property.TUNING].keys() == {field.name for field in fields(TuningSettings)}
    else:
        zones = (Zone.RAW, Zone.CURATED, Zone.QUARANTINE)
        assert properties.lake(*zones).databases == {zone: database_name(environment, zone) for zone in zones}
        unification = assembly.settings.unification
        assert properties.unify_tuning() == UnifyTuningSettings(
            deduplication_days=unification.unify.deduplication_days, timeline_ttl_days=unification.timeline_ttl_days
        )
        assert groups[Property.TUNING].keys() == {field.name for field in fields(UnifyTuningSettings)}


def test_no_secret_is_in_the_properties_of_an_application_that_hashes_nothing(dev):
    unify = dev.one("AWS::KinesisAnalyticsV2::Application", "unification").properties
    groups = unify["ApplicationConfiguration"]["EnvironmentProperties"]["PropertyGroups"]
    assert Property.IDENTITY not in {group["PropertyGroupId"] for group in groups}


def test_logs_go_to_the_application_s_own_stream(assembly):
    options = list(assembly.resources("AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"))
    assert len(options) == 2
    for option in options:
        arn = resolve(option.properties["CloudWatchLoggingOption"]["LogStreamARN"])
        assert ":log-stream:" in arn, option


def test_only_running_applications_have_a_keeper(dev, prod):
    assert not list(dev.resources("AWS::StepFunctions::StateMachine", "operations"))
    keepers = sorted(each.logical_id for each in prod.resources("AWS::StepFunctions::StateMachine", "operations"))
    assert [name.startswith(("Keeper", "Snapshots")) for name in keepers] == [True, True]
