"""EASE, a linear item-item model with a closed form (Steck, Embarrassingly Shallow Autoencoders, WWW 2019).

With the people's interactions as a matrix X (people by articles), it finds the matrix B that best restores each column
from the other ones, by least squares with an L2 penalty and a diagonal of zero. With P the inverse of X'X + penalty,
an entry of B is -P[i, j] / P[j, j] beside the diagonal. A person's scores are the person's row times B.

By itself the model cannot say that what somebody buys is bought again, because no article speaks for itself. So the
person's own row may be added to the scores, as often as `repeats` says.

The one costly step inverts a matrix of articles by articles, whatever the number of people: 3,000 articles take some
seconds and 200 MB. So only the articles with the most interactions are part of the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

PENALTY: Final = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """How much each person wants each article, as far as known; only entries above zero are listed.

    Attributes:
        people: the person of each entry, as a row.
        items: the article of each entry, as a column.
        weights: above zero.
        shape: how many people and articles there are.
    """

    people: Whole
    items: Whole
    weights: Matrix
    shape: tuple[int, int]

    def rows(self, first: int, last: int) -> Matrix:
        """Return some people's rows, as a full matrix; entries of the same person and article add up."""
        part = (self.people >= first) & (self.people < last)
        full = np.zeros((last - first, self.shape[1]))
        np.add.at(full, (self.people[part] - first, self.items[part]), self.weights[part])
        return full

    def blocks(self, size: int = 2048) -> Sequence[tuple[int, int]]:
        """Return the bounds of blocks of people that fit into memory."""
        return [(first, min(first + size, self.shape[0])) for first in range(0, self.shape[0], size)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ease:
    """A trained model; `weights[i, j]` says how much article i speaks for article j."""

    weights: Matrix
    repeats: float = 0.0

    def scores(self, rows: Matrix) -> Matrix:
        """Return each person's score of each article."""
        scored: Matrix = rows @ self.weights + self.repeats * rows
        return scored


def train(ratings: Ratings, *, penalty: float = PENALTY, repeats: float = 0.0) -> Ease:
    """Train the model.

    Args:
        ratings: what people did.
        penalty: against fitting chance; more of it for fewer people.
        repeats: how much of a person's own row is added to the scores.

    Raises:
        ValueError: the penalty is not above zero, without which there may be no inverse.
    """
    if penalty <= 0:
        raise ValueError(f"penalty {penalty:g}: use a number above zero")
    gram = np.zeros((ratings.shape[1], ratings.shape[1]))
    for first, last in ratings.blocks():
        rows = ratings.rows(first, last)
        gram += rows.T @ rows
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return Ease(weights=weights, repeats=repeats)
