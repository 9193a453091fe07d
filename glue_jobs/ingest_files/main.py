"""Glue job: load landed CSV files, one after another, the earliest first.

Arguments: environment, events_stream, quarantine_bucket, results_bucket, manifest (the key in the results bucket of the
list of files; the first part of a file's path is its source).

A file that is refused as a whole is copied to quarantine and noted there, and the run succeeds: to try it again would
change nothing. A file that cannot be ingested for any other reason keeps no other from it: the run goes on, names it at
the end, and fails.

The order of the steps makes a repeated run harmless: rejections have ids of their own, the raw table is merged by
key, events have the same ids again, and whoever reads the stream drops what it has seen.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import boto3
from pyspark.sql import DataFrame, SparkSession

from c360_core import contracts, landing
from c360_core.contracts import Contracts, Source, Table
from c360_core.names import MAX_SOURCE_LENGTH, UNKNOWN_SOURCE_NAME, Zone
from c360_core.names import Table as TableName
from c360_core.projections import dqdl, row_count_rule
from glue_jobs.ingest_files import transform
from glue_jobs.ingest_files.landed_file import RefusedFileError, file_source, folder_of, inspect
from glue_jobs.shared import lake, quality, quarantine, runtime, streams

LOG = logging.getLogger("ingest_files")
NOTHING: Final = {"received": 0, "loaded": 0, "rejected": 0, "published": 0}
REFUSED: Final = {"received": 0, "loaded": 0, "rejected": 1, "published": 0}


NAMED: Final = 10  # failed files that the error of a run names; the log names all


@dataclass(frozen=True, slots=True, kw_only=True)
class RunArguments:
    """What the template (all but the last) and the run (manifest) say."""

    environment: str
    events_stream: str
    quarantine_bucket: str
    results_bucket: str
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Where one file lies (bucket, key), and where what comes of it goes."""

    environment: str
    events_stream: str
    quarantine_bucket: str
    results_bucket: str
    bucket: str
    key: str


class FailedFilesError(RuntimeError):
    """Some files of a run could not be ingested; the others were. The message names them, with the reason."""


class BrokenFileRuleError(RuntimeError):
    """A rule about the file as a whole failed; nothing of it was loaded."""


def ingest_all(
    spark: SparkSession, run: RunArguments, *, run_id: str, clock: Callable[[], datetime]
) -> Mapping[str, Mapping[str, int]]:
    """Load the files of a run's list and return, by key, how many rows were received, loaded, rejected and published.

    Raises:
        FailedFilesError: after all files were tried.
        ManifestError: the list cannot be read.
    """
    files = _listed(run)
    counts: dict[str, Mapping[str, int]] = {}
    failed: dict[str, Exception] = {}
    for file in files:
        arguments = Arguments(
            environment=run.environment,
            events_stream=run.events_stream,
            quarantine_bucket=run.quarantine_bucket,
            results_bucket=run.results_bucket,
            bucket=file.bucket,
            key=file.key,
        )
        try:
            counts[file.key] = ingest(spark, arguments, run_id=run_id, now=clock())
            LOG.info("s3://%s/%s: %s", file.bucket, file.key, json.dumps(counts[file.key]))
        except Exception as error:  # whatever is wrong with one file, the next is none the worse
            LOG.exception("s3://%s/%s could not be ingested", file.bucket, file.key)
            failed[f"s3://{file.bucket}/{file.key}"] = error
    if failed:
        raise _failed(failed, len(files), run.manifest)
    return counts


def _listed(run: RunArguments) -> Sequence[landing.LandedFile]:
    s3: Any = boto3.client("s3", region_name=runtime.region())
    stored = s3.get_object(Bucket=run.results_bucket, Key=run.manifest)
    return landing.read_manifest(stored["Body"].read().decode())


def _failed(failed: Mapping[str, Exception], of: int, manifest: str) -> FailedFilesError:
    named = [f"{file}: {type(error).__name__}: {str(error)[:300]}" for file, error in list(failed.items())[:NAMED]]
    if len(failed) > NAMED:
        named.append(f"and {len(failed) - NAMED} more; the log names them")
    return FailedFilesError(
        f"{len(failed)} of {of} files could not be ingested, the others were. Mend the cause and start the state "
        f"machine again with the manifest {manifest}; what is loaded already stays as it is. {'; '.join(named)}"
    )


def ingest(spark: SparkSession, arguments: Arguments, *, run_id: str, now: datetime) -> Mapping[str, int]:
    """Load the file and return how many rows were received, loaded, rejected and published.

    Raises:
        BrokenFileRuleError: a quality rule about the whole file failed; it is in quarantine.
    """
    known = contracts.load()
    refusals = Refusals(spark, arguments, _context(arguments.key, known, run_id, now))
    if landing.is_folder_mark(arguments.key):
        LOG.info("s3://%s/%s stands for a folder; there is nothing to load", arguments.bucket, arguments.key)
        return NOTHING
    try:
        source = file_source(arguments.key, known)
        return Ingestion(spark, arguments, source, refusals, run_id=run_id, now=now).run()
    except RefusedFileError as error:
        refusals.add_file(error.code, str(error))
        LOG.warning("s3://%s/%s refused: %s: %s", arguments.bucket, arguments.key, error.code, error)
        return REFUSED


def _context(key: str, known: Contracts, run_id: str, now: datetime) -> quarantine.Context:
    """Say whose file it is, also where no contract does: then by the folder, and by the version of all contracts."""
    name = folder_of(key)[:MAX_SOURCE_LENGTH] or UNKNOWN_SOURCE_NAME
    version = known.sources[name].version if name in known.sources else known.version
    return quarantine.Context(source=name, contract_version=version, received_at=now, run_id=run_id)


class Refusals:
    """What is refused of one landed file: some of its rows, or the whole."""

    def __init__(self, spark: SparkSession, arguments: Arguments, context: quarantine.Context) -> None:
        """Name the table."""
        self._spark = spark
        self._arguments = arguments
        self._context = context
        self._table = lake.table_name(arguments.environment, Zone.QUARANTINE, TableName.REJECTED)

    def add_rows(self, bad: DataFrame) -> None:
        """Keep rows with their code, reason and body."""
        place = bad[transform.ROW].cast("string")
        self._append(quarantine.rejected(bad, self._context, place=place))

    def add_file(self, code: str, reason: str) -> None:
        """Copy the file out of the landing zone's lifecycle and note why."""
        landed = {"Bucket": self._arguments.bucket, "Key": self._arguments.key}
        copy = {"Bucket": self._arguments.quarantine_bucket, "Key": f"files/{self._arguments.key}"}
        s3: Any = boto3.client("s3", region_name=runtime.region())
        s3.copy(landed, **copy)
        finding = quarantine.FileFinding(
            code=code,
            reason=reason,
            place=f"s3://{landed['Bucket']}/{landed['Key']}",
            body=f"s3://{copy['Bucket']}/{copy['Key']}",
        )
        self._append(quarantine.rejected_files(self._spark, [finding], self._context))

    def _append(self, rejected: DataFrame) -> None:
        lake.append_missing(rejected, self._table, "rejected_id")


class Ingestion:
    """One run over one file of a source."""

    def __init__(
        self,
        spark: SparkSession,
        arguments: Arguments,
        source: Source,
        refusals: Refusals,
        *,
        run_id: str,
        now: datetime,
    ) -> None:
        """Take the file's contract and the place for what is refused."""
        self._spark = spark
        self._arguments = arguments
        self._source = source
        self._refusals = refusals
        self._run_id = run_id
        self._now = now
        self._s3: Any = boto3.client("s3", region_name=runtime.region())

    @property
    def _table(self) -> Table:
        if self._source.table is None:
            raise ValueError(f"contract {self._source.name} has no table; describe its columns")
        return self._source.table

    @property
    def _raw(self) -> str:
        return lake.table_name(self._arguments.environment, Zone.RAW, self._source.name)

    @property
    def _location(self) -> str:
        return f"s3://{self._arguments.bucket}/{self._arguments.key}"

    def run(self) -> Mapping[str, int]:
        """Load the file and return how many rows were received, loaded, rejected and published.

        Raises:
            RefusedFileError: the file cannot be read; nothing of it was loaded.
            BrokenFileRuleError: a quality rule about the whole file failed; it is in quarantine.
        """
        landed = self._inspect()
        if extra := landed.header.extra:
            names = ", ".join(f"`{name}`" for name in extra)
            self._refusals.add_file(
                "EXTRA_COLUMN",
                f"column {names} is not in the contract; its values were not loaded. Add it or stop sending it",
            )
        return self._load(landed)

    def _inspect(self) -> transform.LandedRows:
        landed = self._s3.get_object(Bucket=self._arguments.bucket, Key=self._arguments.key)
        chunks = landed["Body"].iter_chunks(transform.CHUNK_BYTES)
        return transform.LandedRows(
            bucket=self._arguments.bucket,
            key=self._arguments.key,
            etag=landed["ETag"],
            region=runtime.region(),
            header=inspect(chunks, self._table.file_columns, self._source.file_format),
            source=self._source,
        )

    def _load(self, landed: transform.LandedRows) -> Mapping[str, int]:
        """Each step is pinned: Spark neither repeats it nor drags its whole plan along."""
        rows = transform.read_rows(self._spark, landed, self._table.file_columns).localCheckpoint()
        if problem := transform.unreadable(rows):
            raise RefusedFileError(*problem)
        typed = transform.typed(rows, self._table, self._source.file_format, self._now).localCheckpoint()
        once = transform.to_judge(typed)
        received = rows.count()
        counted = self._count_rules(received)
        verdict = self._judge(once)
        judged = once.join(verdict.failed_rows, transform.ROW, "left").localCheckpoint()
        bad = (
            transform.malformed(rows)
            .unionByName(transform.with_problems(typed))
            .unionByName(transform.repeats(typed))
            .unionByName(transform.breaking_rules(judged))
            .localCheckpoint()
        )
        rejected = bad.count()
        self._refusals.add_rows(bad)
        rules = (*counted, *verdict.rules)
        self._stop_at_too_few_rows(counted, rules, received=received, rejected=rejected)
        self._stop_at_broken_file_rules(verdict, rules, received=received, rejected=rejected)
        stored = lake.current(self._spark, self._raw)
        good = transform.stated(judged.where(judged["failed_rules"].isNull()), stored, self._source).localCheckpoint()
        self._merge(good)
        counts = {
            "received": received,
            "loaded": received - rejected,
            "rejected": rejected,
            "published": self._publish(good),
        }
        self._write_result(rules, counts)
        if received and received == rejected:
            LOG.warning("%s: every one of its %d rows is in quarantine; nothing was loaded", self._location, received)
        return counts

    def _count_rules(self, received: int) -> Sequence[quality.RuleOutcome]:
        """Hold the rules about the number of rows against the rows that came, not those that are good.

        Otherwise a file whose rows are all bad, each for its own reason, would be blamed for being empty.
        """
        return [
            quality.RuleOutcome(
                rule=row_count_rule(rule.min_rows),
                outcome="Passed" if received >= rule.min_rows else "Failed",
                reason=None if received >= rule.min_rows else f"the file has {received} rows",
                about_rows=False,
            )
            for rule in self._table.rules
            if rule.min_rows is not None
        ]

    def _judge(self, once: DataFrame) -> quality.Verdict:
        return quality.evaluate(
            once.select(transform.ROW, *self._table.file_columns),
            dqdl(self._table, row_counts=False),
            row_id=transform.ROW,
            name=self._source.name,
            bad_rows=[rule.bad_row for rule in self._table.rules if rule.bad_row is not None],
        )

    def _merge(self, good: DataFrame) -> None:
        newer = "updated_at" if "updated_at" in good.columns else None
        lake.upsert(good, self._raw, [str(self._table.key)], newer=newer, ignore=["loaded_at"])

    def _publish(self, good: DataFrame) -> int:
        replay_id = "file-" + sha256(self._arguments.key.encode()).hexdigest()[:16]
        events = transform.events(good, self._source, received_at=self._now, replay_id=replay_id).localCheckpoint()
        streams.send(events, self._arguments.events_stream)
        return int(events.count())

    def _stop_at_too_few_rows(
        self,
        counted: Sequence[quality.RuleOutcome],
        rules: Sequence[quality.RuleOutcome],
        *,
        received: int,
        rejected: int,
    ) -> None:
        broken = "; ".join(f"{rule.rule} ({rule.reason})" for rule in counted if rule.failed)
        if broken:
            self._write_result(rules, {"received": received, "loaded": 0, "rejected": rejected, "published": 0})
            raise RefusedFileError(
                "QUALITY_RULE", f"the file breaks the contract's rule {broken}; send the whole export again"
            )

    def _stop_at_broken_file_rules(
        self, verdict: quality.Verdict, rules: Sequence[quality.RuleOutcome], *, received: int, rejected: int
    ) -> None:
        if not verdict.broken_file_rules:
            return
        broken = "; ".join(f"{rule.rule} ({rule.reason})" for rule in verdict.broken_file_rules)
        self._refusals.add_file(
            "QUALITY_RULE", f"the file breaks the contract's rule {broken}; correct the file and send it again"
        )
        self._write_result(rules, {"received": received, "loaded": 0, "rejected": rejected, "published": 0})
        raise BrokenFileRuleError(f"{self._location}: {broken}; nothing was loaded, the file is in quarantine")

    def _write_result(self, rules: Sequence[quality.RuleOutcome], counts: Mapping[str, int]) -> None:
        result = {
            "source": self._source.name,
            "contract_version": self._source.version,
            "file": self._location,
            "run_id": self._run_id,
            "evaluated_at": self._now.isoformat(timespec="milliseconds"),
            "rows": counts,
            "rules": [asdict(rule) for rule in rules],
        }
        file = sha256(self._arguments.key.encode()).hexdigest()[:16]
        key = f"data-quality/{self._source.name}/{self._now:%Y/%m/%d}/{self._run_id}-{file}.json"
        self._s3.put_object(
            Bucket=self._arguments.results_bucket,
            Key=key,
            Body=json.dumps(result).encode(),
            ContentType="application/json",
        )


def main() -> None:
    """Read the arguments, load the files."""
    runtime.start_logging("ingest_files")
    arguments = runtime.read_arguments(RunArguments)
    ingest_all(runtime.spark_session(), arguments, run_id=runtime.glue_run_id(), clock=lambda: datetime.now(UTC))


if __name__ == "__main__":
    main()
