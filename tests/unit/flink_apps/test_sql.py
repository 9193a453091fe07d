"""The SQL files of the applications are cut into statements, and every place in them is filled."""

from collections import defaultdict

import pytest

from flink_apps.shared.sql import SqlText, statements
from flink_apps.unify.pipeline import PACKAGE as UNIFY
from twin.settings import ROOT

CLEAN = "flink_apps.clean"  # by name: the application itself needs PyFlink
FILES = sorted(path.name for path in (ROOT / "flink_apps" / "clean" / "sql").glob("*.sql"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_clean_is_one_statement(name: str) -> None:
    [statement] = statements(CLEAN, name, defaultdict(lambda: "filled"))

    assert statement.startswith("INSERT INTO filled" if name.startswith("write_") else "SELECT")
    assert "@{" not in statement


def test_a_folder_is_read_in_the_order_of_its_files() -> None:
    found = statements(UNIFY, "messages", defaultdict(lambda: "filled"))

    assert found[0].startswith("CREATE TEMPORARY VIEW change AS")
    assert found[-1].startswith("INSERT INTO filled (\n  rejected_id")
    assert [line for statement in found for line in statement.splitlines() if line.startswith("--")] == []


def test_a_place_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="source"):
        statements(CLEAN, "checked.sql", {"event": "1"})


def test_dollars_are_left_to_json_paths() -> None:
    assert SqlText("JSON_VALUE(@{column}, '$.csat')").substitute(column="payload") == "JSON_VALUE(payload, '$.csat')"
