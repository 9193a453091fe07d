"""Reads our documents: fenced blocks, the commands in them, inline code, links, and tables under a marker."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "runbooks").glob("*.md")),
)
DECISIONS: Final = tuple(sorted((ROOT / "docs" / "decisions").glob("*.md")))
SHELLS: Final = ("sh", "bash")
_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")
_OPERATORS: Final = "|&;"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: where it begins, in which language, and what it says."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One simple command: a program and its arguments, after the shell's quoting is undone."""

    block: Block
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.block} {shlex.join(self.words)[:70]}"


def blocks(*languages: str) -> list[Block]:
    """Return the fenced blocks of all documents in these languages."""
    return [block for document in DOCUMENTS for block in blocks_of(document) if block.language in languages]


def blocks_of(document: Path) -> Iterator[Block]:
    """Yield all fenced blocks of a document."""
    text = document.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(
            document=document,
            line=text.count("\n", 0, found.start()) + 1,
            language=found["language"],
            text=re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
        )


def commands() -> list[Command]:
    """Return every command of every shell block, those inside `$(...)` too."""
    return [
        Command(block=block, words=words)
        for block in blocks(*SHELLS)
        for line in block.text.replace("\\\n", " ").splitlines()
        for words in simple_commands(line)
    ]


def simple_commands(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the simple commands of a line of shell, without the assignments before them."""
    outer, inner = _without_substitutions(line)
    for text in inner:
        yield from simple_commands(text)
    lexer = shlex.shlex(outer, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= set(_OPERATORS):
            words.append(word)
            continue
        while words and _ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words:
            yield tuple(words)
        words = []


def _without_substitutions(line: str) -> tuple[str, list[str]]:
    """Return the line with a word in the place of each `$(...)`, and what stood between the brackets."""
    outer, inner, at = "", [], 0
    while (start := line.find("$(", at)) >= 0:
        end, depth = start + 2, 1
        while depth:
            depth += {"(": 1, ")": -1}.get(line[end], 0)
            end += 1
        outer += line[at:start] + "SUBSTITUTED"
        inner.append(line[start + 2 : end - 1])
        at = end
    return outer + line[at:], inner


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def inline_code(document: Path) -> list[str]:
    """Return what stands between single backticks."""
    return re.findall(r"`([^`\n]+)`", prose(document))


def links(document: Path) -> list[str]:
    """Return the targets of links."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(document))


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(document: Path, marker: str) -> list[list[str]]:
    """Return the rows of the table under `<!-- marker -->`, without heading and rule."""
    _, found, after = document.read_text(encoding="utf-8").partition(f"<!-- {marker} -->\n")
    if not found:
        raise LookupError(f"{document}: no table is marked `{marker}`")
    rows = after.split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def coded_list(document: Path, marker: str) -> list[str]:
    """Return the backticked words between `<!-- marker -->` and the next full stop."""
    _, found, after = document.read_text(encoding="utf-8").partition(f"<!-- {marker} -->")
    if not found:
        raise LookupError(f"{document}: nothing is marked `{marker}`")
    return re.findall(r"`([^`]+)`", after.partition(".")[0])
