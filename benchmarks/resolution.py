"""Memory and time of identity resolution, which runs in one process, the driver of the Spark job.

    .venvs/twin/bin/python -m benchmarks.resolution --people 30000

Invented people (from the tests' factory) are resolved twice. The second run is measured, because like every later run
it also holds the map of the first run and reads the published changes. With `--republish` it publishes all changes, as
on a new stream, and holds them, too. The memory of Spark's JVM is not included.
"""

import argparse
import importlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from c360_core.identity.announcements import LatestChange
from c360_core.identity.records import IdentityRecord, record_from_row
from c360_core.identity.resolve import MapRow, resolve
from c360_core.identity.stable_ids import IdentityRun
from c360_core.identity.workflow import MATCH_FIELDS, MATCH_RECORD_ID, MATCH_RULES
from twin.providers.entity_resolution.matching import AttributeMatchingModel, InputField, Workflow, WorkflowRule, match

_SECRET = b"a secret of the benchmark, 32 B."
_FIRST, _SECOND = (
    IdentityRun(run_id="first", version=1_772_000_000_000),
    IdentityRun(run_id="second", version=1_772_086_400_000),
)


def made_up_rows(people: int, *, seed: int) -> list[dict[str, Any]]:
    """Return rows of curated.identity_records about invented people."""
    town = importlib.import_module("tests.factories.people").town(people, seed=seed)
    return [record.as_row() for record in town.records]


def _groups(records: Sequence[IdentityRecord]) -> list[Any]:
    workflow = Workflow(
        fields=tuple(InputField(name=f.name, type=f.type, match_key=f.match_key) for f in MATCH_FIELDS),
        rules=tuple(WorkflowRule(name=rule.name, match_keys=rule.match_keys) for rule in MATCH_RULES),
        model=AttributeMatchingModel.ONE_TO_ONE,
        apply_normalization=False,
    )
    rows = [{**record.as_row(), MATCH_RECORD_ID: record.record_id} for record in records]
    return match(rows, workflow)


def _published(file: Path) -> Iterator[LatestChange]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield LatestChange(message=json.loads(line), published=True)


def _measure(answer: Connection, people: int, seed: int, folder: Path, *, republish: bool) -> None:
    """Resolve rows as the job gets them from Spark, and send the time and the peak memory."""
    rows = made_up_rows(people, seed=seed)
    groups = _groups([record_from_row(row) for row in rows])
    first = resolve([record_from_row(row) for row in rows], groups, [], _FIRST, secret=_SECRET)
    map_rows = [asdict(row) for row in first.opened]
    latest = folder / "latest.jsonl"
    with latest.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(change, default=str) + "\n" for change in first.changes)
    persons = len(first.persons)
    del first
    start = time.perf_counter()
    second = resolve(
        [record_from_row(row) for row in rows],
        groups,
        [MapRow(**row) for row in map_rows],
        replace(_SECOND, stream_created_at=_SECOND.version) if republish else _SECOND,
        secret=_SECRET,
        latest=_published(latest),
    )
    # Spark takes rows as dictionaries and converts them to tuples.
    rows_to_write = [dict(change) for change in second.changes]
    written = [tuple(row.values()) for row in rows_to_write]
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    answer.send(
        {
            "records": len(rows),
            "persons": persons,
            "messages": len(written),
            "seconds": round(seconds, 1),
            "peak_megabytes": round(peak),
            "kilobytes_per_record": round(peak * 1024 / len(rows), 1),
        }
    )


def measured(people: int, *, seed: int = 1, republish: bool = False) -> dict[str, Any]:
    """Measure a second run in a process of its own; return counts, seconds and peak memory.

    Raises:
        RuntimeError: the process ended without a result; its message is on standard error.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        arguments, named = (there, people, seed, Path(folder)), {"republish": republish}
        child = context.Process(target=_measure, args=arguments, kwargs=named, daemon=True)
        child.start()
        there.close()
        try:
            result: dict[str, Any] = here.recv()
        except EOFError as error:
            raise RuntimeError("the resolution ended without a result") from error
        finally:
            child.join()
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=30_000, help="number of invented people; some four records each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--republish", action="store_true", help="let the second run publish everything")
    chosen = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(measured(chosen.people, seed=chosen.seed, republish=chosen.republish), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
