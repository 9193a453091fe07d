"""The channel of messages in the app or the shop: our texts, and how long and how many wait."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from c360_core.decision import Template
from config.activation import InAppSettings
from stacks.activation.titled_texts import titled_text

_TEXTS: Final = Path(__file__).parent / "templates"


class InApp:
    """What the sender is told. Messages wait in the single view, which it writes anyway."""

    variables: Mapping[str, str]

    def __init__(self, *, settings: InAppSettings) -> None:
        self.variables = {
            "IN_APP_TEXTS": json.dumps({str(template): titled_text(_TEXTS, template) for template in Template}),
            "IN_APP_DAYS": str(settings.valid_days),
            "IN_APP_MOST": str(settings.most_waiting),
        }
