"""The mails as SES gets them: subject, text and HTML of each message in each language, compiled into `mails.json`.

Only the infrastructure and the preview read it; no function carries it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from c360_core.decision import Template
from c360_core.message_templates import BUILD_HINT, TemplatesError

MAILS_FILE: Final = Path(__file__).with_name("mails.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail in one language, as a template."""

    subject: str
    text: str
    html: str


Mails = Mapping[Template, Mapping[str, Mail]]


def load_mails(path: Path = MAILS_FILE) -> Mails:
    """Read the compiled mails, by message and language.

    Raises:
        TemplatesError: the file is missing, or is not what the build writes.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {
            Template(name): {language: Mail(**parts) for language, parts in languages.items()}
            for name, languages in document.items()
        }
    except FileNotFoundError as error:
        raise TemplatesError(f"{path}: the compiled mails are missing; {BUILD_HINT}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise TemplatesError(f"{path}: not what the build writes ({error!r}); {BUILD_HINT}") from error


def mails_document(mails: Mails) -> dict[str, Any]:
    """Return the mails as JSON has them."""
    return {
        str(name): {language: asdict(mail) for language, mail in languages.items()} for name, languages in mails.items()
    }
