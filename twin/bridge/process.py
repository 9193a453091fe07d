"""The bridge between Kinesis and Kafka as a process of its own, which carries the streams of the deployed applications.

What clients and jobs write goes from Kinesis to Kafka, where Flink reads it, also on a stream that Flink itself writes.
What Flink writes goes from Kafka to Kinesis when a function there reads it. A stream may go both ways: `interactions`
is written by Flink and by jobs, and read by Flink and by functions.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

from twin.engines.engine import Engine
from twin.engines.kafka import Kafka, KafkaEngine
from twin.processes.process import Child, spawn
from twin.settings import ROOT, TwinSettings

LOGGER: Final = logging.getLogger("twin.bridge.process")
SUPERVISION_SECONDS: Final = 0.5

Plan = dict[str, Any]
Sessions = Mapping[str, Mapping[str, str]]


class BridgeProcess:
    """A running bridge. When its process dies it is started again and goes on from its stored positions.

    Args:
        settings: the run that it belongs to.
        broker: the Kafka side.
    """

    def __init__(self, *, settings: TwinSettings, broker: Kafka) -> None:
        self._settings = settings
        self._broker = broker
        self._plan: Plan = {}
        self._child: Child | None = None
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True, name="bridge supervisor")
        self._supervisor.start()

    def carry(self, *, reads: Sessions, writes: Sessions) -> None:
        """Make the topics of these streams and carry them from now on, instead of those before.

        Args:
            reads: the streams that applications read; with the name of each, the variables of a session of the role
                that reads it.
            writes: the streams that applications write, likewise.
        """
        deployed = set(self._settings.client("kinesis").list_streams()["StreamNames"])
        written, read = set(writes) & deployed, set(reads) & deployed
        self._broker.create_topics(sorted(written | read))
        functions_read = _streams_that_functions_read(self._settings.client("lambda"))
        plan: Plan = {
            "endpoint": self._settings.endpoint,
            "bootstrap_servers": self._broker.bootstrap_servers,
            "state": str(self._settings.home / "bridge"),
            "to_kafka": _sessions_of(read, reads),
            "to_kinesis": _sessions_of(written & functions_read, writes),
        }
        with self._changing:
            if plan != self._plan:
                self._plan = plan
                self._end()
                self._child = self._spawn()

    def stop(self) -> None:
        """End the bridge; its positions stay."""
        self._stopped.set()
        self._supervisor.join()
        self._end()

    def _spawn(self) -> Child:
        path = self._settings.home / "bridge.json"
        path.write_text(json.dumps(self._plan), encoding="utf-8")
        command = [sys.executable, "-m", "twin.bridge.bridge", "--config", str(path)]
        environment = {**os.environ, **self._settings.connection()}
        return spawn("bridge", command, log_path=self._settings.logs / "bridge.log", env=environment, cwd=ROOT)

    def _end(self) -> None:
        ending, self._child = self._child, None
        if ending is not None:
            ending.terminate()

    def _supervise(self) -> None:
        while not self._stopped.wait(SUPERVISION_SECONDS):
            with self._changing:
                status = self._child.poll() if self._child is not None else None
                if self._child is not None and status is not None:
                    LOGGER.warning("the bridge ended (%s); starting it again:\n%s", status, self._child.tail(5))
                    self._end()
                    self._child = self._spawn()


class BridgeEngine(Engine[BridgeProcess]):
    """The bridge of an emulator: it carries nothing until somebody says which streams."""

    name = "the bridge"
    needs = (KafkaEngine,)

    def start(self) -> BridgeProcess:
        """Return the bridge."""
        return BridgeProcess(settings=self.settings, broker=self.engines.get(KafkaEngine))


def _sessions_of(streams: Iterable[str], sessions: Sessions) -> dict[str, dict[str, str]]:
    return {stream: dict(sessions[stream]) for stream in sorted(streams)}


def _streams_that_functions_read(aws_lambda: Any) -> set[str]:
    pages = aws_lambda.get_paginator("list_event_source_mappings").paginate()
    sources = (mapping["EventSourceArn"] for page in pages for mapping in page["EventSourceMappings"])
    return {arn.rpartition("/")[2] for arn in sources if ":kinesis:" in arn}
