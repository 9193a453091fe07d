"""What a customer writes is scored within seconds, and a good customer who is very unhappy becomes a task.

Systems outside are told what happens: a subscriber by signed webhooks, and the loyalty system the tiers of members.

Flink does not run here: the test says what `unify` makes of the score. The demonstration shows the whole way.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from c360_core import single_view_keys as keys
from c360_core.bus_events import BusEvent
from c360_core.names import Stream, stream_name
from tests.deployments.small_dev import ENVIRONMENT, PATIENCE_SECONDS, SmallDev
from tests.factories.profiles import profile_change
from tests.fakes.wire import read_stream
from twin.emulator import emulator
from twin.patches.trusted_receivers import certificate_of
from twin.scenario.deployment import api_address
from twin.scenario.waiting import until
from twin.settings import BUILD
from twin.vendors.loyalty_system import LoyaltySystem
from twin.vendors.service_desk import ServiceDesk
from twin.vendors.subscriber import WebhookSubscriber

FURIOUS = "This is terrible. My order never came, nobody called me back and I am furious."
HAPPY = "Wonderful bread, and very friendly people. I love this shop!"
GERMAN = "Das ist eine sehr schlechte Lieferung, ich bin wirklich enttäuscht von Ihnen."
# VADER's own compound values, which the laptop's Comprehend gives as positive less negative.
SCORES = {"r-furious": -0.7783, "r-happy": 0.9133}


class World:
    """`dev` with the scoring of texts, a service system that takes tasks, a subscriber and a loyalty system."""

    def __init__(
        self,
        running: emulator.Emulator,
        folder: Path,
        desk: ServiceDesk,
        subscriber: WebhookSubscriber,
        loyalty: LoyaltySystem,
    ) -> None:
        self.dev, self.desk = SmallDev(running, folder), desk
        self.subscriber, self.loyalty = subscriber, loyalty

        def change(values: dict[str, Any]) -> None:
            values["activation"]["sentiment"] = {"deployed": True}
            values["activation"]["service_tasks"] = {"url": f"{desk.address.replace('http:', 'https:')}/tasks"}
            partner = {"name": "partner", "url": f"{subscriber.address}/hooks", "events": sorted(map(str, BusEvent))}
            values["activation"]["webhooks"] = [partner]
            tiers = [{"segment": "high_spenders", "tier": "gold"}]
            values["activation"]["loyalty"] = {"url": f"{loyalty.address}/members", "tiers": tiers}
            values["activation"]["outbound"] = {"private_networks": ["127.0.0.0/8"]}

        self.dev.deploy(change, "activation")
        desk.key = self._held("ServiceTaskKeyArn")
        subscriber.secrets = [self._held("WebhookSecretArnPartner")]
        loyalty.key = self._held("LoyaltyKeyArn")

    def profile(self, person_id: str, sequence: int, **changed: Any) -> None:
        """Say what `unify` says of a person."""
        told = profile_change(
            person_id, sequence=sequence, live_events=sequence, **{"segments": ["high_spenders"], **changed}
        )
        name = stream_name(ENVIRONMENT, Stream.PROFILE_CHANGES)
        self.dev.client("kinesis").put_record(StreamName=name, Data=json.dumps(told), PartitionKey=person_id)

    def becomes_unhappy(self, person_id: str) -> None:
        """Say that somebody who is known has written something very unhappy, of which the score is the newest event."""
        self.profile(person_id, 1)
        table, name = self.dev.client("dynamodb"), self.dev.output("unification", "SingleViewTableName")
        key = {part: {"S": value} for part, value in keys.person_key(person_id, keys.PROFILE).items()}
        until(
            f"{person_id} is known",
            lambda: table.get_item(TableName=name, Key=key).get("Item"),
            lambda seen: seen is not None,
            seconds=PATIENCE_SECONDS,
        )
        self.profile(person_id, 2, scores={"sentiment": SCORES["r-furious"]})

    def waiting(self) -> list[dict[str, Any]]:
        """Return the tasks in the dead-letter queue."""
        queues = self.dev.client("sqs")
        [url] = [one for one in queues.list_queues()["QueueUrls"] if "ServiceTasksUndelivered" in one]
        found = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]

    def review(self, review_id: str, text: str, email: str) -> None:
        """Let the vendor of reviews tell of one, as its contract says."""
        now = datetime.now(UTC).isoformat()
        told = {
            "id": f"told-{review_id}",
            "type": "review.created",
            "created_at": now,
            "author": {"email": email},
            "review": {"id": review_id, "product_id": "p-1", "stars": 3, "text": text},
        }
        body, timestamp = json.dumps({"events": [told]}).encode(), str(int(time.time()))
        signed = hmac.new(self._secret(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-reviews-timestamp": timestamp,
            "x-reviews-signature": f"v1={signed}",
        }
        url = api_address(self.dev.output("collection", "CollectorUrl"), endpoint=self.dev.running.settings.endpoint)
        answer = httpx.post(f"{url}/v1/hooks/product_reviews", content=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["rejected"]) == (HTTPStatus.OK, 0), answer.text

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """Return the events of a type on the stream where all come in."""
        name = stream_name(ENVIRONMENT, Stream.EVENTS)
        told = [json.loads(record) for record in read_stream(self.dev.client("kinesis"), name)]
        return [one for one in told if one["event_type"] == event_type]

    def _held(self, output: str) -> str:
        arn = self.dev.output("activation", output)
        return str(self.dev.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])

    def _secret(self) -> bytes:
        arn = self.dev.output("collection", "ApiKeySecretArnProductReviews")
        held = self.dev.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        return str(json.loads(held)["key"] if held.startswith("{") else held).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ServiceDesk(key="") as desk, emulator.running(BUILD / "twin" / "sentiment") as started:
        shown = certificate_of(started.settings)
        with WebhookSubscriber(certificate=shown) as subscriber, LoyaltySystem(certificate=shown) as loyalty:
            yield World(started, tmp_path_factory.mktemp("sentiment"), desk, subscriber, loyalty)


def test_what_is_written_is_scored_once_and_in_no_other_language_than_is_known(world: World) -> None:
    began = time.monotonic()
    for _ in range(2):  # the vendor tells everything twice
        world.review("r-furious", FURIOUS, "ada@example.com")
        world.review("r-german", GERMAN, "eva@example.com")
        world.review("r-happy", HAPPY, "bo@example.com")
    scores = until(
        "two texts have a score",
        lambda: {json.dumps(one["identifiers"]): one for one in world.events("score_computed")},
        lambda seen: len(seen) == len(SCORES),
        seconds=PATIENCE_SECONDS,
        pause=0.1,
    )
    print(f"\n{time.monotonic() - began:.1f} s from six calls of the vendor to two scores on the stream")  # noqa: T201  # shown, not judged

    values = {who: (one["payload"]["score"], one["payload"]["value"]) for who, one in scores.items()}
    assert values == {
        '{"email": ["ada@example.com"]}': ("sentiment", SCORES["r-furious"]),
        '{"email": ["bo@example.com"]}': ("sentiment", SCORES["r-happy"]),
    }
    ids = [one["event_id"] for one in world.events("score_computed")]
    assert len(set(ids)) == len(SCORES), "a text that is told twice gives an event of the same id, which `clean` drops"


def test_a_good_customer_who_is_very_unhappy_becomes_a_task_of_the_service_system(world: World) -> None:
    began = time.monotonic()
    world.becomes_unhappy("p_ada")
    [task] = until("a task is opened", lambda: list(world.desk.tasks), bool, seconds=PATIENCE_SECONDS, pause=0.1)
    print(f"\n{time.monotonic() - began:.1f} s from the profile to the task")  # noqa: T201  # shown, not judged

    [decision] = [one["payload"] for one in world.events("decision_made") if one["payload"]["action"] == "task"]
    assert (task["person_id"], task["trigger"], task["reasons"]) == (
        "p_ada",
        "unhappy_valuable",
        ["UNHAPPY_VALUABLE"],
    )
    assert decision["decision_id"] == task["task_id"]
    assert set(task) == {"task_id", "person_id", "trigger", "reasons", "decided_at"}, "nothing else leaves"


def test_systems_outside_are_told_and_what_became_of_a_tier_is_an_event(world: World) -> None:
    began = time.monotonic()
    card = "L0000009"
    for sequence, tier in ((1, "gold"), (2, "basic")):
        segments = ["high_spenders"] if tier == "gold" else []
        world.profile("p_cleo", sequence, loyalty_id=card, email="cleo@example.com", segments=segments)
        until(
            f"the member is {tier}",
            lambda: world.loyalty.tiers.get(card),
            lambda seen, wanted=tier: seen == wanted,
            seconds=PATIENCE_SECONDS,
            pause=0.1,
        )
    told = until(
        "the subscriber knows both changes",
        lambda: [one["data"] for one in list(world.subscriber.events.values()) if _is_about("p_cleo", one)],
        lambda seen: len(seen) == 2,  # into a segment, and out of it
        seconds=PATIENCE_SECONDS,
        pause=0.1,
    )
    print(f"\n{time.monotonic() - began:.1f} s from two profiles to two tiers and two webhooks")  # noqa: T201  # shown, not judged

    assert sorted((one["entered"], one["left"]) for one in told) == [([], ["high_spenders"]), (["high_spenders"], [])]
    became = [
        one["payload"] for one in world.events("loyalty_tier_written") if one["identifiers"]["loyalty_id"] == [card]
    ]
    assert became == [{"tier": tier, "outcome": "accepted"} for tier in ("gold", "basic")]
    assert world.subscriber.unsigned == 0
    assert set(world.subscriber.told.values()) == {1}
    decisions = {one["payload"]["decision_id"] for one in world.events("decision_made")}
    done = {key for key, one in world.subscriber.events.items() if one["type"] == BusEvent.DECISION_MADE}
    assert done <= decisions
    assert {one["task_id"] for one in world.desk.tasks} <= done


def _is_about(person_id: str, event: dict[str, Any]) -> bool:
    return bool(event["type"] == BusEvent.SEGMENTS_CHANGED and event["data"]["person_id"] == person_id)


def test_a_task_waits_while_the_service_system_is_down(world: World) -> None:
    world.desk.is_down = True
    world.becomes_unhappy("p_bo")
    [event] = until("a task waits", world.waiting, bool, seconds=PATIENCE_SECONDS)
    # The emulator's letter is the entry as it was put.
    assert json.loads(event["Detail"])["person_id"] == "p_bo"
