"""Glue job: load landed files, of each source the earliest first.

Arguments: environment, events_stream, quarantine_bucket, results_bucket, manifest (key of the list of files in the
results bucket). The first part of a file's path is its source.

Small files of one source are loaded together as long as they speak of different records; what one of them says of a
record of an earlier one is loaded after it. Files that are loaded together are judged, counted and reported each alone.

A file that is refused as a whole is copied to quarantine and recorded there, and the run succeeds, because another try
would change nothing. If a file cannot be ingested for any other reason, those that were loaded with it are tried again
alone, the run continues with the next file, and at its end fails with the names of the failed files.

A run can be repeated: rejections have stable ids, the raw table is merged by key, events get the same ids again, and
readers of the stream drop events that they already have.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core import contracts, landing
from c360_core.contracts import Source, Table
from c360_core.digests import digest
from c360_core.names import MAX_SOURCE_LENGTH, UNKNOWN_SOURCE_NAME, Zone, reference_table
from c360_core.projections import dqdl, row_count_rule
from glue_jobs.ingest_files import reference, transform
from glue_jobs.ingest_files.batches import Batch, disjoint
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
SMALL_BYTES: Final = 1 << 20  # a file of at most so many bytes is loaded together with others

Counts = Mapping[str, int]


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
) -> Mapping[str, Counts]:
    """Load the files of a run; return, by key, how many rows were received, loaded, rejected and published.

    Raises:
        FailedFilesError: some files failed; raised after all files were tried.
        ManifestError: the list of files cannot be read.
    """
    files = _listed(arguments)
    run = Run(spark, arguments, run_id=run_id, clock=clock)
    run.ingest(files)
    if run.failed:
        raise _failed(run.failed, len(files), arguments.manifest)
    return run.counts


def ingest(
    spark: SparkSession, file: landing.LandedFile, arguments: IngestArguments, *, run_id: str, now: datetime
) -> Counts:
    """Load a file and return how many rows were received, loaded, rejected and published.

    Raises:
        BrokenFileRuleError: a quality rule about the whole file failed; the file is in quarantine.
    """
    run = Run(spark, arguments, run_id=run_id, clock=lambda: now)
    run.ingest([file])
    for error in run.failed.values():
        raise error
    return run.counts[file.key]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyFile:
    """A landed file that can be read to its end.

    Attributes:
        file: the file.
        etag: version of the content that was read.
        small: it may be loaded together with others.
    """

    file: landing.LandedFile
    etag: str
    small: bool


class Run:
    """The ingestion of the files of one run: what became of each, and why some failed.

    Refused files are recorded together at the end: a commit for each would take longer than all else. They are copied
    to quarantine before, and a run that dies is repeated with the same files.
    """

    def __init__(
        self, spark: SparkSession, arguments: IngestArguments, *, run_id: str, clock: Callable[[], datetime]
    ) -> None:
        """Keep the session and the arguments.

        Args:
            spark: the session.
            arguments: of the job.
            run_id: id of the run.
            clock: gives the time.
        """
        self._spark = spark
        self._arguments = arguments
        self._run_id = run_id
        self._clock = clock
        self._known = contracts.load()
        self._s3 = aws.client("s3")
        self._quarantine = QuarantineWriter(
            spark, environment=arguments.environment, bucket=arguments.quarantine_bucket
        )
        self.counts: dict[str, Counts] = {}
        self.failed: dict[str, Exception] = {}

    def ingest(self, files: Sequence[landing.LandedFile]) -> None:
        """Load files; fill `counts`, by key, and `failed`, by location, both in the order of the files."""
        by_source: dict[tuple[str, str], list[landing.LandedFile]] = {}
        for file in files:
            by_source.setdefault((file.bucket, folder_of(file.key)), []).append(file)
        for of_source in by_source.values():
            for batch in self._batches(of_source):
                self._load(batch)
        self._quarantine.flush()
        for file in files:
            if file.key in self.counts:
                self.counts[file.key] = self.counts.pop(file.key)
                LOG.info("%s: %s", _location(file), json.dumps(self.counts[file.key]))
            if (location := _location(file)) in self.failed:
                self.failed[location] = self.failed.pop(location)

    def _batches(self, files: Sequence[landing.LandedFile]) -> Iterator[Sequence[ReadyFile]]:
        """Yield the files of a source that can be read, the small ones together, in their order."""
        batch: list[ReadyFile] = []
        for file in files:
            ready = self._ready(file)
            if ready is None:
                continue
            if batch and not (ready.small and batch[-1].small):
                yield batch
                batch = []
            batch.append(ready)
        if batch:
            yield batch

    def _ready(self, file: landing.LandedFile) -> ReadyFile | None:
        """Return a file if it can be read and loaded; otherwise say what became of it."""
        if landing.is_folder_mark(file.key) or landing.is_probe(file.key):
            LOG.info("%s represents a folder or a test of access; there is nothing to load", _location(file))
            self.counts[file.key] = NO_ROWS
            return None
        now = self._clock()
        try:
            source = file_source(file.key, self._known)
            _stop_at_ended_licence(source, now)
            return self._inspected(file, source, now)
        except RefusedFileError as error:
            self._refuse(file, error, now)
        except Exception as error:  # no fault of one file may stop the next
            self._fail(file, error)
        return None

    def _inspected(self, file: landing.LandedFile, source: Source, now: datetime) -> ReadyFile:
        """Read a file to its end, and note its columns that are not in the contract."""
        landed = self._s3.get_object(Bucket=file.bucket, Key=file.key)
        extra = inspect(landed["Body"].iter_chunks(transform.CHUNK_BYTES), _table(source), source.file_format)
        if extra:
            names = ", ".join(f"`{name}`" for name in extra)
            self._quarantine.add_file(
                self._context(file.key, now),
                file.bucket,
                file.key,
                code="EXTRA_COLUMN",
                reason=f"column {names} is not in the contract; its values were not loaded. Add it or stop sending it",
            )
        return ReadyFile(file=file, etag=landed["ETag"], small=landed["ContentLength"] <= SMALL_BYTES)

    def _load(self, batch: Sequence[ReadyFile]) -> None:
        """Load files together; if that fails, each alone, so that only those at fault fail."""
        files = [ready.file for ready in batch]
        try:
            self._load_together(batch)
        except Exception as error:  # no fault of one file may stop the next
            if len(files) == 1:
                self._fail(files[0], error)
                return
            LOG.warning("%d files could not be loaded together, each is loaded alone: %s", len(files), error)
            for file in files:
                if (again := self._ready(file)) is not None:
                    self._load([again])

    def _load_together(self, batch: Sequence[ReadyFile]) -> None:
        now = self._clock()
        source = file_source(batch[0].file.key, self._known)
        ingestion = Ingestion(
            self._spark,
            self._arguments,
            Batch([ready.file for ready in batch], [ready.etag for ready in batch], source),
            self._quarantine,
            self._context(batch[0].file.key, now),
        )
        self.counts.update(ingestion.run())

    def _context(self, key: str, now: datetime) -> Context:
        """Return the context of a file; without a contract it has the folder's name and the version of all of them."""
        name = folder_of(key)[:MAX_SOURCE_LENGTH] or UNKNOWN_SOURCE_NAME
        known = self._known
        version = known.sources[name].version if name in known.sources else known.version
        return Context(source=name, contract_version=version, received_at=now, run_id=self._run_id)

    def _refuse(self, file: landing.LandedFile, error: RefusedFileError, now: datetime) -> None:
        context = self._context(file.key, now)
        self._quarantine.add_file(context, file.bucket, file.key, code=error.code, reason=str(error))
        LOG.warning("%s refused: %s: %s", _location(file), error.code, error)
        self.counts[file.key] = FILE_REJECTED

    def _fail(self, file: landing.LandedFile, error: Exception) -> None:
        LOG.error("%s could not be ingested", _location(file), exc_info=error)
        self.failed[_location(file)] = error


def _table(source: Source) -> Table:
    if source.table is None:
        raise ValueError(f"contract {source.name} has no table; add its columns")
    return source.table


def _stop_at_ended_licence(source: Source, now: datetime) -> None:
    licence = source.licence
    if licence is not None and licence.has_ended(now.date()):
        raise RefusedFileError(
            "LICENCE_ENDED",
            f"the licence of {source.name} ended on {licence.ends}; end the subscription, or renew the "
            "licence, write its new date into the contract and send the file again",
        )


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is counted of one file."""

    received: int = 0
    checked: int = 0
    rejected: int = 0
    published: int = 0
    broken: dict[str, int] = field(default_factory=dict)  # rows by the rule that they break

    def counts(self) -> Counts:
        """Return how many rows were received, loaded, rejected and published."""
        loaded = self.received - self.rejected
        return {
            "received": self.received,
            "loaded": loaded,
            "rejected": self.rejected,
            "published": self.published,
        }

    def nothing_loaded(self) -> Counts:
        """Return the counts of a file that was refused after its rows were read."""
        return {"received": self.received, "loaded": 0, "rejected": self.rejected, "published": 0}


class Ingestion:
    """The ingestion of some files of one source, which are loaded together where they can be."""

    def __init__(
        self,
        spark: SparkSession,
        arguments: IngestArguments,
        batch: Batch,
        quarantine: QuarantineWriter,
        context: Context,
    ) -> None:
        """Keep the files, their contract, and the quarantine for rejections."""
        self._spark = spark
        self._arguments = arguments
        self._batch = batch
        self._source = batch.source
        self._table = _table(batch.source)
        self._raw = lake.table_name(arguments.environment, Zone.RAW, batch.source.name)
        self._quarantine = quarantine
        self._context = context
        self._run_id = context.run_id
        self._now = context.received_at
        self._s3 = aws.client("s3")
        self._tallies = [Tally() for _ in batch.files]
        self._refused: dict[int, RefusedFileError] = {}

    def run(self) -> Mapping[str, Counts]:
        """Load the files; return, by key, how many rows were received, loaded, rejected and published.

        Raises:
            BrokenFileRuleError: a quality rule about the whole file failed; the file is in quarantine.
        """
        rows = transform.read_rows(self._spark, self._landed(), self._table.file_columns).localCheckpoint()
        for number, code, reason in transform.unreadable(rows):
            self._refuse(number, RefusedFileError(code, reason))
        typed = transform.typed(rows, self._table, self._source.file_format, self._now).localCheckpoint()
        for group in disjoint(typed, self._table, self._standing(range(len(self._batch.files)))):
            self._load(transform.of_files(rows, group), transform.of_files(typed, group), group)
        return {
            file.key: FILE_REJECTED if number in self._refused else self._tallies[number].counts()
            for number, file in enumerate(self._batch.files)
        }

    def _landed(self) -> Sequence[transform.LandedRows]:
        return [
            transform.LandedRows(
                bucket=file.bucket,
                key=file.key,
                etag=etag,
                region=runtime.region(),
                source=self._source,
                number=number,
            )
            for number, (file, etag) in enumerate(zip(self._batch.files, self._batch.etags, strict=True))
        ]

    def _standing(self, numbers: Sequence[int]) -> Sequence[int]:
        return [number for number in numbers if number not in self._refused]

    def _location(self, number: int) -> str:
        return _location(self._batch.files[number])

    def _refuse(self, number: int, error: RefusedFileError) -> None:
        self._reject_file(number, error.code, str(error))
        LOG.warning("%s refused: %s: %s", self._location(number), error.code, error)
        self._refused[number] = error

    def _reject_file(self, number: int, code: str, reason: str) -> None:
        file = self._batch.files[number]
        self._quarantine.add_file(self._context, file.bucket, file.key, code=code, reason=reason)

    def _load(self, rows: DataFrame, typed: DataFrame, numbers: Sequence[int]) -> None:
        """Load the rows of files; each step is checkpointed, so that Spark does not repeat it and plans stay short."""
        candidates = transform.rows_to_check(typed)
        self._count(rows, "received")
        self._count(candidates, "checked")
        counted = {number: self._count_rules(number) for number in numbers}
        verdict = self._check(candidates)
        checked = candidates.join(verdict.failed_rows, transform.ROW, "left").localCheckpoint()
        bad = (
            transform.malformed_rows(rows)
            .unionByName(transform.rows_with_problems(typed))
            .unionByName(transform.repeated_rows(typed))
            .unionByName(transform.rows_breaking_rules(checked))
            .localCheckpoint()
        )
        self._count(bad, "rejected")
        if any(self._tallies[number].rejected for number in numbers):
            self._quarantine.add_rows(self._context, bad, place=transform.order_of(bad[transform.ROW]).cast("string"))
        self._count_broken(checked, verdict)
        rules = {number: (*counted[number], *self._outcomes(number, numbers, verdict)) for number in numbers}
        for number in numbers:
            self._stop_at_too_few_rows(number, counted[number], rules[number])
        self._stop_at_broken_file_rules(verdict, rules)
        standing = self._standing(numbers)
        passed = transform.of_files(checked.where(checked["failed_rules"].isNull()), standing)
        if any(self._tallies[number].counts()["loaded"] for number in standing):
            self._store(passed)
        for number in standing:
            self._write_result(number, rules[number], self._tallies[number].counts())
            if (tally := self._tallies[number]).received and tally.received == tally.rejected:
                LOG.warning(
                    "%s: all %d rows are in quarantine; nothing was loaded", self._location(number), tally.received
                )

    def _store(self, passed: DataFrame) -> None:
        stored = lake.current(self._spark, self._raw)
        good = transform.with_stated_at(passed, stored, self._source).localCheckpoint()
        self._merge(good)
        self._keep_history(good)
        self._publish(good)

    def _count(self, rows: DataFrame, what: str) -> None:
        """Count the rows of each file."""
        for row in rows.groupBy(transform.file_of(rows[transform.ROW]).alias("number")).count().collect():
            setattr(self._tallies[row["number"]], what, row["count"])

    def _count_broken(self, checked: DataFrame, verdict: quality.QualityVerdict) -> None:
        if not any(rule.failed for rule in verdict.rules):
            return
        broken = checked.select(transform.file_of(checked[transform.ROW]).alias("number"), F.explode("failed_rules"))
        for row in broken.groupBy("number", "col").count().collect():
            self._tallies[row["number"]].broken[row["col"]] = row["count"]

    def _count_rules(self, number: int) -> Sequence[quality.RuleOutcome]:
        """Check the rules about the number of rows against all received rows, not only the good ones.

        Otherwise a file with only bad rows, each with a reason of its own, would be rejected as empty.
        """
        received = self._tallies[number].received
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

    def _outcomes(
        self, number: int, numbers: Sequence[int], verdict: quality.QualityVerdict
    ) -> Sequence[quality.RuleOutcome]:
        """Return the outcome of each rule for one file of those that were judged together."""
        if len(numbers) == 1:
            return verdict.rules
        tally = self._tallies[number]
        if not tally.checked:
            return ()  # as of a file that is judged alone: no row, no rule
        return [
            quality.RuleOutcome(
                rule=rule.rule,
                outcome="Failed" if rule.rule in tally.broken else "Passed",
                reason=f"{tally.broken[rule.rule]} of {tally.checked} rows break it"
                if rule.rule in tally.broken
                else None,
                about_rows=True,
            )
            for rule in verdict.rules
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
        revisions = [landing.revision_of(file) for file in self._batch.files]
        return good.withColumns(
            {
                "revision_id": transform.by_file([revision.id for revision in revisions]),
                "revised_at": transform.by_file([revision.made_at for revision in revisions]),
            }
        )

    def _keep_history(self, good: DataFrame) -> None:
        if self._source.server.reference is None:
            return
        table = lake.table_name(self._arguments.environment, Zone.CURATED, reference_table(self._source.name))
        made_at = transform.by_file([landing.revision_of(file).made_at for file in self._batch.files])
        reference.keep(self._spark, table, good, self._source, made_at)

    def _publish(self, good: DataFrame) -> None:
        if not self._source.publish:
            return
        replay_ids = [f"file-{digest(file.key, digits=KEY_DIGITS)}" for file in self._batch.files]
        events = transform.events(
            good, self._source, received_at=self._now, replay_id=transform.by_file(replay_ids)
        ).localCheckpoint()
        streams.send(events, self._arguments.events_stream)
        self._count(events, "published")

    def _stop_at_too_few_rows(
        self, number: int, counted: Sequence[quality.RuleOutcome], rules: Sequence[quality.RuleOutcome]
    ) -> None:
        broken = "; ".join(f"{rule.rule} ({rule.reason})" for rule in counted if rule.failed)
        if broken:
            self._write_result(number, rules, self._tallies[number].nothing_loaded())
            self._refuse(
                number,
                RefusedFileError(
                    "QUALITY_RULE", f"the file breaks the contract's rule {broken}; send the whole export again"
                ),
            )

    def _stop_at_broken_file_rules(
        self, verdict: quality.QualityVerdict, rules: Mapping[int, Sequence[quality.RuleOutcome]]
    ) -> None:
        if not verdict.broken_file_rules:
            return
        broken = "; ".join(f"{rule.rule} ({rule.reason})" for rule in verdict.broken_file_rules)
        if len(rules) > 1:
            raise BrokenFileRuleError(f"files that were judged together: {broken}")  # each is judged alone then
        for number in self._standing(list(rules)):
            self._reject_file(
                number,
                "QUALITY_RULE",
                f"the file breaks the contract's rule {broken}; correct the file and send it again",
            )
            self._write_result(number, rules[number], self._tallies[number].nothing_loaded())
            raise BrokenFileRuleError(
                f"{self._location(number)}: {broken}; nothing was loaded, the file is in quarantine"
            )

    def _write_result(self, number: int, rules: Sequence[quality.RuleOutcome], counts: Counts) -> None:
        result = {
            "source": self._source.name,
            "contract_version": self._source.version,
            "file": self._location(number),
            "run_id": self._run_id,
            "evaluated_at": self._now.isoformat(timespec="milliseconds"),
            "rows": counts,
            "rules": [asdict(rule) for rule in rules],
        }
        file = digest(self._batch.files[number].key, digits=KEY_DIGITS)
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
