"""The profile: what we know of a person, in parts, with a version that says which of two is newer.

It arrives flat on the profile-changes stream (`profile_change`), rests nested in the single view (`profile_item`), and
leaves as the API's document (`profile_document`). Which columns it has, the contract says (`profile_columns`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from c360_core.devices import Device
from c360_core.names import ProfilePart
from c360_core.profile_columns import Value

PARTS: Final = tuple(part.value for part in ProfilePart)

POSITION_DIGITS: Final = 129  # the longest sequence number that Kinesis may give
VERSION_DIGITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Total order of one person's profiles: the identity map's version first, then the number of the change.

    Attributes:
        identity_version: of the identity run that the profile rests on.
        sequence: the number that the change got where the person's state is; microseconds, and never twice for one
            person. 0 where there is none: the change comes from an application of before there were numbers.
        position: where such a change without a number is in the stream, digits only; else empty.
    """

    identity_version: int
    sequence: int
    position: str = ""

    @property
    def text(self) -> str:
        """The version as one text whose order is the versions' order: what conditional writes compare.

        A position has some 56 digits behind as many zeros as make it 129: whatever has a number is later.
        """
        if self.sequence:
            return f"{self.identity_version:0{VERSION_DIGITS}d}#{self.sequence:0{VERSION_DIGITS}d}"
        return f"{self.identity_version:0{VERSION_DIGITS}d}#{self.position:0>{POSITION_DIGITS}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One person. A part holds only what is known: an unknown value is absent, never null.

    Attributes:
        devices: on which the app reaches the person, where the reader asked for them: they are stored beside it.
        rebuilt: a rebuild published it again, whole or in part (`c360_core.rebuild`): nothing in it is new.
    """

    person_id: str
    version: Version
    attributes: Mapping[str, Value] = field(default_factory=dict)
    aggregates: Mapping[str, Value] = field(default_factory=dict)
    links: Mapping[str, Value] = field(default_factory=dict)
    enrichment: Mapping[str, Value] = field(default_factory=dict)
    scores: Mapping[str, Decimal] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    last_event_at: str | None = None
    event_count: int = 0
    record_count: int = 0
    computed_at: str | None = None
    rebuilt: bool = False
    devices: tuple[Device, ...] = ()

    def text(self, part: str, name: str) -> str | None:
        """Return a text of a part (`attributes`, `aggregates`, ...), or None when it is unknown."""
        value = getattr(self, part).get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        """Return a whole number of the aggregates, or None when it is unknown."""
        value = self.aggregates.get(name)
        return None if value is None else int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A person who is no more: merged into another or erased."""

    person_id: str
    version: Version
