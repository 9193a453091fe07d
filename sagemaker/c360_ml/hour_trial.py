"""Tries habits on messages that came later than all they were learned from, beside simpler ways to choose an hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from c360_ml import measures
from c360_ml.hours import HOURS, Counts, Habits, Whole
from c360_ml.measures import Numbers

PERSON: Final = "person_id"
HOUR: Final = "hour"
ANSWERED: Final = "answered"
SENT_AT: Final = "sent_at"
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How habits are judged.

    Attributes:
        least: messages of everybody in an hour that may be chosen.
        times: samples of the people for the limits of each measure.
    """

    least: float
    times: int
    seed: int


def evaluate(habits: Habits, known: pd.DataFrame, later: Counts, rules: Rules) -> dict[str, Any]:
    """Return what is known of how good the habits are, with the verdict.

    They are approved if they foretell better which of the later messages are answered than the same people's levels do,
    which say that no hour is better than another.

    Args:
        habits: what was learned.
        known: the messages it was learned from, with the local hour of each.
        later: what became of later messages to the same people.
        rules: how they are judged.
    """
    rows = _rows_of(habits, later)
    chances = {
        "own_hours": habits.own[rows],
        "hours_of_everybody": habits.shared[rows],
        "no_hours": np.repeat(habits.level[rows][:, None], HOURS, axis=1),
    }
    losses = {name: _losses(later, chance) for name, chance in chances.items()}
    per_message = {name: float(loss.sum() / later.sent.sum()) for name, loss in losses.items()}
    gains = {
        name: _gain(losses["own_hours"], losses[name], rules).as_dict() for name in ("hours_of_everybody", "no_hours")
    }
    chosen = {
        "own_hours": habits.best(habits.own, rules.least)[rows],
        "hour_of_everybody": habits.best(habits.shared, rules.least)[rows],
        "hour_of_last_answer": last_hours(habits, known, rules)[rows],
    }
    constant = per_message["no_hours"]
    skill = 1 - per_message["own_hours"] / constant if constant else 0.0
    return {
        "people": len(later.people),
        "messages": int(later.sent.sum()),
        "answered": float(later.answered.sum() / later.sent.sum()),
        "strengths": dict(habits.strengths),
        "loss": {"name": "log_loss", "value": per_message["own_hours"], "constant": constant, "skill": skill},
        "losses": per_message,
        "gains": gains,
        "chosen": {name: answers_in(later, hours, rules) for name, hours in chosen.items()},
        "verdict": _verdict(gains["no_hours"]),
    }


def last_hours(habits: Habits, known: pd.DataFrame, rules: Rules) -> Whole:
    """Return for each person the hour of the last message that they answered; else that of everybody."""
    answered = known[known[ANSWERED]].sort_values(SENT_AT, kind="stable")
    last = answered.groupby(PERSON)[HOUR].last()
    usual = int(habits.best(habits.everybody, rules.least))
    return np.array([int(last.get(person, usual)) for person in habits.people], dtype=np.int64)


def answers_in(later: Counts, hours: Whole, rules: Rules) -> dict[str, Any]:
    """Return what became of those later messages that came in the hour that was chosen for their person.

    `lift` compares them with all later messages to the same people, so that it does not tell who answers much.
    """
    people = np.arange(len(later.people))
    sent, answered = later.sent[people, hours], later.answered[people, hours]
    usual = later.answered.sum(axis=1) / np.maximum(later.sent.sum(axis=1), 1.0) * sent
    chance = np.random.default_rng(rules.seed)

    def lift(rows: NDArray[np.int64] | slice) -> float:
        expected = float(usual[rows].sum())
        return float(answered[rows].sum()) / expected if expected else 1.0

    drawn = [lift(chance.integers(0, len(people), len(people))) for _ in range(rules.times)]
    low, high = np.percentile(drawn, (_LOW, _HIGH))
    return {
        "messages": int(sent.sum()),
        "answered": float(answered.sum() / sent.sum()) if sent.sum() else None,
        "share_of_answers": float(answered.sum() / later.answered.sum()) if later.answered.sum() else None,
        "lift": {"value": lift(slice(None)), "low": float(low), "high": float(high)},
    }


def _rows_of(habits: Habits, later: Counts) -> Whole:
    place = {person: row for row, person in enumerate(habits.people)}
    return np.array([place[person] for person in later.people], dtype=np.int64)


def _losses(later: Counts, chance: Numbers) -> Numbers:
    """Return the loss of each person's messages together."""
    yes = measures.log_losses(np.ones_like(chance), chance)
    no = measures.log_losses(np.zeros_like(chance), chance)
    losses: Numbers = (later.answered * yes + (later.sent - later.answered) * no).sum(axis=1)
    return losses


def _gain(ours: Numbers, theirs: Numbers, rules: Rules) -> measures.Estimate:
    return measures.gain(ours, theirs, times=rules.times, seed=rules.seed)


def _verdict(gain: Mapping[str, float]) -> dict[str, Any]:
    if gain["low"] > 0:
        return {"approved": True, "reasons": ["hours tell who answers"]}
    told = f"hours make the loss {gain['value']:.2%} smaller, which may be chance (from {gain['low']:.2%})"
    return {"approved": False, "reasons": [told]}
