"""One demonstration on the twin for the whole suite, at the smallest scale: every test looks at what it leaves."""

from collections.abc import Iterator

import pytest

from tools import demonstrate
from tools.console import Steps
from tools.demonstrate import Demonstration
from twin.scenario.memory import PeakMemory
from twin.settings import BUILD

HOME = BUILD / "twin" / "tests"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Give the demonstration that `make demo` gives, and keep running what it was given on."""
    steps, data = Steps(machine=True), tmp_path_factory.mktemp("shoppers")
    running, manifest = demonstrate.begin(steps, HOME, data, scale="tiny", seed=360)
    try:
        with PeakMemory() as memory:
            demonstration = demonstrate.tell(steps, running, manifest, data, memory)
        yield demonstration
    finally:
        running.stop()
