"""Glue job: resolve records to persons and publish what changed.

Arguments: environment, identity_changes_stream, single_view_table, hash_secret_arn, most_records (the driver's limit),
run_id, started_at (ISO 8601), match_output (s3://bucket/.../<job id>/ of the matcher).

A run is identified by its id and its start; a repeated run gives the same ids and rows. It publishes only what differs
from the latest change of each person and identifier. The order of the writes makes a stop in between harmless: the map,
the changes as unpublished, the former ids of survivors, the messages, the single view, the identifier map, and last the
mark that the changes are published. Without that mark, the next run or the next try publishes them again. If the stream
does not exist, a run ends before it writes anything.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import SparkSession

from c360_aws.secrets import read_hash_secret
from c360_core.identity.announcements import LatestChange
from c360_core.identity.resolve import MapRow, Resolution, resolve
from c360_core.identity.stable_ids import IdentityRun
from c360_core.names import TableName, Zone
from c360_core.single_view_keys import Key
from glue_jobs.identity_resolve import single_view, transform
from glue_jobs.identity_resolve.size import refuse_too_many
from glue_jobs.shared import aws, lake, runtime, streams

LOG = logging.getLogger("identity_resolve")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveArguments:
    """Arguments from the template (the first five) and from the run."""

    environment: str
    identity_changes_stream: str
    single_view_table: str
    hash_secret_arn: str
    most_records: str
    run_id: str
    started_at: str
    match_output: str


class ResolutionRun:
    """One run of the identity resolution."""

    def __init__(self, spark: SparkSession, arguments: ResolveArguments) -> None:
        """Keep the session and the arguments; derive the run's version from its start."""
        self._spark = spark
        self._arguments = arguments
        self._run = IdentityRun(run_id=arguments.run_id, version=transform.run_version(arguments.started_at))

    def run(self) -> Mapping[str, int]:
        """Resolve, write and publish; return counts."""
        stream = self._arguments.identity_changes_stream
        stream_created_at = streams.created_at(aws.client("kinesis"), stream)
        self._refuse_too_many()
        before = transform.identity_map(self._read(TableName.IDENTITY_MAP))
        resolution = resolve(
            transform.records(self._read(TableName.IDENTITY_RECORDS)),
            transform.match_groups(self._match_output()),
            before,
            replace(self._run, stream_created_at=stream_created_at),
            secret=self._secret(),
            latest=self._latest(),
        )
        self._write_map(resolution)
        if resolution.changes:
            self._write_changes(resolution)
            self._write_items(single_view.formers(resolution.changes))
            streams.put_records(streams.sender_to(stream), transform.messages(resolution))
            self._write_single_view(resolution, before)
            self._write_identifier_map()
            self._mark_as_published()
        return {**resolution.stats, "messages": len(resolution.changes)}

    def _refuse_too_many(self) -> None:
        held = (TableName.IDENTITY_RECORDS, TableName.IDENTITY_MAP)
        counts = {f"{Zone.CURATED}.{table}": self._read(table).count() for table in held}
        refuse_too_many(counts, int(self._arguments.most_records))

    def _table(self, table: TableName) -> str:
        return lake.table_name(self._arguments.environment, Zone.CURATED, table)

    def _read(self, table: TableName) -> Any:
        return lake.current(self._spark, self._table(table))

    def _latest(self) -> Iterator[LatestChange]:
        latest = self._read(TableName.LATEST_IDENTITY_CHANGES)
        if latest.isEmpty():
            return transform.changes_from_identifier_map(self._read(TableName.IDENTIFIER_MAP))
        return transform.latest_changes(latest)

    def _match_output(self) -> Any:
        location = self._arguments.match_output.rstrip("/") + "/success/"
        return self._spark.read.csv(location, header=True, quote='"', escape='"', multiLine=True)

    def _secret(self) -> bytes:
        return read_hash_secret(aws.client("secretsmanager"), self._arguments.hash_secret_arn)

    def _write_map(self, resolution: Resolution) -> None:
        table = self._table(TableName.IDENTITY_MAP)
        if resolution.withdrawn:
            LOG.warning("run %s was tried before on other records; deleting rows of that try", self._run.run_id)
            withdrawn = transform.map_rows(self._spark, resolution.withdrawn, table)
            lake.delete(withdrawn, table, ["record_id", "valid_from"])
        rows = (*resolution.opened, *resolution.closed, *resolution.reopened)
        lake.upsert(transform.map_rows(self._spark, rows, table), table, ["record_id", "valid_from"])

    def _write_changes(self, resolution: Resolution) -> None:
        table = self._table(TableName.LATEST_IDENTITY_CHANGES)
        lake.upsert(transform.change_rows(self._spark, resolution, table), table, ["subject"], newer="version")

    def _write_identifier_map(self) -> None:
        latest = self._read(TableName.LATEST_IDENTITY_CHANGES)
        lake.replace(transform.identifier_rows(latest), self._table(TableName.IDENTIFIER_MAP))

    def _mark_as_published(self) -> None:
        table = self._table(TableName.LATEST_IDENTITY_CHANGES)
        unpublished = f"version = {self._run.version} AND told_at IS NULL"  # the version is a number
        lake.update(self._spark, table, "told_at = current_timestamp()", unpublished)

    def _write_single_view(self, resolution: Resolution, before: Sequence[MapRow]) -> None:
        retired_before = {row.person_id for row in before if row.valid_to is not None}
        self._write_items(single_view.puts(resolution.changes), single_view.deletes(resolution.changes, retired_before))

    def _write_items(self, items: Sequence[single_view.Item], deleted: Sequence[Key] = ()) -> None:
        single_view.write(aws.dynamodb(), self._arguments.single_view_table, items, deleted, version=self._run.version)


def main() -> None:
    """Read the arguments, resolve, log the counts."""
    runtime.start_logging("identity_resolve")
    arguments = runtime.read_arguments(ResolveArguments)
    counts = ResolutionRun(runtime.spark_session(), arguments).run()
    LOG.info("run %s: %s", arguments.run_id, json.dumps(counts))


if __name__ == "__main__":
    main()
