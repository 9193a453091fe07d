"""Which cut a model learns from, which stops and calibrates it, and which it is tried on: always later ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from c360_ml.errors import InputError

_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Cuts as ISO dates. The months after a cut of one part are over when the next part's cut begins.

    Attributes:
        train: what trees are grown on until the validation gets no better.
        recent: between these and the held-out cut; when it is known how many trees are good, they grow on these, too.
        validation: says when to stop, and calibrates.
        holdout: what the model is tried on.
        newest: whose outcome nobody knows yet.
    """

    train: tuple[str, ...]
    recent: tuple[str, ...]
    validation: str
    holdout: str
    newest: str

    def as_dict(self) -> dict[str, object]:
        """Return the cuts as JSON has them."""
        return {
            "train": list(self.train),
            "recent": list(self.recent),
            "validation": self.validation,
            "holdout": self.holdout,
            "newest": self.newest,
        }


def months_after(cut: str, months: int) -> str:
    """Return the first day of the month so many months after that of a cut."""
    try:
        on = date.fromisoformat(cut)
    except ValueError as error:
        raise InputError(f"cut_on: {cut!r} is no date; write YYYY-MM-DD") from error
    if on.day != 1:
        raise InputError(f"cut_on: {cut} is not the first day of a month; the windows are whole months")
    month = on.year * _MONTHS + on.month - 1 + months
    return date(month // _MONTHS, month % _MONTHS + 1, 1).isoformat()


def split(known: Iterable[str], every: Iterable[str], *, window: int) -> Split:
    """Divide cuts, of which the outcome of some is known, so that no outcome is used before it could be known.

    Raises:
        InputError: there are too few cuts for that; it says which would do.
    """
    labelled, newest = sorted(set(known)), max(every, default="")
    if not labelled:
        raise InputError("features: no cut has a known outcome; wait until the months after a cut are over")
    holdout = labelled[-1]
    validation = _newest_until(labelled, months_after(holdout, -window))
    train = () if validation is None else tuple(c for c in labelled if c <= months_after(validation, -window))
    if validation is None or not train:
        oldest = months_after(holdout, -2 * window)
        raise InputError(
            f"features: cuts with a known outcome are {labelled[0]} to {holdout}, and with a window of {window} months "
            f"the oldest has to be {oldest} or earlier; raise `churn_cuts` in sql/dbt_project.yml, or wait"
        )
    until = months_after(holdout, -window)
    recent = tuple(cut for cut in labelled if cut <= until and cut not in {*train, validation})
    return Split(train=train, recent=recent, validation=validation, holdout=holdout, newest=newest)


def _newest_until(cuts: Iterable[str], until: str) -> str | None:
    return max((cut for cut in cuts if cut <= until), default=None)
