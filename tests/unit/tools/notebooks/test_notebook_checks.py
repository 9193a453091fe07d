"""What the check of the notebooks refuses, and what it takes out of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import notebooks


def notebook(**changed: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": ["1 + 1"]}
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": [cell], "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    return {**document, **changed}


def said_of(folder: Path, document: object) -> list[str]:
    path = folder / "one.ipynb"
    path.write_text(notebooks.written(document), encoding="utf-8")  # type: ignore[arg-type]
    return list(notebooks.problems(path))


def test_the_notebooks_of_the_repository_are_clean() -> None:
    found = notebooks.notebooks()
    assert len(found) >= 3
    assert [problem for path in found for problem in notebooks.problems(path)] == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ({"outputs": [{"output_type": "stream", "name": "stdout", "text": ["ada@example.com"]}]}, "cell 1 has outputs"),
        ({"execution_count": 3}, "cell 1 has been run"),
        ({"metadata": {"execution": {"iopub.status.busy": "2026-01-01"}}}, "not written as all are"),
    ],
)
def test_what_a_run_leaves_is_refused_and_can_be_taken_out(
    tmp_path: Path, cell: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = notebook()
    document["cells"][0] |= cell
    assert said in said_of(tmp_path, document)[0]
    assert notebooks.main([], tmp_path) == 1
    assert said in capsys.readouterr().err
    assert notebooks.main(["--strip"], tmp_path) == 0
    assert notebooks.main([], tmp_path) == 0
    assert json.loads((tmp_path / "one.ipynb").read_text(encoding="utf-8")) == notebook()


def test_a_kernel_that_nobody_has_is_refused(tmp_path: Path) -> None:
    document = notebook(metadata={"kernelspec": {"name": "julia-1.10"}})
    [problem] = said_of(tmp_path, document)
    assert "its kernel is julia-1.10; choose one of python3, pysparkkernel" in problem


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ('{"nbformat": 3}', "nbformat is 3")])
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "one.ipynb"
    path.write_text(text, encoding="utf-8")
    [problem] = notebooks.problems(path)
    assert said in problem


def test_stripping_keeps_the_tag_by_which_the_figures_are_found(tmp_path: Path) -> None:
    document = notebook()
    document["cells"][0]["metadata"] = {"tags": ["answer"], "scrolled": True}
    assert notebooks.stripped(document)["cells"][0]["metadata"] == {"tags": ["answer"]}
