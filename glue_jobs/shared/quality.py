"""Data quality rules in DQDL, the language of Glue Data Quality, with a result for each row.

Inside Glue, its own evaluator runs and publishes to the Data Quality console and to CloudWatch. Elsewhere Deequ runs,
the library that Glue's evaluator is built on, with the same parser. Both add the same columns to the rows.
"""

import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

FAILED_RULES: Final = "DataQualityRulesFail"
PASSED_RULES: Final = "DataQualityRulesPass"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """The result of one rule.

    Attributes:
        rule: text of the rule.
        outcome: `Passed` or `Failed`.
        reason: why the rule failed.
        about_rows: whether the rule fails single rows; otherwise it is about the whole file.
    """

    rule: str
    outcome: str
    reason: str | None
    about_rows: bool

    @property
    def failed(self) -> bool:
        """True if the rule did not pass."""
        return self.outcome != "Passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityVerdict:
    """The result of a ruleset.

    Attributes:
        rules: every rule, in no order that can be relied on.
        failed_rows: only rows that broke a rule: the row id and `failed_rules`, an array of rule texts.
    """

    rules: Sequence[RuleOutcome]
    failed_rows: DataFrame

    @property
    def broken_file_rules(self) -> tuple[RuleOutcome, ...]:
        """Failed rules about the whole file."""
        return tuple(rule for rule in self.rules if rule.failed and not rule.about_rows)


Evaluator = Callable[[DataFrame, str, str], tuple[DataFrame, DataFrame]]


def evaluate(frame: DataFrame, ruleset: str, *, row_id: str, name: str, bad_rows: Sequence[str] = ()) -> QualityVerdict:
    """Run a ruleset over a frame.

    Args:
        frame: the rows, with a column that identifies each.
        ruleset: DQDL text.
        row_id: the column that identifies a row.
        name: evaluation context, for the console.
        bad_rows: SQL conditions of rules that count bad rows; DQDL only counts them, and the condition finds them.

    An empty frame breaks no rule about rows, although in Deequ each would fail (`IsComplete` of no rows fails).
    """
    if frame.isEmpty():
        return QualityVerdict(
            rules=(), failed_rows=frame.select(row_id, F.array().cast("array<string>").alias("failed_rules"))
        )
    frame.createOrReplaceTempView("primary")  # CustomSql reads the rows under this name
    outcomes, judged = _evaluator()(frame, ruleset, name)
    judged = judged.localCheckpoint()
    touched = judged.select(F.explode(F.array_union(PASSED_RULES, FAILED_RULES)).alias("rule")).distinct()
    with_rows = {row["rule"] for row in touched.collect()}
    rules = tuple(
        RuleOutcome(
            rule=row["Rule"],
            outcome=row["Outcome"],
            reason=row["FailureReason"],
            about_rows=row["Rule"] in with_rows or any(condition in row["Rule"] for condition in bad_rows),
        )
        for row in outcomes.select("Rule", "Outcome", "FailureReason").collect()
    )
    return QualityVerdict(rules=rules, failed_rows=_failed_rows(judged, rules, row_id, bad_rows))


def judge(frame: DataFrame, ruleset: str, *, name: str) -> Sequence[RuleOutcome]:
    """Run a ruleset over a frame that has rows, without a result for each of them.

    Args:
        frame: the rows.
        ruleset: DQDL text.
        name: evaluation context, for the console.
    """
    frame.createOrReplaceTempView("primary")  # CustomSql reads the rows under this name
    outcomes = (_judged_in_glue if _in_glue_itself() else _judged_with_deequ)(frame, ruleset, name)
    return [
        RuleOutcome(rule=row["Rule"], outcome=row["Outcome"], reason=row["FailureReason"], about_rows=False)
        for row in outcomes.select("Rule", "Outcome", "FailureReason").collect()
    ]


def _judged_with_deequ(frame: DataFrame, ruleset: str, name: str) -> DataFrame:  # noqa: ARG001  # one signature
    return _deequ(frame).process(frame.sparkSession, frame, ruleset)


def _judged_in_glue(frame: DataFrame, ruleset: str, name: str) -> DataFrame:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    context: Any = GlueContext(frame.sparkSession.sparkContext)
    result: Any = EvaluateDataQuality.apply(
        frame=DynamicFrame.fromDF(frame, context, "primary"),
        ruleset=ruleset,
        publishing_options={
            "dataQualityEvaluationContext": name,
            "enableDataQualityCloudWatchMetrics": False,
            "enableDataQualityResultsPublishing": True,
        },
    )
    outcomes: DataFrame = result.toDF()
    return outcomes


def _failed_rows(judged: DataFrame, rules: Sequence[RuleOutcome], row_id: str, bad_rows: Sequence[str]) -> DataFrame:
    """Return the rows that broke a rule.

    Only failed rules count: if a rule's `where` matches no row, Deequ reports the rule as passed and every row as
    failed.
    """
    failed = [rule.rule for rule in rules if rule.failed]
    of_rules = F.array_intersect(FAILED_RULES, F.array(*[F.lit(rule) for rule in failed]).cast("array<string>"))
    counted = [F.when(F.expr(sql), F.lit(rule)) for sql in bad_rows for rule in failed if sql in rule]
    of_counts = F.array_compact(F.array(*counted).cast("array<string>"))
    broken = judged.select(row_id, F.concat(of_rules, of_counts).alias("failed_rules"))
    return broken.where(F.size("failed_rules") > 0).localCheckpoint()


def _evaluator() -> Evaluator:
    return _in_glue if _in_glue_itself() else _with_deequ


def _in_glue_itself() -> bool:
    return importlib.util.find_spec("awsgluedq") is not None


def _deequ(frame: DataFrame) -> Any:
    version = ".".join(frame.sparkSession.version.split(".")[:2])
    os.environ.setdefault("SPARK_VERSION", version)  # pydeequ reads it at import
    from pydeequ.dqdl import EvaluateDataQuality

    return EvaluateDataQuality


def _with_deequ(frame: DataFrame, ruleset: str, name: str) -> tuple[DataFrame, DataFrame]:  # noqa: ARG001  # one signature
    deequ = _deequ(frame)
    result = deequ.processRows(frame.sparkSession, frame, ruleset)
    return result[deequ.RULE_OUTCOMES_KEY], result[deequ.ROW_LEVEL_OUTCOMES_KEY]


def _in_glue(frame: DataFrame, ruleset: str, name: str) -> tuple[DataFrame, DataFrame]:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    context: Any = GlueContext(frame.sparkSession.sparkContext)
    result = EvaluateDataQuality().process_rows(
        frame=DynamicFrame.fromDF(frame, context, "primary"),
        ruleset=ruleset,
        publishing_options={
            "dataQualityEvaluationContext": name,
            "enableDataQualityCloudWatchMetrics": True,
            "enableDataQualityResultsPublishing": True,
        },
        additional_options={"performanceTuning.caching": "CACHE_INPUT"},
    )
    return result.select("ruleOutcomes").toDF(), result.select("rowLevelOutcomes").toDF()
