"""`c360 backfill`: it starts one execution, follows it, goes on with it, and begins anew only when asked."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from c360_core.backfill import KEY, BackfillRefusedError, Span
from ops.backfill import BackfillFailedError, BackfillReport, DeployedBackfill, backfill, deployed

TODAY = date(2026, 3, 10)
SPAN = Span(source="web_events", first=date(2026, 3, 1), last=date(2026, 3, 2))
RECORDS = 30


@dataclass
class World:
    """Step Functions and the table of progress: a job that sends ten interactions at each look, and dies when told."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    dies_after: int | None = None

    # ---- Step Functions

    def start_execution(self, **given: Any) -> dict[str, Any]:
        arn = f"execution-{len(self.executions) + 1}"
        self.executions[arn] = {"status": "RUNNING", "input": given["input"], "executionArn": arn}
        return {"executionArn": arn}

    def describe_execution(self, **given: Any) -> Mapping[str, Any]:
        held = self.executions[given["executionArn"]]
        if held["status"] == "RUNNING":
            self._work(held)
        return held

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, **given: Any) -> list[dict[str, Any]]:
        return [{"executions": [e for e in self.executions.values() if e["status"] == given["statusFilter"]]}]

    def _work(self, held: dict[str, Any]) -> None:
        told = json.loads(held["input"])
        item = self.items.setdefault(told[KEY], {"records": RECORDS, "sent": 0})
        if told["mode"] == "count":
            held["status"] = "SUCCEEDED"
        elif self.dies_after is not None and item["sent"] >= self.dies_after:
            held["status"] = "FAILED"
        elif item["sent"] < RECORDS:
            item |= {"sent": item["sent"] + 10, "done": "an hour"}
        else:
            item["completed_at"] = "now"
            held["status"] = "SUCCEEDED"

    # ---- DynamoDB

    def get_item(self, **given: Any) -> dict[str, Any]:
        item = self.items.get(given["Key"][KEY])
        return {} if item is None else {"Item": item}


@dataclass
class Told:
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class Terminal:
    """Whoever types the command, and what is deployed."""

    world: World = field(default_factory=World)
    told: Told = field(default_factory=Told)

    def type(self, span: Span = SPAN, **values: bool) -> BackfillReport:
        there = DeployedBackfill(
            machine="machine", table="progress", remembered_days=400, states=self.world, dynamodb=self.world
        )
        return backfill(there, span, self.told, today=TODAY, pause=lambda _: None, **values)


def test_it_is_followed_to_its_end_and_says_how_far_it_has_come() -> None:
    terminal = Terminal()

    report = terminal.type()

    assert (report.records, report.sent, report.went_on, report.done_before) == (RECORDS, RECORDS, False, False)
    assert report.backfill_id == SPAN.identifier()
    assert [note.rpartition(": ")[2] for note in terminal.told.notes[1:]] == [
        f"{sent} of 30 interactions sent" for sent in (10, 20, 30)
    ]
    [execution] = terminal.world.executions.values()
    assert json.loads(execution["input"]) == {
        "backfill_id": SPAN.identifier(), "source": "web_events", "first_day": "2026-03-01", "last_day": "2026-03-02",
        "mode": "send",
    }  # fmt: skip


def test_a_dry_run_counts_and_decides_nothing_for_later() -> None:
    terminal = Terminal()

    report = terminal.type(dry_run=True)

    assert (report.records, report.sent, report.dry_run) == (RECORDS, 0, True)
    assert SPAN.identifier() not in terminal.world.items


def test_after_a_failure_the_same_command_goes_on() -> None:
    terminal = Terminal(world=World(dies_after=20))
    with pytest.raises(BackfillFailedError, match=r"FAILED after 20 interactions.*history-again\.md.*goes on behind"):
        terminal.type()
    terminal.world.dies_after = None

    report = terminal.type()

    assert (report.sent, report.went_on, report.backfill_id) == (RECORDS, True, SPAN.identifier())
    assert len(terminal.world.executions) == 2


def test_whoever_types_it_while_it_works_follows_the_same_execution() -> None:
    terminal = Terminal()
    terminal.world.start_execution(input=json.dumps({"mode": "send", KEY: "another"}))
    given = {KEY: SPAN.identifier(), "mode": "send"}
    terminal.world.start_execution(input=json.dumps(given))

    assert terminal.type().sent == RECORDS

    assert len(terminal.world.executions) == 2


def test_what_came_to_its_end_is_begun_anew_only_if_asked() -> None:
    terminal = Terminal()
    terminal.type()

    repeated = terminal.type()
    anew = terminal.type(again=True)
    after = terminal.type()

    assert (repeated.done_before, repeated.backfill_id) == (True, SPAN.identifier())
    assert (anew.done_before, anew.backfill_id, anew.sent) == (False, SPAN.identifier(2), RECORDS)
    assert (after.done_before, after.backfill_id) == (True, SPAN.identifier(2))
    assert len(terminal.world.executions) == 2


def test_again_goes_on_with_what_was_begun_anew_and_has_not_ended() -> None:
    terminal = Terminal()
    terminal.type()
    terminal.world.dies_after = 10
    with pytest.raises(BackfillFailedError):
        terminal.type(again=True)
    terminal.world.dies_after = None

    assert terminal.type().backfill_id == terminal.type(again=False).backfill_id == SPAN.identifier(2)


def test_days_that_would_count_twice_start_nothing() -> None:
    terminal = Terminal()
    with pytest.raises(BackfillRefusedError, match="would count twice"):
        terminal.type(Span(source="web_events", first=date(2020, 1, 1), last=TODAY))
    assert terminal.world.executions == {}


@pytest.mark.parametrize("outputs", [[], [{"OutputKey": "CollectorUrl", "OutputValue": "x"}]])
def test_an_environment_without_a_backfill_is_named_with_the_switch(outputs: list[Any]) -> None:
    stack = {"StackName": "C360-dev-Collection", "Outputs": outputs}

    class CloudFormation:
        def get_paginator(self, _operation: str) -> Any:
            return self

        def paginate(self) -> list[Any]:
            return [{"Stacks": [stack]}]

    clients: Callable[[str], Any] = lambda _service: CloudFormation()  # noqa: E731
    with pytest.raises(BackfillFailedError, match=r"collection\.backfill\.deployed"):
        deployed("dev", clients, None)
