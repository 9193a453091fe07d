"""`c360 truth`: the matching alone, scored against the known truth of who is who; no emulator, no engine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from c360_core.identity.records import IdentityRecord
from c360_core.identity.resolve import resolve
from c360_core.identity.stable_ids import IdentityRun
from tools.build import prepare
from tools.console import Steps
from twin.scenario import records as shoppers
from twin.scenario.floors import compare
from twin.scenario.result import Floor
from twin.scenario.scoring import Agreement, Score, score
from twin.settings import BUILD
from twin.shoppers import generate_once

RUN: Final = IdentityRun(run_id="truth", version=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthScore:
    """How well the people found are the true people.

    Attributes:
        people: true people behind the judged records.
        found: people found behind the same records.
    """

    scale: str
    seed: int
    people: int
    found: int
    agreement: Agreement
    floors: tuple[Floor, ...]

    @property
    def passed(self) -> bool:
        """Say whether every score reaches its floor."""
        return all(floor.passed for floor in self.floors)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "scale": self.scale,
            "seed": self.seed,
            "records": self.agreement.records,
            "people": self.people,
            "found": self.found,
            "pairwise": _shown(self.agreement.pairwise),
            "b_cubed": _shown(self.agreement.b_cubed),
            "floors": [{**asdict(floor), "passed": floor.passed} for floor in self.floors],
            "passed": self.passed,
        }


def run(steps: Steps, *, scale: str, seed: int) -> TruthScore:
    """Make shoppers, find who is who, and print the scores.

    Raises:
        ValueError: there is no such scale.
    """
    folder = make_shoppers(steps, scale=scale, seed=seed)
    with steps.step("Records"):
        records = shoppers.load(folder)
    with steps.step("Matching"):
        found = people_of(records)
    outcome = judge(found, shoppers.true_people(folder), scale=scale, seed=seed)
    if not steps.machine:
        Console(highlight=False).print(table(outcome))
    return outcome


def make_shoppers(steps: Steps, *, scale: str, seed: int) -> Path:
    """Generate a data set, or take the one that the same generator made before; return its folder."""
    folder = BUILD / "shoppers" / f"{scale}-{seed}"
    prepare.contracts()
    with steps.step(f"Shoppers ({scale}, seed {seed})"):
        generate_once(scale, seed, folder)
    return folder


def people_of(records: Sequence[IdentityRecord]) -> dict[str, str]:
    """Return record id -> person found, by a first run of the whole resolution."""
    # The key hashes identifiers in messages that nobody gets here.
    resolution = resolve(records, shoppers.match_groups(records), [], RUN, secret=shoppers.HASH_KEY)
    return {record_id: person.person_id for person in resolution.persons for record_id in person.record_ids}


def judge(found: Mapping[str, str], truth: Mapping[str, str], *, scale: str, seed: int) -> TruthScore:
    """Compare people found with the truth, and the scores with the floors of the scale.

    Raises:
        ValueError: there is no such scale.
    """
    agreement, judged = score(found, truth), found.keys() & truth.keys()
    return TruthScore(
        scale=scale,
        seed=seed,
        people=len({truth[record_id] for record_id in judged}),
        found=len({found[record_id] for record_id in judged}),
        agreement=agreement,
        floors=compare(scale, agreement),
    )


def table(outcome: TruthScore) -> Table:
    """Return the scores as a table for people."""
    judged = f"{outcome.agreement.records} records of {outcome.people} people; {outcome.found} people found"
    shown = Table("", "precision", "recall", "F1", title=judged, title_justify="left", box=None, header_style="dim")
    for name, part in (("pairs of records", outcome.agreement.pairwise), ("B-cubed", outcome.agreement.b_cubed)):
        shown.add_row(name, f"{part.precision:.4f}", f"{part.recall:.4f}", f"{part.f1:.4f}")
    precision, recall = (_against(floor) for floor in outcome.floors)
    shown.add_row("floor (B-cubed)", precision, recall, "")
    return shown


def _against(floor: Floor) -> str:
    mark = "[green]passed[/green]" if floor.passed else "[red]failed[/red]"
    return f"{floor.floor:.4f} {mark}"


def _shown(part: Score) -> dict[str, float]:
    return {"precision": part.precision, "recall": part.recall, "f1": part.f1}
