"""Reads the texts of a file by the contract's format: its words and formats become the one form that we store.

A text in none of the contract's formats comes back unchanged, so that a later check can report it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from c360_core.contracts import FileFormat
from c360_core.projections import UTC_PATTERN

ISO_TIME: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}(:[0-9]{2})?)([.,](?P<fraction>[0-9]{1,9}))?"
    r" ?(?P<offset>[Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?"
)
KEPT_TIME: Final = re.compile(UTC_PATTERN)  # the form of nearly all timestamps
MOST_OFFSET: Final = timedelta(hours=18)  # the greatest offset that ISO time zones and Java have
WORDS: Final = {"true": "true", "false": "false"}

# Every letter pattern that a format may contain, what it matches, and its part of a timestamp.
_TOKENS: Final[Mapping[str, tuple[str, str]]] = {
    "yyyy": ("[0-9]{4}", "year"),
    "MM": ("[0-9]{2}", "month"),
    "M": ("[0-9]{1,2}", "month"),
    "dd": ("[0-9]{2}", "day"),
    "d": ("[0-9]{1,2}", "day"),
    "HH": ("[0-9]{2}", "hour"),
    "H": ("[0-9]{1,2}", "hour"),
    "hh": ("[0-9]{2}", "half_hour"),
    "h": ("[0-9]{1,2}", "half_hour"),
    "mm": ("[0-9]{2}", "minute"),
    "ss": ("[0-9]{2}", "second"),
    "SSS": ("[0-9]{3}", "fraction"),
    "SSSSSS": ("[0-9]{6}", "fraction"),
    "a": ("[AaPp][Mm]", "half"),
    "XXX": ("Z|[+-][0-9]{2}:[0-9]{2}", "offset"),
}
_PIECES: Final = re.compile(r"'(?P<quoted>[^']+)'|(?P<letters>([A-Za-z])\3*)|(?P<mark>[^A-Za-z'])")
_DATE_PARTS: Final = frozenset({"year", "month", "day"})


class FormatError(ValueError):
    """A format in a contract cannot be read; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """A date or time format such as `dd.MM.yyyy HH:mm`, ready to read texts."""

    pattern: re.Pattern[str]
    parts: frozenset[str]

    @property
    def has_time(self) -> bool:
        """Whether the format has the hour."""
        return bool(self.parts & {"hour", "half_hour"})

    @property
    def has_offset(self) -> bool:
        """Whether the format has the offset from UTC."""
        return "offset" in self.parts


@cache
def text_format(form: str) -> TextFormat:
    """Read a format: the letters yyyy M d H h m s S a XXX as in Java's DateTimeFormatter, words in single quotes.

    Raises:
        FormatError: a part is unknown or repeated, or the date is incomplete.
    """
    parts: list[str] = []
    pattern, at = "", 0
    while at < len(form):
        piece = _PIECES.match(form, at)
        if piece is None:
            raise FormatError("a single quote is not closed")
        at = piece.end()
        if letters := piece["letters"]:
            if letters not in _TOKENS:
                raise FormatError(f"`{letters}` is unknown; use {', '.join(_TOKENS)}, and words in single quotes")
            matching, part = _TOKENS[letters]
            if part in parts:
                raise FormatError(f"the {part} is there twice")
            parts.append(part)
            pattern += f"(?P<{part}>{matching})"
        else:
            pattern += re.escape(piece["quoted"] or piece["mark"])
    found = frozenset(parts)
    if not found >= _DATE_PARTS:
        raise FormatError("it has no whole date; write year, month and day, such as dd.MM.yyyy")
    if ("half_hour" in found) != ("half" in found):
        raise FormatError("hours up to 12 need `a` for AM or PM, and only they")
    return TextFormat(pattern=re.compile(pattern), parts=found)


class Texts:
    """Reads the texts of one source's files."""

    def __init__(self, file_format: FileFormat) -> None:
        """Take the contract's words, formats and zone."""
        words = dict(WORDS)
        words |= {word.casefold(): "true" for word in file_format.true_words}
        words |= {word.casefold(): "false" for word in file_format.false_words}
        self._words = words
        self._null_words = frozenset(file_format.null_words)
        self._dates = tuple(text_format(form) for form in file_format.date_formats)
        self._times = tuple(text_format(form) for form in file_format.timestamp_formats)
        self._zone = ZoneInfo(file_format.zone) if file_format.zone else None
        self._readers: Mapping[str, Callable[[str], str]] = {
            "boolean": self._boolean,
            "date": self._date,
            "timestamp": self._timestamp,
        }

    def value(self, text: str, logical_type: str) -> str | None:
        """Return a text in the one form that we store for its type, or unchanged; None when it stands for no value.

        Times become UTC with a Z, dates ISO 8601, booleans `true` or `false`.
        """
        if not text or text in self._null_words:
            return None
        read = self._readers.get(logical_type)
        return read(text) if read else text

    def _boolean(self, text: str) -> str:
        return self._words.get(text.casefold(), text)

    def _date(self, text: str) -> str:
        for form in self._dates:
            match = form.pattern.fullmatch(text)
            moment = _local_moment(match.groupdict()) if match else None
            if moment is not None:
                return moment.date().isoformat()
        return text

    def _timestamp(self, text: str) -> str:
        if KEPT_TIME.fullmatch(text):
            return text
        if match := ISO_TIME.fullmatch(text):
            return self._iso(match) or text
        for form in self._times:
            match = form.pattern.fullmatch(text)
            if match is None:
                continue
            parts = match.groupdict()
            moment = _local_moment(parts)
            instant = self._instant(moment, parts.get("offset")) if moment is not None else None
            if instant is not None:
                return _as_text(instant, parts.get("fraction"))
        return text

    def _iso(self, match: re.Match[str]) -> str | None:
        """Return the instant of an ISO 8601 text; None if invalid, or if neither it nor the contract has a zone."""
        try:
            moment = datetime.fromisoformat(f"{match['date']}T{match['time']}")
        except ValueError:
            return None
        instant = self._instant(moment, match["offset"])
        return _as_text(instant, match["fraction"]) if instant is not None else None

    def _instant(self, moment: datetime, offset: str | None) -> datetime | None:
        zone = _offset(offset) if offset else self._zone
        if zone is None:
            return None
        try:
            instant = moment.replace(tzinfo=zone).astimezone(UTC)
            # An hour that the clocks skip does not exist; an hour that occurs twice means the first.
            exists = instant.astimezone(zone).replace(tzinfo=None) == moment
        except OverflowError:
            return None
        return instant if exists else None


def _offset(text: str) -> timezone | None:
    if text in {"Z", "z"}:
        return UTC
    digits = text[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if size > MOST_OFFSET or int(digits[2:] or 0) > 59:  # noqa: PLR2004  # minutes of an hour
        return None
    return timezone(-size if text[0] == "-" else size)


def _local_moment(parts: Mapping[str, str | None]) -> datetime | None:
    """Return the date and time of day, without the fraction; None for a day or an hour that does not exist."""
    number = {name: int(value) for name, value in parts.items() if value and value.isdigit()}
    hour = number.get("hour", 0)
    if "half_hour" in number:
        if not 1 <= number["half_hour"] <= 12:  # noqa: PLR2004  # hours of a 12-hour clock
            return None
        hour = number["half_hour"] % 12 + (12 if str(parts["half"]).lower() == "pm" else 0)
    try:
        day = date(number["year"], number["month"], number["day"])
        return datetime(day.year, day.month, day.day, hour, number.get("minute", 0), number.get("second", 0))  # noqa: DTZ001
    except ValueError:
        return None


def _as_text(instant: datetime, fraction: str | None) -> str:
    seconds = instant.replace(tzinfo=None).isoformat(timespec="seconds")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"
