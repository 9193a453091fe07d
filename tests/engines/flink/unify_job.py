"""`unify` on a real Flink, with watched folders of JSON files as streams and lake tables."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment

from c360_core.contracts import Table, load
from c360_core.projections import flink_type
from c360_core.segment import Segment
from flink_apps.shared.configuration import set_options
from flink_apps.shared.tables import JSON_FORMAT, RAW_FORMAT, Column, create_table
from flink_apps.unify.job import options
from flink_apps.unify.pipeline import LakeTableNames, Memory, build, profile_change_columns
from flink_apps.unify.tables import RECORD_COLUMNS
from tests.engines.flink.clean_support import JAR

PATIENCE_SECONDS = 150
MEMORY = Memory(repeats=timedelta(days=400), timeline=timedelta(days=90))
SOURCES = ("interaction_records", "identity_change_records")
PASTS = {"past_interactions": "interactions", "past_identity_changes": "latest_identity_changes"}

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})

Row = Mapping[str, Any]


def table_environment(folder: Path, more: Mapping[str, str] = NOTHING_MORE) -> StreamTableEnvironment:
    """A mini-cluster with the options that the service sets and code may not set."""
    configuration = Configuration()
    for key, value in {
        "pipeline.jars": JAR.as_uri(),
        "parallelism.default": "2",
        "restart-strategy.type": "disable",
        "execution.checkpointing.interval": "500 ms",
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "rest.bind-address": "127.0.0.1",
        "rest.port": "0",
        **more,
    }.items():
        configuration.set_string(key, value)
    environment = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment(configuration))
    set_options(environment, options())
    return environment


@dataclass(slots=True)
class Unify:
    """A running job: feed it, read it."""

    folder: Path
    _files: int = field(default=0)

    def feed(self, table: str, rows: Sequence[Row]) -> None:
        """Deliver rows; the job sees the whole file or nothing."""
        self.feed_records(table, [json.dumps(row).encode() for row in rows])

    def feed_records(self, table: str, records: Sequence[bytes]) -> None:
        """Deliver records as they are; none may have a line break in it."""
        self._files += 1
        draft = self.folder / f"draft-{self._files}"
        draft.write_bytes(b"".join(record + b"\n" for record in records))
        draft.rename(self.folder / table / f"{self._files:04d}.json")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return all output so far; rows of one key are in their order of writing."""
        ordered = sorted(
            (self.folder / table).glob("part-*"),
            key=lambda path: (*path.name.split("-")[:-1], int(path.name.split("-")[-1])),
        )
        lines = (line for path in ordered for line in path.read_text(encoding="utf-8").splitlines())
        return [json.loads(line, parse_float=Decimal) for line in lines]


@contextmanager
def running(folder: Path, segments: Sequence[Segment], memory: Memory = MEMORY) -> Iterator[Unify]:
    """Run the job for the length of a `with` block."""
    environment = table_environment(folder)
    client = defined(environment, folder, segments, memory).execute().get_job_client()
    assert client is not None
    try:
        yield Unify(folder)
    finally:
        client.cancel().result()


def defined(
    environment: StreamTableEnvironment,
    folder: Path,
    segments: Sequence[Segment],
    memory: Memory = MEMORY,
    pasts: Mapping[str, str] = NOTHING_MORE,
    *,
    watched: bool = True,
) -> StatementSet:
    """Define all tables and views of the job, without running it.

    Args:
        environment: of the job.
        folder: where its tables are folders of files.
        segments: who is in which segment.
        memory: for how long single records are remembered.
        pasts: full names of tables of the past, by product; those that are not named are folders, too.
        watched: whether the folders of the streams are looked at for ever, or read once as they are.
    """
    contracts = load()
    tables: dict[str, list[Column]] = {
        "profile_changes": profile_change_columns(contracts.product("profiles").table),
        "profiles": _columns(contracts.product("profiles").table),
        "segment_membership": _columns(contracts.product("segment_membership").table),
        "rejected": _columns(contracts.product("rejected").table),
    }
    for name in SOURCES:
        (folder / name).mkdir(exist_ok=True)
        options = {**(_files if watched else _folder)(folder / name), **RAW_FORMAT}
        environment.execute_sql(create_table(name, RECORD_COLUMNS, options=options))
    for name, columns in tables.items():
        (folder / name).mkdir(exist_ok=True)
        environment.execute_sql(create_table(name, columns, options={**_files(folder / name), **JSON_FORMAT}))
    for name, product in PASTS.items():
        if product not in pasts:
            (folder / name).mkdir(exist_ok=True)  # a test may have laid a past there
            columns = _columns(contracts.product(product).table)
            options = {**_folder(folder / name), **JSON_FORMAT}
            environment.execute_sql(create_table(name, columns, options=options))
    pasts = {product: name for name, product in PASTS.items()} | dict(pasts)
    lake = LakeTableNames(
        interactions=pasts["interactions"],
        identity_changes=pasts["latest_identity_changes"],
        profiles="profiles",
        segment_membership="segment_membership",
        rejected="rejected",
    )
    return build(environment, contracts, segments, lake, memory)


def eventually(check: Callable[[], None]) -> None:
    """Check until it holds; when it never does, raise what it said last."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _columns(table: Table) -> list[Column]:
    return [(column.name, flink_type(column)) for column in table.fields if not column.lake_only]


def _files(folder: Path) -> dict[str, str]:
    return {
        **_folder(folder),
        "source.monitor-interval": "200 ms",
        "sink.rolling-policy.rollover-interval": "200 ms",
        "sink.rolling-policy.check-interval": "100 ms",
    }


def _folder(folder: Path) -> dict[str, str]:
    return {"connector": "filesystem", "path": folder.as_uri()}
