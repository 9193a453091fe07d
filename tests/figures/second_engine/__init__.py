"""The figures of the marts from another engine: DuckDB, on the rows of the same Iceberg files, in SQL of its own.

Each mart has a file here that says what its rows are, from the tables of the lake alone: no model of dbt is read. The
shared views (`views.sql`) are what DuckDB makes of the deliveries of an event and of the people of now.
"""

from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow
from pyiceberg.catalog.glue import GlueCatalog

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack

FOLDER: Final = Path(__file__).parent
VIEWS: Final = FOLDER / "views.sql"
# What the marts are made of, by database.
SOURCES: Final = {
    lake.RAW: ("interactions",),
    lake.CURATED: (
        "identity_map",
        "identity_records",
        "identifier_map",
        "profiles",
        "segment_membership",
        "reference_demographics",
        "reference_credit_bands",
        "reference_advertising_audiences",
    ),
    lake.PRODUCTS: ("quality_results",),
}
# Answers of which other answers are made, as the marts are: views in the schema `answers`.
BASES: Final = ("spend_by_currency", "person_activity", "rfm", "churn_features")


def marts() -> list[str]:
    """Return the marts that have an answer here."""
    return sorted(path.stem for path in FOLDER.glob("*.sql") if path != VIEWS)


class SecondEngine:
    """DuckDB with the lake's tables as they are now.

    Args:
        stack: the emulator with the lake.
    """

    def __init__(self, stack: Stack) -> None:
        endpoint = stack.settings.endpoint
        places: dict[str, Any] = {"glue.endpoint": endpoint, "s3.endpoint": endpoint, "s3.region": "us-east-1"}
        self._catalog = GlueCatalog("twin", **places)
        self._duckdb = duckdb.connect()
        for database, tables in SOURCES.items():
            for table in tables:
                self._duckdb.register(table, self._rows(database, table))
        self._duckdb.execute(VIEWS.read_text(encoding="utf-8"))
        self._duckdb.execute("CREATE SCHEMA answers")
        for mart in BASES:
            self._duckdb.execute(f"CREATE VIEW answers.{mart} AS {self.answer(mart)}")

    def differences(self, mart: str) -> list[tuple[Any, ...]]:
        """Return the rows that only one of the two has, each with the name of the one; none if the figures agree."""
        built = self._rows(lake.PRODUCTS, mart)
        columns = ", ".join(f'"{name}"' for name in built.column_names)
        self._duckdb.register("built", built)
        self._duckdb.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {self.answer(mart)}")
        found = self._duckdb.execute(
            f"SELECT 'Trino' AS only_in, * FROM (SELECT {columns} FROM built EXCEPT ALL SELECT {columns} FROM answer) "
            f"UNION ALL SELECT 'DuckDB', * FROM (SELECT {columns} FROM answer EXCEPT ALL SELECT {columns} FROM built)"
        )
        return list(found.fetchall())

    def answer(self, mart: str) -> str:
        """Return the statement that says what a mart's rows are."""
        return (FOLDER / f"{mart}.sql").read_text(encoding="utf-8")

    def count(self, mart: str) -> int:
        """Return how many rows the answer has."""
        return len(self._duckdb.execute(self.answer(mart)).fetchall())

    def keep(self, mart: str) -> str:
        """Return a table with the answer of a mart, which is computed once."""
        table = f"kept_{mart}"
        self._duckdb.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} AS {self.answer(mart)}")
        return table

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, which may read what is kept."""
        return list(self._duckdb.execute(statement).fetchall())

    def _rows(self, database: str, table: str) -> pyarrow.Table:
        """Return the rows of an Iceberg table; its times are UTC, which DuckDB need not be told."""
        rows = self._catalog.load_table((database, table)).scan().to_arrow()
        naive = [
            pyarrow.field(f.name, pyarrow.timestamp("us") if pyarrow.types.is_timestamp(f.type) else f.type)
            for f in rows.schema
        ]
        return rows.cast(pyarrow.schema(naive))
