"""Profiles are made again from the lake, on the running whole: all are what they were, and nobody is written to.

The streams have nothing left by then, so that what they were made of can only come from the lake.
"""

import json
from collections import Counter
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from c360_core.names import Property, Stream, stream_name
from ops.rebuild import RebuildReport
from tests.twin import views
from tests.twin.conftest import HOME
from tests.twin.test_story import order
from tools.laptop.demonstrate import Demonstration
from twin.settings import DEMONSTRATED


def empty(stream: Stream) -> int:
    """Take everything from a topic, as its retention would; return how much it was."""
    properties = max(HOME.rglob("application_properties.json"), key=lambda path: path.stat().st_mtime)
    groups = {one["PropertyGroupId"]: one["PropertyMap"] for one in json.loads(properties.read_text(encoding="utf-8"))}
    admin = AdminClient({"bootstrap.servers": groups[Property.STREAMS]["bootstrap.servers"]})
    topic = stream_name(DEMONSTRATED, stream)
    partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions
    ends = [TopicPartition(topic, number, -1) for number in partitions]
    return sum(int(future.result().low_watermark) for future in admin.delete_records(ends).values())


@pytest.fixture(scope="module")
def before(run: Demonstration) -> views.View:
    return views.whole(run.story.deployment)


@pytest.fixture(scope="module")
def report(run: Demonstration, before: Any) -> RebuildReport:
    deployment = run.story.deployment
    assert before["PROFILE"]
    assert empty(Stream.INTERACTIONS) > 0
    assert empty(Stream.IDENTITY_CHANGES) > 0
    return views.rebuild(deployment)


def test_every_profile_is_published_again_and_equals_the_one_before(
    run: Demonstration, before: Any, report: RebuildReport
) -> None:
    assert report.passed, report.as_dict()
    assert report.snapshot is not None
    assert report.found.rebuilt == len(before["PROFILE"])
    assert views.differences(run.story.deployment, before, "PROFILE") == {}


@pytest.mark.parametrize("prefix", ["SEGMENT#", "CONSENT#", "EVENT#"])
def test_segments_answers_and_timelines_are_what_they_were(
    run: Demonstration, before: Any, report: RebuildReport, prefix: str
) -> None:
    assert report.passed
    assert before[prefix]
    assert views.differences(run.story.deployment, before, prefix) == {}


def test_it_triggers_no_decisions_and_new_events_count_again(
    run: Demonstration, before: Any, report: RebuildReport
) -> None:
    deployment = run.story.deployment
    views.count_once(deployment, {**order(7, run.story._cards()[1]), "event_id": "after-the-rebuild"})

    kinds = Counter(item["trigger"] for item in views.view(deployment, "DECISION#").values())
    assert kinds == Counter(item["trigger"] for item in before["DECISION#"].values())
