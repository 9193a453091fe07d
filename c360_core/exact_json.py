"""JSON that all our readers accept, with numbers as they were written.

Python's parser accepts what other parsers refuse or read differently: numbers of any length, `NaN`, repeated keys, any
depth. Flink reads events with Jackson, and a number of 1,001 digits ends the application. So JSON must stay within
limits that every reader accepts, and decimals never become binary floats.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, Never

# Jackson refuses numbers of more than 1,000 characters and documents deeper than 1,000 levels, and turns numbers beyond
# 1.8e308 into infinity. No sender needs to come near.
MAX_NUMBER_LENGTH: Final = 64
MAX_EXPONENT: Final = 300
MAX_DEPTH: Final = 32

_HALF_CHARACTER: Final = re.compile("[\ud800-\udfff]")
_HALF_CHARACTER_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
# A key that looks like a name is shown. Any other key may be a value, such as an address, and is not.
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SHOWN_STEPS: Final = 8

Path = tuple[str | int, ...]


class Fault(StrEnum):
    """Why some reader cannot read a document, in words that follow the name of the field."""

    LONG_NUMBER = "is a number that is too long or too great"
    NO_NUMBER = "is no JSON number"
    REPEATED_KEY = "is there more than once"
    TOO_DEEP = "is nested too deeply"
    HALF_CHARACTER = "has half a surrogate pair (\\ud800 to \\udfff)"


FIXES: Final[Mapping[Fault, str]] = {
    Fault.LONG_NUMBER: f"send at most {MAX_NUMBER_LENGTH} characters, and no exponent beyond {MAX_EXPONENT}",
    Fault.NO_NUMBER: "send a finite number, or leave the field out",
    Fault.REPEATED_KEY: "send each field once",
    Fault.TOO_DEEP: f"send at most {MAX_DEPTH} levels of objects and arrays",
    Fault.HALF_CHARACTER: "send whole characters",
}


class UnreadableJsonError(ValueError):
    """A document that Python accepts as JSON, but some other reader does not.

    Attributes:
        fault: what is wrong.
        field: where, as `payload.total`; None where no name can be shown.
        document: the document as far as it could be read.
    """

    def __init__(self, fault: Fault, path: Path = (), *, document: Any = None) -> None:
        self.fault = fault
        self.field = shown(path)
        self.document = document
        super().__init__(f"`{self.field or 'the record'}` {fault}; {FIXES[fault]}")


@dataclass(frozen=True, slots=True)
class UnreadableNumber:
    """A number that some reader does not accept, as its text."""

    text: str

    @property
    def fault(self) -> Fault:
        """Why it is not accepted."""
        return Fault.LONG_NUMBER if self.text[-1:].isdigit() else Fault.NO_NUMBER


@dataclass(frozen=True, slots=True)
class AmbiguousObject:
    """An object with a repeated key; readers differ on which value counts."""

    pairs: tuple[tuple[str, Any], ...]

    @property
    def fields(self) -> dict[str, Any]:
        """The fields, with the last value of a repeated key: good for display, not for use."""
        return dict(self.pairs)

    @property
    def repeated(self) -> str:
        """The first repeated key."""
        seen: set[str] = set()
        for key, _ in self.pairs:
            if key in seen:
                return key
            seen.add(key)
        raise AssertionError("no key is there twice")


def decode(text: str) -> Any:
    """Return the document of a text that every reader accepts; integers as int, all other numbers as Decimal.

    Raises:
        UnreadableJsonError: some reader does not accept it; names the first field at fault.
        json.JSONDecodeError: it is not JSON.
    """
    try:
        document = _STRICT.decode(text)
        if not _may_have_faults(text):
            return document
    except _NotForEveryoneError:
        document = decode_leniently(text.encode())
    except RecursionError as error:
        raise UnreadableJsonError(Fault.TOO_DEEP) from error
    found = next(faults(document), None)
    if found is not None:
        raise UnreadableJsonError(*found, document=document)
    return document


def decode_leniently(data: bytes) -> Any:
    """Return the document of a body even if some reader does not accept it: one bad event must not hold up others.

    Parts that some reader does not accept become `UnreadableNumber` and `AmbiguousObject`, which `encode` writes as
    they came.

    Raises:
        ValueError: it is not JSON in a Unicode encoding, or nested too deeply to be read at all.
    """
    try:
        return json.loads(data, **_LENIENT_HOOKS)
    except RecursionError as error:
        raise UnreadableJsonError(Fault.TOO_DEEP) from error


def encode(value: Any) -> str:
    """Return JSON as it goes on the stream: no blanks, only the escapes that JSON requires, numbers as they came."""
    try:
        return _ENCODER.encode(value)
    except TypeError:  # a Decimal, for example: the encoder in C knows only floats
        return _written(value)


def encode_bytes(value: Any) -> bytes:
    """Return JSON in UTF-8; half a surrogate pair, which UTF-8 cannot encode, stays an escape."""
    text = encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _HALF_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def faults(value: Any, path: Path = ()) -> Iterator[tuple[Fault, Path]]:
    """Yield the parts of a decoded value that some reader does not accept, in the order of the document."""
    match value:
        case UnreadableNumber():
            yield value.fault, path
        case str():
            if _HALF_CHARACTER.search(value):
                yield Fault.HALF_CHARACTER, path
        case AmbiguousObject():
            yield Fault.REPEATED_KEY, (*path, value.repeated)
        case dict() | list() if len(path) >= MAX_DEPTH:
            yield Fault.TOO_DEEP, path
        case dict():
            yield from ((Fault.HALF_CHARACTER, path) for key in value if _HALF_CHARACTER.search(key))
            yield from _faults_of(value.items(), path)
        case list():
            yield from _faults_of(enumerate(value), path)


def depth(value: Any) -> int:
    """Return the number of levels of objects and arrays in a decoded value; does not recurse."""
    levels, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list | AmbiguousObject)]:
        levels += 1
        level = [part for container in level for part in _parts(container)]
    return levels


def is_ambiguous(value: Any) -> bool:
    """Return whether any object within a decoded value has a repeated key; does not recurse."""
    level = [value]
    while level:
        if any(isinstance(part, AmbiguousObject) for part in level):
            return True
        level = [part for container in level if isinstance(container, dict | list) for part in _parts(container)]
    return False


def shown(path: Path) -> str | None:
    """Return a path such as `lines.0.amount`, up to the first key that is no name; None when nothing is left."""
    steps: list[str] = []
    for step in path[:_SHOWN_STEPS]:
        if isinstance(step, str) and not _NAME.fullmatch(step):
            break
        steps.append(str(step))
    return ".".join(steps) or None


class _NotForEveryoneError(Exception):
    """Ends the strict parse; the lenient one then finds the place."""


def _faults_of(parts: Iterable[tuple[str | int, Any]], path: Path) -> Iterator[tuple[Fault, Path]]:
    for step, part in parts:
        yield from faults(part, (*path, step))


def _may_have_faults(text: str) -> bool:
    """Return whether a parsed text has to be searched for faults; hardly any has."""
    may_be_deep = text.count("{") + text.count("[") > MAX_DEPTH
    return may_be_deep or ("\\u" in text and _HALF_CHARACTER_ESCAPE.search(text) is not None)


def _parts(container: Any) -> Sequence[Any]:
    match container:
        case dict():
            return list(container.values())
        case AmbiguousObject():
            return [part for _, part in container.pairs]
    return list(container)


def _written(value: Any) -> str:
    match value:
        case Decimal():
            return str(value)
        case UnreadableNumber():
            return value.text
        case AmbiguousObject():
            return _written_object(value.pairs)
        case dict():
            return _written_object(value.items())
        case list() | tuple():
            return f"[{','.join(map(_written, value))}]"
    return _ENCODER.encode(value)


def _written_object(pairs: Iterable[tuple[str, Any]]) -> str:
    return "{" + ",".join(f"{_ENCODER.encode(key)}:{_written(part)}" for key, part in pairs) + "}"


def _lenient_integer(text: str) -> int | UnreadableNumber:
    return int(text) if len(text) <= MAX_NUMBER_LENGTH else UnreadableNumber(text)


def _lenient_decimal(text: str) -> Decimal | UnreadableNumber:
    if len(text) > MAX_NUMBER_LENGTH:
        return UnreadableNumber(text)
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent of many digits
        return UnreadableNumber(text)
    return value if -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT else UnreadableNumber(text)


def _lenient_object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | AmbiguousObject:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else AmbiguousObject(tuple(pairs))


def _strict_integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise _NotForEveryoneError
    return int(text)


def _strict_decimal(text: str) -> Decimal:
    value = _lenient_decimal(text)
    if isinstance(value, UnreadableNumber):
        raise _NotForEveryoneError
    return value


def _strict_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _NotForEveryoneError
    return fields


def _strict_constant(_: str) -> Never:
    raise _NotForEveryoneError


_LENIENT_HOOKS: Final[Mapping[str, Any]] = {
    "parse_int": _lenient_integer,
    "parse_float": _lenient_decimal,
    "parse_constant": UnreadableNumber,
    "object_pairs_hook": _lenient_object,
}
# Created once: `json.loads` and `json.dumps` would create one per call.
_STRICT: Final = json.JSONDecoder(
    parse_int=_strict_integer,
    parse_float=_strict_decimal,
    parse_constant=_strict_constant,
    object_pairs_hook=_strict_object,
)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
