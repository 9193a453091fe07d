"""The notebooks of the repository, from their first cell to their last, on the marts of a year, as the analyst."""

import os
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.notebooks.run import FOLDER, answer
from tests import executed_notebooks
from tests.engines.trino import lake
from tests.engines.trino.stack import Stack

pytestmark = pytest.mark.usefixtures("numbers")


@pytest.fixture(scope="module")
def variables(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a notebook of the analyst finds: the analyst's session, and where it asks."""
    keys = {name.upper(): value for name, value in stack.assume(lake.PERSONA).items()}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        **stack.settings.connection(),
        **keys,
        "C360_ENVIRONMENT": lake.ENVIRONMENT,
        "C360_WORKGROUP": lake.WORKGROUP,
    }


@pytest.fixture(scope="module")
def said(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Return what a notebook says at its end."""
    folder = tmp_path_factory.mktemp("executed")

    def run(name: str) -> dict[str, Any]:
        output = folder / f"{name}.ipynb"
        done = executed_notebooks.execute(name, output, variables)
        assert done.returncode == 0, done.stderr[-4000:]
        return answer(output)

    return run


def test_what_there_is_agrees_with_the_interactions(stack: Stack, said: Callable[[str], dict[str, Any]]) -> None:
    """The notebook asks the marts of days; here the same is asked of what those are made of."""
    found = said("explore")
    [[events]] = stack.query("SELECT sum(events) FROM events_by_key_day")
    orders = stack.query(
        "SELECT currency, sum(amount) FROM interactions_by_key_day WHERE amount IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    [[placed]] = stack.query("SELECT sum(orders) FROM interactions_by_key_day")
    members = stack.query(
        "SELECT segment, count(*) FROM (SELECT DISTINCT segment, person_id FROM segment_membership) GROUP BY 1"
    )
    assert (str(found["interactions"]), str(found["orders"])) == (events, placed)
    assert sorted([currency, amount] for currency, amount in found["net_amount"].items()) == orders
    assert {segment: int(people or 0) for segment, people in members} == found["segments"]


def test_persons_are_those_of_the_map(stack: Stack, said: Callable[[str], dict[str, Any]]) -> None:
    found = said("identity_quality")
    [[persons, records, largest]] = stack.query(
        "SELECT count(*), sum(n), max(n) FROM (SELECT person_id, count(DISTINCT record_id) AS n "
        f"FROM {lake.CURATED}.identity_map WHERE valid_to IS NULL GROUP BY 1)"
    )
    assert (str(found["persons"]), str(found["records"]), str(found["largest_person"])) == (persons, records, largest)
    assert 0 < found["joined_persons"] <= found["persons"]


def test_what_customers_are_worth_is_what_they_spent(stack: Stack, said: Callable[[str], dict[str, Any]]) -> None:
    """To the cent what the people whose main currency it is have spent in it; the forecast is worked out again."""
    found = said("customer_value")
    [[spent, buyers]] = stack.query(
        "SELECT sum(s.spend), count(*) FROM spend_by_currency AS s INNER JOIN person_activity AS p "
        f"ON s.person_id = p.person_id AND s.currency = p.currency WHERE s.currency = '{found['currency']}' "
        "AND p.orders > 0"
    )
    assert Decimal(found["spent"]) == Decimal(spent or 0)
    assert str(found["buyers"]) == buyers
    error, alike, held = forecast_by_hand(stack, found["currency"])
    assert (found["held"], found["error"], found["error_alike"]) == (held, pytest.approx(error), pytest.approx(alike))


def forecast_by_hand(stack: Stack, currency: str) -> tuple[float, float, int]:
    """The mean errors of the notebook's forecast and of one for everybody, and of how many people: without pandas."""
    rows = stack.query(
        f"SELECT m.person_id, d.occurred_on, d.orders, d.amount FROM interactions_by_key_day AS d INNER JOIN "
        f"{lake.CURATED}.identifier_map AS m ON d.customer_key = m.identifier_key "
        f"WHERE d.currency = '{currency}' AND d.amount IS NOT NULL"
    )
    cut = max(date.fromisoformat(str(day)) for _, day, _, _ in rows) - timedelta(days=90)
    orders, latest, after = defaultdict[str, int](int), dict[str, date](), defaultdict[str, Decimal](Decimal)
    for person, text, placed, amount in rows:
        who, day = str(person), date.fromisoformat(str(text))
        if day > cut:
            after[who] += Decimal(amount or 0)
        else:
            orders[who] += int(placed or 0)
            latest[who] = max(day, latest.get(who, day))
    people = sorted(who for who, placed in orders.items() if placed > 0)
    kinds = {
        who: (
            bisect_right([2, 3, 5, 10, 20], orders[who]),
            bisect_right([15, 30, 60, 120], (cut - latest[who]).days),
        )
        for who in people
    }
    learnt, held = people[::2], people[1::2]
    alike = sum(float(after[who]) for who in learnt) / len(learnt)

    def forecast(who: str) -> float:
        same = [float(after[one]) for one in learnt if kinds[one] == kinds[who]]
        return (sum(same) + alike * 5) / (len(same) + 5) if same else alike

    errors = [(abs(forecast(who) - float(after[who])), abs(alike - float(after[who]))) for who in held]
    by_forecast, by_mean = (sum(one) / len(errors) for one in zip(*errors, strict=True))
    return round(by_forecast, 4), round(by_mean, 4), len(held)


def test_a_notebook_that_asks_for_more_than_the_analyst_may_see_fails(
    variables: dict[str, str], tmp_path: Path, stack: Stack
) -> None:
    """The notebook is one of the repository, with another statement in its first question."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    text = (FOLDER / "explore.ipynb").read_text(encoding="utf-8")
    asked = text.replace("FROM interactions_by_day", f"FROM {lake.CURATED}.profiles", 1)
    assert asked != text
    asked = asked.replace(
        "SELECT date_trunc('month', day) AS month, source, sum(events) AS events, sum(known_events) AS known_events",
        "SELECT email",
        1,
    )
    (folder / "explore.ipynb").write_text(
        asked.replace("GROUP BY 1, 2", "", 1).replace("ORDER BY 1, 2", "", 1), encoding="utf-8"
    )
    (folder / "lake.py").write_text((FOLDER / "lake.py").read_text(encoding="utf-8"), encoding="utf-8")
    output = tmp_path / "out.ipynb"
    done = executed_notebooks.execute(str(folder / "explore"), output, variables)
    assert done.returncode == 1
    assert "QuestionFailedError" in done.stderr
    assert "Access Denied" in done.stderr
    assert stack.query(f"SELECT count(email) FROM {lake.CURATED}.profiles") != [["0"]]
    assert output.exists()
