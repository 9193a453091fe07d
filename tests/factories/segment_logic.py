"""Who is in a segment, decided in Python: the other opinion that the SQL of segments is compared with."""

from collections.abc import Mapping
from typing import Any

from c360_core.conditions import holds
from c360_core.segment import Segment


def matches(segment: Segment, profile: Mapping[str, Any]) -> bool:
    """Say whether a profile is in a segment. A missing column counts as null."""
    return holds(segment.condition, profile)
