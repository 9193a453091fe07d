"""Profiles as the single view stores them: nested, without keys."""

from collections.abc import Mapping

from c360_core.change_fields import change_sequence, count_of, optional_text, required_text, whole_number
from c360_core.names import ProfilePart
from c360_core.profile import Profile, Version
from c360_core.profile_columns import ProfileColumns, profile_columns, scores_of, segments_of


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
        **_known(
            {
                "scores": dict(profile.scores) or None,
                "computed_at": profile.computed_at,
                "rebuilt": profile.rebuilt or None,
            }
        ),
    }


def profile_from_item(item: Mapping[str, object], *, columns: ProfileColumns | None = None) -> Profile:
    """Read a profile back from the single view; the inverse of `profile_to_item`."""
    columns = columns or profile_columns()
    version = _mapping(item.get("version"))
    return Profile(
        person_id=required_text(item, "person_id"),
        version=Version(
            identity_version=whole_number(version.get("identity_version"), "identity_version", least=0),
            sequence=change_sequence(version),
            position=optional_text(version, "position") or "",
        ),
        attributes=columns.read(ProfilePart.ATTRIBUTES, _mapping(item.get("attributes"))),
        aggregates=columns.read(ProfilePart.AGGREGATES, _mapping(item.get("aggregates"))),
        links=columns.read(ProfilePart.LINKS, _mapping(item.get("links"))),
        enrichment=columns.read(ProfilePart.ENRICHMENT, _mapping(item.get("enrichment"))),
        scores=scores_of(item.get("scores")),
        segments=segments_of(item.get("segments")),
        last_event_at=optional_text(version, "last_event_at"),
        event_count=count_of(version, "event_count"),
        record_count=count_of(item, "record_count"),
        computed_at=optional_text(item, "computed_at"),
        rebuilt=item.get("rebuilt") is True,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _known(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
