"""Commands as a person types them: a local deployment that stays and leaves nothing, and the score of the matching."""

import json
import subprocess
from typing import Any

import httpx
import psutil
import pytest

from tools.laptop import local
from twin.emulator.emulator import HEALTH_PATH
from twin.settings import ROOT

LIMIT_SECONDS = 600


def c360(*words: str) -> dict[str, Any]:
    """Run the command, and return its document."""
    command = [str(ROOT / "c360"), *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def processes() -> list[psutil.Process]:
    """Return every process that works for the local deployment."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(local.HOME) in " ".join(p.info["cmdline"] or [])]


def test_a_local_deployment_stays_is_deployed_again_and_leaves_nothing() -> None:
    if processes():
        pytest.skip("somebody's local deployment is here: run ./c360 destroy-local first")

    first = c360("deploy-local")
    health = httpx.get(first["endpoint"] + HEALTH_PATH)
    second = c360("deploy-local")
    kept = len(processes())
    destroyed = c360("destroy-local")

    assert health.is_success
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["endpoint"] == first["endpoint"]
    assert second["outputs"] == first["outputs"] != {}
    assert kept > 0
    assert destroyed == {"destroyed": True}
    assert processes() == []
    assert not local.HOME.exists()
    assert c360("destroy-local") == {"destroyed": False}


def test_the_matching_reaches_its_floors_and_the_models_foretell_something() -> None:
    found = c360("truth")

    assert [floor["name"] for floor in found["floors"] if not floor["passed"]] == []
    assert len(found["floors"]) > 0
    assert found["records"] > found["people"] > 0
    assert found["passed"] is True
    assert [(one["target"], one["window_months"]) for one in found["models"]] == [
        (target, months) for months in (3, 1) for target in ("churn", "value")
    ]
    assert all(one["loss"]["skill"] > 0 for one in found["models"]), "each foretells more than one answer for everybody"
    assert all(one["loss"]["skill"] > 0 for one in found["offers"])
    assert [one["approved"] for one in found["hours"]] == [True] * 3
