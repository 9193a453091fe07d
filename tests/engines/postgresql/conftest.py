"""One PostgreSQL for every test here, and a lake of rows in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twin.engines.databases import start_postgresql
from twin.engines.postgresql import DATABASE, PostgreSql
from twin.providers.redshift.database import Database, ExternalSchema, LakeTable, Outcome
from twin.providers.redshift.streams import Record

ADMINISTRATOR = "administrator"


@dataclass
class Lake:
    """Tables by database of the catalog and name: the types of their columns, and rows."""

    types: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    reads: list[tuple[str, str, Sequence[str]]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def stream(self, _role: str, _stream: str, positions: Mapping[str, str]) -> Iterator[Record]:
        return (one for one in self.records if int(one.sequence) > int(positions.get(one.shard, -1)))

    def read(self, schema: ExternalSchema, table: str) -> LakeTable:
        key = (schema.database, table)

        def rows(chosen: Sequence[str]) -> Iterator[Sequence[Any]]:
            self.reads.append((*key, tuple(chosen)))
            return ([row.get(column) for column in chosen] for row in self.rows[key])

        return LakeTable(columns=self.types[key], rows=rows)


@dataclass(frozen=True)
class Warehouse:
    """A database of a namespace, and the lake that it reads."""

    database: Database
    lake: Lake

    def run(self, *statements: str, user: str = ADMINISTRATOR) -> list[Outcome]:
        outcomes: list[Outcome] = []
        self.database.run(statements, user, outcomes.append)
        return outcomes

    def rows(self, statement: str, user: str = ADMINISTRATOR) -> list[tuple[Any, ...]]:
        [outcome] = self.run(statement, user=user)
        return [tuple(row) for row in outcome.rows]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    folder: Path = tmp_path_factory.mktemp("postgresql")
    started = PostgreSql(server=start_postgresql(folder, database=DATABASE, password="of-a-test"))
    yield started
    started.stop()


@pytest.fixture
def warehouse(server: PostgreSql) -> Warehouse:
    """An empty warehouse."""
    with server.connect() as connection:
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        ).fetchall()
        for (name,) in schemas:
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')
    lake = Lake()
    database = Database(
        connect=server.connect,
        administrator=ADMINISTRATOR,
        read_lake=lake.read,
        check_model=lambda _values: None,
        read_stream=lake.stream,
    )
    return Warehouse(database=database, lake=lake)
