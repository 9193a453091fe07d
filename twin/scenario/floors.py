"""How good the matching must be at each scale: a lower score fails the demonstration, the tests and `make truth`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twin.scenario.result import Floor
from twin.scenario.scoring import Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """The lowest B-cubed precision and recall that pass."""

    precision: float
    recall: float


DEMO_FLOORS: Final = Floors(precision=0.985, recall=0.93)
# Some 60 people: one couple that shares a mailbox, or one person who moved, changes a score by a whole percent. Over
# thirty seeds precision fell to 0.974 and recall to 0.928, while a thousand people vary by less than half a percent.
TINY_FLOORS: Final = Floors(precision=0.96, recall=0.91)
FLOORS: Final[Mapping[str, Floors]] = {"tiny": TINY_FLOORS, "demo": DEMO_FLOORS, "full": DEMO_FLOORS}


def compare(scale: str, agreement: Agreement) -> tuple[Floor, ...]:
    """Return the scores of a scale beside their floors.

    Raises:
        ValueError: there is no such scale.
    """
    if scale not in FLOORS:
        raise ValueError(f"there is no floor for scale `{scale}`; use one of {', '.join(FLOORS)}")
    lowest = FLOORS[scale]
    return (
        Floor(name="B-cubed precision", floor=lowest.precision, actual=agreement.b_cubed.precision),
        Floor(name="B-cubed recall", floor=lowest.recall, actual=agreement.b_cubed.recall),
    )
