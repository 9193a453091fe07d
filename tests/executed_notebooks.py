"""Runs a notebook as its command does, in the environment of the notebooks, with variables of a test's own."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from ops.notebooks.run import FOLDER
from twin.settings import ROOT, python_of


def execute(name: str, output: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a notebook with the variables alone, so that no credentials of the tests are used."""
    return subprocess.run(
        [python_of("notebooks"), "-m", "ops.notebooks.execute", str(FOLDER / f"{name}.ipynb"), str(output)],
        cwd=ROOT,
        env={**variables, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
