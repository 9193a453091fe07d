"""Landed Parquet files."""

import gzip
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.contracts import FileFormat
from glue_jobs.ingest_files import parquet_rows
from glue_jobs.ingest_files.landed_file import inspect, rows
from glue_jobs.ingest_files.refusal import RefusedFileError
from glue_jobs.ingest_files.row import UNREADABLE_ROW, Row
from tests.factories.file_tables import file_table

COLUMNS = {"id": "string", "age": "integer", "spent": "number", "member": "boolean", "since": "date", "at": "timestamp"}
TABLE = file_table(COLUMNS, key="id")
PLAIN = FileFormat(type="parquet")
NOON = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
ARRAYS = {
    "id": pa.array(["C1", "C2"]),
    "age": pa.array([41, None], pa.int32()),
    "spent": pa.array([Decimal("12.50"), None], pa.decimal128(14, 2)),
    "member": pa.array([True, None]),
    "since": pa.array([date(2026, 3, 1), None]),
    "at": pa.array([NOON, None], pa.timestamp("us", "UTC")),
}
READ = [
    ("C1", "41", "12.50", "true", "2026-03-01", "2026-03-01T12:00:00.500000Z"),
    ("C2", None, None, None, None, None),
]


def written(arrays: dict[str, Any], **options: Any) -> bytes:
    buffer = BytesIO()
    pq.write_table(pa.table(arrays), buffer, **options)
    return buffer.getvalue()


def rows_of(content: bytes, file_format: FileFormat = PLAIN) -> list[Row]:
    pieces = [content[start : start + 100] for start in range(0, len(content), 100)]
    inspect(pieces, TABLE, file_format)
    return list(rows(pieces, TABLE, file_format))


def values_of(content: bytes, file_format: FileFormat = PLAIN) -> list[tuple[str | None, ...]]:
    found = rows_of(content, file_format)
    assert [row.reason for row in found if row.code] == []
    return [row.values for row in found]


def texts(column: str, array: Any, file_format: FileFormat = PLAIN) -> list[str | None]:
    """Return the texts of a column whose values are in this array."""
    arrays = {name: pa.nulls(len(array)) for name in COLUMNS} | {column: array}
    place = list(COLUMNS).index(column)
    return [row[place] for row in values_of(written(arrays), file_format)]


def refusal(content: bytes, file_format: FileFormat = PLAIN) -> RefusedFileError:
    with pytest.raises(RefusedFileError) as raised:
        rows_of(content, file_format)
    return raised.value


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli"])
@pytest.mark.parametrize("size", [1, 1000])
def test_typed_columns_become_the_texts_of_the_contract(compression: str, size: int) -> None:
    content = written(dict(reversed(ARRAYS.items())), compression=compression, row_group_size=size)
    assert values_of(content) == READ


def test_the_body_is_the_row_as_received() -> None:
    row, _ = rows_of(written(ARRAYS))
    assert json.loads(row.body, parse_float=str) == {
        "id": "C1", "age": 41, "spent": "12.50", "member": True, "since": "2026-03-01",
        "at": "2026-03-01T12:00:00.500000Z",
    }  # fmt: skip


def test_values_are_exact() -> None:
    large = [Decimal("12345678901234567890.123456789012345678"), Decimal("-0.000000000000000001"), None]
    assert texts("spent", pa.array(large, pa.decimal128(38, 18))) == [
        "12345678901234567890.123456789012345678", "-0.000000000000000001", None,
    ]  # fmt: skip
    assert texts("age", pa.array([9007199254740993, -1], pa.int64())) == ["9007199254740993", "-1"]
    assert texts("age", pa.array([2**64 - 1], pa.uint64())) == ["18446744073709551615"]
    assert texts("age", pa.array([5.0, 5.5, None])) == ["5", "5.5", None]
    assert texts("age", pa.array([float("nan"), float("inf"), 1e300])) == ["nan", "inf", str(int(1e300))]
    assert texts("age", pa.array([Decimal("3.00")], pa.decimal128(5, 2))) == ["3"]
    assert texts("spent", pa.array([3], pa.int8())) == ["3"]
    assert texts("id", pa.array([4155550123], pa.int64())) == ["4155550123"]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([NOON], pa.timestamp("us", "UTC")), "2026-03-01T12:00:00.500000Z"),
        (pa.array([NOON], pa.timestamp("us", "America/Chicago")), "2026-03-01T12:00:00.500000Z"),
        (pa.array([NOON], pa.timestamp("us", "+05:30")), "2026-03-01T12:00:00.500000Z"),
        (pa.array([1772366400123456789], pa.int64()).cast(pa.timestamp("ns", "UTC")), "2026-03-01T12:00:00.123456789Z"),
        (pa.array([NOON.astimezone(timezone(timedelta(hours=2)))], pa.timestamp("ms", "UTC")),
         "2026-03-01T12:00:00.500Z"),
        (pa.array(["2026-03-01 13:00:00+01:00"]), "2026-03-01T12:00:00Z"),
        (pa.array([2**62], pa.int64()).cast(pa.timestamp("ms", "UTC")), None),
    ],
)  # fmt: skip
def test_a_time_is_the_instant_that_it_is(array: Any, text: str | None) -> None:
    (found,) = texts("at", array)
    assert found == text or (text is None and found is not None)  # a year that no calendar has: the type's check tells


def test_a_time_without_a_zone_needs_the_contracts_zone() -> None:
    local = pa.array([datetime(2026, 3, 1, 12)], pa.timestamp("us"))  # noqa: DTZ001  # that is the case
    assert texts("at", local, FileFormat(type="parquet", zone="Europe/Berlin")) == ["2026-03-01T11:00:00.000000Z"]
    error = refusal(written({**ARRAYS, "at": pa.array([None, None], pa.timestamp("us"))}))
    assert (error.code, "or name `fileFormat.zone`" in str(error)) == ("WRONG_TYPE", True)


def test_old_times_of_spark_have_no_zone_and_every_year() -> None:
    """Spark writes INT96 by default, in UTC; the type does not say so."""
    far = pa.array([datetime(9999, 12, 31), datetime(1, 1, 1)], pa.timestamp("us"))  # noqa: DTZ001  # that is the case
    arrays = {name: pa.nulls(2) for name in COLUMNS} | {"at": far}
    content = written(arrays, use_deprecated_int96_timestamps=True)
    read = values_of(content, FileFormat(type="parquet", zone="UTC"))
    assert [row[-1] for row in read] == ["9999-12-31T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z"]
    assert "or name `fileFormat.zone`" in str(refusal(content))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_texts_are_read_by_the_words_and_forms_of_the_contract(kind: Any) -> None:
    file_format = FileFormat(type="parquet", date_formats=("dd.MM.yyyy",), true_words=("yes",), null_words=("NULL",))
    assert texts("since", pa.array(["01.03.2026", "NULL", "", None]).cast(kind), file_format) == [
        "2026-03-01", None, None, None,
    ]  # fmt: skip
    assert texts("member", pa.array(["YES", "False"]).cast(kind), file_format) == ["true", "false"]
    assert texts("age", pa.array(["five"]).cast(kind), file_format) == ["five"]


@pytest.mark.parametrize(
    ("column", "array", "words"),
    [
        ("spent", pa.array([1.5, None]), "column `spent` is double in the file, where the contract says number; write"),
        ("age", pa.array([True, None]), "column `age` is bool in the file, where the contract says integer"),
        ("member", pa.array([1.5, None]), "column `member` is double"),
        ("since", ARRAYS["at"], "column `since` is timestamp[us, tz=UTC] in the file, where the contract says date"),
        ("at", ARRAYS["since"], "column `at` is date32[day]"),
        ("at", ARRAYS["age"], "write it as TIMESTAMP adjusted to UTC"),
        ("id", pa.array([b"C1", None]), "column `id` is binary"),
        ("id", pa.array([["C1"], None]), "column `id` is list"),
        ("id", pa.array([{"x": "C1"}, None]), "column `id` is struct"),
    ],
)
def test_a_column_of_a_type_that_does_not_fit_refuses_the_file(column: str, array: Any, words: str) -> None:
    error = refusal(written({**ARRAYS, column: array}))
    assert (error.code, words in str(error)) == ("WRONG_TYPE", True), error


def test_a_missing_column_refuses_the_file_unless_the_contract_lets_it() -> None:
    content = written({name: array for name, array in ARRAYS.items() if name != "at"})
    error = refusal(content)
    assert (error.code, "column `at` is missing; the file has `id`, `age`" in str(error)) == ("MISSING_COLUMN", True)
    read = values_of(content, FileFormat(type="parquet", missing_columns="empty"))
    assert read == [(*row[:-1], None) for row in READ]


def test_columns_are_found_by_path_and_in_any_case() -> None:
    file_format = FileFormat(type="parquet", header_case="ignore", columns={"id": ("Person", "Id"), "age": ("x.y",)})
    person = pa.array([{"id": "C1", "shoe": 44}, None])
    arrays = {name.upper(): array for name, array in ARRAYS.items() if name not in {"id", "age"}}
    arrays |= {"PERSON": person, "X.Y": ARRAYS["age"], "vip": ARRAYS["member"]}
    content = written(arrays)
    assert values_of(content, file_format) == [READ[0], (None, *READ[1][1:])]
    assert inspect([content], TABLE, file_format) == ("PERSON.shoe", "vip")


def test_a_column_that_is_there_twice_is_refused() -> None:
    arrays = {**ARRAYS, "ID": ARRAYS["id"]}
    error = refusal(written(arrays), FileFormat(type="parquet", header_case="ignore"))
    assert (error.code, "`id` is there twice" in str(error)) == ("EXTRA_COLUMN", True)
    assert inspect([written(arrays)], TABLE, PLAIN) == ("ID",)


def test_an_empty_file_is_an_empty_export() -> None:
    assert rows_of(written({name: array.slice(0, 0) for name, array in ARRAYS.items()})) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no Parquet, but its contract says parquet"),
        (b"id,age\n", "is no Parquet"),
        (gzip.compress(written(ARRAYS)), "is gzip, but its contract says parquet"),
        (b"ORC\x08", "is ORC, but"),
        (b"PAR1", "damaged or truncated Parquet"),
        (b"PAR1" * 10, "damaged or truncated Parquet"),
        (b"PARE" + b"x" * 50, "damaged or truncated Parquet"),
        (written(ARRAYS)[:-1], "damaged or truncated Parquet"),
        (written(ARRAYS)[: len(written(ARRAYS)) // 2], "damaged or truncated Parquet"),
    ],
)
def test_a_file_that_is_no_parquet_is_refused(content: bytes, words: str) -> None:
    error = refusal(content)
    assert (error.code, words in str(error)) == ("WRONG_ENCODING", True), error


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "MAX_TEXT_BYTES", 10_000)
    ids = pa.array([f"C{number:030}" for number in range(1000)])
    arrays = {name: pa.nulls(1000) for name in COLUMNS} | {"id": ids}
    error = refusal(written(arrays, compression="zstd", use_dictionary=False))
    assert (error.code, "split it" in str(error)) == ("OVERSIZE", True)


def test_a_value_that_is_too_long_is_told_with_its_row() -> None:
    *_, last = rows_of(written({**ARRAYS, "id": pa.array(["C1", "x" * 1_100_000])}))
    assert (last.number, last.code) == (UNREADABLE_ROW, "OVERSIZE")
    assert str(last.reason).startswith("row 2 has more than 1,048,576 characters")


def test_a_damaged_page_is_told_in_the_last_row() -> None:
    content = bytearray(written(ARRAYS, compression="gzip", use_dictionary=False))
    content[30:60] = b"?" * 30
    *_, last = rows([bytes(content)], TABLE, PLAIN)
    assert (last.number, last.code) == (UNREADABLE_ROW, "WRONG_ENCODING")


GOOD = written(ARRAYS, compression="none")


@given(st.binary(min_size=1, max_size=20), st.integers(4, len(GOOD)))
def test_damage_anywhere_is_refused_or_gives_rows(noise: bytes, at: int) -> None:
    damaged = GOOD[:at] + noise + GOOD[at + len(noise) :]
    with suppress(RefusedFileError):
        assert all(row.code is None or row.reason for row in rows_of(damaged))
