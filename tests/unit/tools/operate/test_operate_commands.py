"""The commands for a deployed environment, at the terminal: options, exit statuses, what people see."""

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from c360_core.replay import ReplayInstructions, judge
from ops.quarantine import Selection
from ops.rebuild import RebuildReport
from ops.replay import ReplayOptions, ReplayReport
from ops.view import RebuildFindings
from tests.factories.rejected import NOW, row
from tools.cli import APP
from tools.console import Steps
from tools.operate.replay import refuse_contradictions, show


def options(**values: Any) -> ReplayOptions:
    return ReplayOptions(**{"environment": "dev", "selection": Selection(), **values})


@pytest.mark.parametrize(
    "values",
    [
        {"fixed_by": ""},
        {"fixed_by": "x" * 129},
        {"fixed_by": "a.csv"},
        {"fixed_by": "a.csv", "selection": Selection(source="s"), "replay_id": "r"},
        {"fixed_by": "a.csv", "selection": Selection(source="s"), "from_file": Path("x")},
    ],
)
def test_a_note_that_contradicts_itself_or_would_mark_everything_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="--fixed-by"):
        refuse_contradictions(options(**values))


def test_a_note_on_chosen_rows_is_taken() -> None:
    refuse_contradictions(options(fixed_by="a.csv", selection=Selection(source="loyalty_members")))
    refuse_contradictions(options())


def test_people_see_what_became_of_each_reason_and_what_to_do_next() -> None:
    report = ReplayReport(environment="dev", dry_run=False, missing=("r_gone",))
    for held in (row(1), row(2, body="no json", reason_code="MALFORMED_JSON"), row(3, rejected_id="0")):
        report.add(judge(held, ReplayInstructions(), now=NOW))
    steps = Steps(console=Console(file=io.StringIO(), width=200, highlight=False))

    show(steps, report)

    shown = steps.console.file.getvalue()  # type: ignore[attr-defined]
    assert [line.split()[:4] for line in shown.splitlines() if "web_events" in line] == [
        ["web_events", "MALFORMED_JSON", "1", "held"],
        ["web_events", "UNKNOWN_EVENT_TYPE", "1", "held"],
        ["web_events", "UNKNOWN_EVENT_TYPE", "1", "sent"],
    ]
    assert "came in a file (1). Next: land a file of the corrected rows" in shown
    assert "breaks its contract (1). Next: change and deploy the contract" in shown
    assert "r_gone" in shown


@pytest.mark.parametrize(("dry_run", "status"), [(True, 0), (False, 1)])
def test_the_options_are_passed_on_and_held_back_rows_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, dry_run: bool, status: int
) -> None:
    asked: list[ReplayOptions] = []

    def answer(_steps: Steps, options: ReplayOptions) -> ReplayReport:
        asked.append(options)
        report = ReplayReport(environment=options.environment, dry_run=options.dry_run)
        report.add(judge(row(1, body="no json"), ReplayInstructions(), now=NOW))
        return report

    monkeypatch.setattr("tools.operate.replay.run", answer)
    words = ["replay", "--env", "prod", "--code", "OVERSIZE", "--event-type", "page_viewed", "--limit", "7", "--again"]
    words += ["--since", "2026-03-01", "--until", "2026-03-02T04:05:06.789Z", "--replay-id", "x"]

    done = CliRunner().invoke(APP, [*words, "--dry-run"] if dry_run else words)

    assert done.exit_code == status
    until = datetime(2026, 3, 2, 4, 5, 6, 789_000, tzinfo=UTC)
    selection = Selection(
        code="OVERSIZE",
        event_type="page_viewed",
        since=datetime(2026, 3, 1, tzinfo=UTC),
        until=until,
        fixed_too=True,
    )
    wanted = ReplayOptions(environment="prod", selection=selection, limit=7, replay_id="x", dry_run=dry_run)
    assert asked == [wanted]


@pytest.mark.parametrize(("older", "status"), [(0, 0), (2, 1)])
def test_profiles_that_are_not_rebuilt_are_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, older: int, status: int
) -> None:
    asked: list[str] = []

    def answer(_steps: Any, environment: str) -> RebuildReport:
        asked.append(environment)
        found = RebuildFindings(rebuilt=1, older=older, examples=())
        return RebuildReport(environment=environment, snapshot=None, resumed=False, found=found, seconds=1.0)

    monkeypatch.setattr("tools.operate.rebuild.run", answer)

    assert CliRunner().invoke(APP, ["rebuild", "profiles", "--env", "staging"]).exit_code == status
    assert asked == ["staging"]
    assert CliRunner().invoke(APP, ["rebuild", "everything"]).exit_code == 2
