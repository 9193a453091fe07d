"""The bridge between Kinesis and Kafka as a process of its own, with a plan read from what is deployed."""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, Self

from c360_core.names import Stream, stream_name
from twin.engines.kafka import Kafka
from twin.processes.process import Child, spawn
from twin.settings import ROOT, TwinSettings

LOGGER: Final = logging.getLogger("twin.bridge.process")
KEEPER_SECONDS: Final = 0.5
WRITTEN_BY_FLINK: Final = (Stream.INTERACTIONS, Stream.PROFILE_CHANGES)


class BridgeProcess:
    """A running bridge. When its process dies it is started again and goes on from its stored positions."""

    def __init__(self, start: Callable[[], Child]) -> None:
        self._start = start
        self._stopped = threading.Event()
        self._child = start()
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="bridge keeper")
        self._keeper.start()

    @classmethod
    def start(cls, *, settings: TwinSettings, broker: Kafka, kinesis: Any, aws_lambda: Any) -> Self:
        """Make the topics and carry the deployed streams.

        What clients and jobs write goes from Kinesis to Kafka, where Flink reads it. What Flink writes goes from Kafka
        to Kinesis when something there reads it.
        """
        names = kinesis.list_streams()["StreamNames"]
        broker.create_topics(names)
        written = {stream_name(settings.environment, stream) for stream in WRITTEN_BY_FLINK}
        read = _streams_that_functions_read(aws_lambda)
        config = {
            "endpoint": settings.endpoint,
            "bootstrap_servers": broker.bootstrap_servers,
            "state": str(settings.home / "bridge"),
            "to_kafka": sorted(set(names) - written),
            "to_kinesis": sorted(set(names) & written & read),
        }
        path = settings.home / "bridge.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-m", "twin.bridge.bridge", "--config", str(path)]
        environment = {**os.environ, **settings.client_environment()}
        return cls(lambda: spawn("bridge", command, log_path=settings.logs / "bridge.log", env=environment, cwd=ROOT))

    def stop(self) -> None:
        """End the bridge; its positions stay."""
        self._stopped.set()
        self._keeper.join()
        self._child.terminate()

    def _keep(self) -> None:
        while not self._stopped.wait(KEEPER_SECONDS):
            if self._child.poll() is not None:
                LOGGER.warning("the bridge ended (%s); starting it again:\n%s", self._child.poll(), self._child.tail(5))
                self._child.terminate()
                self._child = self._start()


def _streams_that_functions_read(aws_lambda: Any) -> set[str]:
    pages = aws_lambda.get_paginator("list_event_source_mappings").paginate()
    sources = (mapping["EventSourceArn"] for page in pages for mapping in page["EventSourceMappings"])
    return {arn.rpartition("/")[2] for arn in sources if ":kinesis:" in arn}
