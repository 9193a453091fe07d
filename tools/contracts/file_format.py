"""Checks what a contract says of how its files are written.

Each format is read by the code that reads the files, so that what passes here can be used there.
"""

import re
from collections.abc import Collection, Iterator, Mapping
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
XML_NAME: Final = re.compile(r"[^\W\d][\w.-]*")
HEADER_CASES: Final = ("exact", "ignore")
MISSING_COLUMNS: Final = ("reject", "empty")
# What each type has besides the forms of values.
CSV_KEYS: Final = frozenset({"delimiter", "encoding", "header", "quote", "escape", "comment", "skipLines"})
RECORD_KEYS: Final = frozenset({"missingColumns"})
TYPE_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "csv": CSV_KEYS,
    "json_lines": RECORD_KEYS | {"encoding"},
    "parquet": RECORD_KEYS,
    "xml": RECORD_KEYS | {"encoding", "rowElement"},
}
DELIMITERS: Final = (",", ";", "\t", "|", ":", "~", "^")
QUOTES: Final = ('"', "'", "")
ESCAPES: Final = ("\\", "")
COMMENTS: Final = ("#", "//", "--", "%", "!")
MOST_SKIPPED: Final = 100
LISTS: Final = ("dateFormats", "timestampFormats", "trueWords", "falseWords", "nullWords")

Found = tuple[str, str, str]  # the key, what is wrong with it, and the fix


def file_format_problems(said: Any, columns: Collection[str] = ()) -> Iterator[Found]:
    """Yield the key, the message and the fix of everything that is wrong.

    Args:
        said: what the contract says.
        columns: names of the contract's columns.
    """
    if not isinstance(said, dict):
        yield "", f"`{said}` is no mapping", f"say under it: {', '.join(FILE_FORMAT)}"
        return
    for key in said:
        if key not in FILE_FORMAT:
            yield str(key), "is unknown", f"use one of {', '.join(FILE_FORMAT)}"
    yield from _choice(said, "type", tuple(TYPE_KEYS))
    yield from _type_problems(said)
    yield from _path_problems(said, columns)
    yield from _row_element_problems(said)
    yield from _choice(said, "missingColumns", MISSING_COLUMNS)
    yield from _choice(said, "delimiter", DELIMITERS)
    yield from _choice(said, "quote", QUOTES)
    yield from _choice(said, "escape", ESCAPES)
    yield from _choice(said, "comment", COMMENTS)
    yield from _dialect_problems(said)
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
        names = ", ".join(_shown(name) for name in allowed)
        yield key, f"`{said[key]}` is unknown", f"use one of {names}"


def _type_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the keys that only files of another type have."""
    kind = said.get("type", "csv")
    own = TYPE_KEYS.get(kind) if isinstance(kind, str) else None
    if own is None:
        return
    for key in sorted(frozenset().union(*TYPE_KEYS.values()) - own):
        if key in said:
            types = " or ".join(name for name, keys in TYPE_KEYS.items() if key in keys)
            yield key, f"means nothing for {kind}", f"remove it, or say `type: {types}`"


def _dialect_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    header, skipped = said.get("header", True), said.get("skipLines", 0)
    if not isinstance(header, bool):
        yield "header", f"`{header}` is neither true nor false", "use true or false, without quotes"
    if not isinstance(skipped, int) or isinstance(skipped, bool) or not 0 <= skipped <= MOST_SKIPPED:
        yield "skipLines", f"`{skipped}` is no number of lines", f"use a whole number up to {MOST_SKIPPED}"
    if header is False:
        for key in ("columns", "headerCase"):
            if key in said:
                yield key, "means nothing without a header", "remove it, or say `header: true`"
    escape, null_words = said.get("escape", ""), said.get("nullWords", [])
    if escape and isinstance(null_words, list) and any(str(escape) in str(word) for word in null_words):
        fix = f"write the word without it: {escape}N reads as N"
        yield "nullWords", "has a word with the escape, which is gone when words are compared", fix


def _path_problems(said: Mapping[str, Any], columns: Collection[str]) -> Iterator[Found]:
    paths = said.get("columns", {})
    if not isinstance(paths, dict):
        yield "columns", f"`{paths}` is no mapping", "write <column>: <its name in the file>"
        return
    known: dict[tuple[str, ...], str] = {(name,): name for name in columns if name not in paths}
    for column, path in paths.items():
        key = f"columns.{column}"
        if column not in columns:
            yield key, "is no column of the contract", f"use one of {', '.join(columns)}"
        parts = path.split(".") if isinstance(path, str) else path
        if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
            yield key, f"`{path}` is no path", "write a name, <name>.<name>, or a list of names"
        elif len(parts) > 1 and said.get("type", "csv") == "csv" and isinstance(path, list):
            yield key, "is a path, and CSV has no columns within columns", "write the column's name in the file"
        elif other := next((name for one, name in known.items() if _overlap(one, tuple(parts))), None):
            yield key, f"is in the same place as `{other}`", "give each column a place of its own"
        else:
            known[tuple(parts)] = str(column)


def _row_element_problems(said: Mapping[str, Any]) -> Iterator[Found]:
    fix = "name the element that is a row, without a namespace, such as order"
    if said.get("type") == "xml" and "rowElement" not in said:
        yield "rowElement", "is missing, and XML needs it", fix
    elif "rowElement" in said and not XML_NAME.fullmatch(str(said["rowElement"])):
        yield "rowElement", f"`{said['rowElement']}` is no name of an element", fix


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _shown(choice: str) -> str:
    return {"\t": "tab (\\t in double quotes)", "": "an empty text (none)"}.get(choice, f"`{choice}`")


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
