"""A vendor publishes revisions of bought products on a deployment that subscribes to them."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyiceberg.catalog import load_catalog

from c360_core.landing import PROBE
from c360_core.names import Zone, database_name, reference_table
from config.settings import ENVIRONMENTS_FOLDER, load
from tests.infrastructure.assembly import placeholder_assets, synthesize
from tools.build import staging
from twin.emulator import emulator
from twin.principals import Principal
from twin.scenario.vendor import Vendor
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION

PRODUCTS = {
    "credit_bands": "d1e0cred1tbands00000000000000002",
    "advertising_audiences": "d1e0aud1ences0000000000000000003",
}
PATIENCE_SECONDS = 300
HEADER = "bureau_id,street,postal_code,credit_band"


class World:
    """An emulator with `dev`, which subscribes to two products, and their vendor."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running, self.folder = running, folder
        self._deploy()
        self.vendor = Vendor(running.settings)

    def _deploy(self) -> None:
        staging.stage_contracts()
        staging.stage_glue_library()
        staging.stage_functions()
        assets = placeholder_assets(self.folder / "assets")
        for part in ("glue_lib", "lambdas"):
            shutil.rmtree(assets.root / part)
            (assets.root / part).symlink_to(BUILD / "assets" / part)
        values = yaml.safe_load((ENVIRONMENTS_FOLDER / "dev.yaml").read_text(encoding="utf-8"))
        values["collection"]["data_exchange"] = {"products": PRODUCTS, "poll_seconds": 1, "retry_seconds": 1}
        values["collection"]["files"] = {"batch_seconds": 1}
        settings = self.folder / "settings"
        settings.mkdir()
        (settings / "dev.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        synthesize(load("dev", settings), assets, self.folder / "out")
        account = self.running.client("sts").get_caller_identity()["Account"]
        self._cdk("bootstrap", f"aws://{account}/{REGION}")
        self._cdk("deploy", "--all", "--require-approval", "never")

    def _cdk(self, *arguments: str) -> None:
        variables = self.running.settings.client_environment()
        log = self.running.settings.logs / "cdk.log"
        emulator.cdk([*arguments, "--app", str(self.folder / "out")], log_path=log, variables=variables)

    @property
    def landing(self) -> str:
        """The bucket in which files land."""
        [stack] = self.running.client("cloudformation").describe_stacks(StackName="C360-dev-Foundation")["Stacks"]
        [name] = [one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "LandingBucketName"]
        return str(name)

    def landed(self, folder: str) -> list[str]:
        """Return the keys of a folder."""
        pages = self.running.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.landing, Prefix=folder)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def publish(self, product: str, *lines: str, header: str = HEADER, twice: bool = False) -> str:
        """Publish a revision of a product with one file."""
        content = "\n".join([header, *lines]) + "\n"
        return self.vendor.publish(PRODUCTS[product], {f"{product}.csv": content.encode()}, twice=twice)

    def rows(self, zone: Zone, table: str) -> list[dict[str, Any]]:
        """Return the rows of a lake table."""
        settings = self.running.settings
        key = settings.credentials(Principal.ADMINISTRATOR)
        held = {"access-key-id": key.access_key, "secret-access-key": key.secret_key, "region": REGION}
        held |= {"session-token": key.token} if key.token else {}
        catalog = load_catalog(
            "lake", type="glue",
            **{f"{part}.{name}": value for part in ("glue", "s3") for name, value in
               {**held, "endpoint": settings.endpoint}.items()},
        )  # fmt: skip
        return list(catalog.load_table((database_name("dev", zone), table)).scan().to_arrow().to_pylist())

    def history(self, product: str, key: str, said: str) -> list[tuple[str, str, bool]]:
        """Return what the reference table says: key, value, and whether it holds now."""
        rows = self.rows(Zone.CURATED, reference_table(product))
        return sorted((row[key], row[said], row["is_current"]) for row in rows)

    def settled(self, product: str, key: str, said: str, expected: list[tuple[str, str, bool]]) -> None:
        """Wait until the reference table says something."""
        until(
            f"the history of {product}",
            lambda: self.history(product, key, said),
            lambda found: found == expected,
            seconds=PATIENCE_SECONDS,
        )

    def machine(self, product: str) -> str:
        """The state machine that exports what the event action did not."""
        name = product.title().replace("_", "")
        machines = self.running.client("stepfunctions").list_state_machines()["stateMachines"]
        [found] = [one["stateMachineArn"] for one in machines if "DataExchange" in one["name"] and name in one["name"]]
        return str(found)

    def executions(self, product: str) -> list[dict[str, Any]]:
        """The executions of a product's state machine."""
        states = self.running.client("stepfunctions")
        found: list[dict[str, Any]] = states.list_executions(stateMachineArn=self.machine(product))["executions"]
        return found

    def export_all(self, product: str) -> str:
        """Export all revisions of a product, as an operator does by hand; return how it ended."""
        states = self.running.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.machine(product), input="{}")["executionArn"]
        ended = until(
            f"{product} was exported",
            lambda: states.describe_execution(executionArn=started),
            lambda seen: seen["status"] != "RUNNING",
            seconds=PATIENCE_SECONDS,
        )
        return str(ended["status"] if ended["status"] == "SUCCEEDED" else ended)

    def ingestions(self) -> list[str]:
        """How the runs of the file ingestion stand."""
        states = self.running.client("stepfunctions")
        machines = states.list_state_machines()["stateMachines"]
        [ingest] = [one["stateMachineArn"] for one in machines if "FileIngestion" in one["name"]]
        return [one["status"] for one in states.list_executions(stateMachineArn=ingest)["executions"]]

    def alarms(self) -> list[dict[str, Any]]:
        """What was published on the alarm topic, as its subscriber reads it."""
        queue = self.running.client("sqs").get_queue_url(QueueName="alarms-of-the-test")["QueueUrl"]
        found: list[dict[str, Any]] = []
        while messages := self.running.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10
        ).get("Messages", []):  # fmt: skip
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.running.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def listen(self) -> None:
        """Subscribe to the alarm topic."""
        sqs, sns = self.running.client("sqs"), self.running.client("sns")
        queue = sqs.create_queue(QueueName="alarms-of-the-test")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        [stack] = self.running.client("cloudformation").describe_stacks(StackName="C360-dev-Foundation")["Stacks"]
        [topic] = [one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == "AlarmTopicArn"]
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "exchange") as started:
        yield World(started, tmp_path_factory.mktemp("exchange"))


def test_a_revision_that_is_published_becomes_history_and_twice_has_one_effect(world: World) -> None:
    began = datetime.now(UTC)
    world.publish("credit_bands", "B000001,1 Main Street,60601,A", "B000002,2 Main Street,60601,B")
    world.settled("credit_bands", "bureau_id", "credit_band", [("B000001", "A", True), ("B000002", "B", True)])
    world.publish("credit_bands", "B000001,1 Main Street,60601,C")
    after = [("B000001", "A", False), ("B000001", "C", True), ("B000002", "B", False)]
    world.settled("credit_bands", "bureau_id", "credit_band", after)

    rows = {(row["bureau_id"], row["credit_band"]): row for row in world.rows(Zone.CURATED, "reference_credit_bands")}
    assert rows["B000001", "A"]["valid_to"] == rows["B000001", "C"]["valid_from"]
    assert began < rows["B000001", "A"]["valid_from"] < rows["B000001", "C"]["valid_from"] < datetime.now(UTC)
    assert rows["B000001", "C"]["household_key"] == "1 main st|60601"

    before, runs = world.rows(Zone.CURATED, "reference_credit_bands"), len(world.ingestions())
    assert world.export_all("credit_bands") == "SUCCEEDED"
    until(
        "the exports were ingested", world.ingestions,
        lambda found: len(found) > runs and set(found) == {"SUCCEEDED"}, seconds=PATIENCE_SECONDS,
    )  # fmt: skip

    def by_key(row: dict[str, Any]) -> str:
        return str((row["bureau_id"], row["valid_from"]))

    assert sorted(world.rows(Zone.CURATED, "reference_credit_bands"), key=by_key) == sorted(before, key=by_key)


def test_the_object_by_which_data_exchange_looks_disturbs_nobody(world: World) -> None:
    assert len(world.landed(PROBE)) == 1
    assert world.rows(Zone.QUARANTINE, "rejected") == []


def test_an_export_that_fails_is_tried_again_and_raises_one_alarm_that_names_the_product(world: World) -> None:
    """AWS exports no revision with two assets of one name; the other product goes on."""
    world.listen()
    header = "audience_row,postal_code,audience"
    revision = world.publish("advertising_audiences", "A000001,60601,runners", header=header, twice=True)
    [failed] = until(
        "the retries have ended",
        lambda: world.executions("advertising_audiences"),
        lambda found: len(found) == 1 and found[0]["status"] != "RUNNING",
        seconds=PATIENCE_SECONDS,
    )

    assert failed["status"] == "FAILED"
    assert world.landed("advertising_audiences/") == []
    [message] = world.alarms()
    assert "revisions of advertising_audiences could not be exported from Data Exchange" in message["Subject"]
    assert "ExportFailed" in message["Message"]
    assert len(revision) == 32

    world.publish("advertising_audiences", "A000001,60601,runners", header=header)
    world.settled("advertising_audiences", "audience_row", "audience", [("A000001", "runners", True)])
    assert world.alarms() == []
