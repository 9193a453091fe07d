"""What AWS hands to functions: contexts and events, as they look on the wire."""

import base64
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeSerializer


@dataclass
class LambdaContext:
    """The context of an invocation."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    milliseconds_left: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left."""
        return self.milliseconds_left


def http_event(
    method: str,
    path: str,
    *,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    raw_query: str = "",
) -> dict[str, Any]:
    """Return an HTTP API event, payload version 2; bytes travel as base64, as the gateway does it.

    A raw query is what the sender wrote; `query` is what the gateway makes of it.
    """
    is_base64 = isinstance(body, bytes)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": {"content-type": "application/json", **(headers or {})},
        "queryStringParameters": query or {},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "requestId": "r-1",
            "stage": "$default",
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": is_base64,
    }


def kinesis_event(records: list[tuple[str, bytes]]) -> dict[str, Any]:
    """Return a Kinesis batch of (sequence number, data)."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "key",
                    "sequenceNumber": sequence,
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": 1_770_000_000.0,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{sequence}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/c360-dev-profile-changes",
            }
            for sequence, data in records
        ]
    }


def kafka_event(records: list[tuple[str, bytes]], *, partitions: int = 2) -> dict[str, Any]:
    """Return a batch of MSK of (offset, data), dealt to the partitions of a topic by turns."""
    topic = "c360-dev-profile-changes"
    groups: dict[str, list[dict[str, Any]]] = {}
    for place, (offset, data) in enumerate(records):
        partition = place % partitions
        record = {
            "topic": topic,
            "partition": partition,
            "offset": int(offset),
            "timestamp": 1_770_000_000_000,
            "timestampType": "CREATE_TIME",
            "key": base64.b64encode(b"key").decode(),
            "value": base64.b64encode(data).decode(),
            "headers": [],
        }
        groups.setdefault(f"{topic}-{partition}", []).append(record)
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c360-dev/0c1d-7",
        "bootstrapServers": "boot-1.kafka-serverless.us-east-1.amazonaws.com:9098",
        "records": groups,
    }


def stream_record(
    new: dict[str, Any] | None, old: dict[str, Any] | None = None, *, number: str = "1"
) -> dict[str, Any]:
    """Return a record of a DynamoDB stream with both images."""
    images = {name: _typed(item) for name, item in (("NewImage", new), ("OldImage", old)) if item is not None}
    return {
        "eventID": number,
        "eventName": "MODIFY" if old else "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_000_000,
            "SequenceNumber": number,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            **images,
        },
    }


def read_stream(kinesis: Any, name: str) -> list[bytes]:
    """Return all records of a stream of one shard."""
    shard = kinesis.describe_stream(StreamName=name)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=10_000)["Records"]
    return [record["Data"] for record in records]


def _typed(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
