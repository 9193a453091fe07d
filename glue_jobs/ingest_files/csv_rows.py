"""Reads landed CSV files: the header, and the rows with the reasons of those that cannot be split into columns."""

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import Final

from c360_core.contracts import FileFormat, Table
from c360_core.file_text import Texts
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row, bad_row
from glue_jobs.ingest_files.texts import MAX_RECORD_CHARACTERS, checked_text, lines

DELIMITERS: Final = {",": ",", ";": ";", "\t": "tab", "|": "|", ":": ":", "~": "~", "^": "^"}
SEPARATOR_LINE: Final = re.compile(r'"?sep=(?P<delimiter>.)"?[,;\t|]*[\r\n]*', re.IGNORECASE)
JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
MIN_ROW_DELIMITERS: Final = 3  # a line with fewer may be plain text

csv.field_size_limit(MAX_RECORD_CHARACTERS + 1)  # the record's own limit is reached first


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header row.

    Attributes:
        columns: names in the order of the file, in the contract's spelling; `column 3` for a column without a name.
        extra: names that are not in the contract.
        width: number of columns in the file, including nameless ones at its end, which must be empty.
    """

    columns: tuple[str, ...]
    extra: tuple[str, ...]
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record.

    Attributes:
        values: its values; None if its quotes are wrong.
        raw: its text.
        line: number of its first line.
        lines: number of its lines.
    """

    values: Sequence[str] | None
    raw: str
    line: int
    lines: int


class CsvReader:
    """Reads CSV files."""

    def __init__(self, table: Table, file_format: FileFormat) -> None:
        """Take the contract's columns and file format."""
        self._table = table
        self._format = file_format

    def check(self, pieces: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names that are not in the contract; see `Reader`."""
        return self.header(pieces).extra

    def header(self, pieces: Iterable[bytes]) -> Header:
        """Read a file to its end and return its header.

        Raises:
            RefusedFileError: WRONG_ENCODING, MISSING_COLUMN or OVERSIZE, or EXTRA_COLUMN for a name that appears twice.
        """
        text = checked_text(pieces, self._format.encoding)
        header, _ = self._begun(text)
        for _ in text:  # check the encoding to the end
            pass
        return header

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows; see `Reader`."""
        header, records = self._begun(checked_text(pieces, self._format.encoding))
        splitter = _RowSplitter(header, self._table, self._format)
        for number, record in enumerate(records, start=1):
            yield splitter.row(number, record)

    def _begun(self, text: Iterable[str]) -> tuple[Header, Iterator[Record]]:
        """Return the header, and the records that follow it."""
        expected, said = self._table.file_columns, self._format
        records = _records(_LineReader(lines(text, _too_long), skip=said.skip_lines, comment=said.comment), said)
        first = next(records, None)
        if said.header:
            return _header(first, expected, said), records
        _check_headless(first, expected, said)
        header = Header(columns=tuple(expected), extra=(), width=len(expected))
        return header, records if first is None else chain([first], records)


# ---- text to records


class _LineReader:
    """Reads lines one after another, and can go back within the last record."""

    def __init__(self, lines: Iterable[str], *, skip: int, comment: str) -> None:
        """Take the lines, how many of them to skip at first, and how those begin that are no part of a record."""
        self._lines = iter(lines)
        self._skip = skip
        self._comment = comment
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0  # of the last line that was taken
        self._characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._next()
        while self.number < self._skip or (self._comment and not self.taken and line.startswith(self._comment)):
            self.number += 1
            line = self._next()
        self.taken.append(line)
        self.number += 1
        self._characters += len(line)
        if self._characters > MAX_RECORD_CHARACTERS:
            raise _too_long(f"the record that begins in line {self.number - len(self.taken) + 1}")
        return line

    def _next(self) -> str:
        return self._again.popleft() if self._again else next(self._lines)

    def begin(self) -> None:
        """Start a record at the next line."""
        self.taken = []
        self._characters = 0

    def keep_first(self) -> None:
        """Keep the first line of the record and give back the others."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        self.taken = self.taken[:1]


def _records(lines: _LineReader, file_format: FileFormat) -> Iterator[Record]:
    """Yield the records of a file, the header first; skip empty lines.

    If the quotes of a record are wrong, only its first line is bad, and the next record begins at the next line. So one
    stray quote costs one row and not the rest of the file.
    """
    reader = _csv_reader(lines, file_format)
    first = True
    while True:
        lines.begin()
        values: list[str] | None
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.keep_first()
            reader = _csv_reader(lines, file_format)
            values = None
        if values == []:
            continue
        raw = "".join(lines.taken)
        if first and (separator := SEPARATOR_LINE.fullmatch(raw)):
            _check_delimiter(separator["delimiter"], file_format)
            first = False
            continue
        first = False
        count = len(lines.taken)
        yield Record(values=values, raw=raw.rstrip("\r\n"), line=lines.number - count + 1, lines=count)


def _csv_reader(lines: Iterator[str], file_format: FileFormat) -> Iterator[list[str]]:
    return csv.reader(
        lines,
        delimiter=file_format.delimiter,
        quotechar=file_format.quote or None,
        quoting=csv.QUOTE_MINIMAL if file_format.quote else csv.QUOTE_NONE,
        escapechar=file_format.escape or None,
        strict=True,
    )


def _too_long(what: str) -> RefusedFileError:
    return RefusedFileError(
        "MISSING_COLUMN",
        f"{what} has more than {MAX_RECORD_CHARACTERS:,} characters, most likely because a quote is opened there and "
        "never closed; close it, and double the quotes inside values",
    )


# ---- the header


def _header(record: Record | None, expected: Sequence[str], file_format: FileFormat) -> Header:
    if record is not None and record.values is None:
        raise RefusedFileError(
            "MISSING_COLUMN",
            f"line {record.line}, the header, has a quote that is not closed, or text after a closed one; "
            "write each name between two quotes or without quotes",
        )
    found = [name.strip() for name in record.values or ()] if record else []
    width = len(found)
    while found and not found[-1]:
        found.pop()
    columns = tuple(
        (name and _as_in_contract(name, expected, file_format)) or f"column {number}"
        for number, name in enumerate(found, start=1)
    )
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    missing = [name for name in expected if name not in columns]
    if missing:
        raise _missing_columns(record, columns, missing, expected, file_format)
    if repeated:
        raise RefusedFileError("EXTRA_COLUMN", f"column {_quoted(repeated)} appears twice; send each column once")
    return Header(columns=columns, extra=tuple(name for name in columns if name not in expected), width=width)


def _check_headless(first: Record | None, expected: Sequence[str], file_format: FileFormat) -> None:
    """Raise RefusedFileError if a file without a header begins with one, or is in another dialect."""
    if first is None or first.values is None:
        return
    if [value.strip().casefold() for value in first.values] == [name.casefold() for name in expected]:
        reason = "the file begins with a header, but its contract says that it has none; correct `fileFormat.header`"
        raise RefusedFileError("EXTRA_COLUMN", reason)
    other = next((mark for mark in DELIMITERS if first.raw.count(mark) + 1 == len(expected)), None)
    if len(first.values) == 1 < len(expected) and other:
        raise _wrong_delimiter(other, file_format)


def _as_in_contract(name: str, expected: Sequence[str], file_format: FileFormat) -> str:
    """Return the contract's column of a name in the header; the name itself where there is none."""

    def as_compared(text: str) -> str:
        return text if file_format.header_case == "exact" else text.casefold()

    given = {as_compared(".".join(file_format.path(column))): column for column in expected}
    # A name that the contract has for a column which the file calls otherwise is not that column.
    return given.get(as_compared(name), f"{name} (as sent)" if name in expected else name)


def _missing_columns(
    record: Record | None,
    columns: Sequence[str],
    missing: Sequence[str],
    expected: Sequence[str],
    file_format: FileFormat,
) -> RefusedFileError:
    """Return the error for missing columns; if only delimiter or letter case differ, it says so."""
    in_file = {name: ".".join(file_format.path(name)) for name in expected}
    if record is not None and (found := _other_delimiter(record.raw, list(in_file.values()), file_format)):
        return _wrong_delimiter(found, file_format)
    missing = [in_file[name] for name in missing]
    in_other_case = {name.casefold() for name in columns}
    if all(name.casefold() in in_other_case for name in missing):
        return RefusedFileError(
            "MISSING_COLUMN",
            f"column {_quoted(missing)} is in another case (upper or lower) in the file; write it as in the contract, "
            "or set `fileFormat.headerCase: ignore` in the contract",
        )
    found_columns = _quoted(columns) if columns else "no header row"
    return RefusedFileError(
        "MISSING_COLUMN",
        f"column {_quoted(missing)} is missing; the file has {found_columns}; add it (empty where unknown), "
        f"with {_delimiter_name(file_format.delimiter)} between the columns",
    )


def _other_delimiter(raw: str, expected: Sequence[str], file_format: FileFormat) -> str | None:
    """Return the header's delimiter if it differs from the contract's."""
    wanted = {name.casefold() for name in expected}

    def known(delimiter: str) -> int:
        return len({name.strip(f" {file_format.quote}").casefold() for name in raw.split(delimiter)} & wanted)

    best = max(DELIMITERS, key=known)
    return best if best != file_format.delimiter and known(best) > max(1, known(file_format.delimiter)) else None


def _check_delimiter(found: str, file_format: FileFormat) -> None:
    if found != file_format.delimiter:
        raise _wrong_delimiter(found, file_format)


def _wrong_delimiter(found: str, file_format: FileFormat) -> RefusedFileError:
    expected = _delimiter_name(file_format.delimiter)
    return RefusedFileError(
        "MISSING_COLUMN",
        f"the file has {_delimiter_name(found)} between its columns, but its contract says {expected}; "
        f"export it with {expected}, or change `fileFormat.delimiter`",
    )


def _delimiter_name(delimiter: str) -> str:
    return "commas" if delimiter == "," else f"`{DELIMITERS.get(delimiter, delimiter)}`"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ---- records to rows


class _RowSplitter:
    """Splits records into the columns of the header, and gives a reason for those that it cannot split."""

    def __init__(self, header: Header, table: Table, file_format: FileFormat) -> None:
        self._header = header
        self._texts = Texts(file_format)
        self._delimiter = file_format.delimiter
        self._quote = file_format.quote
        self._names = "header" if file_format.header else "contract"
        types: Mapping[str, str] = {field.name: field.logical_type for field in table.fields}
        self._places = [(header.columns.index(name), types[name]) for name in table.file_columns]
        key = table.field(table.key) if table.key else None
        self._key_place = header.columns.index(key.name) if key else 0
        self._key_pattern = re.compile(key.pattern) if key and key.pattern else None

    def row(self, number: int, record: Record) -> Row:
        """Return the row of a record."""
        width, values = len(self._header.columns), record.values
        if values is None:
            return self._bad(
                number,
                record.raw,
                "MISSING_COLUMN",
                f"row {number}, line {record.line}, has a quote that is not closed, or text after a closed one; "
                "put quotes around the whole value and double the quotes inside it",
            )
        if len(values) == self._header.width and not any(values[width:]):
            values = values[:width]
        if len(values) != width:
            return self._wrong_width(number, record, values)
        if record.lines > 1 and any(self._contains_rows(values, place) for place in range(width)):
            return self._bad(
                number,
                record.raw,
                "EXTRA_COLUMN",
                f"row {number} has {record.lines} lines from line {record.line} on, and one of its values looks like "
                "rows of the file; add the missing quote, or send the value without these line breaks",
            )
        return Row(
            number=number,
            values=tuple(self._texts.value(values[place], kind) for place, kind in self._places),
            body=_body(self._header.columns, values),
        )

    def _wrong_width(self, number: int, record: Record, values: Sequence[str]) -> Row:
        width = len(self._header.columns)
        place = f"row {number}" if record.lines == 1 else f"row {number} (lines {record.line} and following)"
        reason = (
            f"{place} has {len(values)} values where the {self._names} has {width}; "
            "put quotes around values with commas, quotes or line breaks"
        )
        return self._bad(number, record.raw, "MISSING_COLUMN" if len(values) < width else "EXTRA_COLUMN", reason)

    def _bad(self, number: int, body: str, code: str, reason: str) -> Row:
        return bad_row(number, body, columns=len(self._places), code=code, reason=reason)

    def _contains_rows(self, values: Sequence[str], place: int) -> bool:
        """Return True if a value contains whole rows: its quote opens in a column and closes in the same column later.

        Two stray quotes cause that, and the row then still has the right number of values. A real text with line breaks
        has a row's number of delimiters only by chance, and never begins a line with a record's key.
        """
        between = len(self._header.columns) - 1
        if between < MIN_ROW_DELIMITERS or not ("\n" in values[place] or "\r" in values[place]):
            return False
        parts = StringIO(values[place], newline="").readlines()
        counts = [part.count(self._delimiter) for part in parts]
        row_like = (
            len(counts) > 1
            and counts[0] in {between - place, self._header.width - 1 - place}
            and counts[-1] == place
            and all(count in {between, self._header.width - 1} for count in counts[1:-1])
        )
        if not row_like or self._key_pattern is None or self._key_place > place:
            return row_like
        return bool(
            self._key_pattern.search(parts[-1].split(self._delimiter)[self._key_place].strip(self._quote or None))
        )


def _body(columns: Sequence[str], values: Sequence[str]) -> str:
    received = {name: value or None for name, value in zip(columns, values, strict=True)}
    return JSON.encode(received)
