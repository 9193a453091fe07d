"""Glue job: resolve records to persons and tell everyone.

Arguments: environment, identity_changes_stream, single_view_table, hash_secret_arn, most_records (that the driver can
hold), run_id, started_at (ISO 8601), match_output (s3://bucket/.../<job id>/ of the matcher).

A run is named by its id and its start; repeated, it gives the same ids and the same rows. The order of the writes
makes a stop in between harmless: the map first, then the messages and the single view, and last the identifier map,
against which the next try finds out what changed. Without its stream a run ends before it writes anything.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import boto3
from pyspark.sql import SparkSession

from c360_core.identity.keys import secret_bytes
from c360_core.identity.resolve import MapRow, Resolution, resolve
from c360_core.identity.stable_ids import Run
from c360_core.names import Table as TableName
from c360_core.names import Zone
from glue_jobs.identity_resolve import single_view, transform
from glue_jobs.identity_resolve.size import refuse_too_many
from glue_jobs.shared import lake, runtime, streams

LOG = logging.getLogger("identity_resolve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the template (the first five) and the run say."""

    environment: str
    identity_changes_stream: str
    single_view_table: str
    hash_secret_arn: str
    most_records: str
    run_id: str
    started_at: str
    match_output: str


class IdentityResolution:
    """One run."""

    def __init__(self, spark: SparkSession, arguments: Arguments) -> None:
        """Name the tables and the run."""
        self._spark = spark
        self._arguments = arguments
        self._run = Run(run_id=arguments.run_id, version=transform.run_version(arguments.started_at))

    def run(self) -> Mapping[str, int]:
        """Resolve, write, tell; return counts."""
        kinesis: Any = boto3.client("kinesis", region_name=runtime.region())
        told_since = streams.created_at(kinesis, self._arguments.identity_changes_stream)
        self._refuse_too_many()
        before = transform.identity_map(self._read(TableName.IDENTITY_MAP))
        resolution = resolve(
            transform.records(self._read(TableName.IDENTITY_RECORDS)),
            transform.match_groups(self._match_output()),
            before,
            replace(self._run, told_since=told_since),
            secret=self._secret(),
            previous_identifiers=transform.identifier_map(self._read(TableName.IDENTIFIER_MAP)),
        )
        self._write_map(resolution, before)
        sent = streams.put_records(kinesis, self._arguments.identity_changes_stream, transform.messages(resolution))
        self._write_single_view(resolution, before)
        identifiers = self._table(TableName.IDENTIFIER_MAP)
        lake.replace(transform.identifier_rows(self._spark, resolution, identifiers), identifiers)
        return {**resolution.stats, "messages": sent}

    def _refuse_too_many(self) -> None:
        held = (TableName.IDENTITY_RECORDS, TableName.IDENTITY_MAP, TableName.IDENTIFIER_MAP)
        counts = {f"{Zone.CURATED}.{table}": self._read(table).count() for table in held}
        refuse_too_many(counts, int(self._arguments.most_records))

    def _table(self, table: TableName) -> str:
        return lake.table_name(self._arguments.environment, Zone.CURATED, table)

    def _read(self, table: TableName) -> Any:
        return lake.current(self._spark, self._table(table))

    def _match_output(self) -> Any:
        location = self._arguments.match_output.rstrip("/") + "/success/"
        return self._spark.read.csv(location, header=True, quote='"', escape='"', multiLine=True)

    def _secret(self) -> bytes:
        answer = boto3.client("secretsmanager", region_name=runtime.region()).get_secret_value(
            SecretId=self._arguments.hash_secret_arn
        )
        return secret_bytes(answer["SecretString"])

    def _write_map(self, resolution: Resolution, before: Sequence[MapRow]) -> None:
        table = self._table(TableName.IDENTITY_MAP)
        if any(row.version == self._run.version for row in before):
            self._take_back(table)
        lake.upsert(transform.changed_map_rows(self._spark, resolution, table), table, ["record_id", "valid_from"])

    def _take_back(self, table: str) -> None:
        """Undo what an earlier try of this run wrote, in one commit."""
        LOG.warning("run %s was tried before; its rows of the map are written anew", self._run.run_id)
        moment = f"timestamp_millis({self._run.version})"
        self._spark.sql(
            f"MERGE INTO {table} t USING (SELECT {self._run.version} AS version) s "  # a number
            f"ON t.version = s.version OR t.valid_to = {moment} "
            "WHEN MATCHED AND t.version = s.version THEN DELETE "
            "WHEN MATCHED THEN UPDATE SET t.valid_to = NULL"
        )

    def _write_single_view(self, resolution: Resolution, before: Sequence[MapRow]) -> None:
        single_view.write(
            boto3.resource("dynamodb", region_name=runtime.region()).meta.client,
            self._arguments.single_view_table,
            single_view.puts(resolution.changes, resolution.aliases, self._run.version),
            single_view.deletes(resolution.changes, transform.restored(resolution, before)),
            version=self._run.version,
        )


def main() -> None:
    """Read the arguments, resolve, log the counts."""
    runtime.start_logging("identity_resolve")
    arguments = runtime.read_arguments(Arguments)
    counts = IdentityResolution(runtime.spark_session(), arguments).run()
    LOG.info("run %s: %s", arguments.run_id, json.dumps(counts))


if __name__ == "__main__":
    main()
