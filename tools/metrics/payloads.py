"""Holds what the dbt project reads of payloads against the contract of the events, before anything is built.

A field that no event has is no error to an engine: it is nothing in every row, and the figures that are made of it are
missing without a word. So a field that was renamed in the contract and not in the project is refused.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import yaml

from c360_metrics.reader import Problem

EVENTS: Final = Path(__file__).resolve().parents[2] / "contracts" / "events.odcs.yaml"
FOLDERS: Final = ("macros", "models")
_ENVELOPE: Final = "envelope"
_READS: Final = re.compile(r"'\$\.(\w+)[\w.]*'|has_value\('payload', '(\w+)'\)")


def check_payloads(project: Path, events: Path = EVENTS) -> Iterator[Problem]:
    """Yield each field that the project reads of a payload and that no event has.

    Args:
        project: the folder of the dbt project.
        events: the contract of the events.
    """
    known = _fields(events)
    for path in sorted(path for folder in FOLDERS for path in (project / folder).rglob("*.sql")):
        read = {match[1] or match[2] for match in _READS.finditer(path.read_text(encoding="utf-8"))}
        for name in sorted(read - known):
            near = ", ".join(get_close_matches(name, sorted(known), n=3)) or "one of its fields"
            yield Problem(
                file=f"{project.name}/{path.relative_to(project)}",
                field=f"$.{name}",
                message=f"no event of {events.name} has the field `{name}`, so that nothing would be found",
                fix=f"read {near}",
            )


def _fields(events: Path) -> frozenset[str]:
    """Return the fields of all payloads."""
    stated = yaml.safe_load(events.read_text(encoding="utf-8"))
    return frozenset(
        one["name"] for event in stated["schema"] if event["name"] != _ENVELOPE for one in event.get("properties", ())
    )
