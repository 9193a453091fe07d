"""Checks what a contract says of how its files are written.

Each format is read by the code that reads the files, so that what passes here can be used there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from c360_core.file_text import FormatError, text_format
from tools.contracts.compiler import FILE_FORMAT

ENCODINGS: Final = (
    "utf-8",
    "utf-16",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1250",
    "windows-1252",
    "shift_jis",
    "gb18030",
)
HEADER_CASES: Final = ("exact", "ignore")
DELIMITERS: Final = (",", ";", "\t", "|", ":", "~", "^")
LISTS: Final = ("dateFormats", "timestampFormats", "trueWords", "falseWords", "nullWords")

Found = tuple[str, str, str]  # the key, what is wrong with it, and the fix


def file_format_problems(said: Any) -> Iterator[Found]:
    """Yield the key, the message and the fix of everything that is wrong."""
    if not isinstance(said, dict):
        yield "", f"`{said}` is no mapping", f"say under it: {', '.join(FILE_FORMAT)}"
        return
    for key in said:
        if key not in FILE_FORMAT:
            yield str(key), "is unknown", f"use one of {', '.join(FILE_FORMAT)}"
    yield from _choice(said, "delimiter", DELIMITERS)
    yield from _choice(said, "encoding", ENCODINGS)
    yield from _choice(said, "headerCase", HEADER_CASES)
    lists = list(_list_problems(said))
    yield from lists
    if not lists:
        yield from _format_problems(said)
        yield from _word_problems(said)
    yield from _zone_problems(said)


def _choice(said: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> Iterator[Found]:
    if key in said and said[key] not in allowed:
        names = ", ".join("tab (\\t in double quotes)" if name == "\t" else f"`{name}`" for name in allowed)
        yield key, f"`{said[key]}` is unknown", f"use one of {names}"


def _list_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    for key in LISTS:
        values = said.get(key, [])
        if not isinstance(values, list) or (not values and key in said):
            yield key, f"`{values}` is no list of texts", "write a list"
        elif wrong := [value for value in values if not isinstance(value, str) or not value]:
            yield (
                key,
                f"`{wrong[0]}` is no text",
                "put it in quotes: YAML reads yes, no, null, 1 and dates as other types",
            )


def _format_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    for key in ("dateFormats", "timestampFormats"):
        for form in said.get(key, []):
            try:
                read = text_format(form)
            except FormatError as error:
                yield key, f"`{form}` is no format: {error}", "correct it"
                continue
            if key == "dateFormats" and (read.has_time or read.has_offset):
                yield key, f"`{form}` has a time of day", "use year, month and day alone"
            if key == "timestampFormats" and not read.has_time:
                yield key, f"`{form}` has no time of day", "add the hour, such as yyyy-MM-dd HH:mm"
            if key == "timestampFormats" and not read.has_offset and "zone" not in said:
                yield (
                    "zone",
                    f"is missing, and `{form}` has no offset",
                    "name the IANA zone of these times, such as UTC",
                )


def _word_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    seen: dict[str, str] = {"true": "trueWords", "false": "falseWords"}
    for key in ("trueWords", "falseWords", "nullWords"):
        for word in said.get(key, []):
            other = seen.setdefault(word.casefold(), key)
            if other != key:
                yield key, f"`{word}` is among the {other}, too", "keep it in one of them"


def _zone_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    if "zone" not in said:
        return
    try:
        ZoneInfo(str(said["zone"]))
    except (OSError, ValueError, KeyError):  # a zone that is not there is a KeyError; a folder's name an OSError
        yield "zone", f"`{said['zone']}` is no IANA zone", "use a name such as UTC or America/Chicago"
