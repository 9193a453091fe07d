"""Answers as files. Athena's result in S3 is a CSV file already; a Parquet file gets the types of the columns."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow
import pyarrow.csv
import pyarrow.parquet

from ops.queries.asking import Answer, Column

_WITH_ZONE: Final = "timestamp with time zone"
_PLAIN: Final = {
    "bigint": pyarrow.int64(),
    "integer": pyarrow.int32(),
    "int": pyarrow.int32(),
    "smallint": pyarrow.int16(),
    "tinyint": pyarrow.int8(),
    "double": pyarrow.float64(),
    "float": pyarrow.float32(),
    "real": pyarrow.float32(),
    "boolean": pyarrow.bool_(),
    "date": pyarrow.date32(),
    "timestamp": pyarrow.timestamp("us"),
}


class NotWrittenError(RuntimeError):
    """An answer cannot become such a file; the message says why and what to do."""


def write_csv(answer: Answer, s3: Any, path: Path) -> None:
    """Write an answer as Athena wrote it: every value in quotes, nothing for NULL.

    Raises:
        NotWrittenError: the statement gives no table.
    """
    with _new(path) as fresh, fresh.open("wb") as file:
        shutil.copyfileobj(_result(answer, s3), file)


def write_parquet(answer: Answer, s3: Any, path: Path) -> None:
    """Write an answer with the types of its columns. Lists, maps and rows stay texts, as Athena writes them.

    Raises:
        NotWrittenError: the statement gives no table, two columns have one name, or a value does not fit its type.
    """
    names = [column.name for column in answer.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise NotWrittenError(
            f"two columns are called {twice[0]}, and a Parquet file cannot have that; rename one by AS"
        )
    schema = pyarrow.schema([(column.name, _type_of(column)) for column in answer.columns])
    body = _result(answer, s3)
    try:
        # Arrow reads ahead in threads of its own. From a file: one that waits for Python when it ends, aborts it.
        with (
            _new(path) as fresh,
            tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".csv") as rows,
            pyarrow.parquet.ParquetWriter(fresh, schema) as file,
        ):
            shutil.copyfileobj(body, rows)
            rows.flush()
            for batch in _batches(rows.name, answer.columns):
                file.write_table(_typed(batch, answer.columns, schema))
    except pyarrow.ArrowInvalid as error:
        raise NotWrittenError(f"{error}; cast the column to a type that Parquet has, or write CSV") from error


def _result(answer: Answer, s3: Any) -> Any:
    if not answer.location.endswith(".csv") or not answer.columns:
        raise NotWrittenError("the statement gives no table that could be written; ask with SELECT")
    bucket, _, key = answer.location.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"]


@contextmanager
def _new(path: Path) -> Iterator[Path]:
    """Give a file beside the path that takes its place when all of it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.part")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _batches(csv_file: str, columns: tuple[Column, ...]) -> Iterator[Any]:
    """Yield the rows in tables. Nothing between two commas is NULL, and an empty text is not."""
    read_as = {column.name: pyarrow.string() if _reader(column) else _type_of(column) for column in columns}
    rows = pyarrow.csv.open_csv(
        csv_file,
        read_options=pyarrow.csv.ReadOptions(column_names=list(read_as), skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=read_as,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from (pyarrow.Table.from_batches([batch]) for batch in rows)


def _typed(batch: Any, columns: tuple[Column, ...], schema: Any) -> Any:
    arrays = []
    for column, field in zip(columns, schema, strict=True):
        values, read = batch.column(column.name), _reader(column)
        if read is not None:
            texts = values.to_pylist()
            values = pyarrow.array([None if one is None else read(one) for one in texts], field.type)
        arrays.append(values)
    return pyarrow.table(arrays, schema=schema)


def _type_of(column: Column) -> Any:
    if column.type == "decimal":
        return pyarrow.decimal128(column.precision, column.scale)
    if column.type == _WITH_ZONE:
        return pyarrow.timestamp("us", tz="UTC")
    if column.type == "varbinary":
        return pyarrow.binary()
    return _PLAIN.get(column.type, pyarrow.string())


def _reader(column: Column) -> Callable[[str], Any] | None:
    """Return what reads a value that the CSV reader cannot read by itself."""
    return {_WITH_ZONE: _moment, "varbinary": bytes.fromhex}.get(column.type)


def _moment(text: str) -> datetime:
    """Read a time such as `2026-03-01 10:00:00.000 Europe/Berlin`."""
    local, _, zone = text.rpartition(" ")
    if zone[:1] in "+-":
        return datetime.fromisoformat(f"{local}{zone}").astimezone(UTC)
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
