"""In which hour of the day a person answers messages: what they did, shrunk towards what everybody does.

A hierarchy of three beta-binomials (Skellam, 1948), each with the one above as its prior mean: all messages, an hour of
everybody, an hour of one person. Between the last two stands how readily the person answers at all, as observed over
expected answers, shrunk likewise (Clayton and Kaldor, 1987): otherwise, whoever answers much would seem to like the
hours in which messages happened to come. How strong each prior is, the data say: the strength is the one under which
what happened is most likely (empirical Bayes).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaln, expit, logit

from c360_ml.measures import Numbers

Whole = NDArray[np.int64]

HOURS: Final = 24
_STRENGTHS: Final = np.geomspace(1, 4096, 49)  # as if so many messages had been seen before
_SURE: Final = 1e-6
# A message counts half in its own hour and a quarter in each of those beside it: habits are no whole hours.
_KERNEL: Final = ((-1, 0.25), (0, 0.5), (1, 0.25))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Messages and answers by person, in the order of `people`, and by hour of the day in their own zone."""

    people: tuple[str, ...]
    sent: Numbers
    answered: Numbers

    @classmethod
    def of(cls, person: pd.Series, hour: Whole, answered: NDArray[np.bool_]) -> "Counts":
        """Count messages, each of which has a person, an hour and whether it was answered."""
        codes, people = pd.factorize(person, sort=True)
        sent = np.zeros((len(people), HOURS))
        answers = np.zeros((len(people), HOURS))
        np.add.at(sent, (codes, hour), 1)
        np.add.at(answers, (codes[answered], hour[answered]), 1)
        return cls(people=tuple(map(str, people)), sent=sent, answered=answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What has been learned.

    Attributes:
        people: in the order of the rows below.
        everybody: the share of messages that anybody answers, by hour.
        level: the share that a person answers at any hour.
        shared: the same by hour, if the person has the hours of everybody.
        own: the same by hour, as far as the person's own hours differ.
        sent: messages of everybody by hour.
        strengths: of the priors, as messages.
    """

    people: tuple[str, ...]
    everybody: Numbers
    level: Numbers
    shared: Numbers
    own: Numbers
    sent: Numbers
    strengths: Mapping[str, float]

    def best(self, chances: Numbers, least: float) -> Whole:
        """Return for each row of chances the best hour, among those in which so many messages were sent to everybody.

        Of an hour in which nobody gets messages nothing is known, however good it looks. Of two alike the earlier.
        """
        known = self.sent >= least
        if not known.any():
            known = self.sent == self.sent.max()
        return np.asarray(np.where(known, chances, -1.0).argmax(axis=-1), dtype=np.int64)


def learn(counts: Counts) -> Habits:
    """Learn from what became of messages."""
    sent, answered = counts.sent.sum(axis=0), counts.answered.sum(axis=0)
    overall = _inside(np.asarray(answered.sum() / max(sent.sum(), 1.0)))
    hour_strength = strength(sent, answered, np.full(HOURS, overall))
    everybody = _inside(shrunk(near(sent), near(answered), np.full(HOURS, overall), hour_strength))
    all_sent, all_answered = counts.sent.sum(axis=1), counts.answered.sum(axis=1)
    expected = _inside(_mean(counts.sent, everybody))
    level_strength = strength(all_sent, all_answered, expected)
    level = _inside(shrunk(all_sent, all_answered, expected, level_strength))
    shared = expit(logit(everybody) + (logit(level) - logit(expected))[:, None])
    own_strength = strength(counts.sent, counts.answered, shared)
    own = shrunk(near(counts.sent), near(counts.answered), shared, own_strength)
    return Habits(
        people=counts.people,
        everybody=everybody,
        level=level,
        shared=shared,
        own=own,
        sent=sent,
        strengths={"hour": hour_strength, "person": level_strength, "hour_of_person": own_strength},
    )


def strength(sent: Numbers, answered: Numbers, mean: Numbers) -> float:
    """Return how many messages a prior is worth under which the answers are most likely."""
    seen = sent > 0
    n, k, m = sent[seen], answered[seen], _inside(mean[seen])
    likely = [float((betaln(k + s * m, n - k + s * (1 - m)) - betaln(s * m, s * (1 - m))).sum()) for s in _STRENGTHS]
    return float(_STRENGTHS[int(np.argmax(likely))])


def shrunk(sent: Numbers, answered: Numbers, mean: Numbers, worth: float) -> Numbers:
    """Return the share that is expected to be answered, after what has been seen."""
    expected: Numbers = (answered + worth * mean) / (sent + worth)
    return expected


def near(by_hour: Numbers) -> Numbers:
    """Return counts by hour, each of which has a part of those beside it; hour 0 is beside hour 23."""
    spread: Numbers = np.sum([part * np.roll(by_hour, step, axis=-1) for step, part in _KERNEL], axis=0)
    return spread


def _mean(sent: Numbers, by_hour: Numbers) -> Numbers:
    total = sent.sum(axis=1)
    mean: Numbers = (sent @ by_hour) / np.where(total > 0, total, 1.0)
    return mean


def _inside(share: Numbers) -> Numbers:
    """Return shares that are neither never nor always."""
    inside: Numbers = np.clip(share, _SURE, 1 - _SURE)
    return inside
