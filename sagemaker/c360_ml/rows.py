"""Reads and writes rows of marts: folders of Parquet files, as Athena unloads them, and JSON lines."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from c360_ml.errors import InputError
from c360_ml.targets import CUT, PERSON

PARQUET: Final = "rows.parquet"
LINES: Final = "rows.jsonl"
_OTHERS: Final = (".json", ".jsonl", ".csv", ".html")


def read(folder: Path) -> pd.DataFrame:
    """Return the rows of all Parquet files in a folder, by cut and person, whatever the order of the files.

    Numbers and truth values become floats, `cut_on` an ISO date.

    Raises:
        InputError: there is no file or no row, files do not fit together, or a person has two rows at a cut.
    """
    return _in_order(read_table(folder, (PERSON, CUT), "churn_features"), folder)


def read_table(folder: Path, needed: Sequence[str], mart: str) -> pd.DataFrame:
    """Return the rows of all Parquet files in a folder, which hold a mart, in the order of the files.

    Raises:
        InputError: there is no file or no row, files do not fit together, or a column is missing.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _holds_rows(path, folder))
    if not files:
        raise InputError(f"{folder}: there is no Parquet file; unload `{mart}` there")
    try:
        tables = [pq.read_table(path, partitioning=None) for path in files]
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{folder}: {str(error).splitlines()[0]}; all files must be Parquet of one table") from error
    for name in needed:
        if name not in table.column_names:
            raise InputError(f"{folder}: column `{name}` is missing; unload all columns of `{mart}`")
    if table.num_rows == 0:
        raise InputError(f"{folder}: there are no rows; build the marts first")
    return _plain(table).to_pandas()


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as one Parquet file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(path, index=False)


def write_lines(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as JSON lines; a value that is missing is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines(frame))
    path.write_text(text, encoding="utf-8")


def lines(frame: pd.DataFrame) -> list[str]:
    """Return each row as JSON."""
    return [json.dumps(row) for row in objects(frame)]


def objects(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row as a mapping of plain values."""
    columns = {name: _values(frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def of_objects(found: Sequence[Any], where: str) -> pd.DataFrame:
    """Return rows that came as JSON.

    Raises:
        InputError: there are none, or one is no object.
    """
    if not found:
        raise InputError(f"{where}: there are no rows")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{where}: row {number} is no object; send one with the names of the columns")
    return pd.DataFrame.from_records(list(found))


def _holds_rows(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return not hidden and path.suffix not in _OTHERS


def _plain(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        column, kind = table.column(index), field.type
        if field.name == CUT and not pa.types.is_string(kind) and not pa.types.is_large_string(kind):
            plain = pc.cast(pc.cast(column, pa.date32(), safe=False), pa.string())
        elif pa.types.is_boolean(kind):
            plain = pc.cast(pc.cast(column, pa.int8()), pa.float64())
        elif pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            plain = pc.cast(column, pa.float64(), safe=False)
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            plain = pc.cast(column, pa.timestamp("us"), safe=False)
        else:
            continue
        table = table.set_column(index, field.name, plain)
    return table


def _in_order(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    empty = frame[[PERSON, CUT]].isna().any(axis=1)
    if empty.any():
        raise InputError(f"{folder}: {int(empty.sum())} rows have no `{PERSON}` or no `{CUT}`")
    ordered = frame.sort_values([CUT, PERSON], kind="stable").reset_index(drop=True)
    twice = ordered.duplicated([CUT, PERSON])
    if twice.any():
        cut = ordered.loc[twice, CUT].iloc[0]
        raise InputError(
            f"{folder}: {int(twice.sum())} rows of a person and cut come twice, such as at {cut}; unload once"
        )
    return ordered


def _values(column: pd.Series) -> list[Any]:
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]
