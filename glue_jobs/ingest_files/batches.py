"""Files of one source that are loaded together: which they are, and which of them have to wait for others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from c360_core.contracts import Source, Table
from c360_core.landing import LandedFile
from glue_jobs.ingest_files.transform import ROW, file_of, rows_to_check

NUMBER: Final = "_number"
KEY: Final = "_key"


@dataclass(frozen=True, slots=True)
class Batch:
    """Landed files of one source, in their order.

    Attributes:
        files: the files; a file's number is its place here.
        etags: version of the content of each.
        source: their contract.
    """

    files: Sequence[LandedFile]
    etags: Sequence[str]
    source: Source


def disjoint(typed: DataFrame, table: Table, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield files that may be loaded together, in their order: no two of them speak of the same record.

    A later statement about a record has to find the earlier one in the lake, as if each file had a run of its own; and
    a rule that a value comes once in a file says nothing about two files.

    Args:
        typed: the rows of all files.
        table: the contract's columns.
        numbers: the files to load, in their order.
    """
    shared = _shared(typed, table) if len(numbers) > 1 else {}
    group: list[int] = []
    for number in numbers:
        if shared.get(number, set()) & set(group):
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def _shared(typed: DataFrame, table: Table) -> dict[int, set[int]]:
    """Return, by file, the earlier files that speak of the same records."""
    found: dict[int, set[int]] = {}
    for name in {field.name for field in table.fields if field.unique and field.name in table.file_columns}:
        values = rows_to_check(typed).select(file_of(F.col(ROW)).alias(NUMBER), F.col(name).alias(KEY)).distinct()
        files = (
            values.where(F.col(KEY).isNotNull()).groupBy(KEY).agg(F.sort_array(F.collect_list(NUMBER)).alias(NUMBER))
        )
        for row in files.where(F.size(NUMBER) > 1).select(NUMBER).distinct().collect():
            for later, number in enumerate(row[NUMBER]):
                found.setdefault(number, set()).update(row[NUMBER][:later])
    return found
