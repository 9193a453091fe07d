"""What is compiled from contracts: the same document gives the same bytes, and the same bytes are not written."""

import json
from pathlib import Path
from typing import Any


def as_json(document: Any) -> str:
    """Return the text of a compiled file."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(document: Any, path: Path) -> None:
    """Write a compiled file; an unchanged one is left alone, so that asset hashes and times stay."""
    write_text(as_json(document), path)


def write_text(text: str, path: Path) -> None:
    """Write a compiled file likewise, from its text."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.write_text(text, encoding="utf-8")
