"""One job runs on Glue, moves to EMR Serverless by a setting and a deployment, and leaves the same table there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from c360_core.names import PROJECT, Zone, database_name
from tests.deployments.dev.conftest import JOB, Dev
from tests.deployments.small_dev import PATIENCE_SECONDS
from twin.emulator import decisions
from twin.engines.spark import SparkEngine, SparkRun
from twin.principals import Principal
from twin.settings import REGION, ROOT

CATALOG = "spark.sql.catalog.lake"
FILL = """
import sys
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
fields = spark.table(sys.argv[2]).schema
rows = spark.read.schema(fields).json(sys.argv[1])
rows.writeTo(sys.argv[2]).overwrite(F.lit(True))
"""
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def told(event_id: str, event_type: str, minute: int, **payload: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "source": "product_reviews",
        "schema_version": 1,
        "occurred_at": START + timedelta(minutes=minute),
        "received_at": START + timedelta(minutes=minute),
        "customer_key": "email:00",
        "identifier_keys": ["email:00"],
        "session_start": False,
        "payload": json.dumps(payload, separators=(",", ":")),
    }


SAID = {"product_id": "1029743", "rating": 2, "text": "It leaks.", "title": "Ada writes"}
TOLD = [
    told("first", "review_posted", 0, review_id="r-1", **SAID),
    told("deletion", "review_deleted", 3, review_id="r-1", reason="by its author"),
    told("old", "review_posted", 1, review_id="r-2", **SAID),
    told("new", "review_edited", 2, review_id="r-2", **{**SAID, "text": "It leaks no more."}),
    told("alone", "review_posted", 1, review_id="r-3", **SAID),
]
WITH_TEXT = {"new", "alone"}


class World:
    """The deployment, whose job may move."""

    def __init__(self, dev: Dev, folder: Path) -> None:
        self.dev, self.folder = dev, folder

    def move_to(self, service: str) -> None:
        """Deploy what collects events, with the job on a service."""
        self.dev.deploy_with(service, "foundation", "collection")

    def remove(self) -> None:
        """Run the state machine to its end."""
        self.dev.execute(self.dev.machine("TextRemoval"))

    def rows(self) -> list[dict[str, Any]]:
        """Return the interactions of the lake, by their ids."""
        return sorted(self.dev.rows(Zone.RAW, "interactions"), key=lambda row: str(row["event_id"]))

    def fill(self) -> None:
        """Put the same interactions into the table, and nothing else."""
        settings = self.dev.running.settings
        script, rows = self.folder / "fill.py", self.folder / "rows.json"
        script.write_text(FILL, encoding="utf-8")
        rows.write_text("\n".join(json.dumps(row, default=str) for row in TOLD), encoding="utf-8")
        conf = {
            CATALOG: "org.apache.iceberg.spark.SparkCatalog",
            f"{CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
            f"{CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
            f"{CATALOG}.warehouse": "s3://nowhere/warehouse",
        }
        engine = SparkEngine(
            root=ROOT,
            endpoint=settings.endpoint,
            region=REGION,
            environment=settings.connection(),
            build=self.folder / "filling",
        )
        job = SparkRun(
            name="fill",
            script=script,
            credentials=settings.credentials(Principal.ADMINISTRATOR).variables(),
            arguments=[str(rows), f"lake.{database_name('dev', Zone.RAW)}.interactions"],
            conf=conf,
        )
        outcome = engine.run(job, timeout=PATIENCE_SECONDS)
        engine.stop()
        assert outcome.state == "SUCCEEDED", outcome


@pytest.fixture
def world(dev: Dev, tmp_path: Path) -> World:
    return World(dev, tmp_path)


def test_a_job_leaves_the_same_table_on_both_services(world: World) -> None:
    world.fill()
    world.remove()
    on_glue = world.rows()
    with_text = {row["event_id"] for row in on_glue if "It leaks" in row["payload"]}
    assert (len(on_glue), with_text) == (len(TOLD), WITH_TEXT)
    emr = world.dev.client("emr-serverless")
    assert emr.list_applications()["applications"] == []

    world.move_to("emr_serverless")
    world.fill()
    world.remove()
    assert world.rows() == on_glue

    (application,) = emr.list_applications()["applications"]
    assert (application["name"], application["state"]) == (f"{PROJECT}-dev-{JOB}", "STARTED")
    (run,) = emr.list_job_runs(applicationId=application["id"])["jobRuns"]
    assert (run["name"], run["state"], run["releaseLabel"]) == (JOB, "SUCCESS", "emr-7.13.0")
    glue = world.dev.client("glue")
    assert [job["Name"] for job in glue.get_jobs()["Jobs"] if "Removal" in job["Name"]] == []
    refused = [one for one in decisions.read(world.dev.running.settings.home) if one.decision is decisions.Outcome.DENY]
    assert refused == []
