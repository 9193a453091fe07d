"""The documents' benchmarks as they stand there: each gives its figures. How large they are is for people to judge."""

import pytest

from benchmarks.report import read
from tests.slow.commands import of_the_documents, typed
from tools.suites.benches import benches
from twin.settings import ROOT

WHOLE, *SINGLE = of_the_documents("make bench", ".venvs/bench/bin/python -m benchmarks.")


def test_all_benchmarks_give_their_ratios() -> None:
    assert typed(WHOLE).count("\N{MULTIPLICATION SIGN}") == len(benches(ROOT))


# After the one above, which makes the environment.
@pytest.mark.parametrize("command", SINGLE)
def test_a_single_benchmark_gives_its_figures(command: str) -> None:
    found = read(typed(command))

    assert found.ratio > 0
    assert found.details
