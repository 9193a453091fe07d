"""Groups of records that a matching workflow found, and how its output states them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class MatchOutputError(ValueError):
    """Rows that are not a matching workflow's output; the message names the missing column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchGroup:
    """Records that a rule found to be one.

    Attributes:
        match_id: id of the group.
        rule: name of the rule; empty for a record that matched nothing.
        record_ids: its records, sorted.
    """

    match_id: str
    rule: str
    record_ids: tuple[str, ...]


def match_groups_from_output(rows: Iterable[Mapping[str, str]]) -> list[MatchGroup]:
    """Return the groups of two or more records out of the rows that the service wrote.

    Args:
        rows: rows of the `success` files; needs the columns MatchID, MatchRule and record_id, in any case.

    Raises:
        MatchOutputError: a column is missing.
    """
    members: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        cells = {name.lower(): value for name, value in row.items()}
        try:
            members[cells["matchid"], cells["matchrule"] or ""].add(cells["record_id"])
        except KeyError as error:
            raise MatchOutputError(
                f"matching output: column {error.args[0]} is missing; select it as output"
            ) from error
    return [
        MatchGroup(match_id=match_id, rule=rule, record_ids=tuple(sorted(records)))
        for (match_id, rule), records in sorted(members.items())
        if len(records) > 1
    ]
