"""Checks a landed file before Spark reads its rows: its source, its encoding and its columns.

The file is read as bytes and not by its path, because Hadoop hides names that begin with `_` or `.`, collapses `//`,
and trusts the ending `.gz`. At most one record of a file is in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from c360_core.contracts import Contracts, FileFormat, Source, Table
from glue_jobs.ingest_files.csv_rows import CsvReader
from glue_jobs.ingest_files.json_rows import JsonLinesReader
from glue_jobs.ingest_files.packing import Member, parquet_member, text_members
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW, Reader, Row, bad_row
from glue_jobs.ingest_files.xml_rows import XmlReader


def _parquet_reader(table: Table, file_format: FileFormat) -> Reader:
    # It brings a library, which the sources of other types need not load.
    from glue_jobs.ingest_files.parquet_rows import ParquetReader

    return ParquetReader(table, file_format)


READERS: Final[Mapping[str, Callable[[Table, FileFormat], Reader]]] = {
    "csv": CsvReader,
    "json_lines": JsonLinesReader,
    "parquet": _parquet_reader,
    "xml": XmlReader,
}


def folder_of(key: str) -> str:
    """Return the first folder of a landed object's key, which names its source; empty if it is in no folder."""
    return key.partition("/")[0] if "/" in key else ""


def file_source(key: str, contracts: Contracts) -> Source:
    """Return the contract of a landed object.

    Raises:
        RefusedFileError: UNKNOWN_SOURCE, because its folder names no file source.
    """
    known = {source.name: source for source in contracts.file_sources()}
    if (folder := folder_of(key)) in known:
        return known[folder]
    raise RefusedFileError(
        "UNKNOWN_SOURCE",
        f"the path `{key}` does not begin with a file source; put the file under one of "
        f"{', '.join(f'{name}/' for name in sorted(known))}, or write a contract for its source",
    )


def inspect(chunks: Iterable[bytes], table: Table, file_format: FileFormat) -> tuple[str, ...]:
    """Read a file to its end, and return the names of its columns that are not in the contract.

    Args:
        chunks: the bytes of the file, in pieces of any size.
        table: the contract's columns.
        file_format: the contract's file format.

    Raises:
        RefusedFileError: the file as a whole cannot be read, or lacks columns.
    """
    reader = READERS[file_format.type](table, file_format)
    extra: dict[str, None] = {}
    for member in _members(chunks, file_format):
        with _named(member):
            extra |= dict.fromkeys(reader.check(member.pieces))
    return tuple(extra)


def rows(chunks: Iterable[bytes], table: Table, file_format: FileFormat) -> Iterator[Row]:
    """Yield the rows of a file that has been inspected; of a zip archive, those of all its files.

    If the rest of the file cannot be read, the last row has the number UNREADABLE_ROW and says why.
    """
    reader = READERS[file_format.type](table, file_format)
    try:
        for member in _members(chunks, file_format):
            with _named(member):
                found = reader.rows(member.pieces)
                yield from found if member.name is None else (_of_member(row, member.name) for row in found)
    except RefusedFileError as error:
        columns = len(table.file_columns)
        yield bad_row(UNREADABLE_ROW, "", columns=columns, code=error.code, reason=str(error))


def _members(chunks: Iterable[bytes], file_format: FileFormat) -> Iterator[Member]:
    return parquet_member(chunks) if file_format.type == "parquet" else text_members(chunks, file_format.type)


@contextmanager
def _named(member: Member) -> Iterator[None]:
    """Let the reason of a refusal begin with the name of the file within the archive."""
    try:
        yield
    except RefusedFileError as error:
        if member.name is None:
            raise
        raise RefusedFileError(error.code, f"`{member.name}` in the archive: {error}") from error


def _of_member(row: Row, name: str) -> Row:
    reason = f"`{name}` in the archive: {row.reason}" if row.reason else None
    return replace(row, member=name, reason=reason)
