"""Moments as text, in one form everywhere: `2026-03-01T09:30:00.000Z`.

So text order is time order, and a sort key can carry a moment.
"""

from datetime import UTC, datetime, timedelta


def moment(text: str) -> datetime:
    """Read an ISO 8601 text; without an offset it is UTC. Raise ValueError for anything else."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def moment_text(at: datetime) -> str:
    """Write a moment in UTC with milliseconds, the form in which text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def in_milliseconds(at: datetime) -> datetime:
    """Return a moment as it is stored and published, so that it can be compared with one that was."""
    return at - timedelta(microseconds=at.microsecond % 1000)
