"""CONTRIBUTING.md is true: its lists are followed in a copy of the tree, and what they promise comes of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs import lists
from tests.docs.documents import ROOT, Block
from tests.docs.lists import CONTRIBUTING, ListError, Step, follow, steps
from tests.walkthrough.place import copy_tree
from tools.environments.bootstrap import ENVIRONMENTS

# What two environments have of the system: its resources, alarms and costs, and the resource types without needs.
SYSTEM = """
from pathlib import Path
from aws_cdk import CfnResource
from aws_cdk import aws_athena as athena
import app
from config.settings import load
from stacks.shared.monitoring import MonitoredResources
from tests.docs.documents import ROOT, inline_code
from tests.infrastructure.assembly import empty_app, placeholder_assets
from tests.infrastructure.integrations import INTEGRATIONS, WITHOUT_NEEDS
from tools.build.staging import stage_contracts

stage_contracts()
assets = placeholder_assets(Path({folder!r}) / "assets")
keys = [text.removeprefix("analytics.") for text in inline_code(ROOT / "docs" / "settings.md")]
answer = {{}}
for environment in ("prod", "everything", "dev"):
    cdk_app = empty_app(Path({folder!r}) / environment)
    settings = load(environment)
    app.build(cdk_app, settings, assets)
    found = MonitoredResources.found_in(cdk_app, settings.operations)
    answer[environment] = {{
        "reservations": sum(isinstance(node, athena.CfnCapacityReservation) for node in cdk_app.node.find_all()),
        "alarms": [alarm.name for alarm in found.alarms],
        "costs": {{cost.label: cost.usd for cost in found.costs}},
        "keys": keys,
        "unclaimed": sorted(
            {{
                node.cfn_resource_type
                for node in cdk_app.node.find_all()
                if isinstance(node, CfnResource)
                and node.cfn_resource_type not in WITHOUT_NEEDS
                and "resource " + node.cfn_resource_type not in INTEGRATIONS
            }}
        ),
    }}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree, as a clone would have it, with the environments of this one."""
    copy = tmp_path / "tree"
    copy_tree(copy)
    (copy / ENVIRONMENTS.name).symlink_to(ENVIRONMENTS)
    return copy


def ask(tree: Path, code: str) -> Any:
    """Run code on the modules of the copy; return what it leaves in `answer`."""
    text = f"import json\n{code}\nprint(json.dumps(answer))"
    return json.loads(lists.run(["python", "-c", text], tree, name="the question"))


def test_a_source_is_added_by_its_list(tree: Path) -> None:
    follow(steps("Add a source"), tree)
    added = ask(
        tree,
        """
from c360_core.survivorship import SourcePriorities
from tools.contracts import load_and_check
contracts = load_and_check().contracts
[table] = [table for table in contracts.lake_tables() if table.name == "newsletter_subscribers"]
answer = {
    "zone": table.zone,
    "ids": [field.field_id for field in table.fields],
    "pii": [field.classification for field in table.fields],
    "files": [source.name for source in contracts.file_sources()],
    "rank": SourcePriorities().rank("newsletter_subscribers"),
}
""",
    )
    assert added["zone"] == "raw"
    assert sorted(added["ids"]) == [*range(1, 8)]
    assert "direct" in added["pii"]
    assert "newsletter_subscribers" in added["files"]
    assert added["rank"] == 7


def test_a_system_is_added_by_its_list(tree: Path, tmp_path: Path) -> None:
    follow(steps("Add a system"), tree)
    found = ask(tree, SYSTEM.format(folder=str(tmp_path)))
    on, off = found["prod"], found["dev"]
    assert (on["reservations"], off["reservations"]) == (1, 0)
    assert "QueryCapacityFull" in on["alarms"]
    assert "QueryCapacityFull" not in off["alarms"]
    assert on["costs"]["Athena capacity"] == pytest.approx(5256)
    assert "Athena capacity" not in off["costs"]
    assert found["everything"]["reservations"] == 1
    assert set(on["keys"]) >= {"capacity.deployed", "capacity.dpus"}
    assert on["unclaimed"] == off["unclaimed"] == []


def test_a_segment_is_added_by_its_list(tree: Path) -> None:
    follow(steps("Add a segment"), tree)
    code = "from tools.contracts.segments import load_segments\nanswer = [segment.name for segment in load_segments()]"
    assert "gold_members" in ask(tree, code)


def test_a_profile_column_is_added_by_its_list(tree: Path) -> None:
    follow(steps("Add a profile column"), tree)
    added = ask(
        tree,
        """
from c360_core.names import ProfilePart
from c360_core.profile_columns import profile_columns
from tools.contracts import load_and_check
fields = {field.name: field for field in load_and_check().contracts.product("profiles").table.fields}
answer = {
    "shown": "offers_redeemed" in profile_columns().parts[ProfilePart.AGGREGATES],
    "newest": fields["offers_redeemed"].field_id == max(field.field_id for field in fields.values()),
}
""",
    )
    assert added == {"shown": True, "newest": True}
    marts = (tree / "sql" / "models" / "marts" / "marts.yml").read_text(encoding="utf-8")
    assert marts.count("{name: offers_redeemed,") == 1


@pytest.mark.parametrize("heading", ["Add a provider", "Add a channel"])
def test_a_list_that_is_followed_elsewhere_names_the_test(heading: str) -> None:
    named = re.findall(r"`(tests/[\w/]+/test_\w+\.py)`", introduction(heading))
    assert len(named) == 1
    assert "def test_" in (ROOT / named[0]).read_text(encoding="utf-8")
    assert len(steps(heading)) > 2


def test_every_list_is_followed_here_or_by_the_test_that_it_names() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    headings = re.findall(r"^## (Add .+)$", CONTRIBUTING.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) > 3
    assert [heading for heading in headings if f'"{heading}"' not in source] == []


def introduction(heading: str) -> str:
    """Return what stands between a heading and the first step."""
    _, _, after = CONTRIBUTING.read_text(encoding="utf-8").partition(f"## {heading}\n")
    return after.partition("\n1. ")[0]


# ---- what follows a list is strict


def step(language: str, text: str) -> Step:
    return Step(number=1, text="", blocks=(Block(document=CONTRIBUTING, line=7, language=language, text=text),))


@pytest.mark.parametrize(
    ("language", "text", "complaint"),
    [
        ("sh", "true\nfalse\ntrue\n", "status 1"),
        ("diff", "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-no such line\n+another\n", "does not apply"),
        ("python", "# c360_core/names.py\n", "is there already"),
        ("yaml", "kind: nothing\n", "names no file"),
    ],
)
def test_a_step_that_cannot_be_done_is_named(tree: Path, language: str, text: str, complaint: str) -> None:
    with pytest.raises(ListError, match=rf"(?s)CONTRIBUTING\.md:7.*{complaint}"):
        follow([step(language, text)], tree)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("## Other\n", "no heading 'Add'"), ("## Add\n1. a\n3. b\n", r"\[1, 3\]"), ("## Add\nnothing\n", r"\[\]")],
)
def test_a_value_that_is_no_list_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    document = tmp_path / "CONTRIBUTING.md"
    document.write_text(text, encoding="utf-8")
    with pytest.raises(ListError, match=complaint):
        steps("Add", document)
