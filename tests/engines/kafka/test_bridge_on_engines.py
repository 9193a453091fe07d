"""The bridge between the emulator's Kinesis and a real broker, killed in the middle of its work."""

import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from twin.engines.kafka import Kafka
from twin.processes.process import Child, spawn
from twin.scenario.waiting import until
from twin.settings import ROOT, TwinSettings

COUNT = 20_000
KEYS = 97
PATIENCE_SECONDS = 120

Pair = tuple[str, int]


def numbered(count: int) -> list[Pair]:
    """Records (key, number): the numbers of one key rise."""
    return [(f"customer-{number % KEYS}", number) for number in range(count)]


def value(number: int) -> bytes:
    return json.dumps({"number": number, "padding": "x" * 300}).encode()


def number_of(data: bytes) -> int:
    return int(json.loads(data)["number"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both ends of the bridge, and the streams of one test."""

    broker: Kafka
    kinesis: Any
    endpoint: str
    variables: dict[str, str]
    inward: str
    outward: str
    folder: Path

    def bridge(self) -> Child:
        plan = {
            "endpoint": self.endpoint,
            "bootstrap_servers": self.broker.bootstrap_servers,
            "state": str(self.folder / "positions"),
            "to_kafka": {self.inward: self.variables},
            "to_kinesis": {self.outward: self.variables},
        }
        path = self.folder / "plan.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        argv = [sys.executable, "-m", "twin.bridge.bridge", "--config", str(path)]
        return spawn(
            "bridge", argv, log_path=self.folder / "bridge.log", env={**os.environ, **self.variables}, cwd=ROOT
        )

    def put_into_kinesis(self, records: Sequence[Pair]) -> None:
        for start in range(0, len(records), 500):
            batch = [{"PartitionKey": key, "Data": value(number)} for key, number in records[start : start + 500]]
            self.kinesis.put_records(StreamName=self.inward, Records=batch)

    def put_into_kafka(self, records: Sequence[Pair]) -> None:
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "enable.idempotence": True})
        for key, number in records:
            producer.produce(self.outward, key=key, value=value(number))
            producer.poll(0)
        producer.flush()

    def from_kafka(self) -> list[Pair]:
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap_servers, "group.id": "test"})
        partitions = consumer.list_topics(self.inward, timeout=20).topics[self.inward].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(self.inward, p))[1] for p in partitions}
        consumer.assign([TopicPartition(self.inward, p, OFFSET_BEGINNING) for p in partitions])
        found: list[Pair] = []
        while len(found) < sum(ends.values()):
            messages = consumer.consume(5_000, timeout=5)
            found += [((m.key() or b"").decode(), number_of(m.value() or b"")) for m in messages]
        consumer.close()
        return found

    def wait_for_the_first(self) -> None:
        """Wait until a record has come to Kinesis. To read all of them would give the bridge time to bring the rest."""
        until("the bridge brings something", self.has_brought_something, bool, seconds=PATIENCE_SECONDS, pause=0.02)

    def has_brought_something(self) -> bool:
        opened = {"StreamName": self.outward, "ShardIteratorType": "TRIM_HORIZON"}
        shards = self.kinesis.list_shards(StreamName=self.outward)["Shards"]
        starts = [self.kinesis.get_shard_iterator(ShardId=shard["ShardId"], **opened) for shard in shards]
        return any(self.kinesis.get_records(ShardIterator=s["ShardIterator"], Limit=1)["Records"] for s in starts)

    def from_kinesis(self) -> list[Pair]:
        found: list[Pair] = []
        for shard in self.kinesis.list_shards(StreamName=self.outward)["Shards"]:
            opened = {"StreamName": self.outward, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            iterator = self.kinesis.get_shard_iterator(**opened)["ShardIterator"]
            while records := (answer := self.kinesis.get_records(ShardIterator=iterator))["Records"]:
                found += [(record["PartitionKey"], number_of(record["Data"])) for record in records]
                iterator = answer["NextShardIterator"]
        return found


@pytest.fixture
def sides(broker: Kafka, emulator: TwinSettings, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sides]:
    name = request.node.name.replace("_", "-")[:60]
    variables = emulator.client_environment()
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=emulator.endpoint,
        region_name=variables["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    made = Sides(
        broker=broker,
        kinesis=kinesis,
        endpoint=emulator.endpoint,
        variables=variables,
        inward=f"{name}-in",
        outward=f"{name}-out",
        folder=tmp_path,
    )
    for stream in (made.inward, made.outward):
        kinesis.create_stream(StreamName=stream, ShardCount=2)
    broker.create_topics([made.inward, made.outward], partitions=2)
    yield made
    for stream in (made.inward, made.outward):
        kinesis.delete_stream(StreamName=stream)


def eventually(found: Callable[[], list[Pair]], enough: Callable[[list[Pair]], bool]) -> list[Pair]:
    """Look until it is enough; return what was found last, for the test to judge."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        pairs = found()
        if enough(pairs) or time.monotonic() > deadline:
            return pairs
        time.sleep(0.3)


def all_of(sent: Sequence[Pair]) -> Callable[[list[Pair]], bool]:
    return lambda found: len(set(found)) == len(sent)


def first_arrivals(pairs: Iterable[Pair]) -> dict[str, list[int]]:
    """The numbers of each key in the order in which they first came."""
    arrivals: dict[str, dict[int, None]] = defaultdict(dict)
    for key, number in pairs:
        arrivals[key].setdefault(number)
    return {key: list(numbers) for key, numbers in arrivals.items()}


def test_nothing_is_lost_and_keys_keep_their_order_when_the_bridge_is_killed(sides: Sides) -> None:
    sent = numbered(COUNT)
    bridge = sides.bridge()
    sides.put_into_kinesis(sent[: COUNT // 2])
    with ThreadPoolExecutor(max_workers=1) as pool:
        feeding = pool.submit(sides.put_into_kafka, sent)
        sides.wait_for_the_first()
        os.kill(bridge.pid, signal.SIGKILL)
        feeding.result()
    bridge.terminate()
    before = sides.from_kinesis()
    sides.put_into_kinesis(sent[COUNT // 2 :])

    second = sides.bridge()
    try:
        in_kafka = eventually(sides.from_kafka, all_of(sent))
        in_kinesis = eventually(sides.from_kinesis, all_of(sent))
    finally:
        second.terminate()

    assert 0 < len(before) < COUNT, "the bridge was to be killed in the middle of its work"
    assert first_arrivals(in_kafka) == first_arrivals(sent)
    assert first_arrivals(in_kinesis) == first_arrivals(sent)


def test_a_bridge_that_is_stopped_politely_repeats_nothing(sides: Sides) -> None:
    sent = numbered(1_000)
    first = sides.bridge()
    sides.put_into_kinesis(sent[:500])
    sides.put_into_kafka(sent[:500])
    eventually(sides.from_kafka, all_of(sent[:500]))
    eventually(sides.from_kinesis, all_of(sent[:500]))
    first.terminate()
    assert first.poll() == 0

    second = sides.bridge()
    sides.put_into_kinesis(sent[500:])
    sides.put_into_kafka(sent[500:])
    in_kafka = eventually(sides.from_kafka, all_of(sent))
    in_kinesis = eventually(sides.from_kinesis, all_of(sent))
    second.terminate()

    assert sorted(in_kafka) == sorted(sent)
    assert sorted(in_kinesis) == sorted(sent)


def test_a_stream_goes_both_ways_and_nothing_goes_round(sides: Sides) -> None:
    sent = numbered(2_000)
    both = replace(sides, outward=sides.inward)
    running = both.bridge()
    both.put_into_kinesis(sent[::2])
    both.put_into_kafka(sent[1::2])
    eventually(both.from_kafka, all_of(sent))
    eventually(both.from_kinesis, all_of(sent))
    # One more from either side: had anything gone round, it would be there before them.
    last = numbered(2_002)[2_000:]
    both.put_into_kinesis(last[:1])
    both.put_into_kafka(last[1:])
    in_kafka = eventually(both.from_kafka, all_of([*sent, *last]))
    in_kinesis = eventually(both.from_kinesis, all_of([*sent, *last]))
    running.terminate()

    assert sorted(in_kafka) == sorted([*sent, *last])
    assert sorted(in_kinesis) == sorted([*sent, *last])
