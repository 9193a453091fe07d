"""Streams and those who read them: in order, and nothing is lost."""

import json

import pytest

from c360_core.names import Stream, stream_name
from tests.infrastructure.assembly import resolve


def test_streams_have_the_agreed_names(assembly):
    names = {stream.properties["Name"] for stream in assembly.resources("AWS::Kinesis::Stream")}
    assert names == {stream_name(assembly.settings.environment, stream) for stream in Stream}


def test_dev_has_one_shard_and_prod_scales_by_itself(dev, prod):
    for stream in dev.resources("AWS::Kinesis::Stream"):
        assert stream.properties["ShardCount"] == 1
        assert stream.properties["StreamModeDetails"]["StreamMode"] == "PROVISIONED"
    for stream in prod.resources("AWS::Kinesis::Stream"):
        assert stream.properties["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
        assert "ShardCount" not in stream.properties
        assert stream.properties["RetentionPeriodHours"] == 168


def test_every_reader_halves_failing_batches_and_keeps_what_it_cannot_handle(assembly):
    mappings = assembly.resources("AWS::Lambda::EventSourceMapping")
    readers = [mapping for mapping in mappings if "StartingPosition" in mapping.properties]  # the others read queues
    activation = assembly.settings.activation
    announces = bool(activation.webhooks or activation.loyalty.url)
    switched = activation.sentiment.deployed + activation.recommendations.uses_personalize + announces
    assert len(readers) == 2 + switched + assembly.settings.analytics.models.feature_store
    for reader in readers:
        mapping = reader.properties
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], reader
        assert mapping["BisectBatchOnFunctionError"] is True, reader
        assert 0 < mapping["MaximumRetryAttempts"] < 100, reader
        assert "Failed" in resolve(mapping["DestinationConfig"]["OnFailure"]["Destination"]), reader


def test_readers_wait_for_their_rights(assembly):
    for reader in assembly.resources("AWS::Lambda::EventSourceMapping"):
        assert any("RoleDefaultPolicy" in name for name in reader.document["DependsOn"]), reader


def test_the_writer_reads_profile_changes(assembly):
    name = stream_name(assembly.settings.environment, Stream.PROFILE_CHANGES)
    reader = assembly.one("AWS::Lambda::EventSourceMapping", "unification")
    mapping = reader.properties
    assert any("ProfileChangesStream" in logical_id for logical_id in reader.document["DependsOn"])
    assert resolve(mapping["EventSourceArn"]).endswith(f":stream/{name}")
    assert "ProfileWriter" in resolve(mapping["FunctionName"])
    assert mapping["BatchSize"] == 5000  # many changes of one person become one write


def test_the_writer_sets_aside_where_lambda_would(assembly):
    """Both leave their messages in one queue, so that one alarm and one runbook serve them."""
    mapping = assembly.one("AWS::Lambda::EventSourceMapping", "unification").properties
    (writer,) = (f for f in assembly.resources("AWS::Lambda::Function") if "ProfileWriter" in f.logical_id)
    url = writer.properties["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"]
    assert url["Ref"] in resolve(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_decision_engine_reads_changed_profiles_only(assembly):
    mapping = assembly.one("AWS::Lambda::EventSourceMapping", "activation", "DecisionChanges").properties
    assert "SingleView" in resolve(mapping["EventSourceArn"])
    (one,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(one["Pattern"]) == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {"NewImage": {"SK": {"S": ["PROFILE"]}}},
    }


def test_the_single_view_streams_its_changes_and_expires_items(assembly):
    table = next(t for t in assembly.resources("AWS::DynamoDB::GlobalTable") if "SingleViewTable" in t.logical_id)
    assert table.properties["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]
    assert table.properties["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("pillar", ["collection", "unification", "analytics", "activation", "operations"])
def test_every_rule_keeps_what_it_could_not_deliver(assemblies, pillar):
    for assembly in assemblies.values():
        for rule in assembly.resources("AWS::Events::Rule", pillar):
            for target in rule.properties["Targets"]:
                assert "DeadLetterConfig" in target, rule
