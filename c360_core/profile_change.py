"""Profiles as the profile-changes stream carries them: flat, one record per change."""

from collections.abc import Mapping

from c360_core.change_fields import (
    InvalidChangeError,
    change_sequence,
    count_of,
    optional_text,
    required_moment,
    required_text,
    whole_number,
)
from c360_core.names import ProfilePart
from c360_core.profile import Profile, Removal, Version
from c360_core.profile_columns import ProfileColumns, profile_columns, scores_of, segments_of


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
        identity_version=whole_number(change.get("identity_version"), "identity_version", least=0),
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
        attributes=columns.read(ProfilePart.ATTRIBUTES, change),
        aggregates=columns.read(ProfilePart.AGGREGATES, change),
        links=columns.read(ProfilePart.LINKS, change),
        enrichment=columns.read(ProfilePart.ENRICHMENT, change),
        scores=scores_of(change.get("scores")),
        segments=segments_of(change.get("segments")),
        last_event_at=optional_text(change, "last_event_at"),
        event_count=count_of(change, "event_count"),
        record_count=count_of(change, "record_count"),
        computed_at=optional_text(change, "computed_at"),
    )
