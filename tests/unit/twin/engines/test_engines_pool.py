"""An engine starts when it is first needed, is started again when it died, and ends with the emulator."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.twin.waiting import eventually
from twin.engines import kafka, trino
from twin.engines.engine import Engine
from twin.engines.kafka import KafkaEngine
from twin.engines.pool import EnginesPool, LazyEngine, UndeclaredEngineError, Watch
from twin.engines.trino import TrinoEngine
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

    def lazy(self) -> LazyEngine[FakeEngine]:
        return LazyEngine("the engine", self.start, alive=lambda engine: engine.alive)


def test_an_engine_starts_once_for_all_callers() -> None:
    garage = Garage()
    engine = garage.lazy()

    assert garage.started == []
    assert engine.get() is engine.get()
    assert len(garage.started) == 1


def test_a_dead_engine_is_never_handed_out() -> None:
    garage = Garage()
    engine = garage.lazy()
    first = engine.get()
    first.alive = False

    second = engine.get()

    assert second is not first
    assert second.alive
    assert first.stops == 1


def test_an_engine_that_never_started_or_was_stopped_is_not_restarted() -> None:
    garage = Garage()
    engine = garage.lazy()

    engine.revive()
    engine.get()
    engine.stop()
    engine.revive()

    assert [one.stops for one in garage.started] == [1]


def test_a_failed_restart_is_retried_and_stopped_once() -> None:
    garage = Garage()
    engine = garage.lazy()
    engine.get().alive = False
    garage.broken = True
    with pytest.raises(RuntimeError, match="no room"):
        engine.revive()
    garage.broken = False

    engine.revive()

    assert [(one.alive, one.stops) for one in garage.started] == [(False, 1), (True, 0)]


def test_self_managed_resources_are_never_replaced() -> None:
    garage = Garage()
    engine = LazyEngine("the engine", garage.start)
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


def test_a_dead_broker_is_restarted_on_its_data_and_port_without_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers: list[FakeEngine] = []
    asked: list[tuple[Path, int | None]] = []

    def start(folder: Path, *, port: int | None = None) -> FakeEngine:
        asked.append((folder, port))
        brokers.append(FakeEngine(port or 4711))
        return brokers[-1]

    monkeypatch.setattr(kafka, "start", start)
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1), [KafkaEngine])
    address = pool.get(KafkaEngine).bootstrap_servers
    brokers[0].alive = False

    assert eventually(lambda: len(brokers) == 2)
    again = pool.get(KafkaEngine).bootstrap_servers
    pool.close([])

    assert address == again == "127.0.0.1:4711"
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

    monkeypatch.setattr(trino, "start", start)
    monkeypatch.setattr(TrinoEngine, "_warehouse", lambda _: "s3://lake")
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1), [TrinoEngine])

    assert pool.get(TrinoEngine).run("SELECT 1") == ("SELECT 1", 1)
    servers[0].alive = False
    assert pool.get(TrinoEngine).run("SELECT 1") == ("SELECT 1", 2)
    pool.close([])


class Recorder:
    """Notes what starts and stops."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def engine(self, name_: str, *needed: type[Engine[Any]], every_run: bool = False) -> type[Engine[Any]]:
        """Declare an engine."""
        notes = self.notes

        class Noted(Engine[Any]):
            name = name_
            needs = needed
            used_by_every_run = every_run

            def start(self) -> Any:
                for kind in self.needs:
                    self.engines.get(kind)
                notes.append(f"start {name_}")
                return self

            def warm(self, running: Any) -> None:
                notes.append(f"warm {name_}")

            def stop(self) -> None:
                notes.append(f"stop {name_}")

        return Noted

    def user(self, *engines_: type[Engine[Any]]) -> Any:
        """Declare who uses engines."""
        notes = self.notes

        class User:
            engines = engines_

            def close(self) -> None:
                time.sleep(0.05)  # its engines must wait for it
                notes.append("close")

        return User()


def test_engines_stop_after_who_uses_them_and_only_if_they_were_started(tmp_path: Path) -> None:
    recorder = Recorder()
    broker = recorder.engine("broker")
    bridge = recorder.engine("bridge", broker)
    other = recorder.engine("other")
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1), [bridge, other])

    pool.get(bridge)
    pool.close([recorder.user(bridge)])

    assert recorder.notes == ["start broker", "start bridge", "close", "stop bridge", "stop broker"]


def test_only_what_every_run_needs_starts_with_the_emulator(tmp_path: Path) -> None:
    recorder = Recorder()
    pool = EnginesPool(
        TwinSettings(home=tmp_path, port=1), [recorder.engine("first", every_run=True), recorder.engine("second")]
    )

    pool.warm()

    assert eventually(lambda: len(recorder.notes) == 2)
    assert recorder.notes == ["start first", "warm first"]
    pool.close([])


def test_a_failure_while_one_stops_does_not_keep_the_others_running(tmp_path: Path) -> None:
    recorder = Recorder()
    broker = recorder.engine("broker")
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1), [broker])
    pool.get(broker)
    user = recorder.user(broker)
    user.close = lambda: 1 / 0

    pool.close([user])

    assert recorder.notes == ["start broker", "stop broker"]


def test_an_undeclared_engine_is_refused_with_the_place_to_declare_it(tmp_path: Path) -> None:
    pool = EnginesPool(TwinSettings(home=tmp_path, port=1), [])

    with pytest.raises(UndeclaredEngineError, match="no provider declares the engine TrinoEngine: add it to `engines`"):
        pool.get(TrinoEngine)
