"""A paced writer never sends more in a second than it may, whatever Kinesis refuses on the way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import BYTES_PER_CALL, RECORDS_PER_CALL, Pace, StreamRecord, StreamWriter


class Shard:
    """A shard on a clock of its own: it refuses what it is told to, and remembers what was asked of it, and when."""

    def __init__(self, refusals: list[int]) -> None:
        self.now = 0.0
        self.refusals = refusals
        self.asked: list[tuple[float, int, int]] = []
        self.taken: list[bytes] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def put_records(self, *, StreamName: str, Records: list[Any]) -> dict[str, Any]:  # noqa: N803  # of boto3
        assert StreamName
        self.asked.append((self.now, len(Records), sum(len(r["Data"]) + len(r["PartitionKey"]) for r in Records)))
        refused = min(self.refusals.pop(0), len(Records)) if self.refusals else 0
        self.taken += [record["Data"] for record in Records[refused:]]
        busy = {"ErrorCode": "ProvisionedThroughputExceededException"}
        return {"Records": [busy] * refused + [{}] * (len(Records) - refused)}


def written(shard: Shard, pace: Pace, records: list[StreamRecord]) -> int:
    client: Any = shard
    writer = StreamWriter(sender=KinesisSender(client=client, stream="s"), pause=shard.pause, pace=pace, attempts=60)
    return len(list(writer.put(records)))


@given(
    sizes=st.lists(st.integers(1, 4_000), min_size=1, max_size=120),
    rate=st.integers(1, 40),
    bytes_a_second=st.integers(4_100, 20_000),
    refusals=st.lists(st.integers(0, 10), max_size=8),
)
def test_no_window_has_more_than_its_share_and_everything_arrives(
    sizes: list[int], rate: int, bytes_a_second: int, refusals: list[int]
) -> None:
    shard = Shard(refusals)
    pace = Pace(records=rate, size=bytes_a_second, clock=lambda: shard.now, pause=shard.pause)
    records = [StreamRecord(key=f"k{number}", data=bytes(size)) for number, size in enumerate(sizes)]

    assert written(shard, pace, records) == 0

    assert sorted(map(len, shard.taken)) == sorted(sizes)
    for first, (start, _, _) in enumerate(shard.asked):
        for last in range(first + 1, len(shard.asked)):
            between = shard.asked[last][0] - start + 1e-6
            assert sum(count for _, count, _ in shard.asked[first:last]) <= rate * between
            assert sum(size for _, _, size in shard.asked[first:last]) <= bytes_a_second * between


@pytest.mark.parametrize(
    ("records", "size", "largest"),
    [(0.5, 0.5, (1, 1)), (250, 1e6, (250, 1_000_000)), (1e6, 1e9, (RECORDS_PER_CALL, BYTES_PER_CALL))],
)
def test_a_request_is_no_larger_than_a_second_and_than_kinesis_takes(
    records: float, size: float, largest: tuple[int, int]
) -> None:
    assert Pace(records=records, size=size).largest == largest
