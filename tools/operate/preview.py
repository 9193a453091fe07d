"""`c360 preview`: how a message looks on a phone, on a desktop and as plain text, before anybody gets it."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from c360_core.decision import Template, missing_value
from c360_core.handlebars import parse, render
from c360_core.message_values import LINKS, mail_data, profile_values
from c360_core.names import EnvironmentName
from c360_core.profile import Profile
from config.settings import load as load_settings
from tools.build import prepare
from tools.console import Steps
from tools.contracts.templates import SAMPLE_LINKS, Compiled, load_templates
from tools.environments.bootstrap import ROOT
from tools.errors import WrongUsageError
from tools.operate.why import deployed_view

FOLDER: Final = ROOT / "build" / "preview"
PHONE: Final = 360
DESKTOP: Final = 1280
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; padding: 24px; color: #22252a; background: #eceeed; }
main { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
figure { margin: 0; } figcaption { margin-bottom: 8px; }
iframe { border: 1px solid #9aa19e; background: #ffffff; height: 900px; }
.desktop iframe { zoom: 0.6; height: 1500px; }
pre { font: 14px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; max-width: 560px;
  background: #ffffff; border: 1px solid #9aa19e; padding: 16px; margin: 0; }
dt { font-weight: bold; } dd { margin: 0 0 8px; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A message in one language, with values."""

    language: str
    subject: str
    text: str
    html: str
    text_message: str


def run(
    steps: Steps,
    message: str,
    *,
    language: str | None = None,
    person: str | None = None,
    environment: EnvironmentName = "dev",
) -> list[Path]:
    """Write the pages of a message, with samples or with the values of a person, read with the caller's own rights.

    Raises:
        WrongUsageError: there is no such message, language or person.
        TemplateProblemsError: the templates are wrong.
    """
    compiled = load_templates()
    template = _template(message, compiled)
    profile = None if person is None else _profile(environment, person)
    languages = _languages(compiled, language, profile, environment)
    values = compiled.index.messages[template].samples if profile is None else profile_values(profile)
    notes = [] if profile is None else _why_not(compiled, template, profile)
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for one in languages:
        path = FOLDER / f"{template}.{one}.html"
        path.write_text(page(template, shown(compiled, template, one, values), notes), encoding="utf-8")
        written.append(path)
        steps.note(f"page: {path}")
    steps.result({"pages": [str(path) for path in written], "not_sent_because": notes})
    return written


def _template(message: str, compiled: Compiled) -> Template:
    known = {str(name): name for name in compiled.index.messages}
    if message not in known:
        raise WrongUsageError(f"there is no message `{message}`: say one of {', '.join(known)}")
    return known[message]


def _languages(
    compiled: Compiled, language: str | None, profile: Profile | None, environment: EnvironmentName
) -> Sequence[str]:
    if language is None and profile is not None:
        default = load_settings(environment).activation.default_language
        return (compiled.messages.language(profile, default),)
    if language is None:
        return compiled.index.languages
    if language not in compiled.index.languages:
        raise WrongUsageError(f"there is no message in `{language}`: say one of {', '.join(compiled.index.languages)}")
    return (language,)


def _profile(environment: str, person: str) -> Profile:
    prepare.contracts()
    view = deployed_view(environment)
    current = view.current_id(person)
    profile = None if current is None else view.profile(current)
    if profile is None:
        raise WrongUsageError(f"there is no person `{person}`: it is no id of ours, or was erased")
    return profile


def _why_not(compiled: Compiled, template: Template, profile: Profile) -> list[str]:
    return [missing_value(name) for name in compiled.messages.missing(template, profile)]


def shown(compiled: Compiled, template: Template, language: str, values: Mapping[str, str]) -> Shown:
    """Return a message in a language as SES and the sender of text messages render it."""
    mail = compiled.mails[template][language]
    data = mail_data({**values, **{name: SAMPLE_LINKS[name] for name in LINKS}})
    return Shown(
        language=language,
        subject=render(parse(mail.subject), data),
        text=render(parse(mail.text), data),
        html=render(parse(mail.html), data),
        text_message=render(parse(compiled.texts[template][language]), values),
    )


def page(template: Template, message: Shown, notes: Sequence[str] = ()) -> str:
    """Return a page that needs no other file and runs no script."""
    source = html.escape(message.html)
    frames = "".join(
        f'<figure class="{name}"><figcaption>{name.title()}, {width} pixels</figcaption>'
        f'<iframe title="{name}" sandbox="" width="{width}" srcdoc="{source}"></iframe></figure>'
        for name, width in (("phone", PHONE), ("desktop", DESKTOP))
    )
    facts = {"Subject": message.subject, "Text message": message.text_message}
    if notes:
        facts["Would not be sent"] = ", ".join(notes)
    told = "".join(f"<dt>{name}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts.items())
    return (
        f'<!doctype html><html lang="{message.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{template}, {message.language}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{template}, {message.language}</h1><dl>{told}</dl><main>{frames}"
        f"<figure><figcaption>Plain text</figcaption><pre>{html.escape(message.text)}</pre></figure>"
        "</main></body></html>"
    )
