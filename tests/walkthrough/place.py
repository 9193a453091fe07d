"""Where the documents are followed: a fresh copy of the tree, an emulator, and programs that lead to it."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from c360_core.contracts import CONTRACTS_FILE
from c360_core.mails import MAILS_FILE
from c360_core.message_templates import TEMPLATES_FILE
from c360_core.play import PLAYS_FILE
from c360_core.segment import SEGMENTS_FILE
from tests.walkthrough.terminal import Terminal
from tools.environments.bootstrap import ENVIRONMENTS
from tools.environments.groups import DOCUMENTS
from twin.emulator import emulator
from twin.emulator.emulator import Emulator
from twin.settings import BUILD, ROOT

HOME: Final = BUILD / "twin" / "documents"
[CLI] = DOCUMENTS
# What is built or installed, and what other suites write meanwhile.
NOT_COPIED: Final = shutil.ignore_patterns(
    ".*",
    "target",
    "logs",
    "__pycache__",
    *(file.name for file in (CONTRACTS_FILE, SEGMENTS_FILE, PLAYS_FILE, TEMPLATES_FILE, MAILS_FILE)),
)
# On AWS the name of an API leads to it; here the path does, and nothing else of the command changes.
CURL: Final = """\
#!/usr/bin/env bash
set -euo pipefail
words=()
for word in "$@"; do
  words+=("$(sed -E 's#^https://([^./]+)\\.execute-api\\.[^/]+#{endpoint}/_aws/execute-api/\\1/$default#' <<< "$word")")
done
exec {curl} "${{words[@]}}"
"""


def copy_tree(target: Path) -> None:
    """Copy the tree as a clone would have it: without what is built or installed."""
    shutil.copytree(ROOT, target, ignore=_not_copied, symlinks=True)


def _not_copied(folder: str, names: list[str]) -> set[str]:
    # Only at the top: tools/build is a part of the tool.
    built = {BUILD.name} if Path(folder) == ROOT else set()
    return built | NOT_COPIED(folder, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A copy of the tree, and the emulator that stands for AWS.

    Attributes:
        running: the emulator.
        tree: the copy: settings can be edited there, and what commands write is not in the repository.
    """

    running: Emulator
    tree: Path

    @classmethod
    def around(cls, running: Emulator) -> Self:
        """Copy the tree and lay out the programs."""
        home = running.settings.home
        tree, programs = home / "tree", home / "programs"
        copy_tree(tree)
        (tree / ENVIRONMENTS.name).symlink_to(ENVIRONMENTS)
        (tree / BUILD.name).mkdir()
        (tree / BUILD.name / "java").symlink_to(BUILD / "java")
        programs.mkdir()
        (programs / "aws").symlink_to(ENVIRONMENTS / CLI / "bin" / "aws")
        curl = programs / "curl"
        curl.write_text(CURL.format(endpoint=running.settings.endpoint, curl=shutil.which("curl")), encoding="utf-8")
        curl.chmod(0o755)
        return cls(running=running, tree=tree)

    def terminal(self, name: str) -> Terminal:
        """Open a terminal in the copy of the tree."""
        settings = self.running.settings
        return Terminal(self.tree, self._variables(), settings.logs / f"{name}.log")

    def _variables(self) -> Mapping[str, str]:
        """Return what a person's terminal has, and where the emulator is."""
        home = self.running.settings.home
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "CI"))}
        return {
            **kept,
            **self.running.settings.client_environment(),
            "PATH": f"{home / 'programs'}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(home / "tmp"),
            "CDK_DISABLE_CLI_TELEMETRY": "1",
        }


@contextmanager
def open_place() -> Iterator[Place]:
    """Have a place for the length of a `with` block."""
    with emulator.running(HOME, warm=True) as running:
        yield Place.around(running)
