"""What DataBrew reads: columns of a mart, in types that it can profile."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from c360_core.names import TableName
from stacks.analytics.preparation.recipe import Columns, Kind
from stacks.shared.marts import UnknownMartError, mart_types

MART: Final = "customer_360"
# Contact data is masked in the marts, and still nothing that a table of features needs.
COLUMNS: Final = (
    "person_id",
    "state",
    "language",
    "time_zone",
    "loyalty_tier",
    "loyalty_points",
    "orders",
    "returns",
    "spend",
    "currency",
    "average_basket",
    "visits",
    "cases_opened",
    "csat_average",
)
# A profile says what is frequent in a column, and whose row it is is nobody's business there.
NOT_PROFILED: Final = ("person_id",)
# DataBrew profiles neither decimals nor times: money becomes a floating-point number, which cents survive.
_KINDS: Final = {
    "varchar": Kind.TEXT,
    "integer": Kind.WHOLE,
    "bigint": Kind.WHOLE,
    "decimal": Kind.NUMBER,
    "double": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
}
_IN_SQL: Final = {
    Kind.TEXT: "varchar",
    Kind.WHOLE: "bigint",
    Kind.NUMBER: "double",
    Kind.BOOLEAN: "boolean",
}


class DataSetError(ValueError):
    """A data set that its mart cannot fill; the message names the column and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A table that DataBrew reads, and how it is filled.

    Attributes:
        table: in the catalog.
        mart: what it is filled from.
        columns: their types in the catalog.
    """

    table: str
    mart: str
    columns: Columns

    def unload(self, database: str, location: str) -> str:
        """Return the statement that writes the rows to an empty place, as plain Parquet."""
        selected = ", ".join(f'CAST("{name}" AS {_IN_SQL[kind]}) AS "{name}"' for name, kind in self.columns.items())
        # Names of our own models; S3 encrypts by the default of the bucket.
        query = f'SELECT {selected} FROM "{database}"."{self.mart}"'  # noqa: S608
        return f"UNLOAD ({query}) TO '{location}' WITH (format = 'PARQUET', compression = 'SNAPPY')"


def customers(dbt_project: Path) -> DataSet:
    """Return the customers, as the mart has them.

    Raises:
        DataSetError: the mart has lost a column, or it has become of a type that DataBrew does not know.
    """
    types = _types_of(MART, dbt_project)
    return DataSet(
        table=TableName.CUSTOMERS_TO_PREPARE,
        mart=MART,
        columns={name: _kind(name, types) for name in COLUMNS},
    )


def _types_of(mart: str, dbt_project: Path) -> Mapping[str, str]:
    try:
        return mart_types(mart, dbt_project)
    except UnknownMartError as error:
        raise DataSetError(f"{error} in {__name__}") from error


def _kind(name: str, types: Mapping[str, str]) -> Kind:
    if name not in types:
        raise DataSetError(f"{MART} has no column {name}; it has {', '.join(types)}. Change COLUMNS in {__name__}")
    kind = _KINDS.get(types[name].partition("(")[0])
    if kind is None:
        raise DataSetError(f"{MART}.{name} is {types[name]}, which DataBrew does not profile; leave it out")
    return kind
