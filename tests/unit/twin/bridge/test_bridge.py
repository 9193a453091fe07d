"""The bridge's decisions, with both sides played by fakes; tests/engines/kafka has the real ones."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from twin.bridge import bridge
from twin.bridge.bridge import BridgeError, Plan, Positions, Returning, ToKafka, batches, put, run, send

CLEAN = {"AWS_ACCESS_KEY_ID": "of clean", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
UNIFY = {**CLEAN, "AWS_ACCESS_KEY_ID": "of unify"}
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
PLAN = {
    "endpoint": "http://localhost:1",
    "bootstrap_servers": "localhost:2",
    "state": "positions",
    "to_kafka": {"c360-dev-events": CLEAN},
    "to_kinesis": {"c360-dev-profile-changes": UNIFY},
}


class FakeProducer:
    """Takes records; refuses the values it is told to, and is full once when told to."""

    def __init__(self, *, refuses: frozenset[bytes] = frozenset(), full_once: bool = False) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.headers: list[Mapping[str, bytes]] = []
        self._refuses = refuses
        self._full = full_once
        self._answers: list[Callable[[], None]] = []

    def produce(
        self,
        _topic: str,
        *,
        key: str,
        value: bytes,
        headers: Mapping[str, bytes],
        on_delivery: Callable[[Any, Any], None],
    ) -> None:
        if self._full:
            self._full = False
            raise BufferError
        if value in self._refuses:
            self._answers.append(lambda: on_delivery("no room on disk", None))
            return
        self.taken.append((key, value))
        self.headers.append(headers)
        self._answers.append(lambda: on_delivery(None, None))

    def poll(self, _seconds: float) -> int:
        return 0

    def flush(self) -> int:
        for answer in self._answers:
            answer()
        self._answers.clear()
        return 0


class FakeKinesis:
    """One stream of one shard."""

    def __init__(self, records: Sequence[tuple[str, bytes]], *, born: int = 1) -> None:
        self.records = list(records)
        self.born = born
        self.fails_with: list[Exception] = []

    def describe_stream_summary(self, **_: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"StreamARN": ARN, "StreamCreationTimestamp": self.born}}

    def get_paginator(self, _operation: str) -> "FakeKinesis":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"Shards": [{"ShardId": "shard-0"}]}]

    def get_shard_iterator(self, **request: str) -> dict[str, str]:
        after = request.get("StartingSequenceNumber")
        return {"ShardIterator": "0" if after is None else str(int(after) + 1)}

    def put_records(self, **request: Any) -> dict[str, Any]:
        start = len(self.records)
        self.records += [(record["PartitionKey"], record["Data"]) for record in request["Records"]]
        placed = range(start, len(self.records))
        results = [{"ShardId": "shard-0", "SequenceNumber": str(number)} for number in placed]
        return {"FailedRecordCount": 0, "Records": results}

    def get_records(self, **request: Any) -> dict[str, Any]:
        if self.fails_with:
            raise self.fails_with.pop(0)
        assert request["StreamARN"] == ARN
        start = int(request["ShardIterator"])
        found = self.records[start : start + request["Limit"]]
        records = [
            {"SequenceNumber": str(start + index), "PartitionKey": key, "Data": data}
            for index, (key, data) in enumerate(found)
        ]
        return {"Records": records, "NextShardIterator": str(start + len(found))}


class RefusingKinesis:
    """Refuses the records at the given places of the first request."""

    def __init__(self, *refused: int) -> None:
        self.arrived: list[bytes] = []
        self._refused = set(refused)

    def put_records(self, **request: Any) -> dict[str, Any]:
        results: list[Mapping[str, str]] = []
        for index, record in enumerate(request["Records"]):
            if index in self._refused:
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                self.arrived.append(record["Data"])
                results.append({"SequenceNumber": "1"})
        failed, self._refused = len(self._refused), set()
        return {"FailedRecordCount": failed, "Records": results}


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetRecords")


def to_kafka(kinesis: FakeKinesis, producer: FakeProducer, state: Path) -> ToKafka:
    nothing = Returning(both_ways=False)
    return ToKafka("events", kinesis=kinesis, producer=producer, state=state, returning=nothing)  # type: ignore[arg-type]


RECORDS = [(f"key-{number % 3}", f"value-{number}".encode()) for number in range(10)]


def test_a_plan_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(PLAN), encoding="utf-8")

    plan = Plan.read(path)

    assert plan.to_kafka == {"c360-dev-events": CLEAN}
    assert plan.to_kinesis == {"c360-dev-profile-changes": UNIFY}
    assert plan.state == Path("positions")


def test_each_stream_is_carried_with_the_credentials_of_its_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Asked(Exception):  # noqa: N818
        """A carrier's client, before its first request."""

    def opened(name: str, *, kinesis: Any, **_: Any) -> None:
        raise Asked(name, kinesis._request_signer._credentials.get_frozen_credentials())

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("ToKafka", "ToKinesis"):
        monkeypatch.setattr(bridge, name, opened)
    monkeypatch.setattr(bridge, "_producer", lambda _: None)
    monkeypatch.setattr(bridge, "_consumer", lambda _: None)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "state": str(tmp_path / "positions")}), encoding="utf-8")

    used = {}
    for open_carrier in bridge.carriers(Plan.read(path)):
        with pytest.raises(Asked) as asked:
            open_carrier()
        used[asked.value.args[0]] = tuple(asked.value.args[1])[:3]

    assert used == {
        "c360-dev-events": ("of clean", "secret", "token"),
        "c360-dev-profile-changes": ("of unify", "secret", "token"),
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"endpoint": None}, "`endpoint` is missing"),
    ],
)
def test_a_wrong_plan_is_refused_by_file_and_field(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = tmp_path / "plan.json"
    wrong = {key: value for key, value in {**PLAN, **change}.items() if value is not None}
    path.write_text(json.dumps(wrong), encoding="utf-8")

    with pytest.raises(BridgeError, match=f"plan.json.*{named}"):
        Plan.read(path)


def test_records_go_to_kafka_once_and_in_order(tmp_path: Path) -> None:
    producer = FakeProducer(full_once=True)
    carrier = to_kafka(FakeKinesis(RECORDS), producer, tmp_path)

    counts = [carrier.carry(), carrier.carry()]

    assert counts == [10, 0]
    assert producer.taken == RECORDS


def test_a_new_bridge_goes_on_behind_the_last_acknowledged_record(tmp_path: Path) -> None:
    kinesis = FakeKinesis(RECORDS[:6])
    to_kafka(kinesis, FakeProducer(), tmp_path).carry()
    kinesis.records = RECORDS
    producer = FakeProducer()

    to_kafka(kinesis, producer, tmp_path).carry()

    assert producer.taken == RECORDS[6:]


def test_a_position_is_stored_only_when_kafka_has_everything_before_it(tmp_path: Path) -> None:
    kinesis = FakeKinesis(RECORDS)
    with pytest.raises(BridgeError, match=r"1 records of events.*no room on disk"):
        to_kafka(kinesis, FakeProducer(refuses=frozenset({b"value-4"})), tmp_path).carry()
    producer = FakeProducer()

    to_kafka(kinesis, producer, tmp_path).carry()

    assert producer.taken == RECORDS


def test_what_the_bridge_has_put_stays_there_and_what_it_brings_has_a_mark(tmp_path: Path) -> None:
    producer = FakeProducer()
    returning = Returning(both_ways=True)
    put(FakeKinesis([]), "events", [{"PartitionKey": key, "Data": data} for key, data in RECORDS[:2]], returning)
    kinesis: Any = FakeKinesis(RECORDS)

    ToKafka("events", kinesis=kinesis, producer=producer, state=tmp_path, returning=returning).carry()  # type: ignore[arg-type]

    assert producer.taken == RECORDS[2:]
    assert {tuple(headers) for headers in producer.headers} == {(bridge.CARRIED,)}
    assert not returning.meet("shard-0", "0")


def test_a_recreated_stream_is_carried_from_its_beginning(tmp_path: Path) -> None:
    to_kafka(FakeKinesis(RECORDS, born=1), FakeProducer(), tmp_path).carry()
    producer = FakeProducer()

    to_kafka(FakeKinesis(RECORDS[:2], born=2), producer, tmp_path).carry()

    assert producer.taken == RECORDS[:2]


def test_a_stale_iterator_is_opened_again_at_the_position(tmp_path: Path) -> None:
    kinesis = FakeKinesis(RECORDS[:4])
    producer = FakeProducer()
    carrier = to_kafka(kinesis, producer, tmp_path)
    carrier.carry()
    kinesis.records = RECORDS
    kinesis.fails_with = [client_error("ExpiredIteratorException")]

    counts = [carrier.carry(), carrier.carry()]

    assert counts == [0, 6]
    assert producer.taken == RECORDS


def test_positions_survive_a_crash_in_the_middle_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    Positions.open(path, born="1").store("shard-0", "41")
    path.with_suffix(".new").write_text('{"born": "1", "sha', encoding="utf-8")

    assert Positions.open(path, born="1").of("shard-0") == "41"


def test_a_refused_record_is_sent_again_with_all_that_follow_it() -> None:
    kinesis = RefusingKinesis(1, 3)
    batch = [{"PartitionKey": "k", "Data": str(number).encode()} for number in range(5)]

    put(kinesis, "profile-changes", batch, Returning(both_ways=False))

    assert kinesis.arrived == [b"0", b"2", b"4", b"1", b"2", b"3", b"4"]


def test_requests_hold_no_more_than_kinesis_takes() -> None:
    records = [{"PartitionKey": "key", "Data": b"x" * 97} for _ in range(7)]

    by_count = [len(batch) for batch in batches(records, most=3, weight=10_000)]
    by_size = [len(batch) for batch in batches(records, most=500, weight=250)]

    assert by_count == [3, 3, 1]
    assert by_size == [2, 2, 2, 1]


def test_everything_is_sent_before_send_returns() -> None:
    producer = FakeProducer()

    send(producer, "events", RECORDS)  # type: ignore[arg-type]

    assert producer.taken == RECORDS


class Failing:
    """A carrier that fails the given number of times, then ends the run."""

    name = "failing"

    def __init__(self, failures: int, stop: threading.Event) -> None:
        self.calls = 0
        self._failures = failures
        self._stop = stop

    def carry(self) -> int:
        self.calls += 1
        if self.calls <= self._failures:
            raise EndpointConnectionError(endpoint_url="http://localhost:1")
        self._stop.set()
        return 0


def test_an_engine_that_is_away_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "RETRY_SECONDS", 0.0)
    stop = threading.Event()
    carrier = Failing(3, stop)

    run(carrier, stop)

    assert carrier.calls == 4


def test_an_engine_that_stays_away_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(bridge, "PATIENCE_SECONDS", -1.0)
    stop = threading.Event()

    with pytest.raises(EndpointConnectionError):
        run(Failing(1, stop), stop)
