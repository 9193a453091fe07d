"""MJML as our mails may use it: read with the place of every element, checked, and made into HTML and plain text.

The compiler of MJML lets everything through that it does not know, scripts included. So the elements are listed here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Final, Self
from xml.parsers import expat

from mjml import mjml2html

from c360_core.handlebars import HandlebarsError, parse
from c360_core.message_values import UNSUBSCRIBE

_INLINE: Final = frozenset({"a", "b", "strong", "em", "i", "br", "span"})
_HTML: Final = _INLINE | {"p", "ul", "ol", "li", "h1", "h2", "h3"}
_CELLS: Final = _INLINE | {"thead", "tbody", "tr", "td", "th"}
_CONTENT: Final = frozenset({"mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table"})
# What may stand in what.
ELEMENTS: Final[Mapping[str, frozenset[str]]] = {
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset({"mj-title", "mj-preview", "mj-attributes", "mj-style"}),
    "mj-attributes": _CONTENT | {"mj-all", "mj-class", "mj-section", "mj-column", "mj-wrapper", "mj-body"},
    "mj-body": frozenset({"mj-section", "mj-wrapper"}),
    "mj-wrapper": frozenset({"mj-section"}),
    "mj-section": frozenset({"mj-column", "mj-group"}),
    "mj-group": frozenset({"mj-column"}),
    "mj-column": _CONTENT,
    "mj-text": _HTML,
    "mj-button": _INLINE - {"a"},
    "mj-table": _CELLS,
    **dict.fromkeys(_HTML, _HTML),
    **dict.fromkeys(_CELLS - _INLINE, _CELLS),
}
# Between the elements of these a block may begin and end; between others it would tear the tables of the HTML apart.
_BLOCKS: Final = frozenset({"mj-body", "mj-column"})
_WORDS: Final = _HTML | _CELLS | {"mj-text", "mj-button", "mj-table", "mj-title", "mj-preview", "mj-style"}
_BLOCK_TAG: Final = re.compile(r"\{\{\s*(?:[#/][^{}]*|else)\s*\}\}")
# Such a line takes the empty lines after it along, so that a block that is left out leaves no gap.
_ALONE: Final = re.compile(rf"^({_BLOCK_TAG.pattern})\n+", re.MULTILINE)
_LINK: Final = re.compile(r"https://[^{}\s]+|(?:mailto|tel):[^{}\s]+|\{\{\w+_url\}\}")
_NO_TRACK: Final = re.compile(rf'<a (?=[^>]*href="\{{\{{{UNSUBSCRIBE}\}}\}}")')
_SCHEMES: Final = (
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
)
_PARAGRAPHS: Final = _CONTENT | {"p", "ul", "ol", "h1", "h2", "h3"}
# What stands in plain text before and after the words of an element.
_BEFORE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_PARAGRAPHS, "\n\n"),
    "mj-divider": "\n\n---",
    "br": "\n",
    "tr": "\n",
    "li": "\n- ",
}
_AFTER: Final[Mapping[str, str]] = {**dict.fromkeys(_PARAGRAPHS, "\n\n"), "td": " ", "th": " "}
_SPACES: Final = re.compile(r"\s+")


class MjmlError(ValueError):
    """A mail is wrong at a line of a file, with the fix."""

    def __init__(self, file: str, line: int, what: str, fix: str) -> None:
        super().__init__(f"{file}: line {line}: {what}; {fix}")
        self.file, self.line, self.what, self.fix = file, line, what, fix


class Said(str):
    """A text with the place where it begins."""

    __slots__ = ("file", "line")

    def __new__(cls, text: str, *, file: str, line: int) -> Self:
        """Keep the place beside the text."""
        made = super().__new__(cls, text)
        made.file, made.line = file, line
        return made

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element with the place where it was written."""

    name: str
    attributes: Mapping[str, str]
    file: str
    line: int
    children: "list[Element | Said]" = field(default_factory=list)

    def find(self, name: str) -> "Element | None":
        """Return the first element of a name, at any depth."""
        return next((one for one in self.all() if one.name == name), None)

    def all(self) -> "Iterator[Element]":
        """Yield the element and everything in it, in order."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.all()

    def words(self) -> str:
        """Return its text, without what is in other elements."""
        return "".join(child for child in self.children if isinstance(child, Said)).strip()

    def said(self) -> "Iterator[Said]":
        """Yield every text in it, at any depth, in order."""
        for child in self.children:
            if isinstance(child, Said):
                yield child
            else:
                yield from child.said()


def read(folder: Path, name: str) -> Element:
    """Read a mail with what it includes, and check it.

    Args:
        folder: the only folder from which it may include something.
        name: of the file, below the folder.

    Raises:
        MjmlError: names the file, the line and the fix.
    """
    found = _parsed(folder, name, ())
    roots = [child for child in found.children if isinstance(child, Element)]
    if len(roots) != 1 or roots[0].name != "mjml":
        raise MjmlError(name, 1, "this is no mail", "begin with <mjml> and end with </mjml>")
    _check(roots[0])
    return roots[0]


def _parsed(folder: Path, name: str, parents: tuple[str, ...]) -> Element:
    text = (folder / name).read_text(encoding="utf-8")
    root = Element(name="", attributes={}, file=name, line=1)
    stack: list[Element] = []
    parser = expat.ParserCreate()

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if not stack:
            stack.append(root)
            return
        made = Element(name=tag, attributes=attributes, file=name, line=parser.CurrentLineNumber)
        if tag == "mj-include":
            wanted = _included(folder, made, (*parents, name))
            stack[-1].children.extend(_parsed(folder, wanted, (*parents, name)).children)
        else:
            stack[-1].children.append(made)
        stack.append(made)

    def end(_tag: str) -> None:
        stack.pop()

    def words(said: str) -> None:
        # Told when the next thing begins, that is, where the text ends.
        stack[-1].children.append(Said(said, file=name, line=parser.CurrentLineNumber - said.count("\n")))

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.buffer_text = words, True
    try:
        parser.Parse(f"<fragment>{text}</fragment>", True)  # noqa: FBT003  # expat's own form
    except expat.ExpatError as error:
        what = f"not well-formed ({expat.errors.messages[error.code]})"
        fix = "close every element, <br /> too; write & as &amp; and other characters themselves"
        raise MjmlError(name, error.lineno, what, fix) from error
    return root


def _included(folder: Path, element: Element, parents: tuple[str, ...]) -> str:
    name = element.attributes.get("path", "")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or name in parents:
        raise _wrong(element, f"`{name}` cannot be included", f"name another file below {folder.name}/")
    return name


def _check(element: Element) -> None:
    allowed = ELEMENTS.get(element.name, frozenset())
    _check_attributes(element)
    if element.name == "mj-attributes":
        for one in element.all():
            _check_attributes(one)
        return
    _check_needed(element)
    for child in element.children:
        if isinstance(child, Element):
            if child.name not in allowed:
                some = ", ".join(sorted(allowed)) or "text alone"
                raise _wrong(child, f"<{child.name}> may not stand in <{element.name}>", f"use {some}")
            _check(child)
        elif element.name not in _WORDS:
            _check_between(element, child)


def _check_between(element: Element, text: str) -> None:
    rest = _BLOCK_TAG.sub("", text) if element.name in _BLOCKS else text
    if rest.strip():
        fix = "put text into <mj-text>, and blocks around <mj-section> or what is in <mj-column>"
        raise _wrong(element, f"`{rest.strip()[:40]}` stands between elements of <{element.name}>", fix)


def _check_attributes(element: Element) -> None:
    for name, value in element.attributes.items():
        if name.lower().startswith("on"):
            raise _wrong(element, f"`{name}` is a script", "remove it")
        if name in {"href", "src"} and not _LINK.fullmatch(value):
            raise _wrong(
                element, f"`{name}` leads to `{value}`", "write https://..., mailto:..., tel:... or {{..._url}}"
            )
        if "{{" in value and name != "href":
            raise _wrong(element, f"`{name}` has a value of the person", "only `href` may, as {{..._url}}")


def _check_needed(element: Element) -> None:
    if element.name == "mj-image" and not element.attributes.get("alt"):
        raise _wrong(element, "an image without words", 'say what it shows: alt="..."')
    if element.name in {"a", "mj-button"} and not element.attributes.get("href"):
        raise _wrong(element, "a link that leads nowhere", 'add href="..."')


def _wrong(element: Element, what: str, fix: str) -> MjmlError:
    return MjmlError(element.file, element.line, what, fix)


def check_words(element: Element) -> None:
    """Refuse what the template language does not know, where it was written.

    Raises:
        MjmlError: names the file, the line and the fix.
    """
    for one in element.all():
        text = "".join(child if isinstance(child, Said) else "\n" * _lines(child) for child in one.children)
        if one.name == "mj-style":
            continue
        for value in (text, *one.attributes.values()):
            try:
                parse(value)
            except HandlebarsError as error:
                raise MjmlError(one.file, one.line + error.line - 1, error.what, error.fix) from error


def _lines(element: Element) -> int:
    return max((one.line for one in element.all() if one.file == element.file), default=element.line) - element.line


def html_of(mail: Element) -> str:
    """Return the HTML of a mail, with its names as they were written.

    Raises:
        MjmlError: the compiler of MJML refuses it.
    """
    try:
        made = mjml2html(_mjml(mail), fonts={})
    except ValueError as error:
        raise MjmlError(mail.file, mail.line, f"MJML says: {error}", "mend it, or use other elements") from error
    # SES must not count who wants no more messages.
    return _NO_TRACK.sub("<a ses:no-track ", made.replace("<head>", f"<head>{_SCHEMES}", 1))


def _mjml(element: Element) -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in element.attributes.items())
    if not element.children:
        return f"<{element.name}{attributes} />"
    return f"<{element.name}{attributes}>{''.join(_inside(element))}</{element.name}>"


def _inside(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Element):
            yield _mjml(child)
        elif element.name in _BLOCKS and child.strip():
            yield f"<mj-raw>{child.strip()}</mj-raw>"
        else:
            yield child if element.name == "mj-style" else escape(child, quote=False)


def text_of(mail: Element) -> str:
    """Return the body of a mail as plain text: each link stands on a line of its own, after its words."""
    body = mail.find("mj-body")
    if body is None:
        return ""
    said = "".join(_plain(body))
    lines = [_SPACES.sub(" ", line).strip() for line in said.split("\n")]
    # A full stop after a link would become a part of it.
    kept = [line for line in lines if line not in {".", ",", ";", ")", "!"}]
    return _ALONE.sub(r"\1", re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip())


def _plain(element: Element) -> Iterator[str]:
    yield _BEFORE.get(element.name, "")
    yield element.attributes.get("alt", "")
    for child in element.children:
        if isinstance(child, Element):
            yield from _plain(child)
        elif element.name in _BLOCKS:
            yield from (f"\n{tag}\n" for tag in _BLOCK_TAG.findall(child))
        else:
            yield _SPACES.sub(" ", child)
    if link := element.attributes.get("href"):
        yield "\n" if "".join(element.said()).strip() == link else f":\n{link}\n"
    yield _AFTER.get(element.name, "")
