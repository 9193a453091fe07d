"""One broker and one emulator for every test here."""

import os
import sys
from collections.abc import Iterator

import pytest

from twin.engines import kafka
from twin.engines.kafka import Kafka
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.settings import ACCOUNT, TwinSettings


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A real broker."""
    started = kafka.start(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSettings]:
    """A bare emulator: its Kinesis is all that the bridge needs."""
    settings = TwinSettings(home=tmp_path_factory.mktemp("emulator"), port=free_port())
    variables = {
        **os.environ,
        **settings.client_environment(),
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    process = spawn(
        "emulator", [sys.executable, "-m", "ministack"], log_path=settings.logs / "emulator.log", env=variables
    )
    try:
        wait_until(lambda: port_is_open(settings.port), child=process, seconds=60)
        yield settings
    finally:
        process.terminate()
