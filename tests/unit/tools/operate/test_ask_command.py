"""`c360 ask` shows the numbers of a question, or says why there are none."""

import json
from collections.abc import Mapping

import pytest

from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import ask as command

Rows = list[tuple[str | None, ...]]
REVENUE = 'FROM "c360_dev_products"."orders_by_day"'


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rows]:
    """What Athena answers, by how a statement begins."""
    told: dict[str, Rows] = {}

    def answer(_athena: object, _workgroup: str, statement: str) -> Rows:
        assert REVENUE in statement
        [found] = [rows for beginning, rows in told.items() if statement.startswith(beginning)]
        return found

    class Analyst:
        athena, workgroup = None, "w"

        @classmethod
        def of(cls, environment: str) -> "Analyst":
            assert environment == "dev"
            return cls()

    monkeypatch.setattr(command, "ask", answer)
    monkeypatch.setattr(command, "Analyst", Analyst)
    return told


def asked(question: str, capsys: pytest.CaptureFixture[str], *, machine: bool) -> tuple[Rows, str]:
    rows = command.run(Steps(machine=machine), "dev", question)
    return rows, capsys.readouterr().out


def document(said: str) -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads(said)
    return found


def test_a_number_is_shown_and_nothing_more_is_asked(
    answers: dict[str, Rows], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["SELECT sum(net_amount)"] = [("12.50",)]
    rows, said = asked("revenue in EUR", capsys, machine=False)
    assert rows == [("12.50",)]
    assert "12.50" in said
    assert "Owner: sales" in said


@pytest.mark.parametrize("machine", [True, False])
def test_a_currency_that_nobody_paid_in_has_no_number_but_a_reason(
    answers: dict[str, Rows], capsys: pytest.CaptureFixture[str], machine: bool
) -> None:
    answers["SELECT sum(net_amount)"] = [(None,)]
    answers["SELECT count(*)"] = [("9", "0", "EUR, USD")]
    rows, said = asked("revenue in JPY", capsys, machine=machine)
    reason = "there is no row with currency JPY; there are rows with EUR, USD"
    assert rows == []
    if machine:
        assert (document(said)["no_data"], document(said)["rows"]) == (reason, [])
    else:
        assert said.strip() == f"No data: {reason}."


def test_nothing_that_was_sold_is_a_number(answers: dict[str, Rows], capsys: pytest.CaptureFixture[str]) -> None:
    answers["SELECT sum(orders)"] = [("0",)]
    answers["SELECT count(*)"] = [("9", "3", "EUR, USD")]
    rows, said = asked("orders in EUR", capsys, machine=True)
    assert rows == [("0",)]
    assert "no_data" not in document(said)


def test_what_is_not_understood_is_not_asked(answers: dict[str, Rows]) -> None:
    with pytest.raises(WrongUsageError, match="I do not know `yesterday`"):
        command.run(Steps(machine=True), "dev", "revenue in EUR yesterday")
