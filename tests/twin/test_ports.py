"""A port that is taken is said before anything starts."""

import socket

import pytest

from twin.emulator.emulator import Emulator
from twin.processes.process import LOOPBACK, ProcessFailedError
from twin.settings import BUILD


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(ProcessFailedError, match=f"port {port} is in use: stop what listens there, or choose"):
            Emulator.start(BUILD / "twin" / "busy", port=port)
