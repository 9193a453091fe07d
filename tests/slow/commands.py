"""Commands of the documents that take minutes."""

import shlex
import subprocess

from tests.docs.documents import SHELLS, blocks
from tests.walkthrough.plan import lines
from twin.settings import ROOT

LIMIT_SECONDS = 1_800


def of_the_documents(*beginnings: str) -> list[str]:
    """Return the lines of the documents' shell blocks that begin so, in their order."""
    everything = (line.text for block in blocks(*SHELLS) for line in lines(block))
    return list(dict.fromkeys(text for text in everything if text.startswith(beginnings)))


def typed(command: str) -> str:
    """Type a command; return what it wrote to standard output."""
    done = subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
