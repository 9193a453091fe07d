"""AWS in memory for the functions: no socket can be opened, and every test has its own tables and streams."""

import importlib
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_socket
from moto import mock_aws

from c360_aws.single_view_reader import SingleViewReader, StoredState
from c360_aws.single_view_writer import SingleViewWriter, WriteOutcome
from c360_core.profile import Profile
from lambdas.shared import aws
from tests.fakes.wire import read_stream

CREDENTIALS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
TABLE = "single-view"
LOCKS = "locks"
EVENTS = "c360-dev-events"
DEAD_LETTERS = "dead-letters"
HASH_SECRET = "0123456789abcdef"
HANDLERS = [path.parent.name for path in (Path(__file__).parents[3] / "lambdas").glob("*/handler.py")]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@dataclass(frozen=True)
class Cloud:
    """The parts of AWS that the functions use, in memory."""

    dynamodb: Any
    kinesis: Any
    secrets: Any
    sqs: Any
    dead_letters: str

    @property
    def reader(self) -> SingleViewReader:
        return SingleViewReader(client=self.dynamodb, table=TABLE)

    @property
    def writer(self) -> SingleViewWriter:
        return SingleViewWriter(client=self.dynamodb, table=TABLE)

    def put_profile(self, profile: Profile, *, now: datetime) -> WriteOutcome:
        """Store a profile over whatever is there."""
        return self.writer.put_profile(profile, self.stored_state(profile), now=now)

    def stored_state(self, profile: Profile) -> StoredState:
        """Return what stands in the place of a person."""
        return self.reader.stored_states([profile.person_id])[profile.person_id]

    def items(self) -> list[dict[str, Any]]:
        """Return all items of the single view."""
        found: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE)["Items"]
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return all events on the stream, in order."""
        return [json.loads(record) for record in self.records()]

    def set_aside(self) -> list[dict[str, Any]]:
        """Take all messages off the dead-letter queue and return them."""
        found = []
        while got := self.sqs.receive_message(QueueUrl=self.dead_letters, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.dead_letters, ReceiptHandle=message["ReceiptHandle"])
        return found

    def records(self) -> list[bytes]:
        """Return all records on the stream as they are, in order."""
        return read_stream(self.kinesis, EVENTS)


@pytest.fixture(scope="session")
def session_cloud() -> Iterator[Cloud]:
    """Start AWS in memory once: making its clients takes longer than any test."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        _forget_clients()
        dynamodb = boto3.resource("dynamodb").meta.client
        create_tables(dynamodb)
        sqs = boto3.client("sqs")
        yield Cloud(
            dynamodb=dynamodb,
            kinesis=boto3.client("kinesis"),
            secrets=boto3.client("secretsmanager"),
            sqs=sqs,
            dead_letters=sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"],
        )
    _forget_clients()


@pytest.fixture
def cloud(session_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Return AWS in memory, empty."""
    # Its tables are plain dictionaries: two writers at the same moment trip over each other.
    monkeypatch.setattr("lambdas.profile_writer.handler.WRITERS", 1)
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", session_cloud.dead_letters)
    session_cloud.kinesis.create_stream(StreamName=EVENTS, ShardCount=1)
    yield session_cloud
    session_cloud.kinesis.delete_stream(StreamName=EVENTS)
    session_cloud.set_aside()
    for table, names in ((TABLE, ("PK", "SK")), (LOCKS, ("id",))):
        for item in session_cloud.dynamodb.scan(TableName=table)["Items"]:
            session_cloud.dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})
    for secret in session_cloud.secrets.list_secrets()["SecretList"]:
        session_cloud.secrets.delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)
    _forget_settings()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what the functions log from now on."""
    written = io.StringIO()
    for name in HANDLERS:
        importlib.import_module(f"lambdas.{name}.handler")
        for handler in logging.getLogger(name).handlers:
            monkeypatch.setattr(handler, "stream", written)
    return written


def create_tables(dynamodb: Any) -> None:
    """Create the two tables as the template describes them."""
    for name, keys in ((TABLE, (("PK", "HASH"), ("SK", "RANGE"))), (LOCKS, (("id", "HASH"),))):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        )


def _forget_clients() -> None:
    for value in vars(aws).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def _forget_settings() -> None:
    """Drop what functions keep between invocations: it belongs to the environment of another test."""
    for name in HANDLERS:
        for value in vars(importlib.import_module(f"lambdas.{name}.handler")).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


@pytest.fixture
def contact_environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set what both functions read that decide whether somebody is contacted; each adds what is its own."""
    variables = {
        "ENVIRONMENT": "dev",
        "HASH_SECRET_ARN": cloud.secrets.create_secret(Name="hash", SecretString=HASH_SECRET)["ARN"],
        "SINGLE_VIEW_TABLE": TABLE,
        "IDEMPOTENCY_TABLE": LOCKS,
        "EVENTS_STREAM_NAME": EVENTS,
        "QUIET_HOURS_START": "0",
        "QUIET_HOURS_END": "0",
        "DEFAULT_TIME_ZONE": "UTC",
        "FREQUENCY_CAP_MESSAGES": "3",
        "FREQUENCY_CAP_DAYS": "7",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
