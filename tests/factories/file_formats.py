"""The same rows as files of every type, as a sender would write them.

A row is a mapping of texts, as CSV has them. The other types write a typed value where the text is one: a JSON number,
a typed column of Parquet. An empty text is no value.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Final
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq

from c360_core.contracts import FileFormat

Rows = Sequence[Mapping[str, str]]

ROW_ELEMENT: Final = "record"
INT64_DIGITS: Final = 18  # that every such number fits


def csv_file(rows: Rows, columns: Sequence[str]) -> bytes:
    """Return a CSV file."""
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([columns, *([row[name] for name in columns] for row in rows)])
    return buffer.getvalue().encode()


def json_lines_file(rows: Rows, columns: Sequence[str], numbers: frozenset[str] = frozenset()) -> bytes:
    """Return JSON lines; `numbers` names the columns in which digits are written as a number."""

    def written(name: str, text: str) -> str:
        return text if name in numbers and _is_number(text) else json.dumps(text or None)

    records = (", ".join(f"{json.dumps(name)}: {written(name, row[name])}" for name in columns) for row in rows)
    return "\n".join(f"{{{record}}}" for record in records).encode()


def parquet_file(rows: Rows, columns: Sequence[str], numbers: frozenset[str] = frozenset()) -> bytes:
    """Return a Parquet file; a column of `numbers` is typed where all its texts are digits."""
    buffer = BytesIO()
    arrays = {name: pa.array([row[name] or None for row in rows], pa.string()) for name in columns}
    for name in numbers:
        if all(not row[name] or (_is_number(row[name]) and len(row[name]) <= INT64_DIGITS) for row in rows):
            arrays[name] = arrays[name].cast(pa.int64())
    pq.write_table(pa.table(arrays), buffer, row_group_size=2)
    return buffer.getvalue()


def xml_file(rows: Rows, columns: Sequence[str]) -> bytes:
    """Return an XML file, the rows as elements ROW_ELEMENT."""
    records = (
        f"<{ROW_ELEMENT}>{''.join(f'<{name}>{escape(row[name])}</{name}>' for name in columns)}</{ROW_ELEMENT}>"
        for row in rows
    )
    return f"<records>{''.join(records)}</records>".encode()


WRITERS: Final[Mapping[str, tuple[FileFormat, Callable[[Rows, Sequence[str]], bytes]]]] = {
    "csv": (FileFormat(), csv_file),
    "json_lines": (FileFormat(type="json_lines"), json_lines_file),
    "parquet": (FileFormat(type="parquet"), parquet_file),
    "xml": (FileFormat(type="xml", row_element=ROW_ELEMENT), xml_file),
}


def _is_number(text: str) -> bool:
    """Return whether a text is how JSON writes a whole number."""
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))
