"""Checks the notebooks: each is valid, has a known kernel and no output, and nobody's run is kept in it.

An output is data: of customers, and of the day on which somebody ran it.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).resolve().parents[2] / "notebooks"
# The kernels of SageMaker's JupyterLab and of EMR Studio, as they name them.
KERNELS: Final = ("python3", "pysparkkernel")
FORMAT: Final = 4
# What programs write into a notebook, and only about one run or one person's screen.
_KEPT_OF_NOTEBOOK: Final = ("kernelspec", "language_info")
_KEPT_OF_CELL: Final = ("tags",)

Document = dict[str, Any]


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with a notebook, with the fix."""
    try:
        document: Document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"{path.name}: not JSON: {error}"
        return
    if document.get("nbformat") != FORMAT or not isinstance(document.get("cells"), list):
        yield f"{path.name}: nbformat is {document.get('nbformat')}; save it as a notebook of format {FORMAT}"
        return
    kernel = document.get("metadata", {}).get("kernelspec", {}).get("name")
    if kernel not in KERNELS:
        yield f"{path.name}: its kernel is {kernel}; choose one of {', '.join(KERNELS)}"
    for number, cell in enumerate(document["cells"], start=1):
        if cell.get("outputs"):
            yield f"{path.name}: cell {number} has outputs; take them out: python -m tools.notebooks --strip"
        elif cell.get("execution_count") is not None:
            yield f"{path.name}: cell {number} has been run; clear that: python -m tools.notebooks --strip"
    if path.read_text(encoding="utf-8") != written(stripped(document)):
        yield f"{path.name}: is not written as all are; write it anew: python -m tools.notebooks --strip"


def stripped(document: Document) -> Document:
    """Return a notebook without what a run has left in it."""
    metadata = {name: document["metadata"][name] for name in _KEPT_OF_NOTEBOOK if name in document.get("metadata", {})}
    if "language_info" in metadata:
        metadata["language_info"] = {"name": metadata["language_info"]["name"]}
    return {**document, "cells": [_stripped_cell(cell) for cell in document["cells"]], "metadata": metadata}


def _stripped_cell(cell: Document) -> Document:
    kept = {name: cell["metadata"][name] for name in _KEPT_OF_CELL if name in cell.get("metadata", {})}
    run: Document = {"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {}
    return {**cell, **run, "metadata": kept}


def written(document: Document) -> str:
    """Return the text of a notebook, the same for the same content."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def notebooks(folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks of a folder."""
    return sorted(folder.glob("*.ipynb"))


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Check the notebooks, or take the outputs out of them; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description="Check the notebooks.")
    parser.add_argument("--strip", action="store_true", help="take outputs out of them instead")
    if parser.parse_args(arguments).strip:
        for path in notebooks(folder):
            path.write_text(written(stripped(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")
        return 0
    found = [problem for path in notebooks(folder) for problem in problems(path)]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return 1 if found else 0
