"""The prepared statements say what they are, and take as many values as they name."""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from stacks.analytics.prepared_statements import PreparedQuery

SQL = Path(__file__).resolve().parents[3] / "sql"
FILES = sorted((SQL / "prepared_statements").glob("*.sql"))
MARTS = {path.stem for path in (SQL / "models" / "marts").glob("*.sql")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_value_has_a_name(path: Path) -> None:
    query = PreparedQuery.read(path)
    tree = sqlglot.parse_one(query.statement, dialect="athena")
    assert len(list(tree.find_all(exp.Placeholder))) == len(query.parameters) > 0
    assert query.told == f"{query.description} Parameters: {', '.join(query.parameters)}."


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_marts_are_asked(path: Path) -> None:
    """Whoever executes one names the database of the marts; a statement has no database of its own."""
    tree = sqlglot.parse_one(PreparedQuery.read(path).statement, dialect="athena")
    tables = list(tree.find_all(exp.Table))
    assert {table.name for table in tables} <= MARTS
    assert [table.db for table in tables if table.db] == []


def test_a_file_without_its_headings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.sql"
    path.write_text("-- description: One.\nSELECT 1 FROM rfm WHERE cell = ?\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bare\.sql: begin the file with the lines `-- description: "):
        PreparedQuery.read(path)
