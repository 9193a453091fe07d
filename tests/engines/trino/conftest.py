"""One emulator and one Trino for every test here."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, furnish, run_dbt
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.settings import ROOT, TwinSettings


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The emulator with the lake's template deployed and its rows inserted."""
    settings = TwinSettings(home=tmp_path_factory.mktemp("trino"), port=free_port())
    os.environ.update(settings.client_environment())
    process = spawn(
        "emulator",
        [sys.executable, "-m", "tests.engines.trino.emulator_process", str(settings.port), str(settings.home)],
        log_path=settings.logs / "emulator.log",
        cwd=ROOT,
    )
    try:
        wait_until(lambda: port_is_open(settings.port), child=process, seconds=60)
        yield furnish(Stack(settings=settings))
    finally:
        process.terminate()


@pytest.fixture(scope="session")
def dbt_variables(stack: Stack) -> dict[str, str]:
    """The environment in which dbt runs: what differs from AWS is only AWS's own variables."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(stack.settings.home),
        **stack.settings.client_environment(),
        "C360_ENVIRONMENT": lake.ENVIRONMENT,
        "C360_WORKGROUP": lake.WORKGROUP,
        "C360_MARTS_LOCATION": f"s3://{lake.LAKE}/marts/",
        "C360_POLL_SECONDS": "0.1",
        "C360_CLEAN_ROOM": "true",
        "C360_AUDIENCE_SEGMENTS": "high_spenders,midwest",
        "DBT_TARGET_PATH": str(stack.settings.home / "dbt"),
        "DBT_LOG_PATH": str(stack.settings.home / "dbt-logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@pytest.fixture(scope="session")
def built(stack: Stack, dbt_variables: dict[str, str]) -> dict[str, str]:
    """The outcome of `dbt build`: status by node."""
    done = run_dbt(dbt_variables, "build")
    results = Path(dbt_variables["DBT_TARGET_PATH"]) / "run_results.json"
    assert results.exists(), done.stdout + done.stderr
    statuses = {r["unique_id"]: r for r in json.loads(results.read_text(encoding="utf-8"))["results"]}
    failed = {k: r["message"] for k, r in statuses.items() if r["status"] in {"error", "fail", "skipped"}}
    assert not failed, f"{failed}\n{done.stdout[-4000:]}"
    return {key: result["status"] for key, result in statuses.items()}
