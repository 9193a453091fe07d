"""The content of a secret of Secrets Manager: plain text, or a JSON object of named parts."""

import json
from collections.abc import Mapping
from typing import Any


def parts(secret_string: str) -> Mapping[str, Any]:
    """Return the parts of a secret; plain text is the part `key`.

    Text that only begins like JSON is plain text: a generated secret may begin with any character.
    """
    text = secret_string.strip()
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"key": text}
