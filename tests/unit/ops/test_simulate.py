"""The simulation reads the lake as the marketing analyst, and shows what a changed file of plays changes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlglot
import yaml

from c360_core.personas import MARKETING_ANALYST
from c360_core.play import known_fields, load_playbook, parse_playbook
from c360_core.written import Known
from ops.simulation import Lake, NotSimulatedError, Readable, Row
from tools.console import Steps
from tools.contracts.plays import SOURCE
from tools.errors import WrongUsageError
from tools.operate import simulate as command
from tools.operate.persona import Analyst

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
READABLE = Readable.by(MARKETING_ANALYST.classes)
VERSIONS: tuple[dict[str, str], ...] = (
    {"person_id": "p_1", "orders": "1", "live_orders": "1", "first_order_at": "2026-03-02 17:00:00.000000 UTC"},
    {"person_id": "p_2", "orders": "1", "live_orders": "1", "first_order_at": "2026-03-02 17:00:00.000000"},
    {"person_id": "p_3", "orders": "1", "live_orders": "0"},
)
COMMON = {
    "identity_version": "7",
    "computed_at": "2026-03-02 17:00:01.000000 UTC",
    "last_event_at": "2026-03-02 17:00:00.000000 UTC",
    "event_count": "3",
    "spend": "12.30",
    "segments": '["new_customers"]',
    "scores": '{"churn":0.25}',
    "time_zone": "America/New_York",
}


class Athena:
    """Answers by the table that is asked, and remembers the statements."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, statement: str) -> Iterator[Row]:
        self.asked.append(statement)
        yield from self._rows(statement)

    def _rows(self, statement: str) -> list[Row]:
        if '"customer_consents"' in statement:
            return [
                ("p_1", "marketing", "email", "true", "2026-01-01 00:00:00.000000"),
                ("p_2", "marketing", "email", "false", "2026-01-01 00:00:00.000000"),
            ]
        if '"customer_360"' in statement:
            return [("p_1", "true", "false"), ("p_2", "true", "true")]
        if '"decisions"' in statement:
            return [("p_1", "unhappy_case", "2026-02-27 08:00:00.000000", "send"), (None, "x", "y", "z")]
        names = [one.name for one in READABLE.fields]
        return [tuple({**COMMON, **row}.get(name) for name in names) for row in VERSIONS]


@pytest.fixture
def athena() -> Athena:
    return Athena()


def lake(athena: Athena) -> Lake:
    return Lake(environment="dev", ask=athena.ask, readable=READABLE)


def test_the_past_is_read_without_contact_data_and_says_that_an_address_exists(athena: Athena) -> None:
    past = lake(athena).past(SINCE, back_days=30)

    first, second, third = past.versions
    assert (first.text("attributes", "email"), first.text("attributes", "phone")) == ("an address", None)
    assert second.text("attributes", "phone") == "an address"
    assert third.text("attributes", "email") is None
    assert (first.text("aggregates", "first_order_at"), str(first.aggregates["spend"])) == (
        "2026-03-02T17:00:00.000Z",
        "12.30",
    )
    assert (first.segments, str(first.scores["churn"])) == (("new_customers",), "0.25")
    assert [one.contacted for one in past.earlier["p_1"]] == [True]
    assert not any(f'"{name}"' in said for said in athena.asked for name in ("email", "phone", "first_name"))


def test_the_statements_are_sql_of_athena_and_name_the_environment(athena: Athena) -> None:
    lake(athena).past(SINCE, back_days=30)

    assert len(athena.asked) == 4
    for said in athena.asked:
        sqlglot.parse_one(said, dialect="athena")
        assert '"c360_dev_' in said
        assert "*" not in said  # the analyst may not read all columns
    assert any("timestamp '2026-03-01 00:00:00 UTC'" in said for said in athena.asked)


def test_a_play_that_needs_a_closed_column_is_refused_by_name() -> None:
    document = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    rule = {"field": "income_band", "operator": "=", "value": "250K+"}
    document["plays"][0]["audience"] = {"query": {"combinator": "and", "rules": [rule]}}

    READABLE.check(load_playbook())
    with pytest.raises(NotSimulatedError, match="play `first_purchase`: the column `income_band`"):
        READABLE.check(parse_playbook(document, Known(fields=known_fields()), file="plays.yaml"))


@pytest.fixture
def deployed(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> Athena:
    analyst = SimpleNamespace(athena=None, workgroup="group", persona=MARKETING_ANALYST)
    monkeypatch.setattr(Analyst, "of", lambda _environment: analyst)
    monkeypatch.setattr("tools.build.prepare.contracts", lambda: None)
    desk = SimpleNamespace(ask=lambda said: SimpleNamespace(rows=lambda: athena.ask(said)))
    monkeypatch.setattr(command, "Desk", lambda **_: desk)
    return athena


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    document = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    document["plays"][0]["not_after"] = {"plays": ["unhappy_case"], "days": 14}
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file


@pytest.mark.usefixtures("deployed")
def test_the_same_file_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    command.run(Steps(machine=True), "dev", SOURCE, days=9, now=NOW)

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["plays"] == {"first_purchase": {"send": 1, "CONSENT_WITHDRAWN": 1}}
    assert told["gained"] == told["lost"] == told["moved"] == []


@pytest.mark.usefixtures("deployed")
def test_a_changed_file_shows_who_gets_nothing_any_more(changed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.run(Steps(), "dev", changed, days=9, now=NOW)

    said = capsys.readouterr().out
    assert "1 get none any more" in said
    assert "p_1: first_purchase, welcome by email" in said
    assert "AFTER_ANOTHER_PLAY" in said


@pytest.mark.usefixtures("deployed")
def test_a_wrong_file_is_refused_before_anything_is_read(tmp_path: Path, athena: Athena) -> None:
    with pytest.raises(WrongUsageError, match="no such file"):
        command.run(Steps(machine=True), "dev", tmp_path / "none.yaml", days=9, now=NOW)
    assert athena.asked == []
