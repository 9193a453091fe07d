"""`c360 contracts`: the tables of the contracts against those of the last release."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tools.console import Steps
from tools.contracts import CONTRACTS_DIRECTORY, load_and_check, releases
from tools.contracts.releases import Effect, TableChange


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractsResult:
    """What was found: the changes, and the columns that got an id."""

    changes: tuple[TableChange, ...] = ()
    given: tuple[str, ...] = ()
    passed: bool = True

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome for machines."""
        return {"changes": [asdict(change) for change in self.changes], "given": list(self.given)}


def run(
    steps: Steps,
    action: str,
    *,
    directory: Path = CONTRACTS_DIRECTORY,
    previous: Path | None = None,
    anyway: bool = False,
) -> ContractsResult:
    """Do what `c360 contracts` is asked for: `diff`, `ids` or `release`.

    Raises:
        ContractsError: the contracts are wrong by themselves.
    """
    if action == "ids":
        found = releases.assign_ids(directory)
        given = tuple(f"{file}: {column}" for file, columns in found.items() for column in columns)
        steps.note("\n".join(given) or "every column has its id")
        return ContractsResult(given=given)
    contracts = load_and_check(directory, as_released=False).contracts
    if action == "release":
        refused = tuple(releases.release(directory, contracts, anyway=anyway))
        _tell(steps, refused, nothing=f"{directory / releases.RELEASED_NAME} says what is released")
        return ContractsResult(changes=refused, passed=not refused)
    changes = releases.compare(directory, contracts, previous=previous)
    _tell(steps, changes, nothing="the tables are those of the last release")
    return ContractsResult(changes=changes, passed=all(change.effect is Effect.COMPATIBLE for change in changes))


def _tell(steps: Steps, changes: Sequence[TableChange], *, nothing: str) -> None:
    steps.note("\n".join(map(str, changes)) or nothing)
