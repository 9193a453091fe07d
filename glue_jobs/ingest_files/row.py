"""One row of a landed file, whatever its format."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

UNREADABLE_ROW: Final = 0  # number of the row that says why the rest of the file cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, as texts for Spark to cast.

    Attributes:
        number: 1 is the first row of its file, after a header.
        values: texts of the contract's columns, in its order; None for no value.
        body: the row as received, a JSON object; its raw text if it could not be split into columns.
        code: reason code if it could not be split into columns, else None.
        reason: the reason, with line and fix.
        member: name of its file within a zip archive, or None.
    """

    number: int
    values: tuple[str | None, ...]
    body: str
    code: str | None = None
    reason: str | None = None
    member: str | None = None


class Reader(Protocol):
    """Reads files of one format by their source's contract. It may read a file twice, and keeps nothing of it."""

    def check(self, pieces: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names of columns that are not in the contract.

        Every column of the contract must be present, required or not: a file without one would overwrite known values.

        Args:
            pieces: the bytes of the file, uncompressed, in pieces of any size.

        Raises:
            RefusedFileError: the file cannot be read, or lacks columns.
        """
        ...

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows of a file that has been checked.

        Raises:
            RefusedFileError: the rest of the file cannot be read.
        """
        ...


def bad_row(number: int, body: str, *, columns: int, code: str, reason: str) -> Row:
    """Return a row that could not be split into the contract's columns."""
    return Row(number=number, values=(None,) * columns, body=body, code=code, reason=reason)
