"""Statements of notebooks on the shared Spark session: names are kept, and tables are views of what may be read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from twin.engines.spark import SparkEngine, SparkRun, Statement
from twin.settings import REGION, ROOT, TwinSettings

ROLE = {"AWS_ACCESS_KEY_ID": "of-the-role", "AWS_SECRET_ACCESS_KEY": "s"}
READER = {"AWS_ACCESS_KEY_ID": "of-the-reader", "AWS_SECRET_ACCESS_KEY": "s"}
PEOPLE = "`shop`.`people`"


class Notebook:
    """A notebook's session on the engine."""

    def __init__(self, engine: SparkEngine, name: str, conf: Mapping[str, str], views: Mapping[str, str]) -> None:
        self._engine, self._name, self._conf, self._views, self._number = engine, name, conf, views, 0

    def run(self, code: str) -> dict[str, Any]:
        statement = Statement(
            session=self._name,
            code=code,
            first=self._number == 0,
            credentials=ROLE,
            reader=READER,
            conf=self._conf,
            views=self._views,
        )
        self._number += 1
        return self._engine.interact(statement, timeout=120)

    def text(self, code: str) -> str:
        found = self.run(code)
        assert found["status"] == "ok", found
        return str(found["data"]["text/plain"])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    home = tmp_path_factory.mktemp("engine")
    settings = TwinSettings(home=home, port=1)
    engine = SparkEngine(
        root=ROOT, endpoint=settings.endpoint, region=REGION, environment=settings.connection(), build=home
    )
    yield engine
    engine.stop()


@pytest.fixture(scope="module")
def conf(engine: SparkEngine, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A lake in a folder, with two people."""
    lake = {
        "spark.sql.catalog.twin_lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.twin_lake.type": "hadoop",
        "spark.sql.catalog.twin_lake.warehouse": str(tmp_path_factory.mktemp("lake")),
        "spark.c360.environment": "dev",
    }
    script = tmp_path_factory.mktemp("steward") / "fill.py"
    script.write_text(
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n"
        "spark.sql('CREATE TABLE twin_lake.shop.people (id INT, email STRING) USING iceberg')\n"
        "spark.sql(\"INSERT INTO twin_lake.shop.people VALUES (1, 'ada@example.com'), (2, 'bob@example.com')\")\n",
        encoding="utf-8",
    )
    filled = engine.run(SparkRun(name="fill", script=script, credentials={}, conf=lake), timeout=120)
    assert filled.state == "SUCCEEDED", filled
    return lake


@pytest.fixture
def analyst(engine: SparkEngine, conf: Mapping[str, str], request: pytest.FixtureRequest) -> Notebook:
    return Notebook(engine, f"analyst-{request.node.name}", conf, {PEOPLE: f"SELECT `id` FROM twin_lake.{PEOPLE}"})


def test_names_are_kept_and_the_last_value_is_shown_after_what_was_printed(analyst: Notebook) -> None:
    assert analyst.text("people = spark.table('shop.people')\nprint('read')") == "read"
    assert analyst.text("print('counts'); people.count()") == "counts\n2"
    assert analyst.text("from pyspark.sql import functions as f\npeople.agg(f.sum('id')).first()[0]") == "3"
    assert analyst.text("spark.conf.get('spark.c360.environment')") == "'dev'"
    assert analyst.text("") == ""


def test_a_session_sees_its_columns_and_no_others(analyst: Notebook) -> None:
    assert analyst.text("spark.table('shop.people').columns") == "['id']"
    refused = analyst.run("spark.sql('SELECT email FROM shop.people').show()")
    assert (refused["status"], refused["ename"]) == ("error", "AnalysisException")
    assert "UNRESOLVED_COLUMN" in refused["evalue"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM shop.people",
        "DELETE FROM shop.people WHERE id = 1",
        "UPDATE shop.people SET id = 3",
        "INSERT INTO shop.people VALUES (3)",
        "MERGE INTO shop.people p USING (SELECT 1 AS id) s ON p.id = s.id WHEN MATCHED THEN DELETE",
        "DROP VIEW shop.people",
        "CREATE TABLE shop.mine (id INT) USING parquet",
        "WITH three AS (SELECT 3 AS id) INSERT INTO shop.people SELECT id FROM three",
    ],
)
def test_a_session_changes_nothing_by_sql(analyst: Notebook, statement: str) -> None:
    """A view of some columns of a table is one that Spark would delete through."""
    refused = analyst.run(f"spark.sql({statement!r})")
    assert (refused["status"], refused.get("ename")) == ("error", "PermissionError")
    assert analyst.text("spark.table('shop.people').count()") == "2"


@pytest.mark.parametrize("call", ["write.insertInto('shop.people')", "writeTo('shop.people').append()"])
def test_a_session_changes_nothing_by_a_frame(analyst: Notebook, call: str) -> None:
    refused = analyst.run(f"spark.table('shop.people').{call}")
    assert (refused["status"], refused.get("ename")) == ("error", "PermissionError")
    assert analyst.text("spark.table('shop.people').count()") == "2"


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES IN shop",
        "DESCRIBE shop.people",
        "EXPLAIN SELECT * FROM shop.people",
        "CREATE TEMPORARY VIEW mine AS SELECT id FROM shop.people",
        "WITH two AS (SELECT id FROM shop.people) SELECT count(*) FROM two",
    ],
)
def test_a_session_asks_by_sql(analyst: Notebook, statement: str) -> None:
    found = analyst.run(f"spark.sql({statement!r}).count()")
    assert found["status"] == "ok", found


def test_an_error_ends_the_cell_and_not_the_session(analyst: Notebook) -> None:
    analyst.text("kept = 1")
    assert analyst.run("1 / 0")["ename"] == "ZeroDivisionError"
    assert analyst.run("kept +")["ename"] == "SyntaxError"
    assert analyst.text("kept") == "1"


def test_sessions_that_take_turns_see_each_their_own(
    engine: SparkEngine, conf: Mapping[str, str], analyst: Notebook
) -> None:
    other = Notebook(engine, "other", conf, {PEOPLE: f"SELECT `id`, `email` FROM twin_lake.{PEOPLE}"})
    assert analyst.text("spark.table('shop.people').columns") == "['id']"
    assert other.text("spark.table('shop.people').columns") == "['id', 'email']"
    assert analyst.text("spark.table('shop.people').columns") == "['id']"
    assert other.run("kept")["ename"] == "NameError"


def test_the_code_acts_as_its_role_while_its_tables_are_read_by_another(analyst: Notebook) -> None:
    assert analyst.text("import os; os.environ['AWS_ACCESS_KEY_ID']") == "'of-the-role'"
    jvm = "spark._jvm.java.lang.System.getProperty('aws.accessKeyId')"
    assert analyst.text(jvm) == "'of-the-reader'"


def test_a_job_in_between_leaves_a_notebook_as_it_was_and_finds_nobodys_credentials(
    engine: SparkEngine, analyst: Notebook, tmp_path: Path
) -> None:
    analyst.text("kept = spark.table('shop.people')")
    script = tmp_path / "job.py"
    script.write_text(
        "import os\nfrom pyspark.sql import SparkSession\nassert 'AWS_ACCESS_KEY_ID' not in os.environ\n"
        "assert SparkSession.builder.getOrCreate().range(3).count() == 3\n",
        encoding="utf-8",
    )
    outcome = engine.run(SparkRun(name="job", script=script, credentials={}), timeout=120)
    assert outcome.state == "SUCCEEDED", outcome
    assert analyst.text("kept.count()") == "2"


def test_a_session_of_a_process_that_is_gone_says_so(engine: SparkEngine, analyst: Notebook) -> None:
    analyst.text("kept = 1")
    engine.stop()
    assert "begin a new one" in analyst.run("kept")["evalue"]
    engine.end_session("anybody")
