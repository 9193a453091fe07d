"""Checks `contracts/segments.yaml` against the profiles contract and compiles it into the JSON that runtimes carry.

`python -m tools.contracts.segments` writes `c360_core/segments.json`; `--check` only looks. Both end with exit code
1 and one line that names the segment, the field and the fix when the file is wrong.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import yaml

from c360_core.names import TableName
from c360_core.segment import SEGMENTS_FILE, FieldType, Segment, SegmentError, parse, profile_fields, to_document
from tools.contracts import CONTRACTS_DIRECTORY, ContractsError, audiences, load_and_check
from tools.contracts.compiled import write_json
from tools.contracts.licences import segment_problems, today

SOURCE: Final = CONTRACTS_DIRECTORY / "segments.yaml"
_LOG = logging.getLogger("segments")


def load_segments(
    path: Path = SOURCE, *, contracts: Path = CONTRACTS_DIRECTORY, on: date | None = None
) -> tuple[Segment, ...]:
    """Read and check the segments, and whether the licences of what they use allow it on a day (today).

    Raises:
        SegmentError: the file is missing, is not YAML, or a segment is wrong.
        ContractsError: the contracts, whose profile columns the rules name, are wrong.
    """
    known = load_and_check(contracts).contracts
    segments = read_segments(path, profile_fields(known.product(TableName.PROFILES).table))
    if problems := segment_problems(segments, known, on or today()):
        raise SegmentError("\n".join(str(problem) for problem in problems))
    return segments


def read_segments(path: Path, fields: Mapping[str, FieldType]) -> tuple[Segment, ...]:
    """Read and check the segments against these columns; raise SegmentError when one is wrong."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SegmentError(f"{path}: no such file") from error
    except yaml.YAMLError as error:
        raise SegmentError(f"{path}: not YAML ({error})") from error
    return parse(document, fields, file=path.name)


def write(segments: Sequence[Segment], path: Path = SEGMENTS_FILE) -> None:
    """Write what runtimes read."""
    write_json(to_document(segments), path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the segments; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts.segments", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look only, write nothing")
    parser.add_argument("--source", type=Path, default=SOURCE, help="the YAML file")
    parser.add_argument("--output", type=Path, default=SEGMENTS_FILE, help="the JSON file to write")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        segments = load_segments(chosen.source)
        audiences.check(segments)
    except (SegmentError, ContractsError) as error:
        _LOG.error("%s", error)  # one line that says what to mend, not a stack
        return 1
    if not chosen.check:
        write(segments, chosen.output)
    _LOG.info("%d segments are right", len(segments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
