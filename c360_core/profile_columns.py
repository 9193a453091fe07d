"""Which columns make up a profile, and in which part each is shown: as the contract of `profiles` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from c360_core.change_fields import MAX_TEXT_BYTES, InvalidChangeError, decimal_of, whole_number
from c360_core.contracts import Field, Table, load
from c360_core.names import ProfilePart, TableName

Value = str | int | Decimal

# The parts that hold columns by name; the scores are one map, and the segments one list.
_NAMED_PARTS: Final = tuple(part for part in ProfilePart if part not in {ProfilePart.SCORES, ProfilePart.SEGMENTS})
SCORE_SCALE: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileColumns:
    """The columns of a profile.

    Attributes:
        parts: the columns of each part by name, in the order of the contract.
        moments: the columns that are moments, whichever part they belong to.
        link_targets: the column that fills the URL template of each target (`crm`, `loyalty`, ...).
    """

    parts: Mapping[ProfilePart, Mapping[str, Field]]
    moments: tuple[str, ...]
    link_targets: Mapping[str, str]

    @classmethod
    def of(cls, profiles: Table) -> "ProfileColumns":
        """Return the columns that the contract of `profiles` describes."""
        return cls(
            parts={
                part: {field.name: field for field in profiles.fields if field.profile_part is part}
                for part in _NAMED_PARTS
            },
            moments=tuple(field.name for field in profiles.fields if field.logical_type == "timestamp"),
            link_targets={field.link_target: field.name for field in profiles.fields if field.link_target is not None},
        )

    def read(self, part: ProfilePart, source: Mapping[str, object]) -> dict[str, Value]:
        """Return what is known of a part: the columns that the source has, each with a value of its type.

        Raises:
            InvalidChangeError: a value breaks the contract; the message names the field.
        """
        return {name: _value(source[name], of) for name, of in self.parts[part].items() if source.get(name) is not None}


@cache
def profile_columns() -> ProfileColumns:
    """Return the columns of the compiled contract, read once per process."""
    return ProfileColumns.of(load().product(TableName.PROFILES).table)


def scores_of(value: object) -> dict[str, Decimal]:
    """Return the scores by name; raise InvalidChangeError when they are no map of names and numbers."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise InvalidChangeError("field scores: expected a map of names and numbers")
    if any(len(name.encode()) > MAX_TEXT_BYTES for name in value):
        raise InvalidChangeError(f"field scores: expected names of at most {MAX_TEXT_BYTES} bytes")
    return {name: decimal_of(value[name], "scores", scale=SCORE_SCALE) for name in sorted(value)}


def segments_of(value: object) -> tuple[str, ...]:
    """Return the names of segments, sorted; raise InvalidChangeError when they are no list of names."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise InvalidChangeError("field segments: expected a list of names")
    if any(len(name.encode()) > MAX_TEXT_BYTES for name in value):
        raise InvalidChangeError(f"field segments: expected names of at most {MAX_TEXT_BYTES} bytes")
    return tuple(sorted(set(value)))


def _value(value: object, of: Field) -> Value:
    if of.logical_type == "integer":
        return whole_number(value, of.name)
    if of.logical_type == "number":
        return decimal_of(value, of.name, scale=of.scale or 0)
    if isinstance(value, str):
        return value
    # Enrichment bands may come as numbers (kids_count 2); the contract calls them text.
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise InvalidChangeError(f"field {of.name}: expected a text, got {type(value).__name__}")
