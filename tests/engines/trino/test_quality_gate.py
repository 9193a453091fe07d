"""What depends on a table that failed its check is not built, and says so; everything else is."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, run_dbt
from twin.settings import ROOT

pytestmark = pytest.mark.usefixtures("built")
MODELS = ROOT / "sql" / "models"
COLUMNS = "run_id, evaluated_at, zone, table_name, kind, rule, outcome, reason"


def depending_on(*tables: str) -> set[str]:
    """Return the models that read a table of the lake, or a model that does, as their files say it."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in MODELS.rglob("*.sql")}
    refs = {name: set(re.findall(r"ref\('(\w+)'\)", text)) for name, text in texts.items()}
    sources = {name: set(re.findall(r"source\('\w+',\s*'(\w+)'\)", text)) for name, text in texts.items()}
    found = {name for name, read in sources.items() if read & set(tables)}
    while more := {name for name, of in refs.items() if of & found} - found:
        found |= more
    return found


def build(variables: Mapping[str, str], gate: str) -> tuple[int, dict[str, str], str]:
    """Build; return dbt's status, that of each model and gate, and what it printed."""
    done = run_dbt({**variables, "C360_QUALITY_GATE": gate}, "build")
    results = json.loads((Path(variables["DBT_TARGET_PATH"]) / "run_results.json").read_text(encoding="utf-8"))
    names = {r["unique_id"].removeprefix("test.customer_360."): r["status"] for r in results["results"]}
    return done.returncode, names, done.stdout


def check(stack: Stack, minute: int, zone: str, table: str, outcome: str) -> None:
    """Insert a check of two rules, one of which had this outcome."""
    at = f"TIMESTAMP '2026-03-01 02:{minute:02}:00 UTC'"
    rows = [
        f"('run-{minute}', {at}, '{zone}', '{table}', 'contract', 'IsComplete \"id\"', 'passed', NULL)",
        f"('run-{minute}', {at}, '{zone}', '{table}', 'volume', 'RowCount >= 75', '{outcome}', 'only 3')",
    ]
    stack.query(f"INSERT INTO {lake.PRODUCTS}.quality_results ({COLUMNS}) VALUES {', '.join(rows)}")


def test_only_what_depends_on_the_failed_table_is_held_back(stack: Stack, dbt_variables: dict[str, str]) -> None:
    check(stack, 1, "curated", "profiles", "failed")
    check(stack, 2, "raw", "interactions", "failed")
    check(stack, 3, "raw", "interactions", "passed")  # the newest check counts
    check(stack, 4, "curated", "interactions", "failed")  # another zone's
    held_back = depending_on("profiles")
    status, names, printed = build(dbt_variables, "true")
    models = {name.rpartition(".")[2]: outcome for name, outcome in names.items() if name.startswith("model.")}
    assert status != 0
    assert {name for name, outcome in models.items() if outcome == "skipped"} == held_back
    assert "customer_360" in held_back
    assert {outcome for name, outcome in models.items() if name not in held_back} == {"success"}
    assert len(models) > len(held_back) > 1
    gates = {name.split(".")[0]: outcome for name, outcome in names.items() if "keeps_its_rules" in name}
    failed = {name for name, outcome in gates.items() if outcome == "fail"}
    assert len(gates) == 9
    assert ["profiles" in name for name in failed] == [True]
    assert f"{failed.pop()}" in printed


def test_a_check_that_passes_lets_everything_through_again(stack: Stack, dbt_variables: dict[str, str]) -> None:
    check(stack, 5, "curated", "profiles", "passed")
    status, names, printed = build(dbt_variables, "true")
    assert status == 0, printed[-3000:]
    assert sum("keeps_its_rules" in name for name in names) == 9


def test_without_checks_there_is_no_gate(built: dict[str, str]) -> None:
    assert [name for name in built if "keeps_its_rules" in name] == []
