"""The shared Spark session: scripts run one after another in isolation, and a crash is survived."""

import json
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
        environment=settings.connection(),
        build=home,
    )
    yield engine
    engine.stop()


NOBODY: Mapping[str, str] = {}


def job(
    folder: Path, script: str, *arguments: str, version: str = "1", keys: Mapping[str, str] = NOBODY, **conf: str
) -> SparkRun:
    path, library = folder / "main.py", folder / f"library-{version}.zip"
    path.write_text(script, encoding="utf-8")
    with zipfile.ZipFile(library, "w") as archive:
        archive.writestr("library.py", f"def name(_):\n    return 'version {version}'\n")
    return SparkRun(name="test", script=path, credentials=keys, arguments=arguments, libraries=[library], conf=conf)


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


CLIENTS = """
import os
import boto3
from pyspark.sql import SparkSession, functions as F

def refused(act):
    try:
        act()
    except Exception as error:
        return type(error).__name__
    raise AssertionError("nobody may do anything here")

def from_worker(_):
    import boto3
    refused(lambda: boto3.client("sqs").list_queues())
    return "asked"

spark = SparkSession.builder.getOrCreate()
refused(lambda: boto3.client("sns").list_topics())
refused(lambda: spark.read.text("s3://lake/file").count())
refused(lambda: spark.sql("SHOW TABLES IN glue_catalog.raw").count())
assert spark.range(1).select(F.udf(from_worker, "string")("id").alias("a")).first()["a"] == "asked"
"""
LEFT_OVER = """
import os
from pyspark.sql import SparkSession
system = SparkSession.builder.getOrCreate()._jvm.java.lang.System
assert not {name for name in os.environ if name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))}
for name in ("accessKeyId", "secretKey", "secretAccessKey", "sessionToken"):
    assert system.getProperty(f"aws.{name}") is None, name
"""
CATALOG = "spark.sql.catalog.glue_catalog"


class Refusing(BaseHTTPRequestHandler):
    """An AWS endpoint that refuses everything and notes who asked for what, and the token that came with it."""

    asked: set[tuple[str, str, str]]

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", self.headers.get("Authorization", ""))
        assert signed is not None
        self.asked.add((signed[2], signed[1], self.headers.get("X-Amz-Security-Token", "")))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_HEAD = do_PUT = answer  # noqa: N815  # names that the base class looks for

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def refusing() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Refusing,), {"asked": set()}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_every_client_of_a_job_acts_with_its_role_and_none_with_the_role_of_an_earlier_job(
    refusing: ThreadingHTTPServer, tmp_path: Path
) -> None:
    settings = TwinSettings(home=tmp_path, port=refusing.server_port)
    engine = SparkEngine(
        root=ROOT, endpoint=settings.endpoint, region=REGION, environment=settings.connection(), build=tmp_path
    )
    catalog = {
        CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{CATALOG}.warehouse": "s3://lake/warehouse",
    }
    asked: set[tuple[str, str, str]] = refusing.RequestHandlerClass.asked  # type: ignore[attr-defined]
    try:
        for name in ("first", "second"):
            keys = {
                "AWS_ACCESS_KEY_ID": f"{name}-key",
                "AWS_SECRET_ACCESS_KEY": f"{name}-secret",
                "AWS_SESSION_TOKEN": f"{name}-token",
            }
            asked.clear()
            outcome = engine.run(job(tmp_path, CLIENTS, keys=keys, **catalog), timeout=240)
            assert outcome.state == "SUCCEEDED", outcome
            services = ("sns", "s3", "glue", "sqs")
            assert asked == {(service, f"{name}-key", f"{name}-token") for service in services}
        left = engine.run(job(tmp_path, LEFT_OVER), timeout=60)
        assert left.state == "SUCCEEDED", left
    finally:
        engine.stop()
