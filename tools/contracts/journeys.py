"""Checks `contracts/journeys` and compiles it into the JSON of which the state machines are made.

`python -m tools.contracts.journeys` writes `c360_core/journeys.json`, and the pictures of `docs/journeys.md`; `--check`
only looks. Both end with exit code 1
and one line that names the journey, the step, the field and the fix when a file is wrong.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from c360_core.journey import JOURNEYS_FILE, Branch, Journey, JourneyError, parse_journeys
from c360_core.names import TableName
from c360_core.segment import SegmentError, profile_fields
from c360_core.written import Known
from tools.contracts import CONTRACTS_DIRECTORY, ContractsError, load_and_check
from tools.contracts.compiled import write_json, write_text
from tools.contracts.journey_pictures import PAGE, page_with
from tools.contracts.licences import audience_problems, today
from tools.contracts.segments import SOURCE as SEGMENTS
from tools.contracts.segments import read_segments

SOURCE: Final = CONTRACTS_DIRECTORY / "journeys"
SUFFIX: Final = ".yaml"
_LOG = logging.getLogger("journeys")


def load_journeys(folder: Path = SOURCE, *, on: date | None = None) -> tuple[tuple[Journey, ...], Mapping[str, Any]]:
    """Read and check the journeys; return them, and the document that runtimes and templates are made from.

    Args:
        folder: has one file for each journey.
        on: the day on which licences must allow what conditions do with bought data; today by default.

    Raises:
        JourneyError: there is no file, one is not YAML, or a journey is wrong.
        SegmentError, ContractsError: the segments or contracts that journeys rest on are wrong.
    """
    contracts = load_and_check().contracts
    fields = profile_fields(contracts.product(TableName.PROFILES).table)
    known = Known(fields=fields, segments=frozenset(segment.name for segment in read_segments(SEGMENTS, fields)))
    documents = read_documents(folder)
    journeys = parse_journeys(documents, known)
    problems = [
        problem
        for journey in journeys
        for step in journey.steps
        if isinstance(step, Branch)
        for arm in step.arms
        for problem in audience_problems(
            arm.when, f"{journey.name}{SUFFIX}", f"{journey.name}.{step.name}.branch", contracts, on or today()
        )
    ]
    if problems:
        raise JourneyError("\n".join(str(problem) for problem in problems))
    return journeys, {"journeys": [documents[journey.name] for journey in journeys]}


def read_documents(folder: Path) -> dict[str, Any]:
    """Read the files of a folder, by their names without the ending.

    Raises:
        JourneyError: there is none, or one is no YAML.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            found[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise JourneyError(f"{path}: not YAML ({error}); mend the place that it names") from error
    if not found:
        raise JourneyError(f"{folder}: there is no journey; write one such as welcome{SUFFIX}")
    return found


def write(document: Mapping[str, Any], path: Path = JOURNEYS_FILE) -> None:
    """Write what runtimes and templates are made from."""
    write_json(document, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the journeys; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts.journeys", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look only, write nothing")
    parser.add_argument("--source", type=Path, default=SOURCE, help="the folder of the YAML files")
    parser.add_argument("--output", type=Path, default=JOURNEYS_FILE, help="the JSON file to write")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose pictures to write")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        journeys, document = load_journeys(chosen.source)
    except (JourneyError, SegmentError, ContractsError) as error:
        _LOG.error("%s", error)  # one line that says what to mend, not a stack
        return 1
    page = chosen.page.read_text(encoding="utf-8")
    drawn = page_with(page, journeys)
    if not chosen.check:
        write(document, chosen.output)
        write_text(drawn, chosen.page)
    elif chosen.source == SOURCE and page != drawn:
        _LOG.error("%s: other journeys are drawn there; run `python -m tools.contracts.journeys`", chosen.page.name)
        return 1
    _LOG.info("%d journeys are right", len(journeys))
    return 0


if __name__ == "__main__":
    sys.exit(main())
