"""Checks that no environment tells an advertising platform what a licence keeps from advertising."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from c360_core.names import Use
from c360_core.segment import Segment, SegmentError
from config.settings import ENVIRONMENTS_FOLDER, load
from tools.contracts import CONTRACTS_DIRECTORY, load_and_check
from tools.contracts.licences import segment_problems, today


def check(
    segments: Sequence[Segment],
    *,
    environments: Path = ENVIRONMENTS_FOLDER,
    contracts: Path = CONTRACTS_DIRECTORY,
    on: date | None = None,
) -> None:
    """Look at the audiences of every environment: their segments are for advertising, whatever else they are for.

    Args:
        segments: all that there are.
        environments: the folder of the settings.
        contracts: the folder of the contracts.
        on: the day on which licences must allow it; today by default.

    Raises:
        SegmentError: a segment uses a product whose licence does not allow advertising; it names each use.
    """
    known = load_and_check(contracts).contracts
    problems = []
    for path in sorted(environments.glob("*.yaml")):
        for audience in load(path.stem, environments).activation.audiences:
            told = [replace(one, use=Use.ADVERTISING) for one in segments if one.name == audience.segment]
            found = segment_problems(told, known, on or today())
            problems += [f"{path.name}: activation.audiences.{audience.name}: {problem}" for problem in found]
    if problems:
        raise SegmentError("\n".join(problems))
