"""Documents that people write: mappings whose every complaint names the file, the place in it, the field and the fix.

Plays and journeys are read by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, TypeVar

from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.segment import FieldType, Group, SegmentError, read_condition

MAX_NAME_LENGTH: Final = 64
# Names of which reasons and subjects are made; something that took one would make two of them alike.
RESERVED: Final = frozenset({"moment"})

E = TypeVar("E", bound=StrEnum)


class WrittenError(ValueError):
    """What somebody wrote is wrong; the message names the file, the place, the field and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a document may name.

    Attributes:
        fields: columns of a profile that conditions may name, with their types.
        segments: names of segments; None: whatever is written, as in a compiled file, which was checked.
        channels: those through which something sends; None likewise.
        messages: those with which a journey begins; None likewise.
    """

    fields: Mapping[str, FieldType]
    segments: frozenset[str] | None = None
    channels: frozenset[Channel] | None = None
    messages: frozenset[Template] | None = None


class Written:
    """A mapping of a document.

    Args:
        document: the mapping.
        file: where it is from.
        owner: to what in the file it belongs, such as a play.
        known: what it may name.
        path: of the fields between the owner and this mapping, with a dot at the end.
        error: what is raised about it.
    """

    def __init__(
        self,
        document: Any,
        *,
        file: str,
        owner: str,
        known: Known,
        path: str = "",
        error: type[WrittenError] = WrittenError,
    ) -> None:
        self.file, self.owner, self.known, self.path, self.error = file, owner, known, path, error
        if not isinstance(document, Mapping):
            raise error(
                f"{file}: {owner}: field `{path.rstrip('.') or 'all'}`: {document!r} are no `name: value` lines; "
                "write them"
            )
        self.document: Mapping[str, Any] = document

    def wrong(self, field: str, problem: str, fix: str) -> WrittenError:
        """Return the error that a field is wrong."""
        return self.error(f"{self.file}: {self.owner}: field `{self.path}{field}`: {problem}; {fix}")

    def only(self, *known: str) -> None:
        """Refuse every field but these."""
        for name in self.document:
            if name not in known:
                raise self.wrong(str(name), "is unknown", f"use one of: {', '.join(known)}")

    def has(self, name: str) -> bool:
        """Tell whether a field has a value."""
        return self.document.get(name) is not None

    def map(self, name: str, *, owner: str | None = None) -> "Written":
        """Return the mapping below a field."""
        return self.part(self.document.get(name), "" if owner else f"{self.path}{name}.", owner=owner)

    def maps(self, name: str) -> tuple["Written", ...]:
        """Return the mappings of a list below a field; it has at least one."""
        entries = self.document.get(name)
        if not isinstance(entries, list) or not entries:
            raise self.wrong(name, "a list with at least one entry is missing", "write `- ...` lines below it")
        return tuple(self.part(entry, f"{self.path}{name}.{place}.") for place, entry in enumerate(entries, 1))

    def part(self, document: Any, path: str, *, owner: str | None = None) -> "Written":
        """Return a part of this mapping as a mapping, under the path of its fields."""
        return Written(
            document, file=self.file, owner=owner or self.owner, known=self.known, path=path, error=self.error
        )

    def text(self, name: str) -> str:
        """Return a text."""
        value = self.document.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, f"expected a text, got {value!r}", "write one")
        return value

    def name(self, field: str) -> str:
        """Return a name: small letters, digits and underscores."""
        text = self.text(field)
        if not text.replace("_", "").isalnum() or not text.isascii() or text != text.lower():
            raise self.wrong(field, f"`{text}` is no name", "use small letters, digits and underscores")
        if len(text) > MAX_NAME_LENGTH or text in RESERVED:
            raise self.wrong(field, f"`{text}` cannot be used", f"use another of at most {MAX_NAME_LENGTH} characters")
        return text

    def whole(self, name: str, least: int, most: int, *, default: int | None = None) -> int:
        """Return a whole number."""
        value = self.document.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(name, f"{value!r} is no whole number from {least} to {most}", "write one")
        return value

    def amount(self, name: str, *, default: str | None = None) -> Decimal:
        """Return an exact number."""
        value = self.document.get(name, default)
        # Not from a float: 0.1 would be another number in YAML's eyes than in ours.
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.wrong(name, f"{value!r} is no exact number", "write it in quotes, such as '12.50'")
        try:
            number = Decimal(value)
        except InvalidOperation as error:
            raise self.wrong(name, f"{value!r} is no number", "write one in quotes, such as '12.50'") from error
        if not number.is_finite():
            raise self.wrong(name, f"{value!r} is no number", "write one in quotes, such as '12.50'")
        return number

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, each there once."""
        value = self.document.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.wrong(name, f"expected a list of names, got {value!r}", "write it as [one, another]")
        if len(set(value)) != len(value):
            raise self.wrong(name, "has a name twice", "write each once")
        return tuple(value)

    def one_of(self, kind: type[E], name: str, value: Any, allowed: Sequence[E] | None = None) -> E:
        """Return the member of an enumeration that a value names."""
        choice = list(kind) if allowed is None else list(allowed)
        if value not in [str(one) for one in choice]:
            raise self.wrong(name, f"`{value}` is unknown", f"use one of: {', '.join(choice)}")
        return kind(value)

    def condition(self, name: str) -> Group:
        """Return a condition on a profile."""
        owner = f"{self.owner}: field `{self.path}{name}`"
        try:
            return read_condition(self.document.get(name), self.known.fields, file=self.file, owner=owner)
        except SegmentError as error:
            raise self.error(str(error)) from error

    def column(self, name: str, text: str) -> str:
        """Return the name of a column of a profile."""
        if text not in self.known.fields:
            columns = ", ".join(sorted(self.known.fields))
            raise self.wrong(name, f"a profile has no column `{text}`", f"use one of: {columns}")
        return text

    def segments(self, name: str) -> tuple[str, ...]:
        """Return a list of segments."""
        return tuple(self.segment(name, one) for one in self.texts(name))

    def segment(self, name: str, text: str) -> str:
        """Return the name of a segment."""
        segments = self.known.segments
        if segments is not None and text not in segments:
            fix = f"add it to segments.yaml, or use one of: {', '.join(sorted(segments))}"
            raise self.wrong(name, f"there is no segment `{text}`", fix)
        return text
