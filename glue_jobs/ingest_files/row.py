"""One row of a landed file, whatever its format."""

import json
from dataclasses import dataclass
from typing import Final

JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
UNREADABLE_ROW: Final = 0  # number of the row that says why the rest of the file cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a file, as texts for Spark to cast.

    Attributes:
        number: 1 is the first row after the header.
        values: texts of the contract's columns, in its order; None for no value.
        body: the row as received, a JSON object of its texts; the raw text if it could not be split into columns.
        code: reason code if it could not be split into columns, else None.
        reason: the reason, with line and fix.
    """

    number: int
    values: tuple[str | None, ...]
    body: str
    code: str | None = None
    reason: str | None = None
