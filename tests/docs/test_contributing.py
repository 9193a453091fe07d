"""CONTRIBUTING.md is true: its lists are followed in a copy of the tree, and what they promise comes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.docs import lists
from tests.docs.documents import Block
from tests.docs.lists import CONTRIBUTING, ListError, Step, follow, steps
from tests.walkthrough.place import copy_tree
from tools.environments.bootstrap import ENVIRONMENTS


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
    assert sorted(added["ids"]) == [1, 2, 3, 4, 5]
    assert "direct" in added["pii"]
    assert "newsletter_subscribers" in added["files"]
    assert added["rank"] == 3


def test_a_segment_is_added_by_its_list(tree: Path) -> None:
    follow(steps("Add a segment"), tree)
    code = "from tools.contracts.segments import load_segments\nanswer = [segment.name for segment in load_segments()]"
    assert "gold_members" in ask(tree, code)


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
def test_a_list_that_is_none_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    document = tmp_path / "CONTRIBUTING.md"
    document.write_text(text, encoding="utf-8")
    with pytest.raises(ListError, match=complaint):
        steps("Add", document)
