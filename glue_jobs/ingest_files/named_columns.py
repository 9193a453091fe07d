"""Turns records of named values, as JSON, XML and Parquet have them, into rows of the contract's columns."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from c360_core.contracts import Field, FileFormat, Table
from c360_core.exact_json import shown
from c360_core.file_text import Texts
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import Row, bad_row

MAX_EXTRA_NAMES: Final = 20  # names of unknown columns that the reason lists; a file may have as many as values
HIDDEN_NAME: Final = "(a name that may be a value)"

# Where a column is: by the name of a part, the number of a column, or the parts below.
_Tree = dict[str, Any]


class _WrongRecordError(Exception):
    """A record cannot be split into columns; `code` and the message say why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class NamedColumns:
    """Finds the columns of a contract in records, and remembers which it found."""

    def __init__(self, table: Table, file_format: FileFormat) -> None:
        """Take the contract's columns and where its file format says they are."""
        self._fields = [table.field(name) for name in table.file_columns]
        self._format = file_format
        self._texts = Texts(file_format)
        self._ignores_case = file_format.header_case == "ignore"
        self._tree: _Tree = {}
        for place, field in enumerate(self._fields):
            *above, last = file_format.path(field.name)
            tree = self._tree
            for part in above:
                tree = tree.setdefault(self._name(part), {})
            tree[self._name(last)] = place
        self._records = 0
        self._found: set[int] = set()
        self._extra: dict[str, None] = {}

    @property
    def extra(self) -> tuple[str, ...]:
        """The names that are not in the contract, in the order in which they were found; the first of them."""
        return tuple(self._extra)

    def check_complete(self) -> None:
        """Raise RefusedFileError if there were records, and none had one of the columns: a file without the column."""
        missing = [field for place, field in enumerate(self._fields) if place not in self._found]
        if self._records and missing and self._format.missing_columns == "reject":
            raise RefusedFileError(
                "MISSING_COLUMN",
                f"column {self._quoted(missing)} is missing: no row of the file has it; add it (null where unknown)"
                f"{self._other_case(missing)}",
            )

    def row(self, number: int, where: str, record: Mapping[str, Any], body: str) -> Row:
        """Return the row of a record.

        Args:
            number: of the row.
            where: row and line, for the reason.
            record: its values by name: texts, truths, whole numbers, decimals, None, and records within it.
            body: the record as received.
        """
        try:
            values = self._values(record)
            texts = tuple(self._text(field, values.get(place)) for place, field in enumerate(self._fields))
        except _WrongRecordError as error:
            columns = len(self._fields)
            return bad_row(number, body, columns=columns, code=error.code, reason=f"{where}, {error}")
        return Row(number=number, values=texts, body=body)

    def _name(self, name: str) -> str:
        return name.casefold() if self._ignores_case else name

    def _values(self, record: Mapping[str, Any]) -> dict[int, Any]:
        """Return the values of a record by the number of their column."""
        values = dict(self._collected(record, self._tree, ()))
        self._records += 1
        self._found |= values.keys()
        missing = [field for place, field in enumerate(self._fields) if place not in values]
        if missing and self._format.missing_columns == "reject":
            raise _WrongRecordError(
                "MISSING_COLUMN",
                f"has no column {self._quoted(missing)}; send every column, with null where it is unknown",
            )
        return values

    def _collected(self, record: Mapping[str, Any], tree: _Tree, above: tuple[str, ...]) -> Iterator[tuple[int, Any]]:
        """Yield the number and the value of each column that the record has."""
        seen: set[str] = set()
        for given, value in record.items():
            name, path = self._name(given), (*above, given)
            below = tree.get(name)
            if name in seen:
                raise _WrongRecordError("EXTRA_COLUMN", f"has `{_shown(path)}` twice; send each column once")
            seen.add(name)
            if below is None:
                if len(self._extra) < MAX_EXTRA_NAMES:
                    self._extra[_shown(path)] = None
            elif isinstance(below, int):
                yield below, value
            elif value is None:
                yield from ((place, None) for place in _places(below))
            elif isinstance(value, Mapping):
                yield from self._collected(value, below, path)
            else:
                columns = [self._fields[place] for place in _places(below)]
                raise _WrongRecordError(
                    "WRONG_TYPE",
                    f"has {_kind(value)} under `{_shown(path)}`, where the contract finds {self._quoted(columns)}; "
                    "send an object, or correct `fileFormat.columns`",
                )

    def _text(self, field: Field, value: Any) -> str | None:
        """Return a value as the text that a CSV file would have for it."""
        if value is None:
            return None
        kind = field.logical_type
        if isinstance(value, str):
            return self._texts.value(value, kind)
        if isinstance(value, bool):
            text = ("true" if value else "false") if kind == "boolean" else None
        elif isinstance(value, int):
            text = str(value) if kind in {"integer", "number", "string", "boolean"} else None
        else:
            text = _decimal(value, kind) if isinstance(value, Decimal) else None
        if text is None:
            raise _WrongRecordError("WRONG_TYPE", f"has {_kind(value)} in column `{field.name}`; {_fix(value, kind)}")
        return self._texts.value(text, kind)

    def _quoted(self, fields: list[Field]) -> str:
        paths = {field.name: ".".join(self._format.path(field.name)) for field in fields}
        return ", ".join(f"`{name}`" if name == path else f"`{name}` (`{path}`)" for name, path in paths.items())

    def _other_case(self, missing: list[Field]) -> str:
        extra = {name.casefold() for name in self._extra}
        if not all(".".join(self._format.path(field.name)).casefold() in extra for field in missing):
            return ""
        return ". The file has it in another case (upper or lower): `fileFormat.headerCase: ignore` would read it"


def _shown(path: tuple[str, ...]) -> str:
    """Return a path for a reason: a key that looks like no name may be a value, such as an address."""
    return shown(path) or HIDDEN_NAME


def _places(tree: _Tree) -> Iterator[int]:
    for below in tree.values():
        if isinstance(below, int):
            yield below
        else:
            yield from _places(below)


def _decimal(value: Decimal, kind: str) -> str | None:
    """Return the plain digits of a number, as many as it has; None where the column holds no such numbers.

    3.0 is a whole number. A number that is not whole keeps its digits, and the check of the column's type reports it.
    """
    if kind not in {"integer", "number"}:
        return None
    is_whole = kind == "integer" and value == value.to_integral_value()
    return format(value.to_integral_value() if is_whole else value, "f")


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def _fix(value: Any, kind: str) -> str:
    if isinstance(value, Mapping):
        return "name the value inside it under `fileFormat.columns`, as `<name>.<name>`"
    if isinstance(value, list):
        return "send one value"
    if kind == "boolean":
        return "send true or false"
    return f"the contract says {kind}: send it as text" if kind != "number" else "send a number"
