"""The writer of streams: whatever is refused, and in whatever order a request is applied, a key keeps its order."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import BYTES_PER_CALL, RECORDS_PER_CALL, Refusal, StreamRecord, StreamWriter

KINESIS_BYTES_PER_CALL = 5 * 1024 * 1024


class UnorderedKinesis:
    """A stream that promises what PutRecords promises: it takes the entries of a request in any order.

    Args:
        random: of the order.
        every: each entry whose turn this is is refused; 0 refuses none.
        poison: data that is refused whenever it comes.
        failing: requests that fail as a whole, by their number.
    """

    def __init__(
        self,
        random: Random,
        *,
        every: int = 0,
        poison: bytes | None = None,
        failing: dict[int, Exception] | None = None,
    ) -> None:
        self._random, self._every, self._poison, self._failing = random, every, poison, failing or {}
        self._turns = 0
        self.requests: list[int] = []
        self.stored: dict[str, list[bytes]] = defaultdict(list)

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 0 < len(Records) <= RECORDS_PER_CALL
        assert sum(len(r["Data"]) + len(r["PartitionKey"].encode()) for r in Records) <= KINESIS_BYTES_PER_CALL
        self.requests.append(len(Records))
        if error := self._failing.get(len(self.requests)):
            raise error
        answers: list[dict[str, str]] = [{}] * len(Records)
        for place in self._random.sample(range(len(Records)), len(Records)):
            answers[place] = self._take(Records[place])
        return {"FailedRecordCount": sum("ErrorCode" in answer for answer in answers), "Records": answers}

    def _take(self, record: dict[str, Any]) -> dict[str, str]:
        self._turns += 1
        if record["Data"] == self._poison or (self._every and self._turns % self._every == 0):
            return {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
        self.stored[record["PartitionKey"]].append(record["Data"])
        return {"SequenceNumber": str(self._turns), "ShardId": "shardId-000000000000"}


def numbered(keys: Iterable[str]) -> list[StreamRecord]:
    return [StreamRecord(key=key, data=str(number).encode()) for number, key in enumerate(keys)]


def by_key(records: Iterable[StreamRecord]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = defaultdict(list)
    for record in records:
        found[record.key].append(record.data)
    return found


def put(kinesis: UnorderedKinesis, records: Iterable[StreamRecord], pauses: list[float] | None = None) -> list[Refusal]:
    pause = ([] if pauses is None else pauses).append
    sender = KinesisSender(client=kinesis, stream="events")  # type: ignore[arg-type]
    return list(StreamWriter(sender=sender, pause=pause).put(records))


@given(st.lists(st.sampled_from("abcdefgh"), max_size=80), st.integers(2, 7), st.randoms(use_true_random=False))
def test_a_key_keeps_its_order_and_unstored_records_are_reported(keys: list[str], every: int, random: Random) -> None:
    """Chance may refuse one record in all its attempts: then it and all behind it of its key are told as refused."""
    kinesis, sent = UnorderedKinesis(random, every=every), numbered(keys)

    refused = [sent[refusal.index] for refusal in put(kinesis, sent)]

    told = by_key(sorted(refused, key=lambda record: int(record.data)))
    assert {key: kinesis.stored[key] + told[key] for key in by_key(sent)} == by_key(sent)


def test_with_every_seventh_record_refused_eight_hundred_arrive_in_order() -> None:
    random = Random(7)
    sent = numbered(f"visitor-{random.randrange(40)}" for _ in range(800))
    kinesis = UnorderedKinesis(random, every=7)

    assert put(kinesis, sent) == []
    assert kinesis.stored == by_key(sent)


@given(st.lists(st.integers(0, 900_000), max_size=20), st.integers(0, 1_200))
def test_requests_keep_to_the_services_limits_and_carry_everything_once(big: list[int], small: int) -> None:
    kinesis = UnorderedKinesis(Random(1))
    sizes = [*big, *([1] * small)]

    put(kinesis, [StreamRecord(key=str(number), data=bytes(size)) for number, size in enumerate(sizes)])

    assert sorted(len(data[0]) for data in kinesis.stored.values()) == sorted(sizes)


def test_long_keys_count_among_the_bytes() -> None:
    kinesis = UnorderedKinesis(Random(1))

    put(kinesis, [StreamRecord(key=f"{number:03d}" + "ä" * 125, data=bytes(20_000)) for number in range(450)])

    assert len(kinesis.requests) == -(-450 * (20_000 + 253) // BYTES_PER_CALL)


def test_many_keys_make_full_requests_and_take_no_longer_than_their_number_asks() -> None:
    def timed(per_key: int) -> tuple[float, UnorderedKinesis]:
        kinesis = UnorderedKinesis(Random(1))
        records = numbered(f"k{number % 2_500}" for number in range(2_500 * per_key))
        started = time.process_time()
        assert put(kinesis, records) == []
        return time.process_time() - started, kinesis

    tenth, _ = timed(10)
    whole, kinesis = timed(100)

    assert kinesis.requests == [RECORDS_PER_CALL] * 500
    assert whole < 30 * max(tenth, 0.05)


def test_records_sorted_by_key_make_full_requests_too() -> None:
    kinesis = UnorderedKinesis(Random(1))

    put(kinesis, numbered(f"k{number // 100}" for number in range(100_000)))

    assert sum(kinesis.requests) == 100_000
    assert len(kinesis.requests) <= 210


def test_no_more_is_read_than_waits() -> None:
    read = 0

    def endless() -> Iterator[StreamRecord]:
        nonlocal read
        for read in range(1, 400_001):
            yield StreamRecord(key=str(read % 5_000), data=bytes(1_000))

    class Curious(UnorderedKinesis):
        def put_records(self, **request: Any) -> dict[str, Any]:
            assert read - sum(self.requests) <= 65_000
            return super().put_records(**request)

    assert put(Curious(Random(1)), endless()) == []


def test_a_record_refused_in_every_attempt_blocks_only_later_records_of_its_key() -> None:
    kinesis = UnorderedKinesis(Random(1), poison=b"2")
    sent = numbered("aabababb")  # the first of b is number 2

    refused = put(kinesis, sent)

    code = "ProvisionedThroughputExceededException"
    assert sorted((refusal.index, refusal.code) for refusal in refused) == [(2, code), (4, ""), (6, ""), (7, "")]
    assert kinesis.stored == {"a": [b"0", b"1", b"3", b"5"]}


def test_pauses_grow_and_are_never_alike() -> None:
    pauses: list[float] = []

    put(UnorderedKinesis(Random(1), poison=b"0"), numbered("a"), pauses)

    limits = [0.1 * 2**attempt for attempt in range(7)]
    assert all(
        limit / 2 <= pause <= min(limit, 5) for limit, pause in zip([min(x, 5) for x in limits], pauses, strict=True)
    )
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}, "PutRecords"),
        ClientError({"Error": {"Code": "InternalFailure", "Message": ""}}, "PutRecords"),
        EndpointConnectionError(endpoint_url="https://kinesis"),
    ],
)
def test_a_request_that_fails_as_a_whole_is_retried(error: Exception) -> None:
    kinesis = UnorderedKinesis(Random(1), failing={1: error, 3: error})
    sent = numbered("aabb")

    assert put(kinesis, sent) == []
    assert kinesis.stored == by_key(sent)


def test_a_stream_that_is_not_there_is_asked_once() -> None:
    error = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "PutRecords")
    kinesis = UnorderedKinesis(Random(1), failing=dict.fromkeys(range(1, 9), error))

    assert {(r.index, r.code) for r in put(kinesis, numbered("aab"))} == {
        (0, "ResourceNotFoundException"),
        (1, ""),
        (2, "ResourceNotFoundException"),
    }
    assert kinesis.requests == [2]
