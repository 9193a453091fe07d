"""`make clean` as a person types it, in a copy of the tree with an environment of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walkthrough.place import copy_tree
from tools.environments.bootstrap import ENVIRONMENTS
from twin.settings import BUILD

HOME = BUILD / "twin" / "clean"
TOOL = "twin"  # the environment that the command itself runs in


@pytest.fixture
def tree() -> Iterator[Path]:
    """A copy of the tree, with something built and something installed."""
    shutil.rmtree(HOME, ignore_errors=True)
    copy_tree(HOME)
    shutil.copytree(ENVIRONMENTS / TOOL, HOME / ENVIRONMENTS.name / TOOL, symlinks=True, copy_function=os.link)
    (HOME / BUILD.name / "assets").mkdir(parents=True)
    (HOME / BUILD.name / "assets" / "old.jar").write_bytes(b"jar")
    yield HOME
    shutil.rmtree(HOME, ignore_errors=True)


def files(tree: Path) -> set[Path]:
    return {path for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_clean_leaves_what_a_clone_has(tree: Path) -> None:
    away = (tree / BUILD.name, tree / ENVIRONMENTS.name)
    sources = {path for path in files(tree) if not any(path.is_relative_to(folder) for folder in away)}

    done = subprocess.run(["make", "clean"], cwd=tree, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(str(folder) in done.stdout + done.stderr for folder in away)
    assert files(tree) == sources
    assert not any(folder.exists() for folder in away)
    assert (ENVIRONMENTS / TOOL / "bin" / "python").exists()
