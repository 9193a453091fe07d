"""The statements that load the warehouse, from the files of `sql/warehouse`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

_ONCE: Final = "-- once"
_COMMENT: Final = re.compile(r"^--.*\n?", re.MULTILINE)
_END: Final = re.compile(r";\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Statements that run one after the other in one transaction.

    Attributes:
        name: of the file, without its number.
        once: what it makes may be there already.
        statements: the statements, without a semicolon.
    """

    name: str
    once: bool
    statements: Sequence[str]


def read_batches(folder: Path, values: Mapping[str, str]) -> Sequence[Batch]:
    """Return a batch for each file, in the order of their numbers.

    A file whose first line is `-- once` makes something that Redshift cannot make only if it is missing.

    Args:
        folder: has the files, which are named by a number and what they do.
        values: of the placeholders `${name}`.

    Raises:
        KeyError: a file has a placeholder without a value.
        ValueError: a file has no statement, or one without a semicolon.
    """
    return [_read(path, values) for path in sorted(folder.glob("*.sql"))]


def _read(path: Path, values: Mapping[str, str]) -> Batch:
    text = path.read_text(encoding="utf-8")
    *statements, rest = _END.split(Template(_COMMENT.sub("", text)).substitute(values))
    if not statements or rest.strip():
        raise ValueError(f"{path}: end each statement with a semicolon at the end of its line")
    return Batch(
        name=path.stem.partition("_")[2],
        once=text.startswith(_ONCE),
        statements=[statement.strip() for statement in statements],
    )
