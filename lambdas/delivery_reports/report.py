"""What the reports of all services have in common when they are read."""

from datetime import datetime
from typing import Final

from pydantic import ValidationError

from c360_core.moments import in_milliseconds, moment_text

MOST_TEXT: Final = 64  # the contract's
MOST_URL: Final = 2048  # the contract's


class UnreadableReportError(ValueError):
    """A report that is not as AWS documents it; the message names the fields, never their values."""


def subject_of(provider_id: str, at: datetime) -> str:
    """Return what makes a report unique: the id that the service gave the message, and the time."""
    return f"{provider_id}|{moment_text(in_milliseconds(at))}"


def faults_of(error: ValidationError) -> str:
    """Return the names of the fields that are wrong."""
    return ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
