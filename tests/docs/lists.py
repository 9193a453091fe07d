"""The numbered lists of CONTRIBUTING.md: reads one, and does in a copy of the tree what its steps say."""

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.documents import ROOT, SHELLS, Block, blocks_of
from tools.environments.bootstrap import ENVIRONMENTS
from tools.environments.groups import TEST

CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"
STRICT: Final = "set -euo pipefail\n"
# The first line of a block that is a new file: a comment with its path.
_PATH: Final = re.compile(r"(?:#|//|--) (?P<path>[\w.-]+(?:/[\w.-]+)+)\n")


class ListError(AssertionError):
    """A list is no list, or a step cannot be done; the message names the block, and quotes the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a list: what it says, and the blocks that belong to it, in order."""

    number: int
    text: str
    blocks: tuple[Block, ...]


def steps(heading: str, document: Path = CONTRIBUTING) -> tuple[Step, ...]:
    """Return the steps under a heading of the second level.

    Raises:
        ListError: there is no such heading, or its numbers are not 1, 2, 3 and so on.
    """
    lines = document.read_text(encoding="utf-8").splitlines()
    try:
        begin = lines.index(f"## {heading}")
    except ValueError:
        raise ListError(f"{document.name} has no heading {heading!r}") from None
    end = next((at for at in range(begin + 1, len(lines)) if lines[at].startswith("## ")), len(lines))
    starts = [(at, int(found[1])) for at in range(begin, end) if (found := re.match(r"(\d+)\. ", lines[at]))]
    numbers = [number for _, number in starts]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ListError(f"{document.name}, {heading}: the steps are {numbers}, not 1, 2, 3 ...")
    ends = [*(at for at, _ in starts[1:]), end]
    found = list(blocks_of(document))
    return tuple(
        Step(
            number=number,
            text="\n".join(lines[first:last]),
            # A block's line is that of its fence, counted from 1.
            blocks=tuple(block for block in found if first < block.line <= last),
        )
        for (first, number), last in zip(starts, ends, strict=True)
    )


def follow(listed: Iterable[Step], tree: Path) -> None:
    """Do every step of a list in a copy of the tree.

    Raises:
        ListError: a step cannot be done.
    """
    for step in listed:
        for block in step.blocks:
            _perform(block, tree)


def _perform(block: Block, tree: Path) -> None:
    if block.language in SHELLS:
        run(["bash", "-c", STRICT + block.text], tree, name=str(block))
    elif block.language == "diff":
        # The numbers of lines in a document are nobody's to count.
        run(["git", "apply", "--recount", "--whitespace=nowarn", "-"], tree, name=str(block), text=block.text)
    elif found := _PATH.match(block.text):
        path = tree / found["path"]
        if path.exists():
            raise ListError(f"{block}: {found['path']} is there already; show the change as a diff")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    else:
        raise ListError(f"{block}: is neither typed nor a diff, and its first line names no file")


def run(command: list[str], tree: Path, *, name: str, text: str = "") -> str:
    """Run a program in a copy of the tree; return what it says on standard output.

    Raises:
        ListError: it failed.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "GIT_"))}
    variables = {
        **kept,
        "PATH": f"{ENVIRONMENTS / TEST / 'bin'}{os.pathsep}{os.environ['PATH']}",
        # The copy is no repository, wherever the machine keeps its temporary files.
        "GIT_CEILING_DIRECTORIES": str(tree.parent),
        "C360_NO_INSTALL": "1",
    }
    done = subprocess.run(
        command, cwd=tree, env=variables, input=text, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode != 0:
        raise ListError(f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
