"""How the work and the state of `clean` grow with the number of events."""

import logging
import math
import statistics
import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.clean import CLEAN, Kept, Run, bench
from benchmarks.report import Comparison, Detail

EVENTS: Final = (50_000, 250_000, 1_000_000)


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Return the power of the size with which the cost grows: 1 if twice as much costs twice as much."""
    points = [(math.log(size), math.log(cost)) for size, cost in zip(sizes, costs, strict=True)]
    slope, _ = statistics.linear_regression(*zip(*points, strict=True))
    return slope


def run(sizes: Sequence[int] = EVENTS) -> list[Run]:
    """Measure `clean` at each size, once.

    Raises:
        BenchmarkError: it was not done in time.
    """
    with bench() as measuring:
        return [measuring.measure(f"clean-{size}", CLEAN, size, kept=Kept.GOOD) for size in sizes]


def compare(sizes: Sequence[int], runs: Sequence[Run]) -> Comparison:
    """Return the processor time for one record at the largest size against the smallest."""
    details: dict[str, Detail] = {
        "exponent": exponent(sizes, [one.cpu_seconds for one in runs]),
        "state_exponent": exponent(sizes, [float(one.state_bytes) for one in runs]),
    }
    for size, one in zip(sizes, runs, strict=True):
        details[f"milliseconds_an_event_at_{size}"] = 1000 * one.cpu_per_record
        details[f"state_bytes_an_event_at_{size}"] = one.state_bytes / size
    return Comparison(
        name=f"clean at {sizes[-1]} events against {sizes[0]}",
        ours_seconds=runs[-1].cpu_per_record,
        peer_seconds=runs[0].cpu_per_record,
        details=details,
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    chosen = [int(argument) for argument in sys.argv[1:]] or list(EVENTS)
    compare(chosen, run(chosen)).write()
