"""One demonstration on the twin for the whole suite, at the smallest scale: every test looks at what it leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.console import Steps
from tools.laptop import demonstrate
from tools.laptop.demonstrate import Demonstration
from twin.scenario.memory import PeakMemory
from twin.settings import BUILD

HOME = BUILD / "twin" / "tests"


@contextmanager
def demonstrated(home: Path, data: Path) -> Iterator[Demonstration]:
    """Give the demonstration that `make demo` gives, and keep running what it was given on."""
    steps = Steps(machine=True)
    running, manifest = demonstrate.begin(steps, home, data, scale="tiny", seed=360)
    try:
        with PeakMemory() as memory:
            demonstration = demonstrate.tell(steps, running, manifest, data, memory)
        yield demonstration
    finally:
        running.stop()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    """Give the one that all tests look at."""
    with demonstrated(HOME, tmp_path_factory.mktemp("shoppers")) as demonstration:
        yield demonstration
