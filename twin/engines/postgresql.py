"""PostgreSQL, the engine behind the twin's Redshift: the server that also stands for an order system, on other data."""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from twin.engines.databases import DatabaseServer, start_postgresql
from twin.engines.engine import Engine
from twin.processes.process import LOOPBACK

if TYPE_CHECKING:
    import psycopg

DATABASE: Final = "redshift"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSql:
    """A running server."""

    server: DatabaseServer

    def connect(self, database: str = DATABASE, *, autocommit: bool = False) -> "psycopg.Connection[Any]":
        """Open a connection of the server's own administrator."""
        import psycopg

        return psycopg.connect(
            host=LOOPBACK,
            port=self.server.port,
            dbname=database,
            user=self.server.user,
            password=self.server.password,
            sslmode="require",
            autocommit=autocommit,
        )

    def stop(self) -> None:
        """End the server; its data stays."""
        self.server.stop()


class PostgreSqlEngine(Engine[PostgreSql]):
    """The engine of Redshift's statements; it keeps its data as long as the emulator's folder."""

    name = "PostgreSQL"

    def start(self) -> PostgreSql:
        """Start the server, with the data that it had."""
        folder = self.settings.home / "postgresql"
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "administrator"
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(), encoding="ascii")
        password = kept.read_text(encoding="ascii")
        return PostgreSql(server=start_postgresql(folder, database=DATABASE, password=password))

    def alive(self, running: PostgreSql) -> bool:
        """Tell whether the server's process runs."""
        return running.server.child.poll() is None
