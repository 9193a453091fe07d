"""An engine starts when it is first needed, is started again when it died, and ends with the emulator."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from twin.engines import kafka
from twin.engines.pool import EnginesPool, Lazily, Watch
from twin.settings import TwinSettings


class FakeEngine:
    """An engine that lives until it is killed or stopped."""

    def __init__(self, port: int = 9) -> None:
        self.alive = True
        self.stops = 0
        self.bootstrap_servers = f"127.0.0.1:{port}"

    def stop(self) -> None:
        self.alive = False
        self.stops += 1


class Garage:
    """Starts fake engines."""

    def __init__(self) -> None:
        self.started: list[FakeEngine] = []
        self.broken = False

    def start(self) -> FakeEngine:
        if self.broken:
            raise RuntimeError("no room")
        self.started.append(FakeEngine())
        return self.started[-1]

    def lazily(self) -> Lazily[FakeEngine]:
        return Lazily("the engine", self.start, alive=lambda engine: engine.alive)


def eventually(true: Any) -> bool:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(true())


def test_an_engine_starts_once_whoever_asks() -> None:
    garage = Garage()
    engine = garage.lazily()

    assert garage.started == []
    assert engine.get() is engine.get()
    assert len(garage.started) == 1


def test_a_dead_engine_is_never_handed_out() -> None:
    garage = Garage()
    engine = garage.lazily()
    first = engine.get()
    first.alive = False

    second = engine.get()

    assert second is not first
    assert second.alive
    assert first.stops == 1


def test_an_engine_that_nobody_started_or_that_was_stopped_is_not_revived() -> None:
    garage = Garage()
    engine = garage.lazily()

    engine.revive()
    engine.get()
    engine.stop()
    engine.revive()

    assert [one.stops for one in garage.started] == [1]


def test_what_could_not_be_revived_is_tried_again_and_ended_once() -> None:
    garage = Garage()
    engine = garage.lazily()
    engine.get().alive = False
    garage.broken = True
    with pytest.raises(RuntimeError, match="no room"):
        engine.revive()
    garage.broken = False

    engine.revive()

    assert [(one.alive, one.stops) for one in garage.started] == [(False, 1), (True, 0)]


def test_what_looks_after_itself_is_never_replaced() -> None:
    garage = Garage()
    engine = Lazily("the engine", garage.start)
    engine.get().alive = False

    assert engine.get() is garage.started[0]


def test_a_watch_looks_until_it_is_stopped_and_survives_a_failure() -> None:
    looks: list[int] = []
    enough = threading.Event()

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            raise RuntimeError("no room")
        enough.set()

    watch = Watch(look, pause=0.01)
    assert enough.wait(10)
    watch.stop()
    seen = len(looks)
    time.sleep(0.05)

    assert len(looks) == seen


def test_a_broker_that_died_comes_back_on_its_data_and_its_port_though_nobody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers: list[FakeEngine] = []
    asked: list[tuple[Path, int | None]] = []

    def start(folder: Path, *, port: int | None = None) -> FakeEngine:
        asked.append((folder, port))
        brokers.append(FakeEngine(port or 4711))
        return brokers[-1]

    monkeypatch.setattr(kafka, "start", start)
    monkeypatch.setattr("twin.engines.pool.BridgeProcess.start", lambda **_: FakeEngine())
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1))
    properties = pool._streams_for_flink()
    brokers[0].alive = False

    assert eventually(lambda: len(brokers) == 2)
    again = pool._streams_for_flink()
    pool.close()

    assert properties == again == {"provider": "kafka", "bootstrap.servers": "127.0.0.1:4711"}
    assert asked == [(tmp_path / "kafka", None), (tmp_path / "kafka", 4711)]
    assert [broker.stops for broker in brokers] == [1, 1]


def test_a_trino_that_died_is_started_by_the_next_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeTrino(FakeEngine):
        def run(self, statement: str) -> tuple[str, int]:
            assert self.alive
            return statement, len(servers)

    servers: list[FakeTrino] = []

    def start(_settings: object) -> FakeTrino:
        servers.append(FakeTrino())
        return servers[-1]

    monkeypatch.setattr("twin.engines.trino.start", start)
    monkeypatch.setattr(EnginesPool, "_warehouse", lambda _: "s3://lake")
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1))

    assert pool.trino.run("SELECT 1") == ("SELECT 1", 1)
    servers[0].alive = False
    assert pool.trino.run("SELECT 1") == ("SELECT 1", 2)
    pool.close()
