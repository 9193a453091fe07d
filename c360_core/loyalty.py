"""The tier of a member of the loyalty programme: which one the segments of a profile stand for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from c360_core.contracts import load
from c360_core.digests import digest

MEMBERS: Final = "loyalty_members"
TIER: Final = "tier"
WRITTEN: Final = "loyalty_tier_written"
WRITE_PREFIX: Final = "l_"


class WriteOutcome(StrEnum):
    """What the loyalty system made of a tier."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRule:
    """A segment, and the tier that its members have."""

    segment: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Which segments stand for which tiers: of the rules the first that fits counts.

    Attributes:
        otherwise: the tier of members whom no rule fits.
    """

    rules: Sequence[TierRule]
    otherwise: str

    def of(self, segments: Collection[str]) -> str:
        """Return the tier of somebody who is in these segments."""
        return next((rule.tier for rule in self.rules if rule.segment in segments), self.otherwise)


def known_tiers() -> tuple[str, ...]:
    """Return the tiers of the programme, as the contract of its members names them.

    Raises:
        ValueError: the contract has no rows.
    """
    table = load().source(MEMBERS).table
    if table is None:
        raise ValueError(f"contracts/{MEMBERS}.odcs.yaml: without rows it has no {TIER}; make it a file source")
    return table.field(TIER).enum


def write_id(member_id: str, version: str) -> str:
    """Return the id of the writing of a tier: the same however often it is repeated."""
    return WRITE_PREFIX + digest(member_id, version)
