"""The smoke test and questions in SQL, as an operator types them, on what the demonstration leaves.

Its file sorts before those that break something on purpose, which alarms tell of for a while.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet

from c360_core.names import Zone, database_name
from tools.laptop.demonstrate import Demonstration
from twin.settings import ROOT


def typed(run: Demonstration, *words: str) -> tuple[int, dict[str, Any]]:
    """Type a command as an operator; return its exit status and its document."""
    settings = run.story.deployment.emulator.settings
    command = (sys.executable, "-m", "tools.cli", *words, "--env", settings.environment, "--json")
    variables = {**os.environ, **settings.client_environment()}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_persona_asks_by_name_and_is_told_the_price(run: Demonstration, tmp_path: Path) -> None:
    target = tmp_path / "members.parquet"
    asked = ("sql", "EXECUTE customers_of_segment USING 'high_spenders'", "--as", "marketing-analyst")
    status, told = typed(run, *asked, "--to", str(target))
    products = database_name(run.story.deployment.emulator.settings.environment, Zone.PRODUCTS)
    sql = f"SELECT count(*) FROM {products}.segment_membership WHERE segment = 'high_spenders'"
    members = run.story.deployment.query(sql)
    assert (status, told["cost"]["reused"], told["cost"]["billed_bytes"] >= 10_000_000) == (0, False, True)
    table = pyarrow.parquet.read_table(target)
    assert [(str(table.num_rows),)] == members
    assert table.column_names[:2] == ["person_id", "since"]


def test_an_earlier_answer_is_free_where_the_persona_sees_the_whole_table(run: Demonstration) -> None:
    """Of the profiles some columns are closed to the persona, so that a question about them is read anew."""
    curated = database_name(run.story.deployment.emulator.settings.environment, Zone.CURATED)
    for sql, free in (
        ("EXECUTE customers_of_segment USING 'high_spenders'", (True, "0.000000")),
        (f"SELECT count(person_id) FROM {curated}.profiles", (False, "0.000050")),
    ):
        asked = ("sql", sql, "--as", "marketing-analyst")
        _, first = typed(run, *asked)
        status, again = typed(run, *asked, "--reuse", "60")
        assert (first["cost"]["reused"], first["cost"]["usd"]) == (False, "0.000050")
        assert (status, again["cost"]["reused"], again["cost"]["usd"]) == (0, *free)
        assert again["rows"] == first["rows"]


def test_the_present_plays_simulated_again_change_nothing(run: Demonstration) -> None:
    """The demonstration decides on first purchases, and the simulation sees their signals in the lake."""
    status, told = typed(run, "simulate", str(ROOT / "contracts" / "plays.yaml"), "--days", "366")
    products = database_name(run.story.deployment.emulator.settings.environment, Zone.PRODUCTS)
    sql = f"SELECT count(*) FROM {products}.decisions WHERE trigger_name = 'first_purchase'"
    ((decided,),) = run.story.deployment.query(sql)
    assert (status, told["gained"], told["lost"], told["moved"]) == (0, [], [], [])
    assert "first_purchase" in told["plays"]
    assert int(decided or 0) > 0


def test_why_a_person_got_something_is_told_with_reasons(run: Demonstration) -> None:
    products = database_name(run.story.deployment.emulator.settings.environment, Zone.PRODUCTS)
    sql = f"SELECT person_id, decision_id FROM {products}.decisions WHERE person_id IS NOT NULL LIMIT 1"
    ((person, decision),) = run.story.deployment.query(sql)
    status, told = typed(run, "why", str(person), "--limit", "500")
    assert status == 0
    (found,) = [one for one in told["decisions"] if one["decision_id"] == decision]
    assert found["reasons"]
    assert len(found["because"]) == len(found["reasons"])
    status, refusal = typed(run, "why", "p_nobody")
    assert (status, refusal["error"]) == (2, "WrongUsageError")


def test_a_refused_column_is_told_with_the_rights_of_the_persona(run: Demonstration) -> None:
    curated = database_name(run.story.deployment.emulator.settings.environment, Zone.CURATED)
    status, told = typed(run, "sql", f"SELECT email FROM {curated}.profiles", "--as", "marketing-analyst")
    assert (status, told["error"]) == (1, "NotAllowedError")
    assert told["message"].startswith("MarketingAnalyst may not read the column email of profiles, which is direct.")


def test_the_smoke_test_finds_everything_there_and_answering(run: Demonstration) -> None:
    settings = run.story.deployment.emulator.settings
    words = (sys.executable, "-m", "tools.cli", "smoke", settings.environment, "--send", "--json")
    variables = {**os.environ, **settings.client_environment()}
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)

    assert [one for one in told["checks"] if one["outcome"] == "failed"] == []
    assert done.returncode == 0, done.stderr
    skipped = [one["check"] for one in told["checks"] if one["outcome"] == "skipped"]
    assert skipped == ["table optimizers", "data events"]
