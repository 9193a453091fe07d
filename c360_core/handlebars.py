"""The part of Handlebars that our messages may use, as SES understands it: values, `{{#if}}` and `{{#each}}`.

Everything else is refused, because SES would take it and do something that nobody has seen before: it escapes nothing,
has no helpers of ours, and drops a mail whose value is missing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

THIS: Final = "this"
ELSE: Final = "else"
_TAG: Final = re.compile(r"\{\{(?P<inside>.*?)\}\}", re.DOTALL)
_BRACES: Final = re.compile(r"\{\{|\}\}")
_WORD: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH: Final = re.compile(rf"{_WORD}(\.{_WORD})*")
_BLOCK: Final = re.compile(r"#\s*(?P<kind>\w+)(?P<rest>.*)", re.DOTALL)
_KINDS: Final = ("if", "each")
# A line that has nothing but the beginning, the middle or the end of a block.
_ALONE: Final = re.compile(r"^[ \t]*(\{\{\s*(?:[#/][^{}]*|else)\s*\}\})[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_USE: Final = "write {{name}}, {{#if name}}...{{else}}...{{/if}} or {{#each name}}...{{/each}}"


class HandlebarsError(ValueError):
    """Something that our messages may not use, with its line and the fix."""

    def __init__(self, line: int, what: str, fix: str) -> None:
        super().__init__(f"line {line}: {what}; {fix}")
        self.line, self.what, self.fix = line, what, fix


class MissingValueError(LookupError):
    """A value of a template is not given; SES drops a mail for that. `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute '{name}' is not present in the rendering data.")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What stands as it is."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The value of a name."""

    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What depends on a value, or is repeated for each item of one."""

    kind: str
    path: str
    line: int
    body: "Nodes"
    otherwise: "Nodes"


Node = Words | Value | Block
Nodes = tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class _Open:
    """A block that is not closed yet."""

    kind: str
    path: str
    line: int
    body: list[Node]
    otherwise: list[Node] | None = None


def parse(text: str) -> Nodes:
    """Read a template.

    Raises:
        HandlebarsError: it has something else than values, `if` and `each`, or a block does not end.
    """
    root = _Open(kind="", path="", line=1, body=[])
    stack, end = [root], 0
    for found in _TAG.finditer(text):
        line = 1 + text.count("\n", 0, found.start())
        _say(stack[-1], _words(text[end : found.start()], 1 + text.count("\n", 0, end)))
        if text[found.start() : found.start() + 3] == "{{{":
            raise HandlebarsError(line, "three braces switch escaping off", "write two: {{name}}")
        _take(stack, found["inside"].strip(), line)
        end = found.end()
    _say(stack[-1], _words(text[end:], 1 + text.count("\n", 0, end)))
    if len(stack) > 1:
        left = stack[-1]
        raise HandlebarsError(left.line, f"{{{{#{left.kind}}}}} does not end", f"write {{{{/{left.kind}}}}} after it")
    return tuple(root.body)


def _words(text: str, line: int) -> tuple[Node, ...]:
    if found := _BRACES.search(text):
        raise HandlebarsError(line + text.count("\n", 0, found.start()), f"{found[0]} without its pair", _USE)
    return (Words(text=text),) if text else ()


def _say(to: _Open, nodes: Sequence[Node]) -> None:
    (to.body if to.otherwise is None else to.otherwise).extend(nodes)


def _take(stack: list[_Open], inside: str, line: int) -> None:
    in_each = any(one.kind == "each" for one in stack)
    if inside.startswith("#"):
        stack.append(_opened(inside, line, in_each=in_each))
    elif inside == ELSE:
        if len(stack) == 1 or stack[-1].otherwise is not None:
            raise HandlebarsError(line, "{{else}} outside a block, or twice in one", _USE)
        stack[-1].otherwise = []
    elif inside.startswith("/"):
        last, kind = stack[-1], inside[1:].strip()
        if kind != last.kind or len(stack) == 1:
            fix = f"write {{{{/{last.kind}}}}} first" if last.kind else "remove it"
            raise HandlebarsError(line, f"{{{{/{kind}}}}} ends nothing that is open here", fix)
        stack.pop()
        made = Block(
            kind=last.kind,
            path=last.path,
            line=last.line,
            body=tuple(last.body),
            otherwise=tuple(last.otherwise or ()),
        )
        _say(stack[-1], (made,))
    else:
        _say(stack[-1], (Value(path=_path(inside, line, in_each=in_each), line=line),))


def _opened(inside: str, line: int, *, in_each: bool) -> _Open:
    found = _BLOCK.fullmatch(inside)
    if found is None or found["kind"] not in _KINDS:
        raise HandlebarsError(line, f"{{{{{inside}}}}} is no helper that messages may use", _USE)
    path = _path(found["rest"].strip(), line, in_each=in_each)
    return _Open(kind=found["kind"], path=path, line=line, body=[])


def _path(written: str, line: int, *, in_each: bool) -> str:
    if not _PATH.fullmatch(written):
        kind = "a partial" if written.startswith(">") else "a comment" if written.startswith("!") else "no name"
        raise HandlebarsError(line, f"{{{{{written}}}}} is {kind}", _USE)
    if in_each != (written.partition(".")[0] == THIS):
        # Engines disagree on whether a name in a list means something of its item or something outside of it.
        fix = f"write {{{{{THIS}}}}} or {{{{{THIS}.{written}}}}}" if in_each else "use it inside {{#each}} only"
        raise HandlebarsError(line, f"`{written}` does not say of what it is", fix)
    return written


def tidied(text: str) -> str:
    """Return a text whose blocks leave no empty lines behind: engines disagree on whether they would."""
    return _ALONE.sub(lambda found: found[1], text)


def written(nodes: Nodes, *, under: str = "") -> str:
    """Return the text of a template, with its names below another one: `{{name}}` becomes `{{under.name}}`."""

    def name(path: str) -> str:
        return path if not under or path.partition(".")[0] == THIS else f"{under}.{path}"

    def text(node: Node) -> str:
        if isinstance(node, Words):
            return node.text
        if isinstance(node, Value):
            return f"{{{{{name(node.path)}}}}}"
        otherwise = f"{{{{{ELSE}}}}}{''.join(map(text, node.otherwise))}" if node.otherwise else ""
        body = "".join(map(text, node.body))
        return f"{{{{#{node.kind} {name(node.path)}}}}}{body}{otherwise}{{{{/{node.kind}}}}}"

    return "".join(map(text, nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A name that a template uses.

    Attributes:
        name: the first part of its path.
        line: where.
        guarded: whether it is a condition, or stands where a condition on it is true.
    """

    name: str
    line: int
    guarded: bool


def uses(nodes: Nodes, *, known: frozenset[str] = frozenset()) -> Iterator[Use]:
    """Yield every use of a name, in order; items of lists have no names of their own."""
    for node in nodes:
        if isinstance(node, Words):
            continue
        name = node.path.partition(".")[0]
        if isinstance(node, Value):
            if name != THIS:
                yield Use(name=name, line=node.line, guarded=name in known)
            continue
        if name != THIS:
            yield Use(name=name, line=node.line, guarded=True)
        yield from uses(node.body, known=known | {name})
        yield from uses(node.otherwise, known=known)


def render(nodes: Nodes, values: Mapping[str, Any]) -> str:
    """Return a template with its values, as SES renders it: nothing is escaped.

    Raises:
        MissingValueError: a value that is shown is not given. A condition on one is false.
    """
    return "".join(_rendered(nodes, values))


def _rendered(nodes: Nodes, values: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Words):
            yield node.text
        elif isinstance(node, Value):
            found = _found(values, node.path)
            if found is None:
                raise MissingValueError(node.path)
            yield str(found)
        else:
            found = _found(values, node.path)
            if not found:
                yield from _rendered(node.otherwise, values)
            elif node.kind == "if":
                yield from _rendered(node.body, values)
            else:
                for item in found:
                    yield from _rendered(node.body, {**values, THIS: item})


def _found(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for word in path.split("."):
        if not isinstance(found, Mapping) or word not in found:
            return None
        found = found[word]
    return found


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value in which every text is changed, however deep it lies."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: each_text(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [each_text(one, change) for one in value]
    return value
