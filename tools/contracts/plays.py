"""Checks `contracts/plays.yaml` against profiles, segments and channels, and compiles it into the runtimes' JSON.

`python -m tools.contracts.plays` writes `c360_core/plays.json`, and for the marts `sql/macros/plays.sql`; `--check`
only looks. Both end with exit code 1 and one line that names the play, the field and the fix when the file is wrong.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from c360_core.consent import Channel
from c360_core.contracts import Contracts
from c360_core.journey import JourneyError, first_messages
from c360_core.names import TableName
from c360_core.play import PLAYS_FILE, Playbook, PlayError, ProfileChange, parse_playbook
from c360_core.segment import SegmentError, profile_fields
from c360_core.written import Known
from tools.contracts import CONTRACTS_DIRECTORY, ContractsError, load_and_check
from tools.contracts.compiled import write_json, write_text
from tools.contracts.journeys import load_journeys
from tools.contracts.licences import named_by, play_problems, today
from tools.contracts.marts import SQL_DIRECTORY
from tools.contracts.segments import SOURCE as SEGMENTS
from tools.contracts.segments import read_segments

SOURCE: Final = CONTRACTS_DIRECTORY / "plays.yaml"
_CHANNELS: Final = Path(__file__).resolve().parents[2] / "lambdas" / "message_sender" / "channels"
# How many people the lots of a play should hold out is what the mart `lift` compares its people with.
MACRO: Final = SQL_DIRECTORY / "macros" / "plays.sql"
_LOG = logging.getLogger("plays")


def load_plays(path: Path = SOURCE, *, on: date | None = None) -> tuple[Playbook, Any]:
    """Read and check the plays; return them, and the document as it was written.

    Args:
        path: the YAML file.
        on: the day on which licences must allow what conditions do with bought data; today by default.

    Raises:
        PlayError: the file is missing, is not YAML, or a play is wrong.
        SegmentError, JourneyError, ContractsError: the segments, journeys or contracts that plays rest on are wrong.
    """
    contracts = load_and_check().contracts
    fields = profile_fields(contracts.product(TableName.PROFILES).table)
    known = Known(
        fields=fields,
        segments=frozenset(segment.name for segment in read_segments(SEGMENTS, fields)),
        channels=sending_channels(),
        messages=first_messages(load_journeys(on=on)[0]),
    )
    document = read_document(path)
    playbook = parse_playbook(document, known, file=path.name)
    if problems := play_problems(playbook.plays, contracts, on or today()):
        raise PlayError("\n".join(str(problem) for problem in problems))
    _refuse_unheard(playbook, contracts, file=path.name)
    return playbook, document


def read_document(path: Path) -> Any:
    """Read the YAML; raise PlayError when there is none, or it is no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PlayError(f"{path}: no such file; name one such as contracts/plays.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlayError(f"{path}: not YAML ({error}); mend the place that it names") from error


def sending_channels(folder: Path = _CHANNELS) -> frozenset[Channel]:
    """Return the channels through which something sends: the modules in the sender's folder."""
    modules = {path.stem for path in folder.glob("*.py")}
    return frozenset(channel for channel in Channel if channel.value in modules)


def _refuse_unheard(playbook: Playbook, contracts: Contracts, *, file: str) -> None:
    """Refuse a signal of columns that no event moves: a change counts only with a live event, and they change without.

    Raises:
        PlayError: names the play and its columns.
    """
    fields = contracts.product(TableName.PROFILES).table.fields
    moved = {field.name for field in fields if field.derivation is not None}
    for play in playbook.plays:
        named = {column for place, column in named_by(play) if place.startswith("signal.")}
        if isinstance(play.signal, ProfileChange) and not named & moved:
            raise PlayError(
                f"{file}: play `{play.name}`: field `signal.profile_change`: no event moves "
                f"{', '.join(sorted(named))}, so nothing would hear the change; add a condition on a column that "
                f"events move, such as {', '.join(sorted(moved)[:3])}, and put these into `audience`"
            )


def write(document: Any, path: Path = PLAYS_FILE) -> None:
    """Write what runtimes read."""
    write_json(document, path)


def holdout_macro(playbook: Playbook) -> str:
    """Return the macro that says which share of its people each play holds out."""
    shares = [
        f"    when '{play.name}' then {play.holdout_percent / 100}e0" for play in playbook.plays if play.holdout_percent
    ]
    cases = "\n".join(["  case {{ name }}", *shares, "  end"]) if shares else "  cast(null as double)"
    return (
        "{# Written by `python -m tools.contracts.plays` from contracts/plays.yaml: change the plays there. #}\n\n"
        "{# Share of the people whom a play holds out; empty for one that holds out nobody. #}\n"
        f"{{% macro holdout_of(name) -%}}\n{cases}\n{{%- endmacro %}}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the plays; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts.plays", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look only, write nothing")
    parser.add_argument("--source", type=Path, default=SOURCE, help="the YAML file")
    parser.add_argument("--output", type=Path, default=PLAYS_FILE, help="the JSON file to write")
    parser.add_argument("--macro", type=Path, default=MACRO, help="the macro of the marts to write")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        playbook, document = load_plays(chosen.source)
    except (PlayError, SegmentError, JourneyError, ContractsError) as error:
        _LOG.error("%s", error)  # one line that says what to mend, not a stack
        return 1
    macro = holdout_macro(playbook)
    if not chosen.check:
        write(document, chosen.output)
        write_text(macro, chosen.macro)
    elif chosen.source == SOURCE and chosen.macro.read_text(encoding="utf-8") != macro:
        _LOG.error("%s: it does not follow from plays.yaml; run `python -m tools.contracts.plays`", chosen.macro.name)
        return 1
    _LOG.info("%d plays are right", len(playbook.plays))
    return 0


if __name__ == "__main__":
    sys.exit(main())
