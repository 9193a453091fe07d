"""Landed files of JSON lines."""

import gzip
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW, Row
from tests.factories.file_tables import file_table

COLUMNS = {"id": "string", "age": "integer", "spent": "number", "member": "boolean", "since": "date"}
TABLE = file_table(COLUMNS, key="id")
PLAIN = FileFormat(type="json_lines")
ANN = {"id": "C1", "age": 41, "spent": 12.5, "member": True, "since": "2026-03-01"}
BOB = {"id": "C2", "age": None, "spent": None, "member": None, "since": None}
READ_ANN = ("C1", "41", "12.5", "true", "2026-03-01")
READ_BOB = ("C2", None, None, None, None)


def in_pieces(content: bytes, size: int = 7) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def rows_of(content: str | bytes, file_format: FileFormat = PLAIN, size: int = 7) -> list[Row]:
    pieces = in_pieces(content if isinstance(content, bytes) else content.encode(), size)
    inspect(pieces, TABLE, file_format)
    return list(rows(pieces, TABLE, file_format))


def written(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def row_of(line: str, file_format: FileFormat = PLAIN) -> Row:
    """Return the row of a line, which stands behind a good one."""
    return rows_of(written(ANN) + line, file_format)[1]


def refusal(content: str | bytes, file_format: FileFormat = PLAIN) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        rows_of(content, file_format)
    return raised.value


def test_values_become_the_texts_of_the_contracts_columns_whatever_their_order() -> None:
    ann, bob = rows_of(written(dict(reversed(ANN.items())), BOB))
    assert (ann.values, bob.values) == (READ_ANN, READ_BOB)
    assert json.loads(ann.body) == ANN


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "content",
    [
        written(ANN, BOB),
        written(ANN, BOB).replace("\n", "\r\n"),
        "\n \n" + written(ANN) + "\n" + written(BOB).rstrip("\n"),
        "\ufeff" + written(ANN, BOB),
        gzip.compress(written(ANN, BOB).encode(), mtime=0),
    ],
    ids=["plain", "two line ends", "empty lines", "byte order mark", "gzip"],
)
def test_the_same_rows_are_read_from_any_line_ends(content: str | bytes, size: int) -> None:
    assert [row.values for row in rows_of(content, size=size)] == [READ_ANN, READ_BOB]


def test_an_empty_file_is_an_empty_export() -> None:
    assert rows_of("") == rows_of("\n\n") == []


@pytest.mark.parametrize(
    ("column", "given", "text"),
    [
        ("spent", "0.1", "0.1"),
        ("spent", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
        ("spent", "9007199254740993", "9007199254740993"),
        ("spent", "1.50", "1.50"),
        ("spent", "15e-1", "1.5"),
        ("spent", '"12.50"', "12.50"),
        ("spent", "1e20", "100000000000000000000"),
        ("age", "3.0", "3"),
        ("age", "3e0", "3"),
        ("age", "3.5", "3.5"),
        ("age", '"3"', "3"),
        ("age", '"three"', "three"),
        ("id", "9007199254740993", "9007199254740993"),
        ("id", '"  \\u00e9 "', "  é "),
        ("id", '""', None),
        ("member", "false", "false"),
        ("member", '"TRUE"', "true"),
        ("since", '"01.03.2026"', "01.03.2026"),
    ],
)
def test_a_value_keeps_its_exact_digits_and_its_text(column: str, given: str, text: str | None) -> None:
    """Also a text that the column's type does not take: the check of types reports it, as for CSV."""
    line = json.dumps({**BOB, column: "?"}).replace('"?"', given)
    row = row_of(line)
    assert row.code is None, row.reason
    assert row.values[list(COLUMNS).index(column)] == text
    assert json.loads(row.body, parse_float=Decimal) == json.loads(line, parse_float=Decimal)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ('{"id": "C9"', "MALFORMED_JSON", "is no JSON object: Expecting ',' delimiter at character 12"),
        ("id,age", "MALFORMED_JSON", "is no JSON object"),
        ("[1, 2]", "MALFORMED_JSON", "is JSON but no object"),
        ("null", "MALFORMED_JSON", "is JSON but no object"),
        (written(BOB).strip() * 2, "MALFORMED_JSON", "Extra data"),
        (written(BOB).replace("null", "NaN"), "MALFORMED_JSON", "`age` is no JSON number"),
        (written(BOB).replace("null", "1" * 65), "OUT_OF_RANGE", "`age` is a number that is too long"),
        (written(BOB).replace("null", "1e999999999999"), "OUT_OF_RANGE", "`age` is a number that is too long"),
        (written(BOB).replace('"C2"', '"C2", "age": 3'), "MALFORMED_JSON", "`age` is there more than once"),
        (written(BOB).replace('"C2"', '"C\\ud800"'), "MALFORMED_JSON", "half a surrogate pair"),
        ("[" * 100_000, "MALFORMED_JSON", "nested too deeply"),
        (written({**BOB, "age": {"years": 41}}), "WRONG_TYPE", "has an object in column `age`; name the value inside"),
        (written({**BOB, "age": [41]}), "WRONG_TYPE", "has a list in column `age`; send one value"),
        (written({**BOB, "age": True}), "WRONG_TYPE", "has true or false in column `age`"),
        (written({**BOB, "since": 20260301}), "WRONG_TYPE", "has a number in column `since`"),
        (written({**BOB, "id": 4155550123.0}), "WRONG_TYPE", "has a number in column `id`; the contract says string"),
        (written({**BOB, "member": 1.5}), "WRONG_TYPE", "has a number in column `member`; send true or false"),
        (written({"id": "C2", "age": 3}), "MISSING_COLUMN", "has no column `spent`, `member`, `since`; send every"),
    ],
)  # fmt: skip
def test_a_bad_line_costs_one_row_and_says_which(line: str, code: str, words: str) -> None:
    first, bad, last = rows_of(written(ANN) + line.rstrip("\n") + "\n" + written(BOB))

    assert (first.values, last.values) == (READ_ANN, READ_BOB)
    assert (bad.code, bad.number) == (code, 2)
    assert str(bad.reason).startswith("row 2, line 2")
    assert words in str(bad.reason)
    assert bad.body


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("[\n" + written(ANN) + "]", "MALFORMED_JSON", "begins with a JSON array; write each object on a line"),
        (json.dumps([ANN, BOB]), "MALFORMED_JSON", "begins with a JSON array"),
        (json.dumps(ANN, indent=2), "MALFORMED_JSON", "the first object of the file has several lines"),
        ("id,age\n1,2\n", "MALFORMED_JSON", "no line of the file is a JSON object"),
        (written({"id": "1", "age": 2, "spent": 1, "member": True}), "MISSING_COLUMN",
         "column `since` is missing: no row of the file has it"),
        (written({name.upper(): value for name, value in ANN.items()}), "MISSING_COLUMN", "headerCase: ignore"),
        (written(ANN).encode("utf-16"), "WRONG_ENCODING", "byte 0xFF at offset 0"),
        (b"PAR1 and so on", "WRONG_ENCODING", "the file is Parquet"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_json_lines_is_refused_as_a_whole(content: str | bytes, code: str, words: str) -> None:
    error = refusal(content)
    assert (error.code, words in str(error)) == (code, True), error


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (written(ANN).replace("41", "4" * 65), "OUT_OF_RANGE"),
        (written(ANN).replace('"age"', '"id"'), "MALFORMED_JSON"),
        (written(ANN).replace("}", ",}"), "MALFORMED_JSON"),
        (written({**ANN, "age": {}}), "WRONG_TYPE"),
    ],
)
def test_a_file_with_only_bad_lines_has_their_reasons_and_no_other(line: str, code: str) -> None:
    (row,) = rows_of(line)
    assert (row.code, row.values) == (code, (None,) * len(COLUMNS))


def test_a_line_that_is_too_long_refuses_the_file() -> None:
    content = written(ANN) + '{"id": "' + "x" * 1_100_000 + '"}'
    with pytest.raises(RefusedFileError) as raised:
        rows_of(content, size=1 << 16)
    error = raised.value
    assert (error.code, str(error)[:44]) == ("OVERSIZE", "line 2 of the file has more than 1,048,576 c")


def test_a_line_that_becomes_too_long_after_the_check_is_told_in_the_last_row() -> None:
    *_, last = rows([written(ANN).encode(), b"x" * 1_100_000], TABLE, PLAIN)
    assert (last.number, last.code) == (UNREADABLE_ROW, "OVERSIZE")


def test_names_that_the_contract_does_not_have_are_told_but_not_values() -> None:
    odd = {**ANN, "vip": 1, "ann@example.com": 2, "more": {"deep": 1}}
    assert inspect([written(odd, {**odd, "vip": 2}).encode()], TABLE, PLAIN) == (
        "vip", "(a name that may be a value)", "more",
    )  # fmt: skip


def test_a_file_may_have_any_number_of_unknown_names() -> None:
    records = [{**ANN, f"extra_{number}": 1} for number in range(1000)]
    assert len(inspect([written(*records).encode()], TABLE, PLAIN)) == 20


NESTED = FileFormat(
    type="json_lines", columns={"id": ("Id",), "age": ("person", "age"), "since": ("person", "dates", "first.seen")}
)


def test_a_column_is_found_by_its_path() -> None:
    inner = {"age": 41, "dates": {"first.seen": "2026-03-01"}, "shoe": 44}
    record = {"Id": "C1", "spent": 12.5, "member": True, "person": inner}
    nobody = {"Id": "C2", "spent": None, "member": None, "person": None}
    content = written(record, nobody)

    assert [row.values for row in rows_of(content, NESTED)] == [READ_ANN, READ_BOB]
    assert inspect([content.encode()], TABLE, NESTED) == ("person.shoe",)
    (_, bad) = rows_of(content + written({**nobody, "person": 3}), NESTED)[1:]
    assert (bad.code, "has a number under `person`" in str(bad.reason)) == ("WRONG_TYPE", True)
    (_, bad) = rows_of(content + written({**nobody, "person": {"age": 3}}), NESTED)[1:]
    assert "has no column `since` (`person.dates.first.seen`)" in str(bad.reason)


def test_a_contract_may_let_records_leave_out_what_is_empty() -> None:
    file_format = FileFormat(type="json_lines", missing_columns="empty")
    assert [row.values for row in rows_of(written({"id": "C2"}), file_format)] == [READ_BOB]


def test_the_case_of_names_may_be_ignored() -> None:
    file_format = FileFormat(type="json_lines", header_case="ignore")
    loud = {name.upper(): value for name, value in ANN.items()}
    twice = {**loud, "id": "C2"}
    good, bad = rows_of(written(loud, twice), file_format)
    assert good.values == READ_ANN
    assert (bad.code, "has `id` twice" in str(bad.reason)) == ("EXTRA_COLUMN", True)


def test_words_and_forms_of_the_contract_apply_to_texts() -> None:
    file_format = FileFormat(
        type="json_lines",
        date_formats=("dd.MM.yyyy",),
        true_words=("1",),
        false_words=("no",),
        null_words=("NULL", "-1"),
    )
    said = {"id": "NULL", "age": -1, "spent": "NULL", "member": 1, "since": "01.03.2026"}
    (row,) = rows_of(written(said), file_format)
    assert row.values == (None, None, None, "true", "2026-03-01")


@given(st.binary(max_size=300), st.integers(1, 9))
def test_no_bytes_cause_a_traceback(content: bytes, size: int) -> None:
    with suppress(RefusedFileError):
        assert all(row.code or len(row.values) == len(COLUMNS) for row in rows_of(written(ANN).encode() + content))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, VALUES)), min_size=1, max_size=5))
def test_each_line_becomes_one_row(records: list[dict[str, Any]]) -> None:
    found = rows_of(written(ANN, *records))
    assert [row.number for row in found] == list(range(1, len(records) + 2))
    assert all(bool(row.code) == bool(row.reason) for row in found)
