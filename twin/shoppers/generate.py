"""Makes a whole data set from a seed: the same seed and scale give the same bytes."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from c360_core.contracts import Contracts
from c360_core.contracts import load as load_contracts
from twin.shoppers import faults, journey, people, truth
from twin.shoppers.chance import generator
from twin.shoppers.clock import iso
from twin.shoppers.files import Exports, published, write_broken_files, write_export
from twin.shoppers.history import Historian, Rates, money
from twin.shoppers.manifest import MANIFEST_NAME, DataFile, Manifest, StreamFile
from twin.shoppers.tape import Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much data. `households` None takes all; `baskets_between` keeps to households of that many baskets."""

    households: int | None
    baskets_between: tuple[int, int] | None = None
    bad_events_per_reason: int
    bad_rows_per_reason: int
    duplicate_share: float = 0.005


SCALES: Final = {
    "tiny": Scale(
        households=40, baskets_between=(8, 20), bad_events_per_reason=2, bad_rows_per_reason=1, duplicate_share=0.02
    ),
    "demo": Scale(households=650, bad_events_per_reason=25, bad_rows_per_reason=3),
    "full": Scale(households=None, bad_events_per_reason=100, bad_rows_per_reason=10),
}
OURS: Final = ("events", "files", "truth")
POS: Final = "pos_transactions"
WEB: Final = "web_events"


def generate(scale: str, seed: int, out_dir: Path) -> Manifest:
    """Write events, files and truth of invented shoppers with real baskets.

    Args:
        scale: `tiny` (about 60 people, for tests), `demo` (about 1,000) or `full` (all households of the data).
        seed: the same seed gives the same bytes.
        out_dir: where to write; what an earlier run wrote there is replaced, nothing else is touched.

    Raises:
        ValueError: no such scale.
    """
    if scale not in SCALES:
        raise ValueError(f"there is no scale `{scale}`; use one of {', '.join(SCALES)}")
    size = SCALES[scale]
    contracts = load_contracts()
    _clear(out_dir)
    data = journey.load(generator(seed, "households"), size.households, size.baskets_between)
    households = list(people.households(generator(seed, "people"), seed, list(data.baskets), data.demographics))
    pos = Tape(POS, generator(seed, "pos tape"), late_share=0.002, duplicate_share=size.duplicate_share)
    web = Tape(WEB, generator(seed, "web tape"), late_share=0.01, duplicate_share=size.duplicate_share)
    historian = Historian(generator(seed, "history"), data, pos, web, Rates())
    exports = Exports(generator(seed, "files"), historian.ledger, bad_per_reason=size.bad_rows_per_reason)
    for household in households:
        historian.write(household)
        exports.add(household)
    exports.add_bad_rows()
    for tape in (pos, web):
        rng = generator(seed, f"faults of {tape.source}")
        faults.add_bad_events(tape, rng, size.bad_events_per_reason, tape.first, tape.last)
    manifest = _write(scale, seed, out_dir, households, historian, exports, contracts)
    manifest.write(out_dir)
    return manifest


def _clear(out_dir: Path) -> None:
    for name in OURS:
        shutil.rmtree(out_dir / name, ignore_errors=True)
    (out_dir / MANIFEST_NAME).unlink(missing_ok=True)
    (out_dir / "events").mkdir(parents=True)


def _write(
    scale: str,
    seed: int,
    out_dir: Path,
    households: list[people.Household],
    historian: Historian,
    exports: Exports,
    contracts: Contracts,
) -> Manifest:
    pos, bad_pos = historian.pos.write(out_dir, "events/pos.jsonl")
    web, bad_web = historian.web.write(out_dir, "events/web.jsonl")
    rng = generator(seed, "order of rows")
    files = tuple(write_export(export, out_dir, rng, contracts) for export in exports.all)
    broken = write_broken_files(exports, out_dir, contracts)
    devices = {f"{WEB}:{device}": person for person, device in _devices(households)}
    truth.write_truth(out_dir, households, {**exports.records, **devices}, historian.ledger)
    truth.write_bad_lines(out_dir, [*bad_pos, *bad_web])
    return _manifest(scale, seed, households, historian, exports, (pos, web), files, broken)


def _devices(households: list[people.Household]) -> list[tuple[str, str]]:
    """Give each device with its owner, the first adult when a couple shares it."""
    owners: dict[str, str] = {}
    for household in households:
        for person in household.adults:
            for device in person.devices:
                owners.setdefault(device, person.person_id)
    return [(person, device) for device, person in owners.items()]


def _manifest(
    scale: str,
    seed: int,
    households: list[people.Household],
    historian: Historian,
    exports: Exports,
    streams: tuple[StreamFile, ...],
    files: tuple[DataFile, ...],
    broken: tuple[DataFile, ...],
) -> Manifest:
    totals, returned = historian.ledger.totals, historian.ledger.returned
    sent = [(export.source, *event) for export in exports.all for event in published(export)]
    unique = set(sent)
    repeated = Counter(source for source, *_ in sent) - Counter(source for source, *_ in unique)
    repeated.update({file.source: file.published for file in broken if file.published})
    return Manifest(
        scale=scale,
        seed=seed,
        households=len(households),
        people=sum(len(household.adults) for household in households),
        first_occurred_at=iso(min(historian.pos.first, historian.web.first)),
        last_occurred_at=iso(max(historian.pos.last, historian.web.last)),
        orders=totals.orders,
        spend=money(totals.spend + returned),
        returns=totals.returns,
        returned=money(returned),
        streams=streams,
        files=files,
        broken_files=broken,
        published_duplicates=dict(sorted(repeated.items())),
        good_by_type=dict(
            sorted((historian.pos.good + historian.web.good + Counter(kind for _, kind, *_ in unique)).items())
        ),
    )
