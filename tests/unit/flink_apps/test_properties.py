"""Property groups are read typed; what is missing is named."""

import json

import pytest

from c360_core.names import Stream, Zone
from flink_apps.shared.properties import (
    PROPERTIES_FILE_VARIABLE,
    ApplicationProperties,
    PropertyError,
    StreamProvider,
    TuningSettings,
    UnifyTuningSettings,
)

GROUPS = {
    "streams": {
        "provider": "kinesis",
        "region": "eu-central-1",
        "events": "c360-dev-events",
        "events_arn": "arn:aws:kinesis:eu-central-1:1:stream/c360-dev-events",
        "identity_changes": "c360-dev-identity-changes",
    },
    "lake": {"warehouse": "s3://raw", "raw_database": "c360_dev_raw"},
    "identity": {"hash_secret_arn": "arn:secret"},
    "tuning": {"state_ttl_hours": "24", "session_gap_minutes": "30"},
    "environment": {"name": "dev"},
}


def properties(**changes):
    return ApplicationProperties({**GROUPS, **changes}, origin="app.json")


class TestReading:
    def test_the_file_that_the_environment_names_is_read(self, tmp_path):
        path = tmp_path / "properties.json"
        path.write_text(json.dumps([{"PropertyGroupId": "environment", "PropertyMap": {"name": "staging"}}]))
        assert ApplicationProperties.load({PROPERTIES_FILE_VARIABLE: str(path)}).environment() == "staging"

    def test_a_missing_file_is_named_with_the_way_out(self, tmp_path):
        with pytest.raises(PropertyError, match=rf"nowhere\.json: no such file.*{PROPERTIES_FILE_VARIABLE}"):
            ApplicationProperties.load({PROPERTIES_FILE_VARIABLE: str(tmp_path / "nowhere.json")})

    @pytest.mark.parametrize("text", ["{", "{}x", '[{"PropertyGroupId": "a"}]', "[1]", "7"])
    def test_another_document_is_refused_by_file_name(self, tmp_path, text):
        path = tmp_path / "properties.json"
        path.write_text(text)
        with pytest.raises(PropertyError, match=r"properties\.json"):
            ApplicationProperties.load({PROPERTIES_FILE_VARIABLE: str(path)})


class TestStreams:
    def test_kinesis_has_names_and_arns_of_the_streams_that_are_configured(self):
        streams = properties().streams()
        assert streams.provider is StreamProvider.KINESIS
        assert streams.names == {
            Stream.EVENTS: "c360-dev-events",
            Stream.IDENTITY_CHANGES: "c360-dev-identity-changes",
        }
        assert list(streams.arns) == [Stream.EVENTS]

    def test_kafka_needs_its_brokers(self):
        kafka = {**GROUPS["streams"], "provider": "kafka"}
        with pytest.raises(PropertyError, match=r"app\.json: property group `streams` lacks `bootstrap.servers`"):
            properties(streams=kafka).streams()
        found = properties(streams={**kafka, "bootstrap.servers": "b:9092"}).streams()
        assert (found.bootstrap_servers, found.security_protocol) == ("b:9092", None)

    def test_another_provider_is_refused(self):
        with pytest.raises(PropertyError, match="`provider` of property group `streams` is `pigeon`; write one of"):
            properties(streams={**GROUPS["streams"], "provider": "pigeon"}).streams()


class TestOtherGroups:
    def test_only_the_requested_databases_must_exist(self):
        assert properties().lake(Zone.RAW).databases == {Zone.RAW: "c360_dev_raw"}
        with pytest.raises(PropertyError, match="`lake` lacks `quarantine_database`"):
            properties().lake(Zone.RAW, Zone.QUARANTINE)

    def test_times_are_whole_numbers_above_zero(self):
        assert properties().tuning() == TuningSettings(state_ttl_hours=24, session_gap_minutes=30)
        for wrong in ("0", "-1", "1.5", "soon"):
            with pytest.raises(PropertyError, match="`state_ttl_hours` of property group `tuning`"):
                properties(tuning={**GROUPS["tuning"], "state_ttl_hours": wrong}).tuning()

    def test_unify_remembers_for_whole_days_above_zero(self):
        days = {"deduplication_days": "400", "timeline_ttl_days": "90"}
        expected = UnifyTuningSettings(deduplication_days=400, timeline_ttl_days=90)
        assert properties(tuning=days).unify_tuning() == expected
        with pytest.raises(PropertyError, match="`deduplication_days` of property group `tuning`"):
            properties(tuning={**days, "deduplication_days": "0"}).unify_tuning()

    def test_an_empty_value_is_a_missing_one(self):
        with pytest.raises(PropertyError, match="`identity` lacks `hash_secret_arn`"):
            properties(identity={"hash_secret_arn": ""}).identity()
