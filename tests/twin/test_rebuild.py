"""Profiles are made again from the lake, on the running whole: all are what they were, and nobody is written to.

The streams have nothing left by then, so that what they were made of can only come from the lake.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from c360_core import single_view_keys as keys
from c360_core.names import Property, Stream, stream_name
from ops.rebuild import Report, deployed, rebuild_profiles
from tests.twin.conftest import HOME
from tests.twin.test_story import order
from tools.demonstrate import Demonstration
from twin.scenario import unify
from twin.scenario.collect import produce
from twin.scenario.deployment import Deployment
from twin.scenario.waiting import until
from twin.settings import REGION

# What says when something was told, and not what.
OF_THE_TELLING = {"computed_at", "version_order", "sequence", "revision", "rebuilt", "heard"}
# Here Flink's messages cross a bridge after its snapshot, and the end of what was told may overtake some of them.
BRIDGE_SECONDS = 30
Item = Mapping[str, Any]


class Notes:
    """Whoever types the command."""

    def note(self, text: str) -> None:
        """Take no notice."""


def told(item: Item) -> dict[str, Any]:
    found = {name: value for name, value in item.items() if name not in OF_THE_TELLING}
    if "version" in found:
        found["version"] = {name: value for name, value in found["version"].items() if name != "sequence"}
    return found


def stands(item: Item) -> bool:
    """Say whether a reader sees it: an item without an answer only remembers one that was taken back."""
    return "granted" in item or not item["SK"].startswith(keys.CONSENT_PREFIX)


def view(deployment: Deployment, prefix: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["PK"], item["SK"]): told(item) for item in deployment.items(prefix) if stands(item)}


def differences(deployment: Deployment, before: Any, prefix: str) -> dict[Any, Any]:
    """Return what the single view has now and had before, where that is not the same."""

    def now() -> dict[Any, Any]:
        there, was = view(deployment, prefix), before[prefix]
        return {key: (was.get(key), there.get(key)) for key in was | there if was.get(key) != there.get(key)}

    deadline = time.monotonic() + BRIDGE_SECONDS
    while (found := now()) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def empty(stream: Stream) -> int:
    """Take everything from a topic, as its retention would; return how much it was."""
    properties = max(HOME.rglob("application_properties.json"), key=lambda path: path.stat().st_mtime)
    groups = {one["PropertyGroupId"]: one["PropertyMap"] for one in json.loads(properties.read_text(encoding="utf-8"))}
    admin = AdminClient({"bootstrap.servers": groups[Property.STREAMS]["bootstrap.servers"]})
    topic = stream_name("dev", stream)
    partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [TopicPartition(topic, number, -1) for number in partitions]
    return sum(int(future.result().low_watermark) for future in admin.delete_records(ends).values())


@pytest.fixture(scope="module")
def before(run: Demonstration) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    return {prefix: view(run.story.deployment, prefix) for prefix in ("PROFILE", "CONSENT#", "EVENT#", "DECISION#")}


@pytest.fixture(scope="module")
def report(run: Demonstration, before: Any) -> Report:
    deployment = run.story.deployment
    assert before["PROFILE"]
    assert empty(Stream.INTERACTIONS) > 0
    assert empty(Stream.IDENTITY_CHANGES) > 0
    table = boto3.resource(
        "dynamodb",
        endpoint_url=deployment.emulator.settings.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # the emulator's fixed pair
    )
    return rebuild_profiles(deployed("dev", deployment.client, table.meta.client), Notes())


def test_every_profile_is_told_again_and_equals_the_one_before(run: Demonstration, before: Any, report: Report) -> None:
    assert report.passed, report.as_dict()
    assert report.snapshot is not None
    assert report.found.rebuilt == len(before["PROFILE"])
    assert differences(run.story.deployment, before, "PROFILE") == {}


@pytest.mark.parametrize("prefix", ["CONSENT#", "EVENT#"])
def test_answers_and_timelines_are_what_they_were(run: Demonstration, before: Any, report: Report, prefix: str) -> None:
    assert report.passed
    assert before[prefix]
    assert differences(run.story.deployment, before, prefix) == {}


def test_nobody_is_decided_about_because_of_it_and_news_counts_again(
    run: Demonstration, before: Any, report: Report
) -> None:
    deployment = run.story.deployment
    totals = unify.view_totals(deployment)

    news = {**order(7, run.story._cards()[1]), "event_id": "after-the-rebuild"}
    produce(deployment.client("kinesis"), deployment.outputs["EventsStreamName"], [json.dumps(news)])
    until(
        "an order after the rebuild is counted once",
        lambda: unify.view_totals(deployment).orders,
        lambda seen: seen == totals.orders + 1,
        seconds=120,
    )

    kinds = Counter(item["trigger"] for item in view(deployment, "DECISION#").values())
    assert kinds == Counter(item["trigger"] for item in before["DECISION#"].values())
