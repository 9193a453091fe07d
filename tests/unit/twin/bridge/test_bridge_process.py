"""The bridge carries what the deployed applications read and write, and follows when that changes."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.twin.waiting import eventually
from twin.bridge import process
from twin.bridge.process import BridgeProcess
from twin.settings import TwinSettings

CLEAN = {"AWS_ACCESS_KEY_ID": "of clean"}
UNIFY = {"AWS_ACCESS_KEY_ID": "of unify"}
STREAMS = ["events", "interactions", "identity-changes", "profile-changes", "unrelated"]


class FakeBroker:
    """Takes topics."""

    bootstrap_servers = "127.0.0.1:9"

    def __init__(self) -> None:
        self.topics: set[str] = set()

    def create_topics(self, names: Iterable[str]) -> None:
        self.topics.update(names)


class FakeClient:
    """Kinesis with the streams, and Lambda with a function that reads one of them."""

    def list_streams(self) -> dict[str, Any]:
        return {"StreamNames": STREAMS}

    def get_paginator(self, _name: str) -> Any:
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        arns = [
            "arn:aws:kinesis:us-east-1:1:stream/profile-changes",
            "arn:aws:dynamodb:us-east-1:1:table/view/stream/1",
        ]
        yield {"EventSourceMappings": [{"EventSourceArn": arn} for arn in arns]}


class FakeChild:
    """A bridge's process: runs until it is ended."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.status: int | None = None

    def poll(self) -> int | None:
        return self.status

    def tail(self, _lines: int) -> str:
        return "the log's end"

    def terminate(self) -> None:
        self.status = self.status if self.status is not None else 0


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[FakeChild]:
    started: list[FakeChild] = []

    def spawn(_name: str, command: list[str], **_: Any) -> FakeChild:
        plan = json.loads(Path(command[-1]).read_text(encoding="utf-8"))
        started.append(FakeChild(plan))
        return started[-1]

    monkeypatch.setattr(process, "spawn", spawn)
    monkeypatch.setattr(process, "SUPERVISION_SECONDS", 0.01)
    monkeypatch.setattr(TwinSettings, "client", lambda _self, _service: FakeClient())
    return started


@pytest.fixture
def bridge(children: list[FakeChild], tmp_path: Path) -> Iterator[Callable[[], BridgeProcess]]:
    made: list[BridgeProcess] = []

    def make() -> BridgeProcess:
        broker: Any = FakeBroker()
        made.append(BridgeProcess(settings=TwinSettings(home=tmp_path, port=1), broker=broker))
        return made[-1]

    yield make
    for one in made:
        one.stop()
    assert all(child.status is not None for child in children)


def test_it_carries_to_flink_what_is_read_and_back_what_a_function_reads(
    bridge: Callable[[], BridgeProcess], children: list[FakeChild]
) -> None:
    running = bridge()
    running.carry(
        reads={"events": CLEAN, "interactions": UNIFY, "identity-changes": UNIFY, "not-deployed": UNIFY},
        writes={"interactions": CLEAN, "profile-changes": UNIFY},
    )

    (child,) = children
    assert child.plan["to_kafka"] == {"events": CLEAN, "interactions": UNIFY, "identity-changes": UNIFY}
    assert child.plan["to_kinesis"] == {"profile-changes": UNIFY}
    assert running._broker.topics == {"events", "interactions", "identity-changes", "profile-changes"}  # type: ignore[attr-defined]


def test_a_stream_that_flink_and_functions_read_goes_both_ways(
    bridge: Callable[[], BridgeProcess], children: list[FakeChild]
) -> None:
    bridge().carry(reads={"profile-changes": CLEAN}, writes={"profile-changes": UNIFY})

    (child,) = children
    assert child.plan["to_kafka"] == {"profile-changes": CLEAN}
    assert child.plan["to_kinesis"] == {"profile-changes": UNIFY}


def test_it_starts_again_only_when_other_streams_are_to_be_carried(
    bridge: Callable[[], BridgeProcess], children: list[FakeChild]
) -> None:
    running = bridge()
    running.carry(reads={"events": CLEAN}, writes={"interactions": CLEAN})
    running.carry(reads={"events": CLEAN}, writes={"interactions": CLEAN})
    assert len(children) == 1

    running.carry(reads={"events": CLEAN, "identity-changes": UNIFY}, writes={"interactions": CLEAN})

    assert [child.status for child in children] == [0, None]
    assert children[1].plan["to_kafka"] == {"events": CLEAN, "identity-changes": UNIFY}


def test_a_bridge_that_died_is_started_again_with_its_plan(
    bridge: Callable[[], BridgeProcess], children: list[FakeChild]
) -> None:
    bridge().carry(reads={"events": CLEAN}, writes={})
    children[0].status = -9

    assert eventually(lambda: len(children) == 2)
    assert children[1].plan == children[0].plan
