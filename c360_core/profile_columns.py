"""Which columns make up a profile, and in which part each is shown: as the contract of `profiles` says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from c360_core.contracts import Field, Table, load
from c360_core.names import ProfilePart
from c360_core.names import Table as TableName

# The parts that hold columns by name; the segments are one list.
_NAMED_PARTS: Final = tuple(part for part in ProfilePart if part is not ProfilePart.SEGMENTS)


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


@cache
def profile_columns() -> ProfileColumns:
    """Return the columns of the compiled contract, read once per process."""
    return ProfileColumns.of(load().product(TableName.PROFILES).table)
