"""What can be said of a landed file before Spark reads it: whose is it, is it UTF-8, has it its contract's columns?"""

import codecs
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from c360_core.contracts import Contracts, Source

BYTE_ORDER_MARK: Final = "\ufeff"
MAX_HEADER_CHARACTERS: Final = 65_536


class RefusedFileError(ValueError):
    """The whole file is refused; `code` is the reason code and the message the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header row.

    Attributes:
        columns: names in the order of the file.
        extra: names that the contract does not have.
    """

    columns: tuple[str, ...]
    extra: tuple[str, ...]


def folder_of(key: str) -> str:
    """Return the first part of a landed object's path, which is to be its source; empty when it lies in no folder."""
    return key.partition("/")[0] if "/" in key else ""


def file_source(key: str, contracts: Contracts) -> Source:
    """Return the contract of a landed object.

    Raises:
        RefusedFileError: UNKNOWN_SOURCE, because its folder is not that of a file source.
    """
    known = {source.name: source for source in contracts.file_sources()}
    if (folder := folder_of(key)) in known:
        return known[folder]
    raise RefusedFileError(
        "UNKNOWN_SOURCE",
        f"the path `{key}` begins with no file source; put the file under one of "
        f"{', '.join(f'{name}/' for name in sorted(known))}, or write a contract for its source",
    )


def inspect(chunks: Iterable[bytes], expected: Sequence[str]) -> Header:
    """Read a file once and return its header.

    Every column of the contract must be there, required or not: a file without one would blank what we know.

    Args:
        chunks: the bytes of the file, in pieces of any size.
        expected: the columns of the contract.

    Raises:
        RefusedFileError: WRONG_ENCODING or MISSING_COLUMN, or EXTRA_COLUMN for a name that appears twice.
    """
    columns = _first_row(_checked_text(chunks))
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise RefusedFileError("EXTRA_COLUMN", f"column {_quoted(repeated)} appears twice; send each column once")
    missing = [name for name in expected if name not in columns]
    if missing:
        found = _quoted(columns) if columns else "no header row"
        raise RefusedFileError(
            "MISSING_COLUMN",
            f"column {_quoted(missing)} is missing; the file has {found}; add it (empty where unknown), "
            "with commas between the columns",
        )
    return Header(columns=columns, extra=tuple(name for name in columns if name not in expected))


def _checked_text(chunks: Iterable[bytes]) -> str:
    """Return the start of the text, up to the end of the header, after checking that all of it is UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, offset, lines = "", 0, 1
    for chunk in chunks:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            bad = error.object[error.start]
            line = lines + error.object[: error.start].count(b"\n")
            raise _wrong_encoding(
                f"byte 0x{bad:02X} at offset {offset - pending + error.start}, line {line}"
            ) from error
        if "\0" in text:
            raise _wrong_encoding(f"a zero byte after line {lines}, as in UTF-16")
        if len(start) < MAX_HEADER_CHARACTERS:
            start += text
        offset += len(chunk)
        lines += chunk.count(b"\n")
    if decoder.getstate()[0]:
        raise _wrong_encoding(f"the file ends inside a character, line {lines}")
    return start.removeprefix(BYTE_ORDER_MARK)


def _wrong_encoding(where: str) -> RefusedFileError:
    return RefusedFileError("WRONG_ENCODING", f"the file is not UTF-8: {where}; export it again as UTF-8")


def _first_row(text: str) -> tuple[str, ...]:
    row: list[str] = next(csv.reader(text.splitlines(keepends=True)), [])
    return tuple(name.strip() for name in row)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
