"""One job runs on Glue, moves to EMR Serverless by a setting and a deployment, and leaves the same table there."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyiceberg.catalog import load_catalog

from c360_core.names import PROJECT, Zone, database_name, stack_name
from config.settings import ENVIRONMENTS_FOLDER, load
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import decisions, emulator
from twin.engines.spark import SparkEngine, SparkRun
from twin.principals import Principal
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION, ROOT

JOB = "remove_texts"
CATALOG = "spark.sql.catalog.lake"
FILL = """
import sys
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.getOrCreate()
fields = spark.table(sys.argv[2]).schema
rows = spark.read.schema(fields).json(sys.argv[1])
rows.writeTo(sys.argv[2]).overwrite(F.lit(True))
"""
PATIENCE_SECONDS = 300
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
    """An emulator with what collects events in `dev`, and a job that may move."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running, self.folder = running, folder
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        self.assets = placeholder_assets(folder / "assets")
        for part in ("glue_lib", "lambdas"):
            shutil.rmtree(self.assets.root / part)
            (self.assets.root / part).symlink_to(BUILD / "assets" / part)
        account = running.client("sts").get_caller_identity()["Account"]
        self._assemble("glue")
        self._cdk("glue", "bootstrap", f"aws://{account}/{REGION}")

    def deploy(self, service: str) -> None:
        """Deploy the foundation and the collection, with the job on a service."""
        self._assemble(service)
        stacks = [stack_name("dev", pillar) for pillar in ("foundation", "collection")]
        self._cdk(service, "deploy", *stacks, "--require-approval", "never")

    def _assemble(self, service: str) -> None:
        out = self.folder / service
        if out.exists():
            return
        values = yaml.safe_load((ENVIRONMENTS_FOLDER / "dev.yaml").read_text(encoding="utf-8"))
        values["collection"]["texts"] = {"removed": True, "settled_minutes": 0}
        values["runtime"]["spark"] = {"services": {JOB: service}}
        settings = self.folder / f"settings-{service}"
        settings.mkdir()
        (settings / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        synthesize(load("dev", settings), self.assets, out)

    def _cdk(self, service: str, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(self.folder / service)], log_path=log, variables=variables)

    def remove(self) -> None:
        """Run the state machine to its end."""
        states = self.running.client("stepfunctions")
        (machine,) = [
            each["stateMachineArn"]
            for each in states.list_state_machines()["stateMachines"]
            if "TextRemoval" in each["name"]
        ]
        execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
        ended = until(
            "the texts were removed",
            lambda: states.describe_execution(executionArn=execution),
            lambda seen: seen["status"] != "RUNNING",
            seconds=PATIENCE_SECONDS,
        )
        assert ended["status"] == "SUCCEEDED", ended

    def rows(self) -> list[dict[str, Any]]:
        """Return the interactions of the lake, by their ids."""
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        given = {**held, "endpoint": settings.endpoint}
        catalog = load_catalog(
            "lake", type="glue", **{f"{part}.{name}": value for part in ("glue", "s3") for name, value in given.items()}
        )
        table = catalog.load_table((database_name("dev", Zone.RAW), "interactions"))
        return sorted(table.scan().to_arrow().to_pylist(), key=lambda row: str(row["event_id"]))

    def fill(self) -> None:
        """Put the same interactions into the table, and nothing else."""
        settings = self.running.settings
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
def world(tmp_path: Path) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "spark-services") as started:
        yield World(started, tmp_path)


def test_a_job_leaves_the_same_table_on_both_services(world: World) -> None:
    world.deploy("glue")
    world.fill()
    world.remove()
    on_glue = world.rows()
    with_text = {row["event_id"] for row in on_glue if "It leaks" in row["payload"]}
    assert (len(on_glue), with_text) == (len(TOLD), WITH_TEXT)
    emr = world.running.client("emr-serverless")
    assert emr.list_applications()["applications"] == []

    world.deploy("emr_serverless")
    world.fill()
    world.remove()
    assert world.rows() == on_glue

    (application,) = emr.list_applications()["applications"]
    assert (application["name"], application["state"]) == (f"{PROJECT}-dev-{JOB}", "STARTED")
    (run,) = emr.list_job_runs(applicationId=application["id"])["jobRuns"]
    assert (run["name"], run["state"], run["releaseLabel"]) == (JOB, "SUCCESS", "emr-7.13.0")
    glue = world.running.client("glue")
    assert [job["Name"] for job in glue.get_jobs()["Jobs"] if "Removal" in job["Name"]] == []
    refused = [one for one in decisions.read(world.running.settings.home) if one.decision is decisions.Outcome.DENY]
    assert refused == []
