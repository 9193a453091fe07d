"""Trials in which nothing differs: what is found all the same, and what a real difference looks like.

200 trials put 400 people on two sides, by the very lots with which plays hold people out, and do nothing to anybody.
The limits of a lift hold in 95 of 100 cases, so about ten of the trials find something; chance alone leads to less than
3 or more than 19 once in two hundred times.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from c360_core.decision_rules import in_holdout
from c360_core.play import load_playbook
from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, let_dbt
from tests.figures.invented import COLUMNS, Event, interactions

TRIALS, PEOPLE = 200, 400
SEED: Final = 20_261_201
AT: Final = datetime(2025, 11, 20, 12)  # noqa: DTZ001  # times of the lake have no zone
FEWEST, MOST = 3, 19
MORE: Final = Decimal("30.00")
FIRST_KEY: Final = 0x50000
EFFECTS: Final = ("lift", "spend_lift", "refusal_lift")

Rows = dict[str, dict[str, Decimal]]


def key(person: int) -> str:
    """Return the identifier of a person whom identity resolution does not know."""
    # The id of somebody unknown is made of the first 26 digits.
    return f"cookie_id:{person + FIRST_KEY:08x}{0:024x}"


def lots(trial: str) -> str:
    """Return the side of each person, as digits: 0 is the control."""
    play = replace(load_playbook().plays[0], name=trial, holdout_percent=Decimal(50))
    return "".join("0" if in_holdout(play, key(person)) else "1" for person in range(PEOPLE))


def views(trials: dict[str, str]) -> str:
    """Return the statement that shows every trial to everybody, each on their side."""
    told = ", ".join(f"('{name}', '{sides}')" for name, sides in trials.items())
    return f"""
        INSERT INTO {lake.RAW}.interactions ({COLUMNS})
        SELECT
          name || '-' || cast(person as varchar), 'custom_event', 'web_events', 1, at, at, key, array[key], null, false,
          null, null, null,
          '{{"name": "Experiment Viewed", "properties": {{"experiment_id": "' || name || '", "variation_id": "'
          || if(substr(sides, person + 1, 1) = '0', 'control', 'other') || '"}}}}'
        FROM (
          SELECT
            name, sides, person, timestamp '{AT:%F %T} UTC' AS at,
            'cookie_id:' || rpad(lpad(to_base(person + {FIRST_KEY}, 16), 8, '0'), 32, '0') AS key
          FROM (VALUES {told}) AS t (name, sides)
          CROSS JOIN UNNEST(sequence(0, {PEOPLE - 1})) AS p (person)
        )"""


def lives() -> Iterator[Event]:
    """Yield what the people did: whoever spends much before spends much after; every second one spends 30.00 more."""
    chance = random.Random(SEED)
    for person in range(PEOPLE):
        usual = chance.lognormvariate(4, 0.8)
        yield _order(person, "before", AT - timedelta(days=chance.randrange(1, 29)), _about(chance, usual))
        if chance.random() < 0.7:
            yield _order(person, "after", AT + timedelta(days=chance.randrange(1, 29)), _about(chance, usual))
        if person % 2:
            yield _order(person, "more", AT + timedelta(days=2), MORE)
        if chance.random() < 0.1:
            refusal = {"purpose": "marketing", "channel": "any", "granted": False}
            yield _event(person, "refusal", "consent_changed", AT + timedelta(days=3), payload=json.dumps(refusal))


def _about(chance: random.Random, usual: float) -> Decimal:
    return Decimal(round(100 * usual * chance.uniform(0.7, 1.3))) / 100


def _order(person: int, name: str, at: datetime, amount: Decimal) -> Event:
    return _event(person, name, "order_placed", at, amount=amount, currency="USD", order_id=f"trial-{name}-{person}")


def _event(person: int, name: str, kind: str, at: datetime, **more: object) -> Event:
    own: dict[str, object] = {"event_id": f"trial-{name}-{person}", "event_type": kind, "source": "web_events"}
    return Event(**own, at=at, received=at, key=key(person), **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trials(stack: Stack, dbt_variables: dict[str, str], numbers: None) -> Rows:
    """The mart's row of each trial for its second side; they come last, after what the other tests count."""
    sides = {f"same_{number:03}": lots(f"same_{number:03}") for number in range(TRIALS)}
    sides |= {
        "real": "".join(str(person % 2) for person in range(PEOPLE)),
        "crooked": "".join(str(int(person % 5 < 3)) for person in range(PEOPLE)),
    }
    stack.query(views(sides))
    for statement in interactions(list(lives())):
        stack.query(statement)
    let_dbt(dbt_variables, "run", "--full-refresh", "--select", "customer_events", "decision_events", "lift")
    limits = [f"{effect}{limit}" for effect in EFFECTS for limit in ("", "_at_least", "_at_most")]
    columns = ("people", "ratio_deviations", "variance_explained", *limits)
    rows = stack.query(f"SELECT name, {', '.join(columns)} FROM lift WHERE kind = 'experiment' AND variant = 'other'")
    assert all(None not in row for row in rows if row[0] in sides), rows[:2]
    return {
        str(name): dict(zip(columns, (Decimal(str(value)) for value in values), strict=True))
        for name, *values in rows
        if name in sides
    }


def same(trials: Rows) -> list[dict[str, Decimal]]:
    """Return the trials in which nothing differs."""
    return [row for name, row in trials.items() if name.startswith("same_")]


@pytest.mark.parametrize("effect", EFFECTS)
def test_where_nothing_differs_five_in_a_hundred_find_something(trials: Rows, effect: str) -> None:
    found = [row for row in same(trials) if not row[f"{effect}_at_least"] <= 0 <= row[f"{effect}_at_most"]]
    assert len(same(trials)) == TRIALS
    assert FEWEST <= len(found) <= MOST


def test_fair_lots_are_within_their_limits_and_crooked_ones_are_not(trials: Rows) -> None:
    assert sum(abs(row["ratio_deviations"]) > Decimal("3.3") for row in same(trials)) <= 1
    # 240 of 400 where 200 should be: 40 more, of a standard deviation of 10.
    assert trials["crooked"]["ratio_deviations"] == Decimal("4.0000")


def test_a_real_difference_is_within_its_limits_and_the_spend_before_narrows_them(trials: Rows) -> None:
    real = trials["real"]
    assert real["people"] == PEOPLE // 2
    assert 0 < real["spend_lift_at_least"] < MORE < real["spend_lift_at_most"]
    assert real["variance_explained"] > Decimal("0.1")
    assert real["lift_at_least"] > 0
