"""How well clusters agree with the truth: pairwise and B-cubed precision, recall and F1."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Precision, recall and their harmonic mean, each between 0 and 1."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of a clustering with the truth.

    Attributes:
        pairwise: over pairs of records. A large cluster weighs with the square of its size.
        b_cubed: averaged over records. Each record weighs the same.
        records: how many records were judged.
    """

    pairwise: Score
    b_cubed: Score
    records: int


def score(found: Mapping[str, Hashable], truth: Mapping[str, Hashable]) -> Agreement:
    """Compare the person found with the true person of each record.

    Time grows with the number of records: pairs are counted in the contingency table, never listed.

    Args:
        found: record id -> person found.
        truth: record id -> true person. Records that only one side knows are left out.
    """
    records = found.keys() & truth.keys()
    both = Counter((found[record], truth[record]) for record in records)
    by_found = Counter(found[record] for record in records)
    by_truth = Counter(truth[record] for record in records)
    total = len(records)
    shared_pairs = _pairs(both.values())
    return Agreement(
        pairwise=Score(
            precision=_share(shared_pairs, _pairs(by_found.values())),
            recall=_share(shared_pairs, _pairs(by_truth.values())),
        ),
        b_cubed=Score(
            precision=_share(sum(n * n / by_found[person] for (person, _), n in both.items()), total),
            recall=_share(sum(n * n / by_truth[person] for (_, person), n in both.items()), total),
        ),
        records=total,
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _share(part: float, whole: float) -> float:
    """Return the share; of nothing, everything: who claims no pair makes no mistake."""
    return part / whole if whole else 1.0
