"""The deployed form of the jobs: script and zipped library on S3, run by the Glue provider on the shared session."""

import importlib.util
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core.landing import LandedFile, manifest_text
from c360_core.names import Zone
from twin.engines.spark import ICEBERG_EXTENSIONS, SparkEngine
from twin.principals import RoleSession
from twin.providers.glue.jobs import GlueJobs
from twin.settings import ACCOUNT, REGION, ROOT, TwinSettings

Rows = Callable[..., list[dict[str, Any]]]
CATALOG = "spark.sql.catalog.glue_catalog"
CONF = (
    f"spark.sql.extensions={ICEBERG_EXTENSIONS} --conf {CATALOG}=org.apache.iceberg.spark.SparkCatalog "
    f"--conf {CATALOG}.catalog-impl=org.apache.iceberg.aws.glue.GlueCatalog "
    f"--conf {CATALOG}.io-impl=org.apache.iceberg.aws.s3.S3FileIO "
    f"--conf {CATALOG}.warehouse=s3://test-lake/warehouse --conf spark.sql.session.timeZone=UTC"
)
MEMBERS = (
    "loyalty_id,first_name,last_name,email,phone,street,city,state,postal_code,birth_date,joined_at,updated_at,points,tier\n"
    "L000001,Zoé,Lee,zoe@example.com,(212) 555-0147,,,,,,2026-01-01T00:00:00Z,2026-03-01T00:00:00Z,7,gold\n"
    "L000002,Bob,Ray,,,,,,,,2026-01-01T00:00:00Z,2026-03-01T00:00:00Z,7,iron\n"
    "L000003,Bob\n"
)


def library(path: Path) -> Path:
    """Zip the content of the asset: our code and the two pure Python libraries."""
    roots = [ROOT / "glue_jobs", ROOT / "c360_aws", ROOT / "c360_core"]
    for name in ("phonenumbers", "anyascii"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        roots.append(Path(spec.origin).parent)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for root in roots:
            for file in root.rglob("*"):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(root.parent))
    return path


@pytest.fixture(scope="module")
def glue(
    spark: SparkSession, emulator: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., dict[str, Any]]]:
    """Run a job of `glue_jobs/` to its end: `glue(name, defaults, arguments)` returns the run."""
    home = tmp_path_factory.mktemp("glue")
    settings = TwinSettings(home=home, port=int(emulator.rpartition(":")[2]))
    engine = SparkEngine(root=ROOT, endpoint=emulator, region=REGION, environment=settings.connection(), build=home)
    s3 = boto3.client("s3")
    # The bare emulator has no roles: here the jobs act as the account's root.
    root = RoleSession(arn=f"arn:aws:iam::{ACCOUNT}:root", access_key="test", secret_key="test", token=None)
    service = GlueJobs(
        engine=engine,
        assume=lambda _: root,
        require=lambda *_: None,
        store=lambda _: s3,
        scratch=home / "glue",
    )
    s3.upload_file(str(library(home / "lib.zip")), "test-lake", "assets/lib.zip")

    def run(name: str, defaults: dict[str, str], arguments: dict[str, str]) -> dict[str, Any]:
        s3.upload_file(str(ROOT / "glue_jobs" / name / "main.py"), "test-lake", f"assets/{name}.py")
        common = {
            "--extra-py-files": "s3://test-lake/assets/lib.zip",
            "--datalake-formats": "iceberg",
            "--conf": CONF,
            "--environment": "dev",
        }
        job = {
            "Name": name,
            "Role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://test-lake/assets/{name}.py"},
            "DefaultArguments": common | defaults,
            "GlueVersion": "5.1",
            "Timeout": 5,
        }
        runs: dict[str, list[dict[str, Any]]] = {}
        service.start({name: job}, runs, {"JobName": name, "Arguments": arguments})
        (record,) = runs[name]
        while "CompletedOn" not in record:
            time.sleep(0.1)
        return record

    yield run
    engine.stop()


def test_a_landed_file_becomes_rows_events_and_records(
    glue: Callable[..., dict[str, Any]], spark: SparkSession, rows: Rows
) -> None:
    for table in ("c360_dev_raw.loyalty_members", "c360_dev_quarantine.rejected", "c360_dev_curated.identity_records"):
        spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names
    boto3.client("kinesis").create_stream(StreamName="deployed-events", ShardCount=1)
    boto3.client("s3").put_object(Bucket="test-landing", Key="loyalty_members/m.csv", Body=MEMBERS.encode())
    file = LandedFile(bucket="test-landing", key="loyalty_members/m.csv", landed_at="2026-03-02T05:00:00Z", size=1)
    boto3.client("s3").put_object(Bucket="test-results", Key="ingestion/f.json", Body=manifest_text([file]).encode())

    ingested = glue(
        "ingest_files",
        {
            "--events_stream": "deployed-events",
            "--quarantine_bucket": "test-quarantine",
            "--results_bucket": "test-results",
        },
        {"--manifest": "ingestion/f.json"},
    )
    prepared = glue("identity_prepare", {"--er_input_location": "s3://test-lake/deployed/"}, {"--run_id": "r1"})

    assert (ingested["JobRunState"], ingested.get("ErrorMessage")) == ("SUCCEEDED", None)
    assert (prepared["JobRunState"], prepared.get("ErrorMessage")) == ("SUCCEEDED", None)
    assert [row["loyalty_id"] for row in rows(Zone.RAW, "loyalty_members")] == ["L000001"]
    codes = {row["reason_code"]: row["run_id"] for row in rows(Zone.QUARANTINE, "rejected")}
    assert codes == {"QUALITY_RULE": ingested["Id"], "MISSING_COLUMN": ingested["Id"]}
    record = next(row for row in rows(Zone.CURATED, "identity_records") if row["loyalty_id"] == "L000001")
    assert (record["first_name"], record["phone"]) == ("Zoé", "+12125550147")


def test_a_job_whose_argument_is_missing_fails_and_names_it(glue: Callable[..., dict[str, Any]]) -> None:
    run = glue("identity_prepare", {}, {"--run_id": "r1"})
    assert run["JobRunState"] == "FAILED"
    assert "missing --er_input_location; set it in the job's DefaultArguments" in run["ErrorMessage"]
