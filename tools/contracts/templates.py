"""Checks `contracts/templates` and compiles it: mails as SES takes them, and what the sender has to know of them.

`python -m tools.contracts.templates` writes `c360_core/templates.json` and `c360_core/mails.json`; `--check` only
looks. Both end with exit code 1 and a line for each problem, with the file, the place and the fix.
"""

import argparse
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from c360_core.decision import Template
from c360_core.handlebars import HandlebarsError, Nodes, Use, parse, render, tidied, uses, written
from c360_core.mails import MAILS_FILE, Mail, Mails, mails_document
from c360_core.message_templates import TEMPLATES_FILE, MessageTemplates, from_document
from c360_core.message_values import ESCAPED, LINKS, PROFILE_VALUES, UNSUBSCRIBE, mail_data
from tools.contracts import CONTRACTS_DIRECTORY
from tools.contracts.compiled import write_json
from tools.contracts.mjml import Element, MjmlError, Said, check_words, html_of, read, text_of
from tools.contracts.standard import Problem

SOURCE: Final = CONTRACTS_DIRECTORY / "templates"
INDEX: Final = "templates.yaml"
# Gmail cuts a mail off after 102 KB, and the link to unsubscribe with it.
MOST_HTML: Final = 100 * 1024
# SES's limit for a template with all of its parts.
MOST_PARTS: Final = 500 * 1024
# One part of a text message in the alphabet of GSM; a longer text costs as many parts.
MOST_SMS: Final = 160
# The service knows this answer in every language.
STOP: Final = "STOP"
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
SAMPLE_LINKS: Final = {name: f"https://example.com/{name.removesuffix('_url')}" for name in LINKS}
_LOG = logging.getLogger("templates")
# From the line of a text to the file and the line in which it was written.
PlaceOf = Callable[[int], tuple[str, int]]


class TemplateProblemsError(ValueError):
    """Some templates are wrong; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Variable(_Part):
    """A value of the person that a message uses."""

    sample: str = Field(min_length=1)
    needed: bool = False


class Message(_Part):
    """What is said about a message beside its files."""

    description: str = Field(min_length=1)
    variables: dict[str, Variable] = {}

    @property
    def samples(self) -> dict[str, str]:
        """Return what the preview shows; a value that the message does not use is not there."""
        return {**{name: one.sample for name, one in self.variables.items()}, **SAMPLE_LINKS}


class Index(_Part):
    """The file that names all messages and languages."""

    languages: list[str] = Field(min_length=1)
    messages: dict[Template, Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """All messages in all languages."""

    index: Index
    mails: Mails
    texts: Mapping[Template, Mapping[str, str]]

    @property
    def messages(self) -> MessageTemplates:
        """The messages as the sender sees them."""
        return from_document(self.document())

    def document(self) -> dict[str, Any]:
        """Return what the sender carries."""
        return {
            "languages": self.index.languages,
            "templates": {
                str(name): {
                    "needs": sorted(one for one, variable in message.variables.items() if variable.needed),
                    "texts": dict(self.texts[name]),
                }
                for name, message in self.index.messages.items()
            },
        }


def load_templates(folder: Path = SOURCE) -> Compiled:
    """Read, check and compile all messages.

    Raises:
        TemplateProblemsError: says everything that is wrong.
    """
    index = _index(folder)
    problems, mails, texts = list(_index_problems(folder, index)), {}, {}
    for name, message in index.messages.items():
        found = _Message(folder=folder, name=name, message=message)
        mails[name] = {one: mail for one in index.languages if (mail := found.mail(one)) is not None}
        texts[name] = {one: text for one in index.languages if (text := found.text_message(one)) is not None}
        problems += [*found.problems, *found.unused()]
    if problems:
        raise TemplateProblemsError(problems)
    return Compiled(index=index, mails=mails, texts=texts)


def _index(folder: Path) -> Index:
    path = folder / INDEX
    try:
        return Index.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        problems = [
            Problem(
                file=INDEX,
                field=".".join(map(str, one["loc"])) or "the file",
                message=one["msg"],
                fix="docs/templates.md says what the file may have",
            )
            for one in error.errors()
        ]
        raise TemplateProblemsError(problems) from error
    except (OSError, yaml.YAMLError) as error:
        found = Problem(file=INDEX, field="the file", message=f"not readable ({error})", fix="mend the place it names")
        raise TemplateProblemsError([found]) from error


def _index_problems(folder: Path, index: Index) -> Iterator[Problem]:
    for template in Template:
        if template not in index.messages:
            yield Problem(file=INDEX, field="messages", message=f"`{template}` is missing", fix="describe it")
    for language in index.languages:
        if not _TAG.fullmatch(language):
            fix = "write a BCP 47 tag such as en or de-CH"
            yield Problem(file=INDEX, field="languages", message=f"`{language}` is no language", fix=fix)
    known = {f"{name}{suffix}" for name in index.messages for suffix in (".mjml", ".txt", ".sms.txt")}
    for path in sorted(folder.glob("*/*")):
        place = path.relative_to(folder).as_posix()
        if path.parent.name != "frame" and (
            path.parent.name not in index.languages or path.name not in known | {"footer.mjml"}
        ):
            fix = f"name its language and message in {INDEX}, or remove it"
            yield Problem(file=place, field="the file", message="nothing uses it", fix=fix)
    for name, message in index.messages.items():
        for variable in message.variables:
            if variable not in PROFILE_VALUES:
                yield Problem(
                    file=INDEX,
                    field=f"messages.{name}.variables.{variable}",
                    message="the sender does not give it",
                    fix=f"use {', '.join(PROFILE_VALUES)}, or add it to c360_core/message_values.py",
                )


class _Message:
    """Compiles one message, and keeps what is wrong with it."""

    def __init__(self, *, folder: Path, name: Template, message: Message) -> None:
        self.problems: list[Problem] = []
        self._folder, self._name, self._message = folder, name, message
        self._used: set[str] = set()

    def unused(self) -> Iterator[Problem]:
        """Yield the variables that no language uses."""
        for variable in sorted(self._message.variables.keys() - self._used):
            field = f"messages.{self._name}.variables.{variable}"
            yield Problem(file=INDEX, field=field, message="no text uses it", fix="use it or remove it")

    def mail(self, language: str) -> Mail | None:
        """Return the mail in a language; None where it is wrong."""
        file = f"{language}/{self._name}.mjml"
        if not (self._folder / file).is_file():
            self._say(file, "the file", "the message has no mail in this language", "write it")
            return None
        before = len(self.problems)
        try:
            root = read(self._folder, file)
            check_words(root)
            self._check_language(root, language)
            mail = self._compiled(root, file)
        except MjmlError as error:
            self._say(error.file, f"line {error.line}", error.what, error.fix)
            return None
        return mail if len(self.problems) == before else None

    def _check_language(self, root: Element, language: str) -> None:
        if root.attributes.get("lang") != language:
            self._say(root.file, "line 1", "programs that read mails aloud need the language", f'lang="{language}"')
        for element in root.all():
            for value in element.attributes.values():
                self._check_uses(parse(value), partial(_on, element.file, element.line))
            if element.name in {"mj-title", "mj-preview", "mj-body"}:
                # Together: a block may begin before and end after what is in it.
                said = tuple(element.said())
                self._check_uses(parse("".join(said)), partial(_place, said))

    def _check_uses(self, nodes: Nodes, place_of: PlaceOf, *, links: bool = True) -> None:
        given = {*self._message.variables, *(LINKS if links else ())}
        for use in uses(nodes):
            self._used.add(use.name)
            file, line = place_of(use.line)
            place = f"line {line}"
            if use.name not in given:
                fix = f"use {', '.join(sorted(given))}, or add it to `variables` of {self._name} in {INDEX}"
                self._say(file, place, f"`{use.name}` is no variable of the message", fix)
            elif self._may_be_empty(use):
                fix = f"write {{{{#if {use.name}}}}}...{{{{/if}}}} around it, or `needed: true` in {INDEX}"
                self._say(file, place, f"some people have no `{use.name}`", fix)

    def _may_be_empty(self, use: Use) -> bool:
        return not use.guarded and use.name not in LINKS and not self._message.variables[use.name].needed

    def _compiled(self, root: Element, file: str) -> Mail:
        subject = self._head(root, "mj-title", "the line that stands in the inbox")
        self._head(root, "mj-preview", "what the inbox shows after the subject")
        html = written(_nodes(file, html_of(root)), under=ESCAPED)
        text = self._own_text(file) or text_of(root)
        mail = Mail(subject=" ".join(subject.split()), text=text, html=html)
        if not self.problems:  # it can be rendered
            self._check_mail(mail, file)
        return mail

    def _head(self, root: Element, name: str, what: str) -> str:
        found = root.find(name)
        if found is None or not found.words():
            self._say(root.file, name, f"{what} is missing", f"write <{name}>...</{name}> into <mj-head>")
            return ""
        return found.words()

    def _own_text(self, file: str) -> str | None:
        path = self._folder / file.replace(".mjml", ".txt")
        if not path.is_file():
            return None
        own = path.relative_to(self._folder).as_posix()
        text = path.read_text(encoding="utf-8").strip()
        try:
            self._check_uses(parse(text), partial(_on, own, 1))
        except HandlebarsError as error:
            self._say(own, f"line {error.line}", error.what, error.fix)
            return None
        return tidied(text)

    def _check_mail(self, mail: Mail, file: str) -> None:
        size = len(mail.html.encode())
        if size > MOST_HTML:
            fix = f"shorten it to {MOST_HTML} bytes: Gmail cuts off the rest, and the link to unsubscribe with it"
            self._say(file, "mj-body", f"the HTML has {size} bytes", fix)
        elif size + len(mail.text.encode()) + len(mail.subject.encode()) > MOST_PARTS:
            self._say(file, "the file", "SES takes no template as large", f"shorten it to {MOST_PARTS} bytes")
        # Of somebody of whom nothing is known, and of somebody of whom all is: no condition hides the link.
        for values in (self._nothing_known(), self._message.samples):
            if not self._reads_well(mail, values, file):
                return

    def _nothing_known(self) -> dict[str, str]:
        return {name: one if name in LINKS else "" for name, one in self._message.samples.items()}

    def _reads_well(self, mail: Mail, values: Mapping[str, str], file: str) -> bool:
        data = mail_data(values)
        link = values[UNSUBSCRIBE]
        before = len(self.problems)
        if not render(parse(mail.subject), data).strip():
            self._say(file, "mj-title", "the subject is empty for some people", "write {{else}} with other words")
        for part, text in (("HTML", mail.html), ("plain text", mail.text)):
            if link not in render(parse(text), data):
                fix = f'write <a href="{{{{{UNSUBSCRIBE}}}}}">...</a>, outside of any block; the footer has it'
                self._say(file, "mj-body", f"no link to unsubscribe in the {part}", fix)
        return len(self.problems) == before

    def text_message(self, language: str) -> str | None:
        """Return the text message in a language; None where it is wrong."""
        file = f"{language}/{self._name}.sms.txt"
        path = self._folder / file
        if not path.is_file():
            self._say(file, "the file", "the message has no text message in this language", "write it")
            return None
        text = path.read_text(encoding="utf-8").strip()
        try:
            nodes = parse(text)
        except HandlebarsError as error:
            self._say(file, f"line {error.line}", error.what, error.fix)
            return None
        before = len(self.problems)
        self._check_uses(nodes, partial(_on, file, 1), links=False)
        if len(self.problems) == before:
            self._check_length(file, nodes)
        return text if len(self.problems) == before else None

    def _check_length(self, file: str, nodes: Nodes) -> None:
        said = render(nodes, self._message.samples)
        if STOP not in said:
            fix = f"say that an answer {STOP} ends the messages"
            self._say(file, "the text", f"it does not say {STOP}", fix)
        if other := sorted(set(said) - _GSM):
            fix = "use others: with these, a part has 70 characters instead of 160"
            self._say(file, "the text", f"{' '.join(other)} are not in the alphabet of text messages", fix)
        elif not 0 < len(said) <= MOST_SMS:
            self._say(file, "the text", f"{len(said)} characters", f"write 1 to {MOST_SMS}, with the samples")

    def _say(self, file: str, field: str, message: str, fix: str) -> None:
        found = Problem(file=file, field=field, message=message, fix=fix)
        if found not in self.problems:
            self.problems.append(found)


def _on(file: str, first: int, line: int) -> tuple[str, int]:
    return file, first + line - 1


def _place(said: Sequence[Said], line: int) -> tuple[str, int]:
    """Return where a line of texts that were put together was written."""
    before = 0
    for one in said:
        if line - 1 <= before + one.count("\n"):
            return one.file, one.line + line - 1 - before
        before += one.count("\n")
    raise AssertionError("the line is after the last one")


def _nodes(file: str, html: str) -> Nodes:
    try:
        return parse(html)
    except HandlebarsError as error:
        # The sources were checked: the compiler of MJML has put something beside them.
        raise MjmlError(file, 1, f"the HTML is no template: {error.what}", "write {{...}} in texts alone") from error


def write(compiled: Compiled) -> None:
    """Write what runtimes and templates read."""
    write_json(compiled.document(), TEMPLATES_FILE)
    write_json(mails_document(compiled.mails), MAILS_FILE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the templates; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts.templates", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look only, write nothing")
    parser.add_argument("--source", type=Path, default=SOURCE, help="the folder")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        compiled = load_templates(chosen.source)
    except TemplateProblemsError as error:
        _LOG.error("%s", error)
        return 1
    if not chosen.check:
        write(compiled)
    _LOG.info("%d messages in %s are right", len(compiled.index.messages), ", ".join(compiled.index.languages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
