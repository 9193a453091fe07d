"""What expires in the emulator's Kinesis, and when, is the same as without our guard."""

import time
from typing import Any

import pytest

from twin.patches import kinesis_expiry
from twin.patches.kinesis_expiry import at_most_every, when_the_oldest_is_due

HOUR = 3600


def stream(*ages_in_hours: float) -> dict[str, Any]:
    now = time.time()
    records = [{"ApproximateArrivalTimestamp": now - age * HOUR} for age in ages_in_hours]
    return {"RetentionPeriodHours": 24, "shards": {"shard-0": {"records": []}, "shard-1": {"records": records}}}


@pytest.mark.parametrize(("ages", "looked"), [((25, 1), True), ((23, 1), False), ((), False)])
def test_a_stream_is_walked_through_only_when_its_oldest_record_is_due(ages: tuple[float, ...], looked: bool) -> None:
    walked: list[dict[str, Any]] = []
    there = stream(*ages)

    when_the_oldest_is_due(walked.append)(there)

    assert walked == ([there] if looked else [])


def test_iterators_are_swept_at_once_and_then_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(kinesis_expiry.time, "monotonic", lambda: clock[0])
    sweeps: list[float] = []
    sweep = at_most_every(1.0, lambda: sweeps.append(clock[0]))

    for moment in (100.0, 100.5, 101.2, 101.3, 102.2):
        clock[0] = moment
        sweep()

    assert sweeps == [100.0, 101.2, 102.2]
