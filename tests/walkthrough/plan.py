"""What of the documents is typed: every line of every shell block, but for what the tables here name, with the reason.

Who adds a command to a document adds it to a walk-through, or to `ELSEWHERE`: tests/docs says which are in neither.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.documents import ROOT, SHELLS, Block, blocks
from tools.build import flink
from twin.settings import ACCOUNT

README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"
RUNBOOKS: Final = DOCS / "runbooks"
CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A text of the documents that cannot be typed here as it stands.

    Attributes:
        old: as the documents have it.
        new: what is typed instead.
        why: the reason.
    """

    old: str
    new: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Commands that no walk-through types.

    Attributes:
        beginning: what they begin with.
        why: who runs them, or why nobody can.
        document: the only document in which that holds; all when omitted.
    """

    beginning: str
    why: str
    document: Path | None = None

    def covers(self, line: "Line") -> bool:
        """Say whether a line is such a command."""
        return self.document in {None, line.block.document} and line.text.startswith(self.beginning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a document that is typed from its beginning to its end.

    Attributes:
        heading: with the parts below it; the whole document when it is empty.
    """

    document: Path
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a shell block, with those that it continues on."""

    block: Block
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.block.document.relative_to(ROOT)}:{self.number}: {self.text}"


OTHER_ACCOUNT: Final = Replacement(old="111122223333", new=ACCOUNT, why="the emulator has one account")
NO_CONNECTOR: Final = Replacement(
    old="FOR=aws",
    new="FOR=local",
    why="it refuses where Maven cannot get the Kinesis connector, as docs/deploying.md says",
)
QUEUES: Final = Replacement(
    old="aws sqs ",
    new='aws --endpoint-url "$AWS_ENDPOINT_URL" sqs ',
    why="version 1 of the AWS CLI asks AWS itself for SQS, whatever AWS_ENDPOINT_URL says",
)
REPLACEMENTS: Final = (OTHER_ACCOUNT, NO_CONNECTOR, QUEUES)

DEPLOY: Final = Section(document=DOCS / "deploying.md")
SLEEP: Final = Section(document=DOCS / "sleeping.md")
CLEAN_UP: Final = Section(document=DOCS / "cleaning-up.md")
RUNBOOK: Final = Section(document=RUNBOOKS / "README.md")
REJECTED: Final = Section(document=RUNBOOKS / "events-are-rejected.md")
BEHIND: Final = Section(document=RUNBOOKS / "single-view-falls-behind.md")
FILES: Final = Section(document=RUNBOOKS / "files-are-not-ingested.md")
WALKED: Final = (DEPLOY, SLEEP, CLEAN_UP, RUNBOOK, REJECTED, BEHIND, FILES)

ELSEWHERE: Final = (
    Elsewhere(beginning="", document=CONTRIBUTING, why="tests/docs follows its lists"),
    Elsewhere(beginning="make demo", why="tests/slow types it; tests/twin gives the same at the smallest scale"),
    Elsewhere(beginning="./c360 demo", why="the same"),
    Elsewhere(beginning="make test", why="it runs this"),
    Elsewhere(beginning="./c360 test", why="it runs suites, as `make test` does"),
    Elsewhere(beginning="make check", why="`make test` runs the same checks"),
    Elsewhere(beginning="./c360 preview", why="tests/unit/tools/operate types it; tests/engines looks at its pages"),
    Elsewhere(beginning="make deploy-local", why="tests/deployments runs what it runs"),
    Elsewhere(beginning="make destroy-local", why="tests/deployments runs what it runs"),
    Elsewhere(beginning="make clean", why="tests/deployments types it, in a copy: it removes the environments"),
    Elsewhere(beginning="make bench", why="tests/slow types it"),
    Elsewhere(beginning="make truth", why="tests/deployments runs what it runs"),
    Elsewhere(beginning=".venvs/bench/bin/python -m benchmarks.", why="tests/slow types it"),
    Elsewhere(beginning=".venvs/test/bin/python -m pytest tests/slow", why="the suite `slow` runs it"),
    Elsewhere(beginning="make help", why="tests/docs runs it"),
    Elsewhere(beginning="./c360 --help", why="tests/docs runs it"),
    Elsewhere(beginning=".venvs/twin/bin/python -m tools.", why="tests/docs runs it"),
    Elsewhere(beginning="./c360 backfill", why="tests/twin runs what it runs: dev has no backfill"),
    Elsewhere(
        beginning="aws appflow",
        document=RUNBOOKS / "a-vendor-is-not-read.md",
        why="tests/deployments asks, stops and starts flows: dev reads no vendor",
    ),
    Elsewhere(
        beginning="aws sagemaker",
        document=RUNBOOKS / "a-model-is-not-good.md",
        why="tests/unit rejects a version and releases the one before: dev has no models",
    ),
    Elsewhere(beginning="export PACKAGE=", document=RUNBOOKS / "a-model-is-not-good.md", why="the same"),
    Elsewhere(beginning="./c360 rebuild", why="tests/twin runs what it runs, on profiles that are there"),
    Elsewhere(
        beginning="aws ",
        document=RUNBOOKS / "all-profiles-again.md",
        why="the way back from a rebuild that was given up; the others type the same commands",
    ),
    Elsewhere(beginning="UNIFY=", document=RUNBOOKS / "all-profiles-again.md", why="the same"),
    Elsewhere(beginning="MAPPING=", document=RUNBOOKS / "all-profiles-again.md", why="the same"),
    Elsewhere(beginning="aws sqs start-message-move-task", why="the emulator's SQS has no such operation"),
    Elsewhere(beginning="./c360 contracts diff", why="tests/docs runs it"),
    Elsewhere(beginning="./c360 contracts ids", why="it writes into contracts/; tests/contract runs what it runs"),
    Elsewhere(
        beginning="make synth",
        document=REJECTED.document,
        why="it is a line of docs/deploying.md, and takes long: no contract has changed",
    ),
)


def lines(block: Block) -> Iterator[Line]:
    """Yield the lines of a shell block, each with those that it continues on."""
    number, text = block.line + 1, ""
    for offset, part in enumerate(block.text.splitlines(), start=block.line + 1):
        number = number if text else offset
        text += part
        if not part.endswith("\\"):
            yield Line(block=block, number=number, text=text)
            text = ""
        else:
            text += "\n"


def blocks_of(section: Section) -> list[Block]:
    """Return the shell blocks of a section.

    Raises:
        LookupError: the document has no such heading.
    """
    first, last = _span(section)
    return [block for block in blocks(*SHELLS) if block.document == section.document and first <= block.line <= last]


def _span(section: Section) -> tuple[int, int]:
    """Return the first and the last line of a section."""
    texts = section.document.read_text(encoding="utf-8").splitlines()
    if not section.heading:
        return 1, len(texts)
    for first, text in enumerate(texts, start=1):
        if found := re.fullmatch(rf"(#+) {re.escape(section.heading)}", text):
            ends = rf"#{{1,{len(found[1])}}} .*"
            rest = enumerate(texts[first:], start=first)
            return first, next((line for line, other in rest if re.fullmatch(ends, other)), len(texts))
    raise LookupError(f"{section.document.relative_to(ROOT)} has no heading {section.heading!r}")


def is_elsewhere(line: Line) -> bool:
    """Say whether no walk-through types a line."""
    return any(entry.covers(line) for entry in ELSEWHERE)


def typed(line: Line, *, connector: bool | None = None) -> str:
    """Return what is typed for a line.

    Args:
        line: of a document.
        connector: whether the Flink jar has the Kinesis connector; as it is here, when omitted.
    """
    connector = flink.has_kinesis() if connector is None else connector
    text = line.text
    for replacement in REPLACEMENTS:
        if not (connector and replacement is NO_CONNECTOR):
            text = text.replace(replacement.old, replacement.new)
    return text


def problems(found: Iterable[Block]) -> list[str]:
    """Return what is wrong with the tables here, held against the shell blocks of all documents."""
    walked = {str(block) for section in WALKED for block in blocks_of(section)}
    everything = [line for block in found for line in lines(block)]
    forgotten = [line for line in everything if str(line.block) not in walked and not is_elsewhere(line)]
    return [
        *(f"{line}: neither typed nor in ELSEWHERE" for line in forgotten),
        *(
            f"ELSEWHERE: no document has `{entry.beginning}` any more"
            for entry in ELSEWHERE
            if not any(entry.covers(line) for line in everything)
        ),
        *(
            f"REPLACEMENTS: no document has `{replacement.old}` any more"
            for replacement in REPLACEMENTS
            if not any(replacement.old in line.text for line in everything if not is_elsewhere(line))
        ),
    ]
