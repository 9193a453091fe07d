"""Results for rows and whole frames by Deequ, and the call of Glue's own evaluator inside Glue."""

import importlib.machinery
import re
import sys
from types import ModuleType
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from c360_core.contracts import Field, Table
from c360_core.names import PiiClass, Zone
from c360_core.projections import dqdl
from glue_jobs.shared import quality

RULESET = """Rules = [
    IsComplete "id",
    ColumnLength "name" <= 3 where "name is not null",
    ColumnLength "never" <= 3 where "never is not null",
    RowCount >= 2,
    CustomSql "SELECT count(*) FROM primary WHERE size > 9" = 0
]"""


@pytest.fixture
def frame(spark: SparkSession) -> DataFrame:
    rows = [(1, "a", "Ann", None, 1), (2, None, None, None, 10), (3, "c", "Robert", None, 20)]
    return spark.createDataFrame(rows, "row INT, id STRING, name STRING, never STRING, size INT")


def failed(verdict: quality.QualityVerdict) -> dict[int, list[str]]:
    return {
        row["row"]: sorted(rule.split('"')[0] for rule in row["failed_rules"]) for row in verdict.failed_rows.collect()
    }


def evaluate(frame: DataFrame) -> quality.QualityVerdict:
    return quality.evaluate(frame, RULESET, row_id="row", name="test", bad_rows=["size > 9"])


def test_each_row_lists_the_rules_that_it_breaks(frame: DataFrame) -> None:
    verdict = evaluate(frame)
    assert failed(verdict) == {2: ["CustomSql ", "IsComplete "], 3: ["ColumnLength ", "CustomSql "]}
    assert verdict.broken_file_rules == ()
    assert len(verdict.rules) == 5


def test_a_column_without_values_fails_no_row(frame: DataFrame) -> None:
    verdict = evaluate(frame.where("row = 1").union(frame.where("row = 1")))
    assert failed(verdict) == {}


def test_a_rule_about_the_whole_file_fails_no_row(frame: DataFrame) -> None:
    verdict = evaluate(frame.where("row = 1"))
    assert [rule.rule for rule in verdict.broken_file_rules] == ["RowCount >= 2"]
    assert failed(verdict) == {}


def test_a_frame_without_rows_breaks_no_rule_about_rows(frame: DataFrame) -> None:
    verdict = evaluate(frame.where("false"))
    assert verdict.rules == ()
    assert failed(verdict) == {}


# Patterns that the contract checker accepts, each with a matching and a non-matching text.
PATTERNS = {
    "^C[0-9]{6,12}$": ("C000001", "C1"),
    "^[0-9]{5}(-[0-9]{4})?$": ("50010-1234", "50010-"),
    "^(a|b|cd)+[.]?$": ("acdb.", "ace"),
    "^[^A-Z]*$": ("abc 1", "aBc"),
    "^[A-Za-z_ -]{2,}$": ("a-b_C d", "a"),
    "^(?:yes|no)$": ("yes", "yesno"),
    "^[-+]?[0-9]+$": ("-12", "--12"),
    "^[é-ü]{1,3}$": ("éü", "e"),
    "^a&b$": ("a&b", "a"),
    "^[&a]$": ("&", "b"),
    "^#x y$": ("#x y", "#xy"),
    "^O'[A-Za-z]+$": ("O'Neil", "ONeil"),
}
WORDS = ("Zoé", "a, b", "x]", "100 %", "{}", "漢字 🙂", "(a)")


def test_contract_patterns_and_words_mean_the_same_in_deequ_and_python(spark: SparkSession) -> None:
    """Each column has a text that meets its rule, one that does not, and a null."""
    for pattern, (good, bad) in PATTERNS.items():
        assert re.search(pattern, good), pattern
        assert not re.search(pattern, bad), pattern

    def column(name: str, **options: Any) -> Field:
        given = {"description": "-", "logical_type": "string", "required": False, "unique": False}
        return Field(name=name, classification=PiiClass.NONE, **given, **options)

    fields = [column(f"p{number}", pattern=pattern) for number, pattern in enumerate(PATTERNS)]
    fields.append(column("word", enum=WORDS))
    table = Table(name="t", description="-", zone=Zone.RAW, fields=tuple(fields))
    good = [(*(fits for fits, _ in PATTERNS.values()), word) for word in WORDS]
    bad = (*(breaks for _, breaks in PATTERNS.values()), "another")
    none = (None,) * len(fields)
    rows = [(number, *row) for number, row in enumerate([*good, bad, none])]
    frame = spark.createDataFrame(rows, "row INT, " + ", ".join(f"{field.name} STRING" for field in fields))

    verdict = quality.evaluate(frame, dqdl(table), row_id="row", name="test")
    broken = {row["row"]: len(row["failed_rules"]) for row in verdict.failed_rows.collect()}
    assert broken == {len(WORDS): len(fields)}
    assert verdict.broken_file_rules == ()


class FakeDynamicFrame:
    """A fake of Glue's frame: a plain wrapper."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame

    @classmethod
    def fromDF(cls, frame: DataFrame, context: Any, name: str) -> "FakeDynamicFrame":  # noqa: N802
        assert context.spark_context is frame.sparkSession.sparkContext
        assert name == "primary"
        return cls(frame)

    def toDF(self) -> DataFrame:  # noqa: N802
        return self.frame


class FakeGlueContext:
    """A fake of Glue's context: it only keeps its Spark context."""

    def __init__(self, spark_context: Any) -> None:
        self.spark_context = spark_context


class FakeEvaluator:
    """A fake of Glue's evaluator, based on Deequ like the real one."""

    options: dict[str, Any] = {}  # noqa: RUF012  # what the last call was given

    def process_rows(self, *, frame: FakeDynamicFrame, ruleset: str, **options: Any) -> Any:
        FakeEvaluator.options = options
        rules, rows = quality._with_deequ(frame.frame, ruleset, "")
        frames = {"ruleOutcomes": rules, "rowLevelOutcomes": rows}
        return type("Frames", (), {"select": lambda _, key: FakeDynamicFrame(frames[key])})()

    @classmethod
    def apply(cls, *, frame: FakeDynamicFrame, ruleset: str, **options: Any) -> FakeDynamicFrame:
        cls.options = options
        return FakeDynamicFrame(quality._judged_with_deequ(frame.frame, ruleset, ""))


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules importable that are there only inside Glue."""
    modules = {
        "awsglue": {},
        "awsglue.context": {"GlueContext": FakeGlueContext},
        "awsglue.dynamicframe": {"DynamicFrame": FakeDynamicFrame},
        "awsgluedq": {},
        "awsgluedq.transforms": {"EvaluateDataQuality": FakeEvaluator},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("glue")
def test_inside_glue_its_own_evaluator_checks_and_publishes(frame: DataFrame) -> None:
    assert failed(evaluate(frame)) == {2: ["CustomSql ", "IsComplete "], 3: ["ColumnLength ", "CustomSql "]}
    publishing = FakeEvaluator.options["publishing_options"]
    assert publishing["dataQualityEvaluationContext"] == "test"
    assert publishing["enableDataQualityCloudWatchMetrics"] is True


@pytest.mark.usefixtures("glue")
def test_inside_glue_its_own_evaluator_judges_a_table_and_publishes(frame: DataFrame) -> None:
    outcomes = {outcome.rule.split(" <=")[0]: outcome.failed for outcome in quality.judge(frame, RULESET, name="raw.t")}
    assert outcomes == {
        'IsComplete "id"': True,
        'ColumnLength "name"': True,
        'ColumnLength "never"': False,
        "RowCount >= 2": False,
        'CustomSql "SELECT count(*) FROM primary WHERE size > 9" = 0': True,
    }
    publishing = FakeEvaluator.options["publishing_options"]
    assert publishing["dataQualityEvaluationContext"] == "raw.t"
    assert publishing["enableDataQualityResultsPublishing"] is True
