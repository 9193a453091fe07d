"""What Personalize is given: CSV files with a header, as the deployed schema of their data set says."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from c360_core.recommendation.named_filters import ORDERED
from glue_jobs.recommend.model import Interaction

Row = dict[str, str]

INTERACTIONS: Final = "Interactions"
ITEMS: Final = "Items"
USERS: Final = "Users"
# By type of data set: the fields that AWS asks for.
REQUIRED: Final[Mapping[str, Sequence[str]]] = {
    INTERACTIONS: ("USER_ID", "ITEM_ID", "TIMESTAMP"),
    ITEMS: ("ITEM_ID",),
    USERS: ("USER_ID",),
}
_LEAST_INTERACTIONS: Final = 1000
_LEAST_USERS: Final = 25  # each with two interactions
_NUMBERS: Final = {"int": int, "long": int, "float": float, "double": float}


class DataError(ValueError):
    """A schema or a file that AWS would not import; the message says which row and why."""


def fields_of(kind: str, schema: str) -> dict[str, str]:
    """Return the fields of a schema with their types, without null.

    Raises:
        DataError: a field that the type of data set needs is missing.
    """
    stated = {field["name"]: _plain(field["type"]) for field in json.loads(schema)["fields"]}
    if missing := [name for name in REQUIRED[kind] if name not in stated]:
        raise DataError(f"a schema of {kind} needs {', '.join(missing)}")
    if kind != INTERACTIONS and len(stated) == len(REQUIRED[kind]):
        raise DataError(f"a schema of {kind} needs a field beside {', '.join(REQUIRED[kind])}")
    return stated


def read_rows(text: str, fields: Mapping[str, str], *, file: str) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        DataError: the header is not the schema's, or a value is none of its type.
    """
    reader = csv.DictReader(io.StringIO(text))
    if missing := sorted(set(fields) - set(reader.fieldnames or ())):
        raise DataError(f"{file}: the header lacks {', '.join(missing)}")
    for number, row in enumerate(reader, start=2):
        for name, kind in fields.items():
            try:
                _NUMBERS.get(kind, str)(row[name])
            except (TypeError, ValueError) as error:
                raise DataError(f"{file}, line {number}: {name} is no {kind}") from error
        yield {name: row[name] for name in fields}


def interaction(row: Mapping[str, str]) -> Interaction:
    """Return what a row of the interactions says; what is beside the known columns are circumstances."""
    known = {*REQUIRED[INTERACTIONS], "EVENT_TYPE", "EVENT_VALUE"}
    return Interaction(
        user_id=row["USER_ID"],
        item_id=row["ITEM_ID"],
        event_type=row.get("EVENT_TYPE", ORDERED),
        at=int(row["TIMESTAMP"]),
        context={name: value for name, value in row.items() if name not in known and value},
    )


def attributes(rows: Iterable[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the attributes of each article."""
    return {row["ITEM_ID"]: {name: value for name, value in row.items() if name != "ITEM_ID"} for row in rows}


def enough(interactions: Sequence[Interaction]) -> None:
    """Check that there is as much as AWS asks for before it trains.

    Raises:
        DataError: there is too little; the message says how much there is.
    """
    counts: dict[str, int] = {}
    for one in interactions:
        counts[one.user_id] = counts.get(one.user_id, 0) + 1
    users = sum(count > 1 for count in counts.values())
    if len(interactions) < _LEAST_INTERACTIONS or users < _LEAST_USERS:
        raise DataError(
            f"there are {len(interactions)} interactions, and {users} users with two or more: a training needs "
            f"{_LEAST_INTERACTIONS} and {_LEAST_USERS}"
        )


def _plain(kind: Any) -> str:
    return next(one for one in kind if one != "null") if isinstance(kind, list) else str(kind)
