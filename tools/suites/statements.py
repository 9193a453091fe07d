"""What of the shipped statements no engine on a laptop can run as it stands, and why.

`make test` prints it. Everything else runs on an engine in some test: `tests/unit/sql/test_statements_run.py` names it,
and fails for a place of statements that neither of them knows.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutEngine:
    """A statement that only AWS runs.

    Attributes:
        place: the file that it is in.
        statement: words of it that are in the file.
        why: what keeps it from running here, and what runs in its place.
    """

    place: str
    statement: str
    why: str

    @property
    def what(self) -> str:
        """What is not run, as the summary has it."""
        return f"`{self.statement}` of {self.place}"


WITHOUT_ENGINE: Final = (
    WithoutEngine(
        place="sql/models/shared/shared_identities.sql",
        statement="insert_overwrite",
        why="the twin's lake has no table of plain Parquet that dbt replaces; a test runs the model's query on Trino",
    ),
    WithoutEngine(
        place="sql/warehouse/10_prepare.sql",
        statement="CREATE EXTERNAL SCHEMA",
        why="PostgreSQL has no schema of another catalog; the twin gives it what Trino reads of the same files",
    ),
    WithoutEngine(
        place="sql/warehouse/10_prepare.sql",
        statement="DISTSTYLE",
        why="where rows and their copies lie on Redshift's nodes means nothing to PostgreSQL, so it is left out there",
    ),
    WithoutEngine(
        place="sql/warehouse/10_prepare.sql",
        statement="SORTKEY",
        why="in which order rows lie in Redshift's blocks means nothing to PostgreSQL, so it is left out there",
    ),
    WithoutEngine(
        place="sql/macros/incremental.sql",
        statement="rewrite data using bin_pack",
        why="it is Athena's own statement; the twin merges small files with what Trino has for it, `EXECUTE optimize`",
    ),
    WithoutEngine(
        place="sql/macros/incremental.sql",
        statement="vacuum",
        why="it is Athena's own; the twin forgets snapshots with what Trino has for it, `EXECUTE expire_snapshots`",
    ),
)
