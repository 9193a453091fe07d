"""The streams on MSK: an event of the collector is on its topic, and a change on its topic is in the single view."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from c360_core.names import Stream, stream_name
from c360_core.secret_text import parts
from tests.factories.events import event
from tests.factories.profiles import profile_change
from tests.infrastructure.assembly import placeholder_assets, synthesize, with_msk
from tools.build import staging
from twin.emulator import emulator
from twin.scenario.waiting import until
from twin.settings import BUILD, REGION

PATIENCE_SECONDS = 120


class World:
    """An emulator with `dev`, whose streams are on MSK."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.running, self.folder = running, folder
        staging.stage_contracts()
        staging.stage_functions()
        assets = placeholder_assets(folder / "assets")
        shutil.rmtree(assets.root / "lambdas")
        (assets.root / "lambdas").symlink_to(BUILD / "assets" / "lambdas")
        synthesize(with_msk("dev"), assets, folder / "out")
        account = running.client("sts").get_caller_identity()["Account"]
        self._cdk("bootstrap", f"aws://{account}/{REGION}")
        stacks = ("C360-dev-Foundation", "C360-dev-Collection", "C360-dev-Unification")
        self._cdk("deploy", *stacks, "--require-approval", "never")

    def _cdk(self, *arguments: str) -> None:
        log = self.running.settings.logs / "cdk.log"
        variables = self.running.settings.client_environment()
        emulator.cdk([*arguments, "--app", str(self.folder / "out")], log_path=log, variables=variables)

    def output(self, stack: str, name: str) -> str:
        """Return an output of a stack."""
        [found] = self.running.client("cloudformation").describe_stacks(StackName=f"C360-dev-{stack}")["Stacks"]
        [value] = [one["OutputValue"] for one in found["Outputs"] if one["OutputKey"] == name]
        return str(value)

    @property
    def servers(self) -> str:
        """The address of the broker, as the collector is told it."""
        functions = self.running.client("lambda").list_functions()["Functions"]
        found = [one["Environment"]["Variables"] for one in functions if "Collector" in one["FunctionName"]]
        return str(next(each["STREAM_BROKERS"] for each in found if "STREAM_BROKERS" in each))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "msk") as started:
        yield World(started, tmp_path_factory.mktemp("msk"))


def read(servers: str, topic: str) -> list[Any]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found = [json.loads(message.value() or b"{}") for message in consumer.consume(100, timeout=5)]
    consumer.close()
    return found


def test_an_event_of_the_collector_is_on_its_topic(world: World) -> None:
    secret = world.output("Collection", "ApiKeySecretArnWebEvents")
    held = world.running.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    name = world.output("Collection", "CollectorUrl").removeprefix("https://").partition(".")[0]
    url = f"{world.running.settings.endpoint}/_aws/execute-api/{name}/$default/v1/track"
    sent = event("web_events", "page_viewed", event_id="on-kafka-1")

    answer = httpx.post(url, json=sent, headers={"x-api-key": parts(held)["key"]}, timeout=60)

    assert answer.status_code in {200, 207}, answer.text
    topic = stream_name("dev", Stream.EVENTS)
    assert [each["event_id"] for each in read(world.servers, topic)] == ["on-kafka-1"]


def test_a_change_on_its_topic_is_in_the_single_view(world: World) -> None:
    producer = Producer({"bootstrap.servers": world.servers})
    change = {"sequence": 1, **profile_change("p_kafka", orders=3)}
    producer.produce(stream_name("dev", Stream.PROFILE_CHANGES), key="p_kafka", value=json.dumps(change))
    producer.flush()

    table = world.output("Unification", "SingleViewTableName")
    key = {"PK": {"S": "PERSON#p_kafka"}, "SK": {"S": "PROFILE"}}
    until(
        "the profile is stored",
        lambda: world.running.client("dynamodb").get_item(TableName=table, Key=key).get("Item", {}),
        lambda item: item.get("person_id") == {"S": "p_kafka"},
        seconds=PATIENCE_SECONDS,
    )
