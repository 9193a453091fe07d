"""Reads landed files of JSON lines: one object a line, numbers with the digits with which they were written."""

import json
from collections.abc import Iterable, Iterator, Mapping

from c360_core.contracts import FileFormat, Table
from c360_core.exact_json import Fault, UnreadableJsonError, decode, encode
from glue_jobs.ingest_files.named_columns import NamedColumns
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row, bad_row
from glue_jobs.ingest_files.texts import MAX_RECORD_CHARACTERS, checked_text, lines

ONE_A_LINE = "write each object on a line of its own"


class JsonLinesReader:
    """Reads files of JSON lines."""

    def __init__(self, table: Table, file_format: FileFormat) -> None:
        """Take the contract's columns and file format."""
        self._table = table
        self._format = file_format

    def check(self, pieces: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names that are not in the contract; see `Reader`."""
        columns = NamedColumns(self._table, self._format)
        read, objects = 0, 0
        for row in self._rows(pieces, columns):
            read += 1
            objects += row.code != "MALFORMED_JSON" or (row.body.startswith("{") and row.body.endswith("}"))
        if read and not objects:
            raise RefusedFileError(
                "MALFORMED_JSON",
                f"no line of the file is a JSON object, but its contract says json_lines; {ONE_A_LINE}, or correct "
                "`fileFormat.type`",
            )
        columns.check_complete()
        return columns.extra

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows; see `Reader`."""
        return self._rows(pieces, NamedColumns(self._table, self._format))

    def _rows(self, pieces: Iterable[bytes], columns: NamedColumns) -> Iterator[Row]:
        number, text = 0, checked_text(pieces, self._format.encoding)
        for line, whole in enumerate(lines(text, _too_long), start=1):
            written = whole.strip()
            if not written:
                continue
            if not number:
                _check_first(written)
            number += 1
            yield self._row(number, f"row {number}, line {line}", written, columns)

    def _row(self, number: int, where: str, written: str, columns: NamedColumns) -> Row:
        try:
            record = decode(written)
        except UnreadableJsonError as error:
            code = "OUT_OF_RANGE" if error.fault is Fault.LONG_NUMBER else "MALFORMED_JSON"
            return self._bad(number, written, code, f"{where}: {error}")
        except json.JSONDecodeError as error:
            reason = f"{where}, is no JSON object: {error.msg} at character {error.colno}; {ONE_A_LINE}"
            return self._bad(number, written, "MALFORMED_JSON", reason)
        if not isinstance(record, Mapping):
            return self._bad(number, written, "MALFORMED_JSON", f"{where}, is JSON but no object; {ONE_A_LINE}")
        return columns.row(number, where, record, encode(record))

    def _bad(self, number: int, body: str, code: str, reason: str) -> Row:
        return bad_row(number, body, columns=len(self._table.file_columns), code=code, reason=reason)


def _too_long(what: str) -> RefusedFileError:
    return RefusedFileError(
        "OVERSIZE", f"{what} has more than {MAX_RECORD_CHARACTERS:,} characters; {ONE_A_LINE}, and send smaller ones"
    )


def _check_first(line: str) -> None:
    """Raise RefusedFileError for the beginnings of JSON that is not in lines: each of its lines would be wrong."""
    if line.startswith("["):
        raise RefusedFileError("MALFORMED_JSON", f"the file begins with a JSON array; {ONE_A_LINE}, without the array")
    if line == "{":
        raise RefusedFileError("MALFORMED_JSON", f"the first object of the file has several lines; {ONE_A_LINE}")
