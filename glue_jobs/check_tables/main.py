"""Glue job: check the tables of the raw and curated zones, and say of each whether it may be published.

Arguments: environment; event_bus; tables: `all`, or names such as `raw.interactions` with commas; window_days: of a
table of events the rows of so many days are looked at, all of any other; and the tolerances (see `Tolerance`).

Each table is held against the rules of its contract, in DQDL, and against its own history: rows, shares of empty
values, age of the newest data. What came of each rule is a row of products.quality_results, which is also the history
of the next check. Each table gets an event on the bus, and a metric. A table that failed does not fail the run, and
what depends on it is not published: dbt asks the results.

A run that is repeated adds a second check of the same day; of each day the last one counts.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core import contracts, projections
from c360_core.contracts import Table
from c360_core.names import (
    METRIC_NAMESPACE,
    QUALITY_EVENT,
    QUALITY_METRIC,
    QUALITY_SOURCE,
    RECOVERED,
    QualityKind,
    QualityOutcome,
    TableName,
    Zone,
)
from glue_jobs.check_tables.expectations import Expectation, History, Measures, Remembered, Tolerance, expectations
from glue_jobs.shared import aws, lake, quality, runtime

LOG = logging.getLogger("check_tables")
ALL: Final = "all"
ZONES: Final = (Zone.RAW, Zone.CURATED)
REMEMBERED: Final = timedelta(days=60)  # enough for ten days of checks, however often somebody missed one
EVENTS_AT_ONCE: Final = 10  # the most that PutEvents takes
RULES_IN_EVENT: Final = 20  # an event has at most 256 KB
NESTED: Final = ("array", "map", "object")
MAX_FAILURE_LENGTH: Final = 300
WRITES: Final = ("append", "overwrite")  # operations of Iceberg that bring data; compaction replaces


class CheckError(RuntimeError):
    """Some tables could not be checked, the others were; the message lists them with their reasons."""


class UnknownTableError(ValueError):
    """A run was asked for a table that is not checked; the message names those that are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckArguments:
    """Arguments from the template (all but `tables`) and from the run."""

    environment: str
    event_bus: str
    tables: str = ALL
    window_days: str = "3"
    volume_percent: str = "50"
    null_points: str = "20"
    slack_hours: str = "12"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one rule."""

    kind: QualityKind
    rule: str | None
    outcome: QualityOutcome
    column: str | None = None
    measured: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a table.

    Attributes:
        table: the table.
        rules: of each rule.
        failed_before: the check before this one found a fault.
    """

    table: Table
    rules: Sequence[Judged]
    failed_before: bool

    @property
    def dataset(self) -> str:
        """Zone and name."""
        return dataset(self.table)

    @property
    def failures(self) -> list[Judged]:
        """The rules that the table breaks."""
        return [rule for rule in self.rules if rule.outcome is QualityOutcome.FAILED]

    @property
    def outcome(self) -> str:
        """`failed`, `recovered`, `passed`, or `learning` while nothing could be judged."""
        if self.failures:
            return QualityOutcome.FAILED
        if self.failed_before:
            return RECOVERED
        judged = any(rule.outcome is QualityOutcome.PASSED for rule in self.rules)
        return QualityOutcome.PASSED if judged else QualityOutcome.LEARNING


def dataset(table: Table) -> str:
    """Return how messages name a table."""
    return f"{table.zone}.{table.name}"


def check_all(spark: SparkSession, arguments: CheckArguments, *, run_id: str, now: datetime) -> list[Verdict]:
    """Check the tables, keep the results, tell the bus, and return the verdicts.

    Raises:
        CheckError: some tables could not be checked; raised after all were tried, and the others' results were kept.
        UnknownTableError: the run asks for a table that is not checked.
    """
    results = lake.table_name(arguments.environment, Zone.PRODUCTS, TableName.QUALITY_RESULTS)
    history = lake.current(spark, results).where(F.col("evaluated_at") >= F.lit(now - REMEMBERED)).cache()
    verdicts: list[Verdict] = []
    broken: dict[str, str] = {}
    for table in asked(arguments.tables):
        try:
            verdict = _check(spark, table, arguments, _history(history, table), now)
        except Exception as error:  # no table may keep another from its check
            LOG.exception("%s could not be checked", dataset(table))
            broken[dataset(table)] = f"{type(error).__name__}: {str(error)[:MAX_FAILURE_LENGTH]}"
            continue
        LOG.info("%s: %s %s", verdict.dataset, verdict.outcome, [rule.rule for rule in verdict.failures])
        verdicts.append(verdict)
    if verdicts:
        _keep(spark, verdicts, results, run_id, now)
        _tell(verdicts, arguments, run_id, now)
    history.unpersist()
    if broken:
        listed = "; ".join(f"{name}: {reason}" for name, reason in broken.items())
        raise CheckError(f"{len(broken)} tables could not be checked, the others were. {listed}")
    return verdicts


def asked(tables: str) -> list[Table]:
    """Return the tables of `all`, or those that are named, such as `raw.interactions,curated.profiles`.

    Raises:
        UnknownTableError: one of them is not checked.
    """
    checked = {dataset(table): table for table in contracts.load().lake_tables() if table.zone in ZONES}
    if tables == ALL:
        return list(checked.values())
    names = [name.strip() for name in tables.split(",")]
    if unknown := [name for name in names if name not in checked]:
        raise UnknownTableError(f"{', '.join(unknown)}: not checked; use `{ALL}` or some of {', '.join(checked)}")
    return [checked[name] for name in names]


def _check(
    spark: SparkSession, table: Table, arguments: CheckArguments, past: tuple[list[Remembered], bool], now: datetime
) -> Verdict:
    checks, failed_before = past
    name = lake.table_name(arguments.environment, table.zone, table.name)
    rows = lake.current(spark, name)
    looked_at = _window(rows, table, now - timedelta(days=int(arguments.window_days))).cache()
    found = _measure(spark, looked_at, rows, table, name)
    expected = expectations(
        found,
        History(checks=checks, today=now.date()),
        now=now,
        cadence_seconds=table.cadence_seconds,
        tolerance=Tolerance(
            volume_percent=int(arguments.volume_percent),
            null_points=int(arguments.null_points),
            slack_hours=int(arguments.slack_hours),
        ),
    )
    judged = list(_judge(looked_at, table, expected, rows=found.rows))
    looked_at.unpersist()
    return Verdict(table=table, rules=judged, failed_before=failed_before)


def _window(rows: DataFrame, table: Table, since: datetime) -> DataFrame:
    """Return the rows to look at: of events the latest, which are as many every day; of anything else all."""
    column = event_time(table)
    return rows if column is None or table.partition is None else rows.where(F.col(column) >= F.lit(since))


def event_time(table: Table) -> str | None:
    """Return the time at which a row of a streamed table arrived; None for a table that is loaded by batches."""
    if table.cadence_seconds or table.file_columns:
        return None
    if table.partition:
        return table.partition.removeprefix("day(").removesuffix(")")
    return next((field.name for field in table.fields if field.required and field.logical_type == "timestamp"), None)


def _measure(spark: SparkSession, looked_at: DataFrame, rows: DataFrame, table: Table, name: str) -> Measures:
    optional = [field.name for field in table.fields if not field.required]
    counts = looked_at.agg(F.count("*").alias("n"), *[F.count(F.col(column)).alias(column) for column in optional])
    counted = counts.collect()[0].asDict()
    total = int(counted.pop("n"))
    nulls = {column: 1 - count / total for column, count in counted.items()} if total else {}
    column = event_time(table)
    newest = rows.agg(F.max(column)).collect()[0][0] if column else last_load(spark, table, name)
    return Measures(rows=total, nulls=nulls, newest=newest.replace(tzinfo=UTC) if newest else None)


def last_load(spark: SparkSession, table: Table, name: str) -> datetime | None:
    """Return when a batch was last loaded, also one that changed no row.

    Where a retention deletes rows, a commit that leaves fewer is no load: batches there only add and change them.
    """
    loads = spark.table(f"{name}.snapshots").where(F.col("operation").isin(*WRITES))
    if table.retention is not None:
        added, deleted = (
            F.coalesce(F.col("summary")[of].cast("long"), F.lit(0)) for of in ("added-records", "deleted-records")
        )
        loads = loads.where(added >= deleted)
    newest: datetime | None = loads.agg(F.max("committed_at")).collect()[0][0]
    return newest


def _judge(rows_of: DataFrame, table: Table, expected: Sequence[Expectation], *, rows: int) -> Iterator[Judged]:
    """Yield what came of each rule; the evaluator says nothing of a table without rows."""
    asked_in_dqdl = {one.rule: one for one in expected if one.rule and one.kind is not QualityKind.FRESHNESS}
    said: dict[str, quality.RuleOutcome] = {}
    if rows:
        rules = [*projections.dqdl_at_rest(table), *asked_in_dqdl]
        outcomes = quality.judge(_flat(rows_of, table), projections.ruleset(rules), name=dataset(table))
        said = {outcome.rule: outcome for outcome in outcomes}
        for outcome in outcomes:
            if outcome.rule not in asked_in_dqdl:
                yield Judged(
                    kind=QualityKind.CONTRACT,
                    rule=outcome.rule,
                    outcome=QualityOutcome.FAILED if outcome.failed else QualityOutcome.PASSED,
                    reason=outcome.reason,
                )
    for one in expected:
        found = said.get(one.rule or "")
        failed = found.failed if found else not one.holds
        learned = QualityOutcome.FAILED if failed else QualityOutcome.PASSED
        yield Judged(
            kind=one.kind,
            rule=one.rule,
            outcome=learned if one.rule else QualityOutcome.LEARNING,
            column=one.column,
            measured=one.measured,
            reason=(found.reason if found else f"it is {one.measured:g}") if failed else None,
        )


def _flat(rows: DataFrame, table: Table) -> DataFrame:
    """Return the rows with lists and maps as texts: DQDL reads neither."""
    nested = {field.name: F.to_json(field.name) for field in table.fields if field.logical_type in NESTED}
    return rows.withColumns(nested) if nested else rows


def _history(results: DataFrame, table: Table) -> tuple[list[Remembered], bool]:
    """Return the earlier checks of a table, and whether the last of them failed."""
    of_table = results.where((F.col("zone") == str(table.zone)) & (F.col("table_name") == table.name))
    rows = of_table.select("evaluated_at", "kind", "column_name", "outcome", "measured").collect()
    last = max((row["evaluated_at"] for row in rows), default=None)
    failed = any(row["evaluated_at"] == last and row["outcome"] == QualityOutcome.FAILED for row in rows)
    checks = [
        Remembered(
            at=row["evaluated_at"].replace(tzinfo=UTC),
            kind=QualityKind(row["kind"]),
            column=row["column_name"],
            outcome=QualityOutcome(row["outcome"]),
            measured=float(row["measured"]),
        )
        for row in rows
        if row["measured"] is not None
    ]
    return checks, failed


def _keep(spark: SparkSession, verdicts: Sequence[Verdict], results: str, run_id: str, now: datetime) -> None:
    rows = [
        {
            "run_id": run_id,
            "evaluated_at": now,
            "zone": str(verdict.table.zone),
            "table_name": verdict.table.name,
            "kind": str(rule.kind),
            "column_name": rule.column,
            "rule": rule.rule,
            "outcome": str(rule.outcome),
            "measured": None if rule.measured is None else Decimal(f"{rule.measured:.6f}"),
            "reason": rule.reason,
        }
        for verdict in verdicts
        for rule in verdict.rules
    ]
    spark.createDataFrame(rows, spark.table(results).schema).coalesce(1).writeTo(results).append()


def _tell(verdicts: Sequence[Verdict], arguments: CheckArguments, run_id: str, now: datetime) -> None:
    """Tell the bus of each table, and count the failed rules."""
    entries = [_event(verdict, arguments, run_id, now) for verdict in verdicts]
    bus = aws.client("events")
    for first in range(0, len(entries), EVENTS_AT_ONCE):
        answer = bus.put_events(Entries=entries[first : first + EVENTS_AT_ONCE])
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the bus {arguments.event_bus} refused events of checks: {answer['Entries']}")
    aws.client("cloudwatch").put_metric_data(
        Namespace=METRIC_NAMESPACE,
        MetricData=[
            {
                "MetricName": QUALITY_METRIC,
                "Dimensions": [
                    {"Name": "Environment", "Value": arguments.environment},
                    {"Name": "Dataset", "Value": verdict.dataset},
                ],
                "Timestamp": now,
                "Value": len(verdict.failures),
                "Unit": "Count",
            }
            for verdict in verdicts
        ],
    )


def _event(verdict: Verdict, arguments: CheckArguments, run_id: str, now: datetime) -> dict[str, Any]:
    detail = {
        "environment": arguments.environment,
        "dataset": verdict.dataset,
        "outcome": str(verdict.outcome),
        "run_id": run_id,
        "failed_rules": [rule.rule for rule in verdict.failures[:RULES_IN_EVENT]],
    }
    return {
        "Time": now,
        "Source": QUALITY_SOURCE,
        "DetailType": QUALITY_EVENT,
        "Detail": json.dumps(detail),
        "EventBusName": arguments.event_bus,
    }


def main() -> None:
    """Read the arguments and check the tables."""
    runtime.start_logging("check_tables")
    arguments = runtime.read_arguments(CheckArguments)
    check_all(runtime.spark_session(), arguments, run_id=runtime.glue_run_id(), now=datetime.now(UTC))


if __name__ == "__main__":
    main()
