"""Profiles as the API answers them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from c360_core.profile import PARTS, Profile
from c360_core.profile_columns import ProfileColumns, Value, profile_columns


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
        "scores": _shown(profile.scores),
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
