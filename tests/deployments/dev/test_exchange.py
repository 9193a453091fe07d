"""A vendor publishes revisions of bought products on a deployment that subscribes to them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.landing import PROBE
from c360_core.names import Zone, reference_table
from tests.deployments.dev.conftest import PRODUCTS, Dev
from tests.deployments.small_dev import PATIENCE_SECONDS
from twin.scenario.vendor import Vendor
from twin.scenario.waiting import until

HEADER = "bureau_id,street,postal_code,credit_band"


class World:
    """The deployment, and the vendor of its products."""

    def __init__(self, dev: Dev) -> None:
        self.dev = dev
        self.vendor = Vendor(dev.running.settings)
        self._listen()

    def landed(self, folder: str) -> list[str]:
        """Return the keys of a folder."""
        landing = self.dev.output("foundation", "LandingBucketName")
        pages = self.dev.client("s3").get_paginator("list_objects_v2").paginate(Bucket=landing, Prefix=folder)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def publish(self, product: str, *lines: str, header: str = HEADER, twice: bool = False) -> str:
        """Publish a revision of a product with one file."""
        content = "\n".join([header, *lines]) + "\n"
        return self.vendor.publish(PRODUCTS[product], {f"{product}.csv": content.encode()}, twice=twice)

    def history(self, product: str, key: str, said: str) -> list[tuple[str, str, bool]]:
        """Return what the reference table says: key, value, and whether it holds now."""
        rows = self.dev.rows(Zone.CURATED, reference_table(product))
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
        return self.dev.machine("DataExchange", product.title().replace("_", ""))

    def ingestions(self) -> list[str]:
        """How the runs of the file ingestion stand."""
        return [one["status"] for one in self.dev.executions(self.dev.machine("FileIngestion"))]

    def alarms(self) -> list[dict[str, Any]]:
        """What was published on the alarm topic, as its subscriber reads it."""
        queue = self.dev.client("sqs").get_queue_url(QueueName="alarms-of-the-test")["QueueUrl"]
        found: list[dict[str, Any]] = []
        while messages := self.dev.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10
        ).get("Messages", []):  # fmt: skip
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.dev.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def _listen(self) -> None:
        """Subscribe to the alarm topic."""
        sqs, sns = self.dev.client("sqs"), self.dev.client("sns")
        queue = sqs.create_queue(QueueName="alarms-of-the-test")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self.dev.output("foundation", "AlarmTopicArn")
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)


@pytest.fixture(scope="module")
def world(dev: Dev) -> World:
    return World(dev)


def test_a_revision_that_is_published_becomes_history_and_twice_has_one_effect(world: World) -> None:
    began = datetime.now(UTC)
    world.publish("credit_bands", "B000001,1 Main Street,60601,A", "B000002,2 Main Street,60601,B")
    world.settled("credit_bands", "bureau_id", "credit_band", [("B000001", "A", True), ("B000002", "B", True)])
    world.publish("credit_bands", "B000001,1 Main Street,60601,C")
    after = [("B000001", "A", False), ("B000001", "C", True), ("B000002", "B", False)]
    world.settled("credit_bands", "bureau_id", "credit_band", after)

    rows = {
        (row["bureau_id"], row["credit_band"]): row for row in world.dev.rows(Zone.CURATED, "reference_credit_bands")
    }
    assert rows["B000001", "A"]["valid_to"] == rows["B000001", "C"]["valid_from"]
    assert began < rows["B000001", "A"]["valid_from"] < rows["B000001", "C"]["valid_from"] < datetime.now(UTC)
    assert rows["B000001", "C"]["household_key"] == "1 main st|60601"

    before, runs = world.dev.rows(Zone.CURATED, "reference_credit_bands"), len(world.ingestions())
    world.dev.execute(world.machine("credit_bands"))
    until(
        "the exports were ingested", world.ingestions,
        lambda found: len(found) > runs and set(found) == {"SUCCEEDED"}, seconds=PATIENCE_SECONDS,
    )  # fmt: skip

    def by_key(row: dict[str, Any]) -> str:
        return str((row["bureau_id"], row["valid_from"]))

    assert sorted(world.dev.rows(Zone.CURATED, "reference_credit_bands"), key=by_key) == sorted(before, key=by_key)


def test_the_object_by_which_data_exchange_looks_disturbs_nobody(world: World) -> None:
    assert len(world.landed(PROBE)) == 1
    assert world.dev.rows(Zone.QUARANTINE, "rejected") == []


def test_an_export_that_fails_is_tried_again_and_raises_one_alarm_that_names_the_product(world: World) -> None:
    """AWS exports no revision with two assets of one name; the other product goes on."""
    header = "audience_row,postal_code,audience"
    revision = world.publish("advertising_audiences", "A000001,60601,runners", header=header, twice=True)
    [failed] = until(
        "the retries have ended",
        lambda: world.dev.executions(world.machine("advertising_audiences")),
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


def test_a_revoked_revision_is_told_of_and_exported_no_more(world: World) -> None:
    """What is here of it stays: the terms of the subscription say what becomes of it."""
    before = world.history("credit_bands", "bureau_id", "credit_band")
    revision = world.publish("credit_bands", "B000003,3 Main Street,60601,D")
    after = [*((key, said, False) for key, said, _ in before), ("B000003", "D", True)]
    world.settled("credit_bands", "bureau_id", "credit_band", after)

    world.vendor.revoke(PRODUCTS["credit_bands"], revision)

    [message] = until("somebody is told", world.alarms, bool, seconds=PATIENCE_SECONDS)
    assert "revisions of credit_bands were revoked" in message["Subject"]
    told = json.loads(message["Message"])
    assert (told["revisions"], told["comment"]) == ([revision], "published by mistake")
    landed = world.landed("credit_bands/")
    world.dev.execute(world.machine("credit_bands"))
    assert {key.split("/")[-2] for key in landed} == {key.split("/")[-2] for key in world.landed("credit_bands/")}
    world.settled("credit_bands", "bureau_id", "credit_band", after)
