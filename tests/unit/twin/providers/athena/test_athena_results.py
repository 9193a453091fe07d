"""Values, types and files as Athena shows them."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.providers.athena import results


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "varchar", None),
        (True, "boolean", "true"),
        ("12.30", "decimal(14,2)", "12.30"),
        ("2026-01-01 00:00:00.000000", "timestamp(6)", "2026-01-01 00:00:00.000000"),
        ("aGk=", "varbinary", "68 69"),
        (["a", None], "array(varchar(3))", "[a, null]"),
        ([[True]], "array(array(boolean))", "[[true]]"),
        ({"a": "1.0"}, "map(varchar, decimal(2,1))", "{a=1.0}"),
        ([1, ["x"]], 'row("a" bigint, b array(varchar))', "{a=1, b=[x]}"),
    ],
)
def test_values_are_written_as_athena_does(value: Any, kind: str, expected: str | None) -> None:
    assert results.text(value, kind) == expected


def test_columns_are_described_with_precision_and_scale() -> None:
    described = results.column_info("spend", "decimal(14,2)")
    assert (described["Type"], described["Precision"], described["Scale"]) == ("decimal", 14, 2)
    assert results.column_info("at", "timestamp(6) with time zone")["Type"] == "timestamp with time zone"
    assert results.column_info("share", "real")["Type"] == "float"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("varchar(10)", "string"),
        ("integer", "int"),
        ("decimal(14, 2)", "decimal(14,2)"),
        ("timestamp(6)", "timestamp"),
        ("array(row(a bigint, b varchar))", "array<struct<a:bigint,b:string>>"),
        ("map(varchar, double)", "map<string,double>"),
    ],
)
def test_types_have_the_catalogs_names(kind: str, expected: str) -> None:
    assert results.hive_type(kind) == expected


def test_null_and_empty_text_differ_in_the_file() -> None:
    assert results.csv_document(["a", "b"], [[None, ""]]) == b'"a","b"\n,""\n'


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"))


@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_texts_come_back_from_the_file_as_they_were(rows: list[list[str]]) -> None:
    document = results.csv_document(["a", "b"], rows).decode()
    assert list(csv.reader(io.StringIO(document, newline="")))[1:] == rows
