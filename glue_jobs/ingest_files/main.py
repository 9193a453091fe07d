"""Glue job: load landed files one after another, the earliest first.

Arguments: environment, events_stream, quarantine_bucket, results_bucket, manifest (key of the list of files in the
results bucket). The first part of a file's path is its source.

A file that is refused as a whole is copied to quarantine and recorded there, and the run succeeds, because another try
would change nothing. If a file cannot be ingested for any other reason, the run continues with the next file, and at
its end fails with the names of the failed files.

A run can be repeated: rejections have stable ids, the raw table is merged by key, events get the same ids again, and
readers of the stream drop events that they already have.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core import contracts, landing
from c360_core.contracts import Contracts, Source, Table
from c360_core.digests import digest
from c360_core.names import MAX_SOURCE_LENGTH, UNKNOWN_SOURCE_NAME, Zone, reference_table
from c360_core.projections import dqdl, row_count_rule
from glue_jobs.ingest_files import reference, transform
from glue_jobs.ingest_files.landed_file import file_source, folder_of, inspect
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.shared import aws, lake, quality, runtime, streams
from glue_jobs.shared.quarantine import Context, QuarantineWriter

LOG = logging.getLogger("ingest_files")
NO_ROWS: Final = {"received": 0, "loaded": 0, "rejected": 0, "published": 0}
FILE_REJECTED: Final = {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
MAX_FAILED_FILES: Final = 10  # failed files that the error of a run lists; the log lists all
MAX_FAILURE_LENGTH: Final = 300
KEY_DIGITS: Final = 16  # of the digest of an object's key


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestArguments:
    """Arguments from the template (all but the last) and from the run (manifest)."""

    environment: str
    events_stream: str
    quarantine_bucket: str
    results_bucket: str
    manifest: str


class FailedFilesError(RuntimeError):
    """Some files of a run could not be ingested, the others were; the message lists them with their reasons."""


class BrokenFileRuleError(RuntimeError):
    """A rule about the whole file failed, and nothing of it was loaded."""


def ingest_all(
    spark: SparkSession, arguments: IngestArguments, *, run_id: str, clock: Callable[[], datetime]
) -> Mapping[str, Mapping[str, int]]:
    """Load the files of a run; return, by key, how many rows were received, loaded, rejected and published.

    Raises:
        FailedFilesError: some files failed; raised after all files were tried.
        ManifestError: the list of files cannot be read.
    """
    files = _listed(arguments)
    counts: dict[str, Mapping[str, int]] = {}
    failed: dict[str, Exception] = {}
    for file in files:
        location = _location(file)
        try:
            counts[file.key] = ingest(spark, file, arguments, run_id=run_id, now=clock())
            LOG.info("%s: %s", location, json.dumps(counts[file.key]))
        except Exception as error:  # no fault of one file may stop the next
            LOG.exception("%s could not be ingested", location)
            failed[location] = error
    if failed:
        raise _failed(failed, len(files), arguments.manifest)
    return counts


def _location(file: landing.LandedFile) -> str:
    return f"s3://{file.bucket}/{file.key}"


def _listed(arguments: IngestArguments) -> Sequence[landing.LandedFile]:
    stored = aws.client("s3").get_object(Bucket=arguments.results_bucket, Key=arguments.manifest)
    return landing.read_manifest(stored["Body"].read().decode())


def _failed(failed: Mapping[str, Exception], of: int, manifest: str) -> FailedFilesError:
    listed = [
        f"{file}: {type(error).__name__}: {str(error)[:MAX_FAILURE_LENGTH]}"
        for file, error in list(failed.items())[:MAX_FAILED_FILES]
    ]
    if len(failed) > MAX_FAILED_FILES:
        listed.append(f"and {len(failed) - MAX_FAILED_FILES} more; see the log")
    return FailedFilesError(
        f"{len(failed)} of {of} files could not be ingested; the others were. Correct the cause and start the state "
        f"machine again with the manifest {manifest}; files that are loaded already do not change. {'; '.join(listed)}"
    )


def ingest(
    spark: SparkSession, file: landing.LandedFile, arguments: IngestArguments, *, run_id: str, now: datetime
) -> Mapping[str, int]:
    """Load a file and return how many rows were received, loaded, rejected and published.

    Raises:
        BrokenFileRuleError: a quality rule about the whole file failed; the file is in quarantine.
    """
    if landing.is_folder_mark(file.key) or landing.is_probe(file.key):
        LOG.info("%s represents a folder or a test of access; there is nothing to load", _location(file))
        return NO_ROWS
    known = contracts.load()
    context = _context(file.key, known, run_id, now)
    quarantine = QuarantineWriter(spark, context, environment=arguments.environment, bucket=arguments.quarantine_bucket)
    try:
        return Ingestion(spark, arguments, file, file_source(file.key, known), quarantine, context).run()
    except RefusedFileError as error:
        quarantine.add_file(file.bucket, file.key, code=error.code, reason=str(error))
        LOG.warning("%s refused: %s: %s", _location(file), error.code, error)
        return FILE_REJECTED


def _context(key: str, known: Contracts, run_id: str, now: datetime) -> Context:
    """Return the context of a file; without a contract it has the folder's name and the version of all contracts."""
    name = folder_of(key)[:MAX_SOURCE_LENGTH] or UNKNOWN_SOURCE_NAME
    version = known.sources[name].version if name in known.sources else known.version
    return Context(source=name, contract_version=version, received_at=now, run_id=run_id)


class Ingestion:
    """The ingestion of one file of a source."""

    def __init__(
        self,
        spark: SparkSession,
        arguments: IngestArguments,
        file: landing.LandedFile,
        source: Source,
        quarantine: QuarantineWriter,
        context: Context,
    ) -> None:
        """Keep the file, its contract, and the quarantine for rejections."""
        self._spark = spark
        self._arguments = arguments
        self._file = file
        self._source = source
        self._quarantine = quarantine
        self._run_id = context.run_id
        self._now = context.received_at
        self._s3 = aws.client("s3")

    @property
    def _table(self) -> Table:
        if self._source.table is None:
            raise ValueError(f"contract {self._source.name} has no table; add its columns")
        return self._source.table

    @property
    def _raw(self) -> str:
        return lake.table_name(self._arguments.environment, Zone.RAW, self._source.name)

    @property
    def _location(self) -> str:
        return _location(self._file)

    def run(self) -> Mapping[str, int]:
        """Load the file and return how many rows were received, loaded, rejected and published.

        Raises:
            RefusedFileError: the file cannot be read, or its licence has ended; nothing of it was loaded.
            BrokenFileRuleError: a quality rule about the whole file failed; the file is in quarantine.
        """
        self._stop_at_ended_licence()
        landed, extra = self._inspect()
        if extra:
            names = ", ".join(f"`{name}`" for name in extra)
            self._reject_file(
                "EXTRA_COLUMN",
                f"column {names} is not in the contract; its values were not loaded. Add it or stop sending it",
            )
        return self._load(landed)

    def _stop_at_ended_licence(self) -> None:
        licence = self._source.licence
        if licence is not None and licence.has_ended(self._now.date()):
            raise RefusedFileError(
                "LICENCE_ENDED",
                f"the licence of {self._source.name} ended on {licence.ends}; end the subscription, or renew the "
                "licence, write its new date into the contract and send the file again",
            )

    def _reject_file(self, code: str, reason: str) -> None:
        self._quarantine.add_file(self._file.bucket, self._file.key, code=code, reason=reason)

    def _inspect(self) -> tuple[transform.LandedRows, Sequence[str]]:
        """Return the rows of the file, and the names of its columns that are not in the contract."""
        landed = self._s3.get_object(Bucket=self._file.bucket, Key=self._file.key)
        extra = inspect(landed["Body"].iter_chunks(transform.CHUNK_BYTES), self._table, self._source.file_format)
        rows = transform.LandedRows(
            bucket=self._file.bucket,
            key=self._file.key,
            etag=landed["ETag"],
            region=runtime.region(),
            source=self._source,
        )
        return rows, extra

    def _load(self, landed: transform.LandedRows) -> Mapping[str, int]:
        """Load the rows; each step is checkpointed, so that Spark does not repeat it and plans stay short."""
        rows = transform.read_rows(self._spark, landed, self._table.file_columns).localCheckpoint()
        if problem := transform.unreadable(rows):
            raise RefusedFileError(*problem)
        typed = transform.typed(rows, self._table, self._source.file_format, self._now).localCheckpoint()
        candidates = transform.rows_to_check(typed)
        received = rows.count()
        counted = self._count_rules(received)
        verdict = self._check(candidates)
        checked = candidates.join(verdict.failed_rows, transform.ROW, "left").localCheckpoint()
        bad = (
            transform.malformed_rows(rows)
            .unionByName(transform.rows_with_problems(typed))
            .unionByName(transform.repeated_rows(typed))
            .unionByName(transform.rows_breaking_rules(checked))
            .localCheckpoint()
        )
        rejected = bad.count()
        self._quarantine.add_rows(bad, place=bad[transform.ROW].cast("string"))
        rules = (*counted, *verdict.rules)
        self._stop_at_too_few_rows(counted, rules, received=received, rejected=rejected)
        self._stop_at_broken_file_rules(verdict, rules, received=received, rejected=rejected)
        stored = lake.current(self._spark, self._raw)
        passed = checked.where(checked["failed_rules"].isNull())
        good = transform.with_stated_at(passed, stored, self._source).localCheckpoint()
        self._merge(good)
        self._keep_history(good)
        counts = {
            "received": received,
            "loaded": received - rejected,
            "rejected": rejected,
            "published": self._publish(good),
        }
        self._write_result(rules, counts)
        if received and received == rejected:
            LOG.warning("%s: all %d rows are in quarantine; nothing was loaded", self._location, received)
        return counts

    def _count_rules(self, received: int) -> Sequence[quality.RuleOutcome]:
        """Check the rules about the number of rows against all received rows, not only the good ones.

        Otherwise a file with only bad rows, each with a reason of its own, would be rejected as empty.
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

    def _check(self, rows: DataFrame) -> quality.QualityVerdict:
        return quality.evaluate(
            rows.select(transform.ROW, *self._table.file_columns),
            dqdl(self._table, row_counts=False),
            row_id=transform.ROW,
            name=self._source.name,
            bad_rows=[rule.bad_row for rule in self._table.rules if rule.bad_row is not None],
        )

    def _merge(self, good: DataFrame) -> None:
        stated = self._with_revision(good)
        newer = next((name for name in ("updated_at", "revised_at") if name in stated.columns), None)
        # A row that a file repeats does not change: it keeps the file that first said so.
        of_file = ["loaded_at", transform.SOURCE_FILE, transform.SOURCE_ROW]
        lake.upsert(stated, self._raw, [str(self._table.key)], newer=newer, ignore=of_file)

    def _with_revision(self, good: DataFrame) -> DataFrame:
        """Name the revision of a bought product: an older one that comes late changes no row of a newer one."""
        if self._source.server.reference is None:
            return good
        revision = landing.revision_of(self._file)
        return good.withColumns({"revision_id": F.lit(revision.id), "revised_at": F.lit(revision.made_at)})

    def _keep_history(self, good: DataFrame) -> None:
        if self._source.server.reference is None:
            return
        table = lake.table_name(self._arguments.environment, Zone.CURATED, reference_table(self._source.name))
        reference.keep(self._spark, table, good, self._source, landing.revision_of(self._file).made_at)

    def _publish(self, good: DataFrame) -> int:
        if not self._source.publish:
            return 0
        replay_id = f"file-{digest(self._file.key, digits=KEY_DIGITS)}"
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
        self, verdict: quality.QualityVerdict, rules: Sequence[quality.RuleOutcome], *, received: int, rejected: int
    ) -> None:
        if not verdict.broken_file_rules:
            return
        broken = "; ".join(f"{rule.rule} ({rule.reason})" for rule in verdict.broken_file_rules)
        self._reject_file(
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
        file = digest(self._file.key, digits=KEY_DIGITS)
        key = f"data-quality/{self._source.name}/{self._now:%Y/%m/%d}/{self._run_id}-{file}.json"
        self._s3.put_object(
            Bucket=self._arguments.results_bucket,
            Key=key,
            Body=json.dumps(result).encode(),
            ContentType="application/json",
        )


def main() -> None:
    """Read the arguments and load the files."""
    runtime.start_logging("ingest_files")
    arguments = runtime.read_arguments(IngestArguments)
    ingest_all(runtime.spark_session(), arguments, run_id=runtime.glue_run_id(), clock=lambda: datetime.now(UTC))


if __name__ == "__main__":
    main()
