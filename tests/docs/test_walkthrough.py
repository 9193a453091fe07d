"""Every command of the documents is typed in a walk-through or known to run elsewhere; what types them is strict."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.docs.documents import ROOT, SHELLS, Block, blocks
from tests.walkthrough import plan
from tests.walkthrough.plan import Section
from tests.walkthrough.terminal import LineFailedError, Terminal
from tests.walkthrough.walk import LostError, Walk
from tools.laptop import local
from twin.scenario.waiting import until
from twin.settings import ACCOUNT


def block(text: str, document: Path = plan.README) -> Block:
    return Block(document=document, line=7, language="sh", text=text)


# ---- the plan


def test_every_command_of_the_documents_is_typed_or_known_to_run_elsewhere() -> None:
    assert plan.problems(blocks(*SHELLS)) == []


def test_a_command_in_no_walk_through_is_found() -> None:
    found = plan.problems([*blocks(*SHELLS), block("make help\nmake coffee\n")])
    assert found == ["README.md:9: make coffee: neither typed nor in ELSEWHERE"]


def test_entries_for_removed_commands_are_found() -> None:
    found = plan.problems([block("make help\n")])
    assert "ELSEWHERE: no document has `make bench` any more" in found
    assert "REPLACEMENTS: no document has `FOR=aws` any more" in found
    assert not any("make help" in problem for problem in found)


def test_a_line_goes_on_after_a_backslash_and_keeps_its_number() -> None:
    found = plan.lines(block("one\ntwo \\\n  more\nthree\n"))
    assert [(line.number, line.text) for line in found] == [(8, "one"), (9, "two \\\n  more"), (11, "three")]


def test_a_section_ends_with_the_next_heading_of_its_kind() -> None:
    inner, outer = (
        plan.blocks_of(Section(document=plan.DOCS / "laptop.md", heading=h)) for h in ("The data", "The laptop twin")
    )
    assert inner == []
    assert [found.text.splitlines()[0] for found in outer] == ["make demo SCALE=full", "make deploy-local"]


def test_a_missing_section_is_named() -> None:
    with pytest.raises(LookupError, match=r"README\.md has no heading 'Deploy to Mars'"):
        plan.blocks_of(Section(document=plan.README, heading="Deploy to Mars"))


@pytest.mark.parametrize(("connector", "place"), [(True, "aws"), (False, "local")])
def test_only_what_the_table_names_is_replaced(connector: bool, place: str) -> None:
    [account, synth] = plan.lines(block("export ACCOUNT=111122223333\nmake synth FOR=aws\n"))
    assert plan.typed(account, connector=connector) == f"export ACCOUNT={ACCOUNT}"
    assert plan.typed(synth, connector=connector) == f"make synth FOR={place}"


# ---- the terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, dict(os.environ), tmp_path / "said.log") as opened:
        yield opened


def test_lines_are_typed_in_one_session(terminal: Terminal, tmp_path: Path) -> None:
    terminal.give(WHO="the person's own")
    terminal.type("cd / && HERE=$PWD")
    assert terminal.type('echo "$WHO, $HERE"') == "the person's own, /\n"
    assert "$ echo" in (tmp_path / "said.log").read_text(encoding="utf-8")


def test_programs_have_a_terminal_and_their_questions_get_a_yes(terminal: Terminal) -> None:
    said = terminal.type("""[ -t 0 ] && [ -t 1 ] && read -p 'Delete all (y/n) ' A; echo "answer: $A" """)
    assert said.endswith("answer: y\n")


@pytest.mark.parametrize("text", ["false", "X=$(false)", "false | true", "echo $NEVER_SET"])
def test_a_line_that_fails_ends_the_session_and_is_named(terminal: Terminal, text: str) -> None:
    with pytest.raises(LineFailedError, match=r"README\.md:5: make\nfailed with status 1; log: .*said\.log"):
        terminal.type(text, "README.md:5: make")


def test_running_commands_end_with_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.walkthrough.terminal.LINE_SECONDS", 0.2)
    monkeypatch.setattr("tests.walkthrough.terminal.END_SECONDS", 0.2)
    with Terminal(tmp_path, dict(os.environ), tmp_path / "said.log") as terminal:
        child = psutil.Process(int(terminal.type("sleep 60 & echo $!")))
        with pytest.raises(LineFailedError, match="takes more than"):
            terminal.type("wait")
    until("the child is gone", lambda: local._is_gone(child), bool, seconds=10, pause=0.01)


def test_a_walk_leaves_no_line_out_and_says_where_it_is_lost(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.walkthrough.walk.blocks_of", lambda _: [block("echo 1\nmake help\nX=2\necho $X\necho 3\n")]
    )
    walk = Walk(terminal, plan.DEPLOY)
    assert walk.to("echo $X") == "2\n"
    with pytest.raises(LostError, match=r"begins with 'echo 2': .*README\.md:12: echo 3"):
        walk.to("echo 2")
    walk.to_the_end()
    with pytest.raises(LostError):
        walk.to("echo 3")


def test_documents_are_named_from_the_root() -> None:
    assert plan.README.parent == ROOT
