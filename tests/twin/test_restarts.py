"""An engine that is killed comes back by itself, with what it held.

These come before the story's end, which destroys the deployment, and after the tests that bring engines of their own.
"""

import json
import os
import signal

import psutil

from tests.processes import has_ended
from tests.twin.test_story import order
from tools.laptop.demonstrate import Demonstration
from twin.scenario import straight, unify
from twin.scenario.collect import produce
from twin.scenario.waiting import until


def engine(run: Demonstration, *words: str) -> psutil.Process:
    """Return the Java process of this deployment that was started with these words."""
    emulator = run.story.deployment.emulator.process
    assert emulator is not None
    family = psutil.Process(emulator.guard.pid).children(recursive=True)
    return next(p for p in family if "java" in p.name() and all(word in p.cmdline() for word in words))


def kill(process: psutil.Process) -> None:
    """Kill an engine, and return when its guard has seen it and ended too."""
    guard = process.parent()
    assert guard is not None
    os.kill(process.pid, signal.SIGKILL)
    until("the guard has ended", lambda: has_ended(guard), bool, seconds=30, pause=0.05)


def test_a_query_after_trino_was_killed_is_answered(run: Demonstration) -> None:
    deployment = run.story.deployment
    table = f"c360_{deployment.emulator.settings.environment}_raw.interactions"
    before = deployment.count(table)

    kill(engine(run, "c360.twin.StartTrino"))

    assert before > 0
    assert deployment.count(table) >= before


def test_kafka_comes_back_after_a_kill_and_nothing_is_lost(run: Demonstration) -> None:
    deployment = run.story.deployment
    before = unify.view_totals(deployment)
    lines = [json.dumps(order(n, run.story._cards()[n % 5]) | {"event_id": f"kafka-{n}"}) for n in range(200)]
    stream = straight.sender(deployment)

    produce(stream, lines[:100])
    kill(engine(run, "kafka.Kafka"))
    produce(stream, lines[100:])

    until(
        "all orders are counted after Kafka was killed",
        lambda: unify.view_totals(deployment).orders,
        lambda seen: seen == before.orders + 200,
        seconds=240,
    )
