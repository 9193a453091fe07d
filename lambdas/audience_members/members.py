"""Members of audiences, and what is kept of whom a platform was told of.

A member is one hash, of an address or of a number. A person with both is two members, so that whoever changes a number
leaves with the old one alone, and no removal depends on what else was sent in the same row.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was hashed."""

    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Member:
    """A hash by which a platform knows somebody, as the platform wants it: SHA-256 in small hex digits."""

    kind: Kind
    sha256: str


class Status(StrEnum):
    """What a platform knows of a member, as far as we know.

    `adding`: it may know it. `added`: it has confirmed it. `removing`: it may still know it, and must not. `refused`:
    it has refused this one, and does not know it.
    """

    ADDING = "adding"
    ADDED = "added"
    REMOVING = "removing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is kept of a member.

    Attributes:
        status: what the platform knows of it.
        since: when it got this status.
        request: the platform's request whose outcome is not known yet; empty for none.
        tried: the run that has told the platform already; empty for none.
        reason: why the platform did not do it.
    """

    status: Status
    since: str
    request: str = ""
    tried: str = ""
    reason: str = ""


class WantedMembersError(ValueError):
    """The answer of the lake cannot be read; the message says where."""


def wanted_members(lines: Iterable[str]) -> Iterator[Member]:
    """Yield the members in an answer of Athena, a CSV file with the columns `kind` and `sha256`.

    Raises:
        WantedMembersError: a row is not a member, or the header is missing: nobody is taken for gone by mistake.
    """
    rows = csv.reader(lines)
    if next(rows, None) != ["kind", "sha256"]:
        raise WantedMembersError("the answer of the lake has no header `kind,sha256`; look at the query's own outcome")
    for number, row in enumerate(rows, start=2):
        try:
            kind, sha256 = row
            yield Member(kind=Kind(kind), sha256=sha256)
        except ValueError as error:
            raise WantedMembersError(f"row {number} of the answer of the lake is no kind and hash") from error
