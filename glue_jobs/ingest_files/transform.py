"""From the text of a file to typed rows, rejections and events: frames in, frames out.

A frame has the rows of some files of one source. Besides the columns of the contract, it has `_row` (the number of the
file, and within it the order of the row, from 1; see `file_of` and `order_of`), `_place` (what a reason calls the row),
`_body` (the row as received, a JSON object), and where the row comes from: `source_file` and `source_row`. If a row
could not be split into columns, `_body` is its raw text, and `_code` and `_reason` say why.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from c360_core.contracts import Field, FileFormat, Publish, Source, Table
from c360_core.identity.keys import ordering_types, phone_to_send, usable
from c360_core.names import IdentifierType
from c360_core.projections import DATE_PATTERN, UTC_PATTERN, spark_type
from glue_jobs.ingest_files import landed_file
from glue_jobs.ingest_files.row import UNREADABLE_ROW
from glue_jobs.shared import aws
from glue_jobs.shared.digests import digest

ROW: Final = "_row"
PLACE: Final = "_place"
SOURCE_FILE: Final = "source_file"
SOURCE_ROW: Final = "source_row"
WITHIN: Final = "!/"  # between an object's key and the name of a file within it, as in Java's addresses of archives
BODY: Final = "_body"
CODE: Final = "_code"
REASON: Final = "_reason"
CHUNK_BYTES: Final = 1 << 20
PROBLEMS: Final = "_problems"
FIRST: Final = "_first"
STATED_AT: Final = "stated_at"
ISO_MILLISECONDS: Final = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"
SCHEMA_VERSION: Final = 1
ORDER_BITS: Final = 40  # of `_row`; those above are the number of the file
NUMBER: Final = "_number"
# A phone number as it is sent, and as it enters the event's id: as typed, unless readers of the event would read it as
# another number. So an id does not depend on our format of numbers, and a number that is read differently from before
# gives a new event.
NUMBER_SCHEMA: Final = "sent: STRING, identifying: STRING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The text form of a logical type, and the fix for other texts."""

    pattern: str | None
    name: str
    fix: str


FORMS: Final = {
    "string": Form(pattern=None, name="text", fix=""),
    "integer": Form(pattern="^[+-]?[0-9]{1,18}$", name="a whole number", fix="send digits only, such as 42"),
    "number": Form(pattern="^[+-]?[0-9]{1,20}([.][0-9]+)?$", name="a decimal number", fix="send it as 12.50"),
    "boolean": Form(pattern="^(true|false)$", name="true or false", fix="send true or false, or leave it empty"),
    "date": Form(pattern=DATE_PATTERN, name="a date", fix="send it as 2026-03-01"),
    "timestamp": Form(pattern=UTC_PATTERN, name="a time with an offset", fix="send it as 2026-03-01T09:30:00Z"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedRows:
    """The rows of one landed object, read on an executor by its exact key, in the version that was checked.

    Attributes:
        bucket: its bucket.
        key: its key.
        etag: version of the content; a later version has an ingestion of its own.
        region: region of the bucket; an executor has no default.
        source: the contract of its source.
        number: of the file among those that are loaded together.
    """

    bucket: str
    key: str
    etag: str
    region: str
    source: Source
    number: int = 0

    def read(self) -> Iterator[tuple[Any, ...]]:
        """Yield the texts of the contract's columns, code, reason, body, `_row`, place, file and row of each row."""
        table = self.source.table
        if table is None:
            return
        s3 = aws.client("s3", region=self.region)
        body = s3.get_object(Bucket=self.bucket, Key=self.key, IfMatch=self.etag)["Body"]
        found = landed_file.rows(body.iter_chunks(CHUNK_BYTES), table, self.source.file_format)
        first = self.number << ORDER_BITS
        for number, row in enumerate(found, start=1):
            place, file = f"row {row.number}", self.key
            if row.member is not None:
                place, file = f"{place} of `{row.member}`", f"{file}{WITHIN}{row.member}"
            order = UNREADABLE_ROW if row.number == UNREADABLE_ROW else number
            yield (*row.values, row.code, row.reason, row.body, first + order, place, file, row.number)


def file_of(row: Column) -> Column:
    """Return the number of the file of a `_row`."""
    return F.shiftright(row, ORDER_BITS).cast("int")


def order_of(row: Column) -> Column:
    """Return the order of a `_row` within its file; 1 is its first row."""
    return row.bitwiseAND(F.lit((1 << ORDER_BITS) - 1))


def of_files(frame: DataFrame, numbers: Sequence[int]) -> DataFrame:
    """Return the rows of some files."""
    return frame.where(file_of(F.col(ROW)).isin([*numbers]))


def by_file(values: Sequence[str | datetime]) -> Column:
    """Return a value of each row's file; `values` are in the order of the files."""
    return F.array(*[F.lit(value) for value in values])[file_of(F.col(ROW))]


def read_rows(spark: SparkSession, landed: Sequence[LandedRows], expected: Sequence[str]) -> DataFrame:
    """Return the rows of files as texts, with `_code` and `_reason`; one task reads those of a file in order."""
    texts = ", ".join(f"`{name}` STRING" for name in [*expected, CODE, REASON, BODY])
    schema = f"{texts}, {ROW} BIGINT, {PLACE} STRING, {SOURCE_FILE} STRING, {SOURCE_ROW} BIGINT"
    context = spark.sparkContext
    lines = context.parallelize(landed, min(len(landed), context.defaultParallelism)).flatMap(LandedRows.read)
    return spark.createDataFrame(lines, schema, verifySchema=False)


def unreadable(rows: DataFrame) -> Sequence[tuple[int, str, str]]:
    """Return number, code and reason of the files that could not be read to their end."""
    ends = rows.where(order_of(F.col(ROW)) == UNREADABLE_ROW)
    return [tuple(row) for row in ends.select(file_of(F.col(ROW)), CODE, REASON).collect()]


def malformed_rows(rows: DataFrame) -> DataFrame:
    """Return code, reason, `_row` and body of the rows that cannot be split into the columns of the header."""
    bad = rows.where(F.col(CODE).isNotNull())
    return bad.select(F.col(CODE).alias("code"), F.col(REASON).alias("reason"), ROW, F.col(BODY).alias("body"))


def typed(rows: DataFrame, table: Table, file_format: FileFormat, loaded_at: datetime) -> DataFrame:
    """Return the well-formed rows in the contract's types, with `_row`, `_body`, `_problems` and `_first`.

    `_problems` is an array of code and reason; `_first` has `_row` and `_place` of the first row with the same body.
    """
    fields = [table.field(name) for name in table.file_columns]
    problems = F.array_compact(F.array(*[_problem(field, file_format) for field in fields]))
    return rows.where(F.col(CODE).isNull()).select(
        *[F.expr(f"try_cast(`{field.name}` AS {spark_type(field)})").alias(field.name) for field in fields],
        F.lit(loaded_at).alias("loaded_at"),
        SOURCE_FILE,
        SOURCE_ROW,
        ROW,
        PLACE,
        BODY,
        problems.alias(PROBLEMS),
        F.min(F.struct(ROW, PLACE)).over(Window.partitionBy(file_of(F.col(ROW)), BODY)).alias(FIRST),
    )


def _problem(field: Field, file_format: FileFormat) -> Column:
    """Return the problem of a column in a row, a struct of code and reason; null if it has none."""
    text, form = F.col(field.name), FORMS[field.logical_type]
    ways = " or ".join([form.fix, *_further_forms(field.logical_type, file_format)])
    empty = f"column `{field.name}` is required but empty; send a value"
    wrong = F.format_string(
        f"column `{field.name}`: a text of %d characters is not {form.name}; {ways}", F.length(text)
    )
    problem = F.when(text.isNull() & F.lit(field.required), _finding("MISSING_FIELD", F.lit(empty)))
    if form.pattern is not None:
        converted = F.expr(f"try_cast(`{field.name}` AS {spark_type(field)})")
        fits = text.rlike(form.pattern) & converted.isNotNull()
        problem = problem.when(text.isNotNull() & ~fits, _finding("WRONG_TYPE", wrong))
    return problem


def _further_forms(logical_type: str, file_format: FileFormat) -> tuple[str, ...]:
    """Return the forms that the contract allows besides ours, as written in its file format."""
    words = (*file_format.true_words, *file_format.false_words)
    forms = {"date": file_format.date_formats, "timestamp": file_format.timestamp_formats, "boolean": words}
    return forms.get(logical_type, ())


def _finding(code: str, reason: Column) -> Column:
    return F.struct(F.lit(code).alias("code"), reason.alias("reason"))


def rows_to_check(frame: DataFrame) -> DataFrame:
    """Return the typed rows without problems, each once."""
    return frame.where((F.size(PROBLEMS) == 0) & (F.col(ROW) == F.col(FIRST)[ROW]))


def rows_with_problems(frame: DataFrame) -> DataFrame:
    """Return code, reason, `_row` and body of rows with problems; the code is that of the first, the reason has all."""
    reasons = F.concat_ws("; ", F.col(f"{PROBLEMS}.reason"))
    return frame.where(F.size(PROBLEMS) > 0).select(
        F.col(PROBLEMS)[0]["code"].alias("code"), reasons.alias("reason"), ROW, F.col(BODY).alias("body")
    )


def repeated_rows(frame: DataFrame) -> DataFrame:
    """Return code, reason, `_row` and body of rows with the same body as an earlier row of the file."""
    reason = F.format_string("%s repeats %s, which counts; send each row once", PLACE, F.col(FIRST)[PLACE])
    repeated = frame.where((F.size(PROBLEMS) == 0) & (F.col(ROW) > F.col(FIRST)[ROW]))
    return repeated.select(F.lit("QUALITY_RULE").alias("code"), reason.alias("reason"), ROW, F.col(BODY).alias("body"))


def rows_breaking_rules(checked: DataFrame) -> DataFrame:
    """Return code, reason, `_row` and body of rows with `failed_rules`; the reason quotes these rules."""
    rules = F.concat_ws(" and ", "failed_rules")
    reason = F.concat(F.lit("breaks the contract's rule "), rules, F.lit("; correct the row"))
    broken = checked.where(F.col("failed_rules").isNotNull())
    return broken.select(F.lit("QUALITY_RULE").alias("code"), reason.alias("reason"), ROW, F.col(BODY).alias("body"))


def events(frame: DataFrame, source: Source, *, received_at: datetime, replay_id: Column) -> DataFrame:
    """Return `partition_key` and `data` (the event as JSON) of every event of the rows, with `_row`.

    Events that by the contract were too old to act on at `received_at` carry the `replay_id`.
    """
    key = _key(source)
    published = [_published(frame, source, key, publish, received_at, replay_id) for publish in source.publish]
    first, *others = published
    for other in others:
        first = first.unionByName(other)
    return first


def with_stated_at(frame: DataFrame, stored: DataFrame, source: Source) -> DataFrame:
    """Add `stated_at` if the contract asks for it: since when each row has stated its published values.

    It is the source's own time, unless the row differs from the stored one although that time did not change. Then it
    is the row's time of change, but at least a millisecond after the former statement, so that the newer one wins. It
    is stored with the row, so that a file loaded again gives the same times.

    Args:
        frame: good rows.
        stored: the raw table without these rows.
        source: the contract of both.
    """
    publish = next((each for each in source.publish if each.changed_at), None)
    if publish is None:
        return frame
    key = _key(source)
    before = stored.select(
        F.col(key).alias("_key"),
        _statement(publish).alias("_statement"),
        F.coalesce("stated_at", _time(publish.occurred_at)).alias("_stated"),
        _time(publish.changed_at).alias("_changed"),
    )
    at, changed_at = _time(publish.occurred_at), _time(publish.changed_at)
    fresh = F.col("_stated").isNull() | (changed_at < F.col("_changed"))  # an older file keeps its own time
    moved_on = F.greatest(changed_at, F.expr("_stated + INTERVAL '0.001' SECOND"))
    stated_at = (
        F.when(fresh | (at > F.col("_stated")), at)
        .when(_statement(publish) != F.col("_statement"), moved_on)
        .otherwise(F.col("_stated"))
    )
    joined = frame.join(before, F.col(key) == F.col("_key"), "left")
    return joined.select(*frame.columns, stated_at.alias(STATED_AT))


def _statement(publish: Publish) -> Column:
    """Return the published payload of a row as text; null if the row publishes nothing."""
    return F.when(F.expr(publish.when), F.to_json(_payload(publish)))


def _time(sql: str | None) -> Column:
    return F.expr(f"CAST({sql} AS TIMESTAMP)")


def _payload(publish: Publish) -> Column:
    return F.struct(*[F.expr(sql).alias(name) for name, sql in sorted(publish.payload.items())])


def _key(source: Source) -> str:
    key = source.table.key if source.table else None
    if key is None:
        raise ValueError(f"contract {source.name}: no column is marked `unique`; mark the key of its records")
    return key


def _published(
    frame: DataFrame, source: Source, key: str, publish: Publish, received_at: datetime, replay_id: Column
) -> DataFrame:
    at = F.col(STATED_AT) if publish.changed_at else _time(publish.occurred_at)
    rows = frame.where(F.expr(publish.when)).withColumn("_at", at).withColumn(NUMBER, _number(source, publish))
    identifying = _identifiers(publish, F.col(NUMBER)["identifying"])
    content = F.struct(identifying.alias("identifiers"), _payload(publish).alias("payload"))
    parts = [F.lit(source.name), F.col(key), F.lit(publish.id_suffix), F.unix_millis("_at").cast("string")]
    identity = parts if publish.happens_once else [*parts, F.to_json(content)]
    event_id = F.concat(F.lit("f_"), digest(*identity))
    event = F.struct(
        event_id.alias("event_id"),
        F.lit(publish.event_type).alias("event_type"),
        F.lit(source.name).alias("source"),
        F.lit(SCHEMA_VERSION).alias("schema_version"),
        F.date_format("_at", ISO_MILLISECONDS).alias("occurred_at"),
        F.date_format(F.lit(received_at), ISO_MILLISECONDS).alias("received_at"),
        F.when(_is_history(F.col("_at"), source, received_at), replay_id).alias("replay_id"),
        _identifiers(publish, F.col(NUMBER)["sent"]).alias("identifiers"),
        _payload(publish).alias("payload"),
    )
    key_of_event = _partition_key(source, publish, event_id).alias("partition_key")
    return rows.select(key_of_event, F.to_json(event).alias("data"), ROW)


def _is_history(at: Column, source: Source, received_at: datetime) -> Column:
    """Return whether an event is history. Its age decides, not its file: a full export repeats the past every day."""
    if source.live_within_hours == 0:
        return F.lit(True)  # noqa: FBT003  # a SQL literal
    return at < F.lit(received_at - timedelta(hours=source.live_within_hours))


def _number(source: Source, publish: Publish) -> Column:
    """Return the phone number, read in the row's country, in both forms; null if the event has none."""
    sql = publish.identifiers.get(IdentifierType.PHONE)
    if sql is None or source.table is None:
        return F.lit(None).cast(f"STRUCT<{NUMBER_SCHEMA}>")
    country = next((field.name for field in source.table.fields if field.identity_role == "country"), None)
    country_of_row = F.lit(None) if country is None else F.col(country)
    read = F.udf(_read_number, NUMBER_SCHEMA)
    return read(F.expr(sql).cast("string"), country_of_row.cast("string"), F.lit(source.default_country))


def _read_number(raw: str | None, country: str | None, default_country: str) -> tuple[str | None, str | None]:
    if raw is None:
        return None, None
    sent = phone_to_send(raw, country, default_country)
    as_typed, as_sent = (usable({IdentifierType.PHONE: [number] if number else []}) for number in (raw, sent))
    return sent, raw if as_typed == as_sent else sent


def _identifiers(publish: Publish, number: Column) -> Column:
    given = sorted(publish.identifiers.items())
    values = [(kind, number if kind == IdentifierType.PHONE else F.expr(sql).cast("string")) for kind, sql in given]
    return F.struct(*[F.when(value.isNotNull(), F.array(value)).alias(kind) for kind, value in values])


def _partition_key(source: Source, publish: Publish, event_id: Column) -> Column:
    """Return the visitor, or else the contract's identifier, the strongest identifier or the event's id."""
    kinds = ordering_types(source.partition_key)
    values: Iterable[Column] = [
        F.expr(publish.identifiers[kind]).cast("string") for kind in kinds if kind in publish.identifiers
    ]
    return F.coalesce(*values, event_id)
