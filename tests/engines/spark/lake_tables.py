"""The lake's tables as Spark creates them; in production the templates do."""

from c360_core.contracts import Table
from c360_core.projections import spark_type


def spark_ddl(table: Table, identifier: str) -> str:
    """Return `CREATE TABLE IF NOT EXISTS` for an Iceberg table; `identifier` is catalog.database.table."""
    columns = ",\n".join(
        f"  `{field.name}` {spark_type(field)} COMMENT '{_quoted(field.description)}'" for field in table.fields
    )
    partition = f"\nPARTITIONED BY ({table.partition.replace('day(', 'days(')})" if table.partition else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {identifier} (\n{columns}\n)\nUSING iceberg{partition}\n"
        "TBLPROPERTIES ('format-version' = '2')"
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
