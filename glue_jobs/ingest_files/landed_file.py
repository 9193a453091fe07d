"""Checks a landed file before Spark reads its rows: its source, its encoding and its columns.

The file is read as bytes and not by its path, because Hadoop hides names that begin with `_` or `.`, collapses `//`,
and trusts the ending `.gz`. At most one record of a file is in memory at a time.
"""

from c360_core.contracts import Contracts, Source
from glue_jobs.ingest_files.csv_rows import Header, inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW, Row

__all__ = ["UNREADABLE_ROW", "Header", "RefusedFileError", "Row", "file_source", "folder_of", "inspect", "rows"]


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
