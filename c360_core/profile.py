"""The profile: what we know of a person, in parts, with a version that says which of two is newer.

It arrives flat on the profile-changes stream, rests nested in the single view, and leaves as the API's document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from c360_core.contracts import Field
from c360_core.names import ProfilePart
from c360_core.profile_columns import ProfileColumns, profile_columns
from c360_core.timeline import (
    MAX_TEXT_BYTES,
    InvalidChangeError,
    change_sequence,
    decimal_of,
    required_moment,
    required_text,
    whole_number,
)

Value = str | int | Decimal

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
        rebuilt: it is the past told again, whole or in part (`c360_core.rebuild`): nothing in it is news.
    """

    person_id: str
    version: Version
    attributes: Mapping[str, Value] = field(default_factory=dict)
    aggregates: Mapping[str, Value] = field(default_factory=dict)
    links: Mapping[str, Value] = field(default_factory=dict)
    enrichment: Mapping[str, Value] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    last_event_at: str | None = None
    event_count: int = 0
    record_count: int = 0
    computed_at: str | None = None
    rebuilt: bool = False

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


def profile_from_change(
    change: Mapping[str, object], *, position: str, columns: ProfileColumns | None = None
) -> Profile | Removal:
    """Read a profile change of kind `profile`.

    Args:
        change: the record of the profile-changes stream, flat.
        position: the record's sequence number in the stream, digits only. It counts where the change has no number.
        columns: of the profile; those of the compiled contract by default.

    Raises:
        InvalidChangeError: the record breaks the contract; the message names the field.
    """
    sequence = change_sequence(change)
    version = Version(
        identity_version=_whole(change, "identity_version", least=0),
        sequence=sequence,
        position="" if sequence else position,
    )
    person_id = required_text(change, "person_id")
    operation = required_text(change, "op")
    if operation == "delete":
        return Removal(person_id=person_id, version=version)
    if operation != "upsert":
        raise InvalidChangeError("field op: expected upsert or delete")
    columns = columns or profile_columns()
    for name in columns.moments:
        if change.get(name) not in (None, ""):
            required_moment(change, name)
    return Profile(
        person_id=person_id,
        version=version,
        attributes=_part(change, columns.parts[ProfilePart.ATTRIBUTES]),
        aggregates=_part(change, columns.parts[ProfilePart.AGGREGATES]),
        links=_part(change, columns.parts[ProfilePart.LINKS]),
        enrichment=_part(change, columns.parts[ProfilePart.ENRICHMENT]),
        segments=_segments(change.get("segments")),
        last_event_at=_optional_text(change, "last_event_at"),
        event_count=_whole(change, "event_count", least=0, default=0),
        record_count=_whole(change, "record_count", least=0, default=0),
        computed_at=_optional_text(change, "computed_at"),
    )


def profile_to_item(profile: Profile) -> dict[str, object]:
    """Return the profile as the single view stores it, nested, without keys."""
    return {
        "person_id": profile.person_id,
        "attributes": dict(profile.attributes),
        "aggregates": dict(profile.aggregates),
        "links": dict(profile.links),
        "enrichment": dict(profile.enrichment),
        "segments": list(profile.segments),
        "record_count": profile.record_count,
        "version": _known(
            {
                "identity_version": profile.version.identity_version,
                "sequence": profile.version.sequence or None,
                "position": profile.version.position or None,
                "last_event_at": profile.last_event_at,
                "event_count": profile.event_count,
            }
        ),
        "version_order": profile.version.text,
        **_known({"computed_at": profile.computed_at, "rebuilt": profile.rebuilt or None}),
    }


def profile_from_item(item: Mapping[str, object], *, columns: ProfileColumns | None = None) -> Profile:
    """Read a profile back from the single view; the inverse of `profile_to_item`."""
    columns = columns or profile_columns()
    version = _mapping(item.get("version"))
    return Profile(
        person_id=required_text(item, "person_id"),
        version=Version(
            identity_version=_whole(version, "identity_version", least=0),
            sequence=change_sequence(version),
            position=_optional_text(version, "position") or "",
        ),
        attributes=_part(_mapping(item.get("attributes")), columns.parts[ProfilePart.ATTRIBUTES]),
        aggregates=_part(_mapping(item.get("aggregates")), columns.parts[ProfilePart.AGGREGATES]),
        links=_part(_mapping(item.get("links")), columns.parts[ProfilePart.LINKS]),
        enrichment=_part(_mapping(item.get("enrichment")), columns.parts[ProfilePart.ENRICHMENT]),
        segments=_segments(item.get("segments")),
        last_event_at=_optional_text(version, "last_event_at"),
        event_count=_whole(version, "event_count", least=0, default=0),
        record_count=_whole(item, "record_count", least=0, default=0),
        computed_at=_optional_text(item, "computed_at"),
        rebuilt=item.get("rebuilt") is True,
    )


def profile_document(
    profile: Profile,
    *,
    link_templates: Mapping[str, str],
    parts: Iterable[str] = PARTS,
    columns: ProfileColumns | None = None,
) -> dict[str, object]:
    """Return the profile as the API answers it: the asked parts, ids turned into links, money as decimal text.

    Args:
        profile: the person.
        link_templates: URL with `{id}` per target (`crm`, `call_centre`, `loyalty`).
        parts: names out of `PARTS`.
        columns: of the profile; those of the compiled contract by default.
    """
    whole = {
        "attributes": _shown(profile.attributes),
        "aggregates": _shown(profile.aggregates),
        "links": _links(profile.links, link_templates, (columns or profile_columns()).link_targets),
        "enrichment": _shown(profile.enrichment),
        "segments": list(profile.segments),
    }
    version = {
        "identity_version": profile.version.identity_version,
        "last_event_at": profile.last_event_at,
        "event_count": profile.event_count,
    }
    return {
        "person_id": profile.person_id,
        **{part: whole[part] for part in PARTS if part in set(parts)},
        "record_count": profile.record_count,
        "version": version,
        "computed_at": profile.computed_at,
    }


def _links(links: Mapping[str, Value], templates: Mapping[str, str], targets: Mapping[str, str]) -> dict[str, object]:
    shown: dict[str, object] = dict(_shown(links))
    for target, column in targets.items():
        if target in templates and column in links:
            shown[f"{target}_url"] = templates[target].replace("{id}", str(links[column]))
    return shown


def _shown(part: Mapping[str, Value]) -> dict[str, str | int]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in part.items()}


def _part(source: Mapping[str, object], columns: Mapping[str, Field]) -> dict[str, Value]:
    return {name: _value(source, field) for name, field in columns.items() if source.get(name) is not None}


def _value(source: Mapping[str, object], field: Field) -> Value:
    name = field.name
    if field.logical_type == "integer":
        return _whole(source, name)
    value = source[name]
    if field.logical_type == "number":
        return decimal_of(value, name, scale=field.scale or 0)
    if isinstance(value, str):
        return value
    # Enrichment bands may come as numbers (kids_count 2); the contract calls them text.
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise InvalidChangeError(f"field {name}: expected a text, got {type(value).__name__}")


def _whole(source: Mapping[str, object], name: str, *, least: int | None = None, default: int | None = None) -> int:
    value = source.get(name)
    if value is None and default is not None:
        return default
    return whole_number(value, name) if least is None else whole_number(value, name, least=least)


def _segments(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise InvalidChangeError("field segments: expected a list of names")
    if any(len(name.encode()) > MAX_TEXT_BYTES for name in value):
        raise InvalidChangeError(f"field segments: expected names of at most {MAX_TEXT_BYTES} bytes")
    return tuple(sorted(set(value)))


def _optional_text(source: Mapping[str, object], name: str) -> str | None:
    value = source.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidChangeError(f"field {name}: expected a text, got {type(value).__name__}")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _known(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
