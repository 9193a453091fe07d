"""What a person sees of a step: a bar where its parts are counted, else a mark; a program sees nothing of it."""

import io

import pytest
from rich.console import Console

from tools.console import Steps


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False)


def shown(steps: Steps) -> str:
    assert isinstance(steps.console.file, io.StringIO)
    return steps.console.file.getvalue()


def test_a_step_of_counted_parts_has_a_bar_and_its_time() -> None:
    steps = Steps(console=terminal())

    with steps.progress("Environments", 3) as done:
        done()
        done()

    assert "2/3" in shown(steps)
    assert "━" in shown(steps)
    assert "0:00:0" in shown(steps)
    assert [time.name for time in steps.times] == ["Environments"]


def test_a_step_of_unknown_length_has_its_time() -> None:
    steps = Steps(console=terminal())

    with steps.step("Assets"):
        pass

    assert "Assets" in shown(steps)
    assert "0:00:0" in shown(steps)
    assert "━" not in shown(steps)


def test_a_failed_step_is_marked_and_its_error_goes_on() -> None:
    steps = Steps(console=terminal())

    with pytest.raises(ValueError, match="broken"), steps.progress("Environments", 1):
        raise ValueError("broken")

    assert "✗" in shown(steps)
    assert steps.times == []


def test_a_program_sees_one_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps(machine=True, console=terminal())

    with steps.progress("Environments", 1) as done:
        done()
    steps.note("by the way")
    steps.result({"done": True})

    assert shown(steps) == ""
    assert capsys.readouterr().out == '{\n  "done": true\n}\n'
