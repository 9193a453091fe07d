"""The documents' demonstrations as they stand there: every known answer is found, and nothing is left behind."""

import json
import time

import psutil
import pytest

from tests.slow.commands import of_the_documents, typed
from tools.laptop.demonstrate import HOME, PAGE

COMMANDS = of_the_documents("make demo", "./c360 demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_demonstration_of_the_documents_finds_what_is_known(command: str) -> None:
    began = time.time()

    said = typed(command)

    if "--json" in command:
        assert json.loads(said)["passed"] is True
    else:
        assert "event to single view" in said
        assert "\N{BALLOT X}" not in said
    assert PAGE.stat().st_mtime > began
    assert not HOME.exists()
    assert [p.pid for p in psutil.process_iter(["cmdline"]) if str(HOME) in " ".join(p.info["cmdline"] or [])] == []
