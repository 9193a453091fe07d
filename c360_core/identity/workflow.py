"""The matching workflow as data: the matcher's columns, their match keys, and the ordered rules.

The template turns these tables into the schema mapping and the matching workflow of AWS Entity Resolution. The job
`identity_prepare` writes exactly these columns, and the clustering ranks the service's groups in the same order.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from c360_core.digests import digest

FieldType = Literal["UNIQUE_ID", "EMAIL_ADDRESS", "PHONE", "DATE", "STRING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchField:
    """One column of the matcher's input.

    Attributes:
        name: column name.
        type: Entity Resolution's type of the field.
        match_key: the name that rules use; None if the column is only passed through.
    """

    name: str
    type: FieldType
    match_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRule:
    """One rule: records that agree on every match key match. Its position in `MATCH_RULES` is its priority."""

    name: str
    match_keys: tuple[str, ...]


MATCH_RECORD_ID: Final = "match_record_id"

# Names and addresses are plain STRINGs: the service groups its name and address types and compares whole groups, but
# the rules compare parts. All values are already normalised, so the service must not normalise them again: it would
# drop house numbers and the dots in every e-mail address, which are evidence.
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

# Every rule needs a name: a mailbox or phone number alone may be shared. Single identifiers are left to the clustering,
# which sees all records that share one. In the matcher, matched records leave the pool, and the remaining records of a
# couple's shared mailbox would look like one person.
MATCH_RULES: Final = (
    MatchRule(name="name-birth-date", match_keys=("FirstName", "LastName", "BirthDate")),
    MatchRule(name="name-address", match_keys=("FirstName", "LastName", "Street", "PostalCode")),
    MatchRule(name="first-name-birth-date-postal-code", match_keys=("FirstName", "BirthDate", "PostalCode")),
    MatchRule(name="last-name-birth-date-postal-code", match_keys=("LastName", "BirthDate", "PostalCode")),
    MatchRule(name="email-last-name", match_keys=("Email", "LastName")),
    MatchRule(name="phone-last-name", match_keys=("Phone", "LastName")),
)

# The id under which a partner's clean room knows a customer: the beginning of the hash of the address.
SHARED_ID: Final = "customer_id"
SHARED_ID_LENGTH: Final = 32  # Entity Resolution takes up to 38 characters
# What a partner's records are compared with: the columns of the rules, each value as its SHA-256. Partners bring theirs
# in the same form, and no service sees a value.
SHARED_FIELDS: Final = (
    MatchField(name=SHARED_ID, type="UNIQUE_ID"),
    *(replace(field, type="STRING") for field in MATCH_FIELDS if field.match_key is not None),
)

# Columns that the matcher returns besides its own: enough to find the record, no personal data.
OUTPUT_FIELDS: Final = (MATCH_RECORD_ID, "record_id")

SCHEMA_DESCRIPTION: Final = "Columns of the matcher's input"


def schema_version(fields: Sequence[MatchField] = MATCH_FIELDS, description: str = SCHEMA_DESCRIPTION) -> str:
    """Return eight characters that change whenever the schema mapping changes.

    They are part of its name, because Entity Resolution does not allow changes to a mapping that a workflow uses: a new
    mapping is created, the workflow switches to it, and the old one is deleted.
    """
    content = json.dumps([description, [asdict(field) for field in fields]], sort_keys=True)
    return digest(content, digits=8)
