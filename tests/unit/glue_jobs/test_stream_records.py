"""Records on their way to a stream."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glue_jobs.shared.streams import ATTEMPTS, MAX_BYTES, MAX_RECORDS, Record, StreamWriteError, created_at, put_records


class FakeKinesis:
    """Takes records, and refuses those whose number is in `refuse`, each as often as it says."""

    def __init__(self, refuse: dict[int, int] | None = None) -> None:
        self.refuse = refuse or {}
        self.taken: list[bytes] = []
        self.requests: list[int] = []
        self.sizes: list[int] = []

    def describe_stream_summary(self, *, StreamName: str) -> dict[str, Any]:  # noqa: N803
        made = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        return {"StreamDescriptionSummary": {"StreamName": StreamName, "StreamCreationTimestamp": made}}

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.requests.append(len(Records))
        self.sizes.append(sum(len(record["Data"]) + len(record["PartitionKey"]) for record in Records))
        return {"Records": [self._answer(record) for record in Records]}

    def _answer(self, record: dict[str, Any]) -> dict[str, str]:
        number = int(record["PartitionKey"])
        if self.refuse.get(number, 0) > 0:
            self.refuse[number] -= 1
            return {"ErrorCode": "ProvisionedThroughputExceededException"}
        self.taken.append(record["Data"])
        return {"SequenceNumber": "1"}


def records(count: int, size: int = 1) -> list[Record]:
    return [Record(partition_key=str(number), data=f"{number}".encode().rjust(size)) for number in range(count)]


def test_a_stream_says_when_it_was_made_in_milliseconds_as_versions_of_runs_are() -> None:
    assert created_at(FakeKinesis(), "events") == 1772357400000


def test_records_go_out_in_batches_of_at_most_five_hundred() -> None:
    kinesis = FakeKinesis()
    assert put_records(kinesis, "events", records(MAX_RECORDS + 1)) == MAX_RECORDS + 1
    assert kinesis.requests == [MAX_RECORDS, 1]


def test_a_batch_keeps_below_the_size_of_a_request() -> None:
    kinesis = FakeKinesis()
    put_records(kinesis, "events", records(12, size=1_000_000))
    assert kinesis.requests == [4, 4, 4]
    assert max(kinesis.sizes) <= MAX_BYTES


def test_only_refused_records_are_put_again_after_growing_pauses() -> None:
    kinesis = FakeKinesis({1: 1, 2: 2})
    pauses: list[float] = []
    assert put_records(kinesis, "events", records(4), pause=pauses.append) == 4
    assert kinesis.requests == [4, 2, 1]
    assert sorted(kinesis.taken) == [b"0", b"1", b"2", b"3"]
    assert pauses == [0.1, 0.2]


def test_records_refused_in_every_attempt_fail_the_job_by_number_and_code() -> None:
    kinesis = FakeKinesis({0: 99})
    with pytest.raises(StreamWriteError, match=r"events: 1 records refused after 8 attempts \(Provisioned"):
        put_records(kinesis, "events", records(2), pause=lambda _: None)
    assert len(kinesis.requests) == ATTEMPTS


@given(st.lists(st.integers(0, 2_000_000), max_size=20), st.dictionaries(st.integers(0, 19), st.integers(0, 5)))
def test_every_record_arrives_exactly_once_when_refusals_end(sizes: list[int], refuse: dict[int, int]) -> None:
    kinesis = FakeKinesis(refuse)
    sent = [Record(partition_key=str(number), data=bytes(size)) for number, size in enumerate(sizes)]
    assert put_records(kinesis, "events", iter(sent), pause=lambda _: None) == len(sent)
    assert sorted(map(len, kinesis.taken)) == sorted(sizes)
