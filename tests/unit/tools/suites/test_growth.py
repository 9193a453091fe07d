"""How a cost grows is told by its exponent."""

import pytest

from benchmarks.clean import Run
from benchmarks.clean_growth import compare, exponent


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_is_the_power_of_the_size(power: float) -> None:
    sizes = (50_000, 250_000, 1_000_000)
    assert exponent(sizes, [3 * size**power for size in sizes]) == pytest.approx(power)


def test_the_largest_size_is_compared_with_the_smallest() -> None:
    runs = [
        Run(records=records, steady_seconds=1.0, cpu_seconds=records * 0.001, state_bytes=records * 100)
        for records in (1000, 4000)
    ]
    shown = compare((1000, 4000), runs)
    assert shown.ratio == pytest.approx(1.0)
    assert shown.details["exponent"] == pytest.approx(1.0)
    assert shown.details["state_bytes_an_event_at_4000"] == 100
    assert shown.details["milliseconds_an_event_at_1000"] == pytest.approx(1.0)
