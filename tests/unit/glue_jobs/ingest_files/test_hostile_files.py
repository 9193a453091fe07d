"""Hostile files: each is read to its end or refused with a reason, and no row is lost."""

from collections import Counter
from random import Random
from typing import Final

from c360_core.contracts import load
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from tests.factories.hostile_files import hostile_files, pieces

SEED: Final = 20_260_301
FILES: Final = 195


def test_every_file_is_read_or_refused() -> None:
    source = load().source("support_cases")
    table = source.table
    assert table is not None
    found: Counter[str] = Counter()
    for content in hostile_files(Random(SEED), FILES):
        try:
            inspect(pieces(content), table, source.file_format)
        except RefusedFileError as error:
            found["refused" if str(error) else "refused without a reason"] += 1
            continue
        for row in rows(pieces(content), table, source.file_format):
            assert row.code is None or row.reason
            found["bad" if row.code else "good"] += 1
        found["read"] += 1

    assert found["read"] + found["refused"] == FILES
    assert min(found["read"], found["refused"], found["good"], found["bad"]) > FILES / 20
