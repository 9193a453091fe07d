"""Every pinned package can be installed on everything that it has to be installed on: the package index is asked."""

import pytest

from tools.environments import locks

PAIRS = [(group, target) for group in locks.groups() for target in locks.targets(group)]


@pytest.mark.parametrize(("group", "target"), PAIRS, ids=str)
def test_every_pin_has_a_wheel(group: str, target: locks.Target) -> None:
    assert locks.unfit(group, target) == ""


def test_a_python_without_wheels_is_found() -> None:
    assert "has no usable wheels" in locks.unfit("flink", locks.Target(python="3.13"))
