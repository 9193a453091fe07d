"""`c360 sql`: who asks, what is shown, page by page, and what becomes of the answer."""

import io
import json
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console
from typer.testing import CliRunner

from c360_core.personas import MARKETING_ANALYST
from ops.queries.asking import Column, Desk, Prepared
from ops.queries.cost import QueryCost
from tools.cli import APP
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import persona, sql
from tools.operate.persona import Analyst, NotThePersonaError, persona_called
from tools.operate.sql import Screen, Wanted

COST = QueryCost(
    scanned_bytes=1_500_000, billed_bytes=10_000_000, usd=Decimal("0.000050"), dpus=None, seconds=1.0, reused=False
)


class World:
    """A deployed environment with one answer, and a terminal.

    Attributes:
        asked: statements and the age of earlier results.
        questions: what the terminal asked.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rows: int = 5) -> None:
        self.asked: list[tuple[str, int]] = []
        self.questions: list[str] = []
        self.read = 0
        self.texts = [("a\x1b[31m[b]", None)] + [(f"row {number}", "x") for number in range(2, rows + 1)]
        analyst = SimpleNamespace(athena=None, s3="s3", workgroup="group")
        monkeypatch.setattr(Analyst, "of", lambda _environment, _persona: analyst)
        monkeypatch.setattr("tools.build.prepare.contracts", lambda: None)
        monkeypatch.setattr(Desk, "ask", self.ask)
        monkeypatch.setattr(Desk, "prepared", lambda _: [Prepared(name="one", description="Parameters: id.")])
        self.out = io.StringIO()
        self.error = io.StringIO()

    def ask(self, statement: str, *, reuse_minutes: int) -> Any:
        self.asked.append((statement, reuse_minutes))
        columns = (Column(name="name", type="varchar"), Column(name="other", type="varchar"))
        return SimpleNamespace(
            execution_id="q-1", columns=columns, cost=COST, limit_bytes=10_000_000_000, rows=self.rows
        )

    def rows(self) -> Any:
        for row in self.texts:
            self.read += 1
            yield row

    def run(
        self, statement: str | None = "SELECT 1", *, page: int | None = None, go_on: bool = True, **wanted: Any
    ) -> str:
        def more(question: str) -> bool:
            self.questions.append(question)
            return go_on

        screen = Screen(console=Console(file=self.out, width=100, highlight=False), page_rows=page, more=more)
        steps = Steps(console=Console(file=self.error, width=200, highlight=False))
        sql.run(steps, "dev", "marketing-analyst", statement, Wanted(**wanted), screen)
        return self.out.getvalue()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_what_is_shown_obeys_no_text_of_a_customer(world: World) -> None:
    shown = world.run()
    assert "a\N{REPLACEMENT CHARACTER}[31m[b]" in shown
    assert "NULL" in shown
    assert "5 rows" in shown
    assert "\x1b" not in shown


def test_the_cost_and_the_limit_are_said(world: World) -> None:
    world.run()
    told = " ".join(world.error.getvalue().split())
    assert told == "1.5 MB read, 10 MB billed: 0.000050 USD; 1.0 s; a query may read 10 GB"


def test_pages_are_turned_and_only_then_read(world: World) -> None:
    world.run(page=2, go_on=False)
    assert world.questions == ["2 rows; Enter shows more, q ends: "]
    assert world.read == 3


def test_the_last_page_asks_nothing(world: World) -> None:
    shown = world.run(page=3)
    assert world.questions == ["3 rows; Enter shows more, q ends: "]
    assert "row 5" in shown


def test_more_rows_than_wanted_are_not_shown(world: World) -> None:
    shown = world.run(most_rows=2)
    assert "row 2" in shown
    assert "row 3" not in shown
    assert "the first 2 rows; there are more" in shown


def test_exactly_as_many_rows_as_wanted_are_all(world: World) -> None:
    assert "there are more" not in world.run(most_rows=5)


def test_no_rows_are_said_to_be_none(world: World) -> None:
    world.texts = []
    assert "0 rows" in world.run(page=3)


def test_without_a_statement_what_is_prepared_is_listed(world: World) -> None:
    assert "one" in world.run(None)
    assert world.asked == []
    assert "EXECUTE one USING 'VALUE'" in world.error.getvalue()


def test_an_answer_goes_into_a_file(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[Any] = []
    monkeypatch.setitem(sql._WRITERS, ".parquet", lambda _answer, s3, path: written.append((s3, path)))
    target = tmp_path / "answer.PARQUET"
    assert world.run(file=target, reuse_minutes=5) == ""
    assert written == [("s3", target)]
    assert world.asked == [("SELECT 1", 5)]


def test_a_file_without_a_statement_is_refused(world: World) -> None:
    with pytest.raises(WrongUsageError, match="say the statement"):
        world.run(None, file=Path("answer.csv"))


def test_a_file_of_another_kind_is_refused_before_anything_is_asked(world: World) -> None:
    with pytest.raises(WrongUsageError, match=r"answer\.xlsx is neither a \.csv nor a \.parquet file"):
        world.run(file=Path("answer.xlsx"))
    assert world.asked == []


@pytest.mark.parametrize("rows", [2, 5])
def test_programs_get_one_document(world: World, rows: int) -> None:
    done = CliRunner().invoke(APP, ["sql", "SELECT 1", "--as", "MarketingAnalyst", "--rows", str(rows), "--json"])
    document = json.loads(done.stdout)
    assert document["rows"][0] == ["a\x1b[31m[b]", None]
    assert (len(document["rows"]), document["more"]) == (rows, rows < 5)
    assert document["columns"][0] == {"name": "name", "type": "varchar"}
    assert document["cost"]["usd"] == "0.000050"
    assert document["limit_bytes"] == 10_000_000_000


# ---- who asks


@pytest.mark.parametrize("name", ["marketing-analyst", "MarketingAnalyst", "marketing_analyst", "MARKETING-ANALYST"])
def test_a_persona_has_the_name_of_the_templates_or_of_its_workgroup(name: str) -> None:
    assert persona_called(name) is MARKETING_ANALYST


def test_an_unknown_persona_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WrongUsageError, match="there is no persona `boss`; there are: marketing-analyst"):
        persona_called("boss")


class CloudFormation:
    """The stacks of `dev`, with the outputs that a persona is known by."""

    def client(self, _: str) -> Any:
        return self

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self) -> Any:
        outputs = {"MarketingAnalystRoleArn": "arn:role", "MarketingAnalystWorkgroupName": "group"}
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        return [{"Stacks": [{"StackName": "C360-dev-Governance", "Outputs": listed}]}]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.Session", CloudFormation)
    monkeypatch.setattr(persona, "stack_name", lambda environment, stack: f"C360-{environment}-{stack.title()}")


@pytest.mark.usefixtures("deployed")
def test_whoever_may_not_become_the_persona_is_told_who_may(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "maria may not"}}, "AssumeRole")

    monkeypatch.setattr(persona, "persona_session", refuse)
    with pytest.raises(NotThePersonaError, match="you may not ask as MarketingAnalyst: maria may not") as refusal:
        Analyst.of("dev")
    assert "governance.marketing_analyst_role_arns" in str(refusal.value)


@pytest.mark.usefixtures("deployed")
def test_an_environment_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persona, "persona_session", lambda *_, **__: None)
    with pytest.raises(WrongUsageError, match="no stack of prod is deployed"):
        Analyst.of("prod")


@pytest.mark.usefixtures("deployed")
def test_a_persona_asks_with_clients_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    granted = SimpleNamespace(client=lambda service, endpoint_url: (service, endpoint_url))
    monkeypatch.setattr(persona, "persona_session", lambda *_, **__: granted)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    found = Analyst.of("dev")
    assert (found.athena, found.s3) == (("athena", "http://127.0.0.1:1"), ("s3", "http://127.0.0.1:1"))
    assert (found.workgroup, found.persona) == ("group", MARKETING_ANALYST)
