"""The shared Spark session: scripts run one after another in isolation, and a crash is survived."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin.engines.spark import SparkEngine, SparkRun
from twin.settings import REGION, ROOT, TwinSettings

SCRIPT = """
import json, os, sys
from pyspark.sql import SparkSession, functions as F
import library
spark = SparkSession.builder.getOrCreate()
spark.range(3).createOrReplaceTempView("mine")
of_worker = F.udf(library.name, "string")
spark.sql("SELECT 1 AS one").select(of_worker("one").alias("name")).createOrReplaceTempView("named")
seen = {
    "arguments": sys.argv[1:],
    "library": library.name(0),
    "in_worker": spark.table("named").first()["name"],
    "views": sorted(view.name for view in spark.catalog.listTables()),
    "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
}
open(sys.argv[1], "w").write(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    home = tmp_path_factory.mktemp("engine")
    settings = TwinSettings(home=home, port=1)
    engine = SparkEngine(
        root=ROOT,
        endpoint=settings.endpoint,
        region=REGION,
        environment=settings.client_environment(),
        build=home,
    )
    yield engine
    engine.stop()


def job(folder: Path, script: str, *arguments: str, version: str = "1", **conf: str) -> SparkRun:
    path, library = folder / "main.py", folder / f"library-{version}.zip"
    path.write_text(script, encoding="utf-8")
    with zipfile.ZipFile(library, "w") as archive:
        archive.writestr("library.py", f"def name(_):\n    return 'version {version}'\n")
    return SparkRun(name="test", script=path, arguments=arguments, libraries=[library], conf=conf)


def test_each_job_sees_its_own_arguments_libraries_views_and_settings(engine: SparkEngine, tmp_path: Path) -> None:
    conf = {"spark.sql.shuffle.partitions": "7"}
    seen = []
    for version, settings in (("1", conf), ("2", {})):
        out = tmp_path / f"{version}.json"
        outcome = engine.run(job(tmp_path, SCRIPT, str(out), "--x", version=version, **settings), timeout=120)
        assert outcome.state == "SUCCEEDED", outcome
        seen.append(json.loads(out.read_text()))

    assert seen[0]["arguments"] == [str(tmp_path / "1.json"), "--x"]
    assert [s["library"] for s in seen] == ["version 1", "version 2"]
    assert [s["in_worker"] for s in seen] == ["version 1", "version 2"]
    assert [s["views"] for s in seen] == [["mine", "named"], ["mine", "named"]]
    assert [s["partitions"] for s in seen] == ["7", "2"]


def test_an_error_ends_the_job_with_its_traceback_and_not_the_session(engine: SparkEngine, tmp_path: Path) -> None:
    pid = engine.pid
    failed = engine.run(job(tmp_path, "def f():\n    raise ValueError('no such thing')\nf()"), timeout=120)
    assert (failed.state, failed.error) == ("FAILED", "ValueError: no such thing")
    assert "in f" in failed.traceback
    assert engine.run(job(tmp_path, "import sys; sys.exit('wrong argument')"), timeout=60).error == (
        "SystemExit: wrong argument"
    )
    assert engine.run(job(tmp_path, "import sys; sys.exit(0)"), timeout=60).state == "SUCCEEDED"
    assert pid is None or engine.pid == pid


def test_a_script_that_stops_spark_does_not_stop_the_next_one(engine: SparkEngine, tmp_path: Path) -> None:
    script = (
        "from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\nspark.range(1).count()\n"
    )
    assert engine.run(job(tmp_path, script + "spark.stop()"), timeout=120).state == "SUCCEEDED"
    assert engine.run(job(tmp_path, script), timeout=120).state == "SUCCEEDED"


def test_a_setting_that_a_running_session_cannot_take_is_refused(engine: SparkEngine, tmp_path: Path) -> None:
    refused = engine.run(job(tmp_path, "", **{"spark.executor.memory": "9g"}), timeout=120)
    assert refused.state == "FAILED"
    assert "spark.executor.memory=9g" in refused.error
    assert "only at start" in refused.error


def test_a_killed_session_fails_its_job_clearly_and_the_next_job_gets_a_new_one(
    engine: SparkEngine, tmp_path: Path
) -> None:
    died = engine.run(job(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), timeout=120)
    assert died.state == "FAILED"
    assert "Spark session process died while the job ran (exit status 137" in died.error
    assert engine.pid is None
    assert engine.run(job(tmp_path, "pass"), timeout=120).state == "SUCCEEDED"


def test_a_job_beyond_its_timeout_is_stopped(engine: SparkEngine, tmp_path: Path) -> None:
    late = engine.run(job(tmp_path, "import time; time.sleep(60)"), timeout=2)
    assert (late.state, late.error) == ("TIMEOUT", "Job run exceeded its timeout of 2 s.")
    assert engine.pid is None
