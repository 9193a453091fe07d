"""What the documents say of cdk-nag's packs is what the infrastructure suite found and somebody reviewed.

`--snapshot-update` writes the tables and the numbers into the documents, as it writes the reviewed findings themselves.
"""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from stacks.constructs.nag import Pack
from tests.docs.documents import ROOT, inline_code, table
from tests.docs.programs import SNAPSHOTS
from tests.infrastructure.packs import rules

SECURITY: Final = ROOT / "docs" / "security.md"
README: Final = ROOT / "README.md"
REVIEWED: Final = SNAPSHOTS.parent / "test_nag"
NAMED_BY_WRITERS: Final = re.compile(r"objects under .+ are named by")
IN_README: Final = re.compile(
    r"\d+ rules apply, \d+ hold everywhere, and each of the \d+ accepted findings has a reason"
)

Rows = list[list[str]]


def reviewed(test: str) -> Any:
    return json.loads((REVIEWED / f"{test}.json").read_text(encoding="utf-8"))


def counts() -> dict[Pack, dict[str, int]]:
    found = reviewed("test_the_counts_are_the_reviewed")
    return {pack: found[pack] for pack in Pack}


def pack_rows() -> Rows:
    columns = ("rules", "apply", "hold everywhere", "findings accepted")
    return [[pack, *(str(count[column]) for column in columns)] for pack, count in counts().items()]


def accepted_rows() -> Rows:
    """Return each accepted rule with its packs and one of its reasons, without the details of a wildcard."""
    lines = (line.split(" | ") for line in reviewed("test_what_was_accepted"))
    return [
        list(row)
        for row in sorted(
            {
                (rule.partition("[")[0], packs, NAMED_BY_WRITERS.sub("objects under a prefix are named by", reason))
                for rule, packs, _, reason in lines
            }
        )
    ]


def sentence() -> str:
    apply, hold, accepted = (
        sum(count[column] for count in counts().values())
        for column in ("apply", "hold everywhere", "findings accepted")
    )
    return f"{apply} rules apply, {hold} hold everywhere, and each of the {accepted} accepted findings has a reason"


def write_rows(document: Path, marker: str, rows: Rows) -> None:
    """Replace the rows of the table under a marker."""
    before, found, after = document.read_text(encoding="utf-8").partition(f"<!-- {marker} -->\n")
    old, rest = after.split("\n\n", 1)
    heading = old.splitlines()[:2]
    new = "\n".join([*heading, *(f"| {' | '.join(row)} |" for row in rows)])
    document.write_text(f"{before}{found}{new}\n\n{rest}", encoding="utf-8")


@pytest.fixture
def updates(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("update_snapshots"))


@pytest.mark.parametrize(("marker", "rows"), [("packs", pack_rows), ("accepted", accepted_rows)])
def test_the_tables_of_packs_and_reasons_are_the_reviewed(marker: str, rows: Any, updates: bool) -> None:
    if updates:
        write_rows(SECURITY, marker, rows())
    assert table(SECURITY, marker) == rows()


def test_the_overview_states_the_reviewed_numbers(updates: bool) -> None:
    if updates:
        README.write_text(IN_README.sub(sentence(), README.read_text(encoding="utf-8")), encoding="utf-8")
    assert IN_README.findall(README.read_text(encoding="utf-8")) == [sentence()]


def test_every_type_at_which_no_rule_looks_is_explained_once() -> None:
    unseen = [types for types, _ in table(SECURITY, "unseen")]
    named = [name for types in unseen for name in re.findall(r"`((?:AWS::\w+|Custom)::\w+)`", types)]
    explained = [name for name in named if name != "AWS::DynamoDB::Table"]  # said of the rules, not of a resource
    assert sorted(explained) == reviewed("test_the_types_at_which_no_rule_looks_are_the_reviewed")


def test_a_rule_that_the_page_mentions_is_one_of_a_pack() -> None:
    known = {rule.name for of_pack in rules().values() for rule in of_pack}
    named = {text for text in inline_code(SECURITY) if re.fullmatch(r"[A-Z]\w+", text)}
    assert len(named) > 2
    assert named - known == set()
