"""A killed Flink loses nothing and doubles nothing: the real engine, the emulator's lake, both kinds of streams.

Kafka is what the laptop has under Flink. On the emulator's Kinesis it runs where the jar holds the Kinesis connector.
"""

import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from pyiceberg.catalog import load_catalog

from benchmarks import bare_emulator
from c360_core.names import Property, Stream, TableName, Zone, database_name, stream_name
from tests.factories.events import event
from tools.build import flink
from twin.engines import kafka
from twin.principals import RoleSession
from twin.providers.managed_flink.data_plane import ManagedFlink
from twin.settings import ACCOUNT, REGION, TwinSettings, python_of

EVENTS, INTERACTIONS = (stream_name(bare_emulator.ENVIRONMENT, s) for s in (Stream.EVENTS, Stream.INTERACTIONS))
PATIENCE_SECONDS = 240
PART = 1_000
PUT_RECORDS = 500  # the service takes no more in one request
SHARDS = 2
# The bare emulator has no roles: here the application acts as the account's root.
ROOT_SESSION = RoleSession(arn=f"arn:aws:iam::{ACCOUNT}:root", access_key="test", secret_key="test", token=None)


class Streams(Protocol):
    """The streams around the application."""

    def properties(self) -> dict[str, str]:
        """Return what differs from the properties that the application has on AWS."""

    def send(self, records: list[bytes]) -> None:
        """Put records onto the events stream."""

    def received(self) -> list[bytes]:
        """Return all records of the interactions stream."""


@dataclass(frozen=True)
class KafkaStreams:
    """Topics of a broker."""

    broker: kafka.Kafka

    def properties(self) -> dict[str, str]:
        return {"provider": "kafka", "bootstrap.servers": self.broker.bootstrap_servers}

    def send(self, records: list[bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers})
        for number, body in enumerate(records):
            producer.produce(EVENTS, body, key=str(number % 7).encode())
        producer.flush()

    def received(self) -> list[bytes]:
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap_servers, "group.id": "test"})
        start = [TopicPartition(INTERACTIONS, number, 0) for number in range(SHARDS)]
        expected = sum(consumer.get_watermark_offsets(partition)[1] for partition in start)
        consumer.assign(start)
        found = [message.value() for message in consumer.consume(expected, timeout=30)]
        consumer.close()
        return found


@dataclass(frozen=True)
class KinesisStreams:
    """Streams of the emulator, which Flink's own connector reads and writes."""

    kinesis: Any

    def properties(self) -> dict[str, str]:
        return {}

    def send(self, records: list[bytes]) -> None:
        entries = [{"Data": body, "PartitionKey": str(number % 7)} for number, body in enumerate(records)]
        for start in range(0, len(entries), PUT_RECORDS):
            answer = self.kinesis.put_records(StreamName=EVENTS, Records=entries[start : start + PUT_RECORDS])
            assert answer["FailedRecordCount"] == 0

    def received(self) -> list[bytes]:
        return [body for shard in self._shards() for body in self._read(shard)]

    def _shards(self) -> list[str]:
        return [shard["ShardId"] for shard in self.kinesis.list_shards(StreamName=INTERACTIONS)["Shards"]]

    def _read(self, shard: str) -> Iterator[bytes]:
        iterator = self.kinesis.get_shard_iterator(
            StreamName=INTERACTIONS, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while (answer := self.kinesis.get_records(ShardIterator=iterator))["Records"]:
            yield from (record["Data"] for record in answer["Records"])
            iterator = answer["NextShardIterator"]


@dataclass
class World:
    """The engine under test and what surrounds it."""

    emulator: TwinSettings
    streams: Streams
    plane: ManagedFlink
    app: dict[str, Any]
    said: list[tuple[str, str | None]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)
    sent: int = 0

    def failed(self) -> list[str]:
        """Return why the application has failed; empty while it has not."""
        with self.news:
            return [f"{status}: {message}" for status, message in self.said if status != "RUNNING"]

    def hear(self, status: str, message: str | None = None) -> None:
        with self.news:
            self.said.append((status, message))
            self.news.notify_all()

    def wait_for_running(self, times: int) -> None:
        with self.news:
            ended = self.news.wait_for(lambda: len(self.said) >= times or self.failed(), PATIENCE_SECONDS)
            assert self.failed() == []
            assert ended, "it does not run"
            assert self.said == [("RUNNING", None)] * times

    def send(self, records: list[bytes]) -> None:
        self.streams.send(records)
        self.sent += len(records)

    def rows(self, zone: Zone, table: TableName) -> list[str]:
        """Return the first column of a lake table."""
        properties = {"type": "glue", "glue.endpoint": self.emulator.endpoint, "s3.endpoint": self.emulator.endpoint}
        keys = {f"{kind}.{name}": "test" for kind in ("glue", "s3") for name in ("access-key-id", "secret-access-key")}
        catalog = load_catalog("glue", **properties, **keys, **{"glue.region": REGION, "s3.region": REGION})
        found = catalog.load_table((database_name(bare_emulator.ENVIRONMENT, zone), str(table)))
        return [str(value) for value in found.scan().to_arrow().column(0).to_pylist()]

    def counts(self) -> dict[str, int]:
        return {str(table): len(self.rows(zone, table)) for zone, table in bare_emulator.LAKE_TABLES}

    def wait_for_rows(self, number: int) -> None:
        """Wait until the lake has so many rows; an application that has failed will not write them any more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum((counts := self.counts()).values()) < number:
            assert self.failed() == []
            assert time.monotonic() < deadline, f"{counts} of {self.sent} arrived"
            time.sleep(0.5)

    def wait_for_all(self) -> dict[str, int]:
        """Wait until everything sent is in the lake, and a little longer: too much would show as well."""
        self.wait_for_rows(self.sent)
        time.sleep(3)
        return self.counts()

    def stream(self) -> list[str]:
        """Return the event ids on the interactions stream."""
        return [json.loads(body)["event_id"] for body in self.streams.received()]


class EmptyLake(World):
    """A world in which nothing arrives."""

    def __init__(self) -> None:
        nothing: Any = None
        super().__init__(emulator=nothing, streams=nothing, plane=nothing, app={})

    def counts(self) -> dict[str, int]:
        return {"interactions": 0}


KINESIS = pytest.param(
    "kinesis", marks=pytest.mark.skipif(not flink.has_kinesis(), reason="the jar has no Kinesis connector")
)


@pytest.fixture(params=["kafka", KINESIS])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as cleanup:
        emulator = bare_emulator.start(tmp_path, cleanup)
        kinesis = bare_emulator.client(emulator, "kinesis")
        for name in (EVENTS, INTERACTIONS):
            kinesis.create_stream(StreamName=name, ShardCount=SHARDS)
        streams = KinesisStreams(kinesis) if request.param == "kinesis" else KafkaStreams(broker(tmp_path, cleanup))
        upload(emulator, tmp_path)
        plane = ManagedFlink(
            python=python_of("flink"),
            scratch=tmp_path / "flink",
            client=emulator.client,
            assume=lambda _role, _name: ROOT_SESSION,
            streams=lambda _app, _session: streams.properties(),
            variables=emulator.connection(),
        )
        cleanup.callback(plane.reset)
        yield World(emulator=emulator, streams=streams, plane=plane, app=application(emulator))


def broker(folder: Path, cleanup: ExitStack) -> kafka.Kafka:
    """Start a broker with the topics."""
    started = kafka.start(folder / "kafka")
    cleanup.callback(started.stop)
    started.create_topics([EVENTS, INTERACTIONS], partitions=SHARDS)
    return started


def upload(emulator: TwinSettings, folder: Path) -> None:
    """Put the asset into S3 as the CDK would: one zip."""
    asset = flink.stage_application("clean")
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        for path in asset.rglob("*"):
            archive.write(path, path.relative_to(asset))
    store = bare_emulator.client(emulator, "s3")
    store.create_bucket(Bucket="assets")
    store.upload_file(str(folder / "code.zip"), "assets", "code.zip")
    (folder / "code.zip").unlink()


def application(emulator: TwinSettings) -> dict[str, Any]:
    """Return the application as the emulator's control plane shows it."""
    kinesis = bare_emulator.client(emulator, "kinesis")
    arns = {name: kinesis.describe_stream_summary(StreamName=name) for name in (EVENTS, INTERACTIONS)}
    groups = {
        **bare_emulator.property_groups(emulator),
        Property.RUN_OPTIONS: {
            "python": "clean/main.py",
            "jarfile": "lib/pyflink-dependencies.jar",
            "pyFiles": "dep/",
        },
        Property.STREAMS: {
            "provider": "kinesis",
            "region": REGION,
            "events": EVENTS,
            "interactions": INTERACTIONS,
            "events_arn": arns[EVENTS]["StreamDescriptionSummary"]["StreamARN"],
            "interactions_arn": arns[INTERACTIONS]["StreamDescriptionSummary"]["StreamARN"],
        },
    }
    location = {"BucketARN": "arn:aws:s3:::assets", "FileKey": "code.zip"}
    return {
        "ApplicationName": "clean",
        "ServiceExecutionRole": "arn:aws:iam::123456789012:role/clean",
        "ApplicationConfigurationDescription": {
            "ApplicationCodeConfigurationDescription": {
                "CodeContentDescription": {"S3ApplicationCodeLocationDescription": location}
            },
            "FlinkApplicationConfigurationDescription": {
                "ParallelismConfigurationDescription": {"Parallelism": 2},
                "CheckpointConfigurationDescription": {"CheckpointInterval": 1000, "MinPauseBetweenCheckpoints": 200},
                "MonitoringConfigurationDescription": {"LogLevel": "INFO"},
            },
            "EnvironmentPropertyDescriptions": {
                "PropertyGroupDescriptions": [
                    {"PropertyGroupId": str(name), "PropertyMap": values} for name, values in groups.items()
                ]
            },
        },
    }


def test_rows_of_a_failed_application_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    world = EmptyLake()
    world.hear("RUNNING")
    world.hear("FAILED", "no such topic")

    with pytest.raises(AssertionError, match="FAILED: no such topic"):
        world.wait_for_rows(1)


def test_a_killed_engine_and_a_new_version_lose_nothing_and_double_nothing(world: World) -> None:
    """Sent = clean + duplicate + rejected, through a kill -9 and through a stop with a snapshot."""
    good = [event(received_at="2026-03-02T00:00:00.000Z") for _ in range(3 * PART)]
    bodies = [json.dumps(document).encode() for document in good]

    world.send([*bodies[:PART], b"{broken"])
    world.plane.start(world.app, None, world.hear)
    world.wait_for_running(1)
    world.wait_for_rows(1)
    os.kill(world.plane.process_id(world.app), signal.SIGKILL)
    world.send([*bodies[PART : 2 * PART], *bodies[:10]])
    world.wait_for_running(2)
    assert world.wait_for_all() == {"interactions": 2 * PART, "duplicates": 10, "rejected": 1}

    snapshot = world.plane.stop(world.app, force=False, take_snapshot=True)
    world.send([*bodies[2 * PART :], *bodies[:10]])
    world.plane.start(world.app, snapshot, world.hear)
    world.wait_for_running(3)
    assert world.wait_for_all() == {"interactions": 3 * PART, "duplicates": 20, "rejected": 1}

    expected = {document["event_id"] for document in good}
    assert set(world.rows(Zone.RAW, TableName.INTERACTIONS)) == expected
    assert set(world.stream()) == expected
