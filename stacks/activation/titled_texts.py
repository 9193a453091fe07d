"""The texts of messages that a screen shows: a title, an empty line, the text."""

from pathlib import Path
from typing import Final

from c360_core.decision import Template

_TITLE: Final = 60  # characters that a small screen shows in one line
_TEXT: Final = 240


def titled_text(folder: Path, template: Template) -> dict[str, str]:
    """Read the text of a template from a folder of them."""
    path = folder / f"{template}.txt"
    title, _, text = path.read_text(encoding="utf-8").strip().partition("\n\n")
    if not 0 < len(title) <= _TITLE or not 0 < len(text) <= _TEXT:
        raise ValueError(f"{path}: write a title of 1 to {_TITLE} characters, an empty line, and 1 to {_TEXT} more")
    return {"title": title, "text": text}
