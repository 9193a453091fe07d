"""What an application's role must be allowed, beside the calls that its own processes make."""

from twin.emulator.calls import Call
from twin.providers.managed_flink.rights import log_calls, stream_calls, topic_calls

EVENTS = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
CHANGES = "arn:aws:kinesis:us-east-1:123456789012:stream/changes"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group"


def pairs(calls: list[Call]) -> set[tuple[str, str]]:
    return {(call.action, call.resource) for call in calls}


def test_reading_and_writing_streams_takes_what_the_connector_calls() -> None:
    calls = list(stream_calls(reads=("events",), writes=("changes",), key_of={"events": KEY}.get))
    assert pairs(calls) == {
        ("kinesis:DescribeStreamSummary", EVENTS),
        ("kinesis:ListShards", EVENTS),
        ("kinesis:GetShardIterator", EVENTS),
        ("kinesis:GetRecords", EVENTS),
        ("kms:Decrypt", KEY),
        ("kinesis:PutRecords", CHANGES),
    }


def test_a_stream_s_key_is_used_through_kinesis_and_for_this_stream_only() -> None:
    *_, use = stream_calls(reads=(), writes=("changes",), key_of=lambda _: KEY)
    assert use.action == "kms:GenerateDataKey"
    assert use.context == {
        "kms:ViaService": "kinesis.us-east-1.amazonaws.com",
        "kms:CallerAccount": "123456789012",
        "kms:EncryptionContext:aws:kinesis:arn": CHANGES,
    }


def test_reading_and_writing_topics_takes_the_network_the_cluster_and_each_topic() -> None:
    cluster = "arn:aws:kafka:us-east-1:123456789012:cluster/c360/1"
    events, changes = (f"arn:aws:kafka:us-east-1:123456789012:topic/c360/1/{name}" for name in ("events", "changes"))
    calls = list(topic_calls(cluster=cluster, reads=("events",), writes=("changes",)))
    assert pairs(calls) == {
        ("ec2:CreateNetworkInterface", "*"),
        ("ec2:CreateNetworkInterfacePermission", "*"),
        ("ec2:DescribeSubnets", "*"),
        ("kafka-cluster:Connect", cluster),
        ("kafka-cluster:WriteDataIdempotently", cluster),
        ("kafka-cluster:DescribeTopic", events),
        ("kafka-cluster:ReadData", events),
        ("kafka-cluster:DescribeTopic", changes),
        ("kafka-cluster:WriteData", changes),
    }


def test_the_log_stream_is_found_and_written() -> None:
    stream = f"{LOGS}:clean:log-stream:run"
    calls = list(log_calls({"CloudWatchLoggingOptionDescriptions": [{"LogStreamARN": stream}]}))
    assert pairs(calls) == {
        ("logs:DescribeLogGroups", f"{LOGS}::log-stream:"),
        ("logs:DescribeLogStreams", f"{LOGS}:clean:log-stream:"),
        ("logs:PutLogEvents", stream),
    }
    assert list(log_calls({})) == []
