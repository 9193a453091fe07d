"""The matching workflow as data: which columns the matcher gets, under which match keys, and the ordered rules.

The template turns these tables into the schema mapping and the matching workflow of AWS Entity Resolution, the
preparation job writes exactly these columns, and the clustering ranks the service's answer by the same order.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

FieldType = Literal["UNIQUE_ID", "EMAIL_ADDRESS", "PHONE", "DATE", "STRING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchField:
    """One column of the matcher's input.

    Attributes:
        name: column name.
        type: Entity Resolution's type of the field.
        match_key: the name that rules use; None when the column is only carried along.
    """

    name: str
    type: FieldType
    match_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRule:
    """One rule: records agree on every match key. Position in `MATCH_RULES` is the level of the waterfall."""

    name: str
    match_keys: tuple[str, ...]


MATCH_RECORD_ID: Final = "match_record_id"

# Names and address are plain STRINGs: the service wants its name and address types in groups, which it compares whole,
# while the rules compare the parts. All values arrive normalised, so the service must not normalise them again: that
# would drop house numbers and the dots of every e-mail address, and with them evidence.
MATCH_FIELDS: Final = (
    MatchField(name=MATCH_RECORD_ID, type="UNIQUE_ID"),
    MatchField(name="record_id", type="STRING"),
    MatchField(name="first_name", type="STRING", match_key="FirstName"),
    MatchField(name="last_name", type="STRING", match_key="LastName"),
    MatchField(name="birth_date", type="DATE", match_key="BirthDate"),
    MatchField(name="street", type="STRING", match_key="Street"),
    MatchField(name="postal_code", type="STRING", match_key="PostalCode"),
    MatchField(name="email", type="EMAIL_ADDRESS", match_key="Email"),
    MatchField(name="phone", type="PHONE", match_key="Phone"),
)

# Every rule asks for a name: a mailbox or a number alone says who shares it, not who it is. Such single identifiers are
# left to the clustering, which sees all who share one; here, matched records leave the pool, and what remains of a
# couple's common mailbox would look like one person.
MATCH_RULES: Final = (
    MatchRule(name="name-birth-date", match_keys=("FirstName", "LastName", "BirthDate")),
    MatchRule(name="name-address", match_keys=("FirstName", "LastName", "Street", "PostalCode")),
    MatchRule(name="first-name-birth-date-postal-code", match_keys=("FirstName", "BirthDate", "PostalCode")),
    MatchRule(name="last-name-birth-date-postal-code", match_keys=("LastName", "BirthDate", "PostalCode")),
    MatchRule(name="email-last-name", match_keys=("Email", "LastName")),
    MatchRule(name="phone-last-name", match_keys=("Phone", "LastName")),
)

# Columns that the matcher hands back beside its own: enough to find the record, nothing personal.
OUTPUT_FIELDS: Final = (MATCH_RECORD_ID, "record_id")

SCHEMA_DESCRIPTION: Final = "Columns of the matcher's input"


def schema_version(fields: Sequence[MatchField] = MATCH_FIELDS, description: str = SCHEMA_DESCRIPTION) -> str:
    """Return eight characters that change with anything that a schema mapping says.

    They are a part of its name, since Entity Resolution lets nobody change a mapping that a workflow uses: another
    mapping is made, the workflow moves over to it, and the old one goes.
    """
    said = json.dumps([description, [asdict(field) for field in fields]], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:8]
