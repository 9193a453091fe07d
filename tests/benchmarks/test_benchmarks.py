"""The documents' benchmarks as they stand there: each gives its figures. How large they are is for people to judge."""

import shlex
import subprocess

import pytest

from benchmarks.report import read
from tests.docs.documents import SHELLS, blocks
from tests.walkthrough.plan import lines
from tools.benches import benches
from twin.settings import ROOT

LIMIT_SECONDS = 1_200
BEGINNINGS = ("make bench", ".venvs/bench/bin/python -m benchmarks.")
WHOLE, *SINGLE = (line.text for block in blocks(*SHELLS) for line in lines(block) if line.text.startswith(BEGINNINGS))


def typed(command: str) -> str:
    """Type a command; return what it wrote for people or machines."""
    done = subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_all_benchmarks_give_their_ratios() -> None:
    assert typed(WHOLE).count("\N{MULTIPLICATION SIGN}") == len(benches(ROOT))


# After the one above, which makes the environment.
@pytest.mark.parametrize("command", SINGLE)
def test_a_single_benchmark_gives_its_figures(command: str) -> None:
    found = read(typed(command))

    assert found.ratio > 0
    assert found.details
