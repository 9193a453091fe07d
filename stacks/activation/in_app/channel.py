"""The channel of messages in the app or the shop: our texts, and how long and how many wait."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from c360_core.decision import Template
from config.activation import InAppSettings

_TEXTS: Final = Path(__file__).parent / "templates"
_TITLE: Final = 60  # characters that a small screen shows in one line
_TEXT: Final = 240


class InApp:
    """What the sender is told. Messages wait in the single view, which it writes anyway."""

    variables: Mapping[str, str]

    def __init__(self, *, settings: InAppSettings) -> None:
        self.variables = {
            "IN_APP_TEXTS": json.dumps({str(template): in_app_text(template) for template in Template}),
            "IN_APP_DAYS": str(settings.valid_days),
            "IN_APP_MOST": str(settings.most_waiting),
        }


def in_app_text(template: Template) -> dict[str, str]:
    """Read a text: a title, an empty line, the text."""
    path = _TEXTS / f"{template}.txt"
    title, _, text = path.read_text(encoding="utf-8").strip().partition("\n\n")
    if not 0 < len(title) <= _TITLE or not 0 < len(text) <= _TEXT:
        raise ValueError(f"{path}: write a title of 1 to {_TITLE} characters, an empty line, and 1 to {_TEXT} more")
    return {"title": title, "text": text}
