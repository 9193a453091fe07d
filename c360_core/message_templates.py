"""The templates of messages, as far as the sender needs them: languages, what each needs of a person, short texts.

People write `contracts/templates`. The build checks it and compiles it into `templates.json`, which the sender carries;
SES has the mails themselves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from c360_core.decision import Template
from c360_core.message_values import known_values
from c360_core.names import PROJECT
from c360_core.profile import Profile

TEMPLATES_FILE: Final = Path(__file__).with_name("templates.json")
BUILD_HINT: Final = "run `python -m tools.contracts.templates` to build it from contracts/templates"


class TemplatesError(ValueError):
    """The templates are wrong or not built; the message names the file, the place and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate:
    """A message in all languages.

    Attributes:
        needs: values without which it says nothing; whoever lacks one of them does not get it.
        texts: its text message in each language.
    """

    needs: tuple[str, ...]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplates:
    """All messages. Every one is there in every language."""

    languages: tuple[str, ...]
    templates: Mapping[Template, MessageTemplate]

    def missing(self, template: Template, profile: Profile) -> tuple[str, ...]:
        """Return the values that a message needs and a person lacks."""
        known = known_values(profile)
        return tuple(name for name in self.templates[template].needs if name not in known)

    def language(self, profile: Profile, default: str) -> str:
        """Return the language in which a person gets messages."""
        return language_for(profile.text("attributes", "language"), self.languages, default)


def language_for(wanted: str | None, languages: Sequence[str], default: str) -> str:
    """Return the best language for a BCP 47 tag: the same tag, then its language alone, then the default."""
    known = {language.lower(): language for language in languages}
    tag = (wanted or "").strip().replace("_", "-").lower()
    return known.get(tag) or known.get(tag.partition("-")[0]) or default


def mail_name(environment: str, template: Template, language: str) -> str:
    """Return the name of a mail's template in SES."""
    return f"{PROJECT}-{environment}-{template}-{language}".replace("_", "-").lower()


@cache
def load_templates(path: Path = TEMPLATES_FILE) -> MessageTemplates:
    """Read the compiled templates, once per process.

    Raises:
        TemplatesError: the file is missing, or is not what the build writes.
    """
    try:
        return from_document(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise TemplatesError(f"{path}: the compiled templates are missing; {BUILD_HINT}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise TemplatesError(f"{path}: not what the build writes ({error!r}); {BUILD_HINT}") from error


def from_document(document: Mapping[str, Any]) -> MessageTemplates:
    """Build the templates from their JSON."""
    return MessageTemplates(
        languages=tuple(document["languages"]),
        templates={
            Template(name): MessageTemplate(needs=tuple(one["needs"]), texts=dict(one["texts"]))
            for name, one in document["templates"].items()
        },
    )
