"""The demonstration with its streams on MSK: the same known answers, and the same commands of operators.

The settings are those of `everything` with one switch changed. Everything else is what the demonstration always is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from c360_core.names import Stream, stream_name
from ops.rebuild import RebuildReport
from stacks.shared.assets import Assets
from tests.factories.events import event
from tests.infrastructure.assembly import synthesize, with_msk
from tests.twin import views
from tests.twin.conftest import demonstrated
from tests.twin.test_story import c360_replay, order
from tools.build.staging import ASSETS
from tools.laptop.demonstrate import Demonstration
from twin.emulator import emulator
from twin.scenario.permissions import by_root, persona_roles, refusals
from twin.scenario.straight import BROKERS
from twin.scenario.waiting import until
from twin.settings import BUILD, DEMONSTRATED, ROOT

HOME = BUILD / "twin" / "story-on-msk"
PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    folder = tmp_path_factory.mktemp("assembly")

    def assembly(*_: Any, **__: Any) -> Path:
        return synthesize(with_msk(DEMONSTRATED), Assets(root=ASSETS), folder).folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.build.prepare.assembly", assembly)
        patch.setattr(emulator, "assembly_folder", lambda _environment: folder)
        with demonstrated(HOME, tmp_path_factory.mktemp("shoppers")) as demonstration:
            yield demonstration


def test_every_known_answer_is_found(run: Demonstration) -> None:
    assert [(c.name, c.expected, c.actual) for c in run.result.checks if not c.passed] == []
    assert [floor for floor in run.result.floors if not floor.passed] == []


def test_no_request_was_refused_and_nobody_acted_as_root(run: Demonstration) -> None:
    assert refusals(run.authorizations, persona_roles(run.story.deployment)) == []
    assert by_root(run.authorizations) == []


def test_nothing_went_over_kinesis(run: Demonstration) -> None:
    deployment = run.story.deployment
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]

    assert deployment.client("kinesis").list_streams()["StreamNames"] == []
    assert [words for words in commands if "twin.bridge.bridge" in words and str(HOME) in words] == []
    assert not [one for one in run.authorizations if one.action.startswith("kinesis:")]


def test_a_corrected_rejection_goes_through_the_relay_and_is_replayed_once(run: Demonstration, tmp_path: Path) -> None:
    deployment, file = run.story.deployment, tmp_path / "mended.jsonl"
    chosen = ("--source", "web_events", "--code", "MISSING_FIELD")

    looked = c360_replay(run, *chosen, "--dry-run", "--to-file", str(file))
    line = json.loads(file.read_text(encoding="utf-8").splitlines()[0])
    line["body"] = event("web_events", "page_viewed", event_id="replayed-1")
    file.write_text(json.dumps(line), encoding="utf-8")
    first, second = (c360_replay(run, "--from-file", str(file)) for _ in range(2))

    assert (looked["held_back"] > 0, looked["sent"]) == (True, 0)
    assert (first["sent"], first["marked"], second["sent"]) == (1, 1, 0)
    until(
        "the replayed event is in the lake",
        lambda: deployment.count(f"c360_{DEMONSTRATED}_raw.interactions", "event_id = 'replayed-1'"),
        lambda seen: seen == 1,
        seconds=PATIENCE_SECONDS,
    )


def test_the_smoke_test_finds_everything_there_and_answering(run: Demonstration) -> None:
    settings = run.story.deployment.emulator.settings
    words = (sys.executable, "-m", "tools.cli", "smoke", settings.environment, "--send", "--json")
    variables = {**os.environ, **settings.client_environment()}
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)

    assert [one for one in told["checks"] if one["outcome"] == "failed"] == []
    assert {one["check"]: one["found"] for one in told["checks"]}["streams"] == "4 topics, cluster ACTIVE"


def test_an_unreadable_change_goes_to_the_failure_queue_and_blocks_no_other(run: Demonstration) -> None:
    deployment = run.story.deployment
    topic = stream_name(DEMONSTRATED, Stream.PROFILE_CHANGES)
    listed = deployment.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    mapping = next(entry for entry in listed if ":kafka:" in entry["EventSourceArn"])
    seen = {
        "kind": "event",
        "person_id": "p_BEHIND_POISON",
        "event_id": "behind-poison",
        "event_type": "page_viewed",
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "source": "web_events",
    }
    producer = Producer({"bootstrap.servers": deployment.outputs[BROKERS]})
    offsets: list[Any] = []
    producer.produce(topic, key="p", value=b"{", on_delivery=lambda _, message: offsets.append(message.offset()))
    producer.produce(topic, key="p", value=json.dumps(seen))
    producer.flush()

    until(
        "the change behind the poison is on the timeline",
        lambda: [item["event_id"] for item in deployment.items("EVENT#")],
        lambda events: "behind-poison" in events,
        seconds=PATIENCE_SECONDS,
    )
    sqs, queue = deployment.client("sqs"), mapping["DestinationConfig"]["OnFailure"]["Destination"].rpartition(":")[2]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    (message,) = until(
        "the place of the poison is in the failure queue",
        lambda: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []),
        bool,
        seconds=PATIENCE_SECONDS,
    )
    (place,) = json.loads(message["Body"])["KafkaBatchInfo"]["recordsInfo"].values()
    assert place["firstRecordOffset"] == str(offsets[0])


@pytest.fixture(scope="module")
def before(run: Demonstration) -> views.View:
    return views.whole(run.story.deployment)


@pytest.fixture(scope="module")
def report(run: Demonstration, before: views.View) -> RebuildReport:
    assert before["PROFILE"]
    return views.rebuild(run.story.deployment)


def test_profiles_that_are_made_again_equal_those_before(
    run: Demonstration, before: views.View, report: RebuildReport
) -> None:
    assert report.passed, report.as_dict()
    assert report.found.rebuilt == len(before["PROFILE"])
    for prefix in views.PREFIXES:
        assert views.differences(run.story.deployment, before, prefix) == {}, prefix


def test_after_it_new_events_count(run: Demonstration, report: RebuildReport) -> None:
    assert report.passed
    views.count_once(run.story.deployment, {**order(7, run.story._cards()[1]), "event_id": "after-the-rebuild"})
