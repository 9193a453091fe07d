"""Tables of file sources for tests of single readers: columns with nothing but a name and a type."""

from collections.abc import Mapping

from c360_core.contracts import Field, Table
from c360_core.names import PiiClass, Zone


def file_table(columns: Mapping[str, str], *, key: str | None = None) -> Table:
    """Return a table whose columns have these logical types; `key` names the one that no two rows share."""
    fields = tuple(
        Field(
            name=name,
            description="-",
            logical_type=kind,
            required=name == key,
            unique=name == key,
            classification=PiiClass.NONE,
            precision=14 if kind == "number" else None,
            scale=2 if kind == "number" else None,
        )
        for name, kind in columns.items()
    )
    return Table(name="files", description="-", zone=Zone.RAW, fields=fields, file_columns=tuple(columns))
