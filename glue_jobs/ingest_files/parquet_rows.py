"""Reads landed Parquet files: a few rows of the contract's columns at a time, with exact values.

Values become what JSON has for them, so that one set of rules reads both: whole numbers, decimals, truths, and texts
for dates and times. A type that cannot hold the contract's values exactly refuses the file, and not row by row.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from c360_core.contracts import Field, FileFormat, Table
from c360_core.exact_json import encode
from glue_jobs.ingest_files.named_columns import MAX_EXTRA_NAMES, NamedColumns
from glue_jobs.ingest_files.packing import MAX_TEXT_BYTES
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row
from glue_jobs.ingest_files.texts import MAX_RECORD_CHARACTERS

BATCH_ROWS: Final = 256
# What pyarrow raises for files that are damaged or made to harm.
_ARROW_ERRORS: Final = (pa.ArrowException, OSError, ValueError, LookupError, MemoryError, OverflowError, TypeError)
# How a writer says what the contract says.
_FIXES: Final[Mapping[str, str]] = {
    "string": "write it as STRING",
    "integer": "write it as INT32 or INT64",
    "number": "write it as DECIMAL",
    "boolean": "write it as BOOLEAN",
    "date": "write it as DATE",
    "timestamp": "write it as TIMESTAMP adjusted to UTC",
}

# Types whose values Python has, and the columns that may hold them.
_SAME: Final[Mapping[Callable[[Any], bool], frozenset[str]]] = {
    pa.types.is_null: frozenset(_FIXES),
    pa.types.is_string: frozenset(_FIXES),
    pa.types.is_large_string: frozenset(_FIXES),
    pa.types.is_integer: frozenset({"string", "integer", "number", "boolean"}),
    pa.types.is_decimal: frozenset({"integer", "number"}),
    pa.types.is_boolean: frozenset({"boolean"}),
}

_Convert = Callable[[Any], list[Any]]


class ParquetReader:
    """Reads Parquet files."""

    def __init__(self, table: Table, file_format: FileFormat) -> None:
        """Take the contract's columns and file format."""
        self._table = table
        self._format = file_format

    def check(self, pieces: Iterable[bytes]) -> tuple[str, ...]:
        """Return the names that are not in the contract; see `Reader`. It reads the schema alone."""
        with _stored(pieces) as file:
            return _Schema(_opened(file), self._table, self._format).extra

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows; see `Reader`."""
        columns, number = NamedColumns(self._table, self._format), 0
        with _stored(pieces) as file:
            parquet = _opened(file)
            schema = _Schema(parquet, self._table, self._format)
            for record in schema.records(parquet):
                number += 1
                body = encode(record)
                if len(body) > MAX_RECORD_CHARACTERS:
                    raise RefusedFileError(
                        "OVERSIZE", f"row {number} has more than {MAX_RECORD_CHARACTERS:,} characters; send less in it"
                    )
                yield columns.row(number, f"row {number}", record, body)


class _Schema:
    """The columns of a file that the contract has."""

    def __init__(self, parquet: pq.ParquetFile, table: Table, file_format: FileFormat) -> None:
        """Find the columns.

        Raises:
            RefusedFileError: one is missing, is there twice, or has a type that does not hold the contract's values.
        """
        self._format = file_format
        self._arrow = parquet.schema_arrow
        fields = [table.field(name) for name in table.file_columns]
        found = {field.name: self._find(field) for field in fields}
        missing = [name for name, names in found.items() if names is None]
        if missing and file_format.missing_columns == "reject":
            quoted = ", ".join(f"`{'.'.join(file_format.path(name))}`" for name in missing)
            others = ", ".join(f"`{name}`" for name in self._arrow.names[:MAX_EXTRA_NAMES]) or "no columns"
            raise RefusedFileError(
                "MISSING_COLUMN", f"column {quoted} is missing; the file has {others}; add it (null where unknown)"
            )
        self._paths = [names for names in found.values() if names is not None]
        self._convert: dict[tuple[str, ...], _Convert] = {}
        for field in fields:
            if (names := found[field.name]) is not None:
                self._convert[names] = self._converter(field, self._type(names))

    @property
    def extra(self) -> tuple[str, ...]:
        """The names that the contract does not have; the first of them."""
        used = {names[:depth] for names in self._paths for depth in range(1, len(names) + 1)}
        return tuple(".".join(names) for names in self._below((), self._arrow, used))[:MAX_EXTRA_NAMES]

    def records(self, parquet: pq.ParquetFile) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a file, with the columns of the contract alone."""
        names = [".".join(path) for path in self._paths]
        batches = parquet.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False)
        while (batch := _next(batches)) is not None:
            with _damage():
                columns = [self._convert[path](self._leaf(batch, path)) for path in self._paths]
            for values in zip(*columns, strict=True) if columns else [()] * batch.num_rows:
                record: dict[str, Any] = {}
                for path, value in zip(self._paths, values, strict=True):
                    _put(record, path, value)
                yield record

    def _find(self, field: Field) -> tuple[str, ...] | None:
        """Return the names on the way to a column as the file has them, or None."""
        within: Any = self._arrow
        names: tuple[str, ...] = ()
        for part in self._format.path(field.name):
            given = [each.name for each in _children(within)]
            same = [name for name in given if self._name(name) == self._name(part)]
            if len(same) > 1:
                raise RefusedFileError("EXTRA_COLUMN", f"column `{part}` is there twice; send each column once")
            if not same:
                return None
            within = next(each.type for each in _children(within) if each.name == same[0])
            names = (*names, same[0])
        return names

    def _name(self, name: str) -> str:
        return name.casefold() if self._format.header_case == "ignore" else name

    def _type(self, names: Sequence[str]) -> Any:
        within: Any = self._arrow
        for name in names:
            within = next(each.type for each in _children(within) if each.name == name)
        return within

    def _leaf(self, batch: pa.RecordBatch, path: Sequence[str]) -> Any:
        array = batch.column(batch.schema.get_field_index(path[0]))
        for name in path[1:]:
            # `flatten` and not `field`: where the object is null, so is what is in it.
            index = next(place for place, each in enumerate(array.type) if each.name == name)
            array = array.flatten()[index]
        return array

    def _below(self, above: tuple[str, ...], within: Any, used: set[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
        for each in _children(within):
            names = (*above, each.name)
            if names not in used:
                yield names
            elif names not in self._convert:
                yield from self._below(names, each.type, used)

    def _converter(self, field: Field, kind: Any) -> _Convert:
        """Return what turns an Arrow array of a column into values as JSON has them."""
        wanted, types = field.logical_type, pa.types
        if types.is_dictionary(kind):
            inner = self._converter(field, kind.value_type)
            return lambda array: inner(array.dictionary_decode())
        if types.is_timestamp(kind) and wanted == "timestamp":
            return self._times(field, kind)
        if types.is_date(kind) and wanted == "date":
            return lambda array: array.cast(pa.date32()).cast(pa.string()).to_pylist()
        if types.is_floating(kind) and wanted == "integer":
            return _whole_numbers
        if any(of_kind(kind) and wanted in columns for of_kind, columns in _SAME.items()):
            return lambda array: array.to_pylist()
        raise _wrong_type(field, kind, _FIXES[wanted])

    def _times(self, field: Field, kind: Any) -> _Convert:
        if kind.tz is None and self._format.zone is None:
            raise _wrong_type(field, "a time without a zone", f"{_FIXES['timestamp']}, or name `fileFormat.zone`")
        zone = "" if kind.tz is None else "Z"

        def texts(array: Any) -> list[str | None]:
            # Arrow keeps instants in UTC; as numbers they lose the name of the zone in which they would be shown.
            in_utc = array.cast(pa.int64()).cast(pa.timestamp(kind.unit)).cast(pa.string())
            return [text and text.replace(" ", "T") + zone for text in in_utc.to_pylist()]

        return texts


def _children(within: Any) -> list[Any]:
    """Return the columns of a schema, or the parts of an object; nothing else has names."""
    if isinstance(within, pa.Schema) or pa.types.is_struct(within):
        count = len(within.names) if isinstance(within, pa.Schema) else within.num_fields
        return [within.field(index) for index in range(count)]
    return []


def _whole_numbers(array: Any) -> list[Any]:
    """Return the numbers of a floating column that stand for whole ones: some writers have no other empty number."""
    values = array.to_pylist()
    return [value if value is None else int(value) if value.is_integer() else str(value) for value in values]


def _wrong_type(field: Field, found: Any, fix: str) -> RefusedFileError:
    return RefusedFileError(
        "WRONG_TYPE",
        f"column `{field.name}` is {found} in the file, where the contract says {field.logical_type}; {fix}",
    )


def _put(record: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *above, last = path
    for name in above:
        record = record.setdefault(name, {})
    record[last] = value


# ---- the file


@contextmanager
def _stored(pieces: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """Keep a file on disk: a Parquet file is read from its end."""
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        yield file


def _opened(file: IO[bytes]) -> pq.ParquetFile:
    with _damage():
        # Old times of Spark and Hive (INT96) would overflow in nanoseconds after the year 2262.
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20, coerce_int96_timestamp_unit="us")
        groups = [parquet.metadata.row_group(number) for number in range(parquet.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
    if size > MAX_TEXT_BYTES:
        raise RefusedFileError(
            "OVERSIZE", f"the file has more than {MAX_TEXT_BYTES:,} uncompressed bytes; split it into several files"
        )
    return parquet


def _next(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    with _damage():
        return next(batches, None)


@contextmanager
def _damage() -> Iterator[None]:
    """Turn what the library raises into the refusal of the file."""
    try:
        yield
    except RefusedFileError:
        raise
    except _ARROW_ERRORS as error:
        raise RefusedFileError(
            "WRONG_ENCODING", f"the file is damaged or truncated Parquet ({type(error).__name__}); send it again"
        ) from error
