"""The same rows in files of each format give the same raw rows, events and rejections, on real Spark and Iceberg."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core.contracts import FileFormat
from c360_core.names import Zone
from tests.engines.spark.test_ingest_files import HEADER, STREAM, Landing, Rows, published
from tests.factories.file_formats import WRITERS, csv_file, json_lines_file

COLUMNS = HEADER.split(",")
NUMBERS = frozenset({"csat"})
TIMES = ("opened_at", "closed_at")
# Texts as a CSV file has them; the other formats write `csat` as a number where it is one.
GOOD = {
    "K000001": {"customer_name": 'Ann "A", Lee\nthe 2nd', "email": "ann@example.com", "text": "5 < 6 & ä, ]]> \t €"},
    "K000002": {"closed_at": "2026-03-01T13:00:00+01:00", "csat": "5"},
    "K000003": {"closed_at": "2026-03-01T12:00:00.123456Z", "csat": "1", "phone": "0123"},
}
BAD = {
    "K000101": ({"opened_at": "yesterday"}, "WRONG_TYPE", "`opened_at`: a text of 9 characters"),
    "K000102": ({"csat": "five"}, "WRONG_TYPE", "`csat`: a text of 4 characters"),
    "K000103": ({"case_customer_id": ""}, "MISSING_FIELD", "`case_customer_id` is required but empty"),
    "K000104": ({"channel": "fax"}, "QUALITY_RULE", '"channel"'),
    "K000105": ({"csat": "9"}, "QUALITY_RULE", '"csat" <= 5'),
    "K1": ({}, "QUALITY_RULE", '"case_id" matches'),
    "K000106": ({"closed_at": "2026-02-01T00:00:00Z"}, "QUALITY_RULE", "closed_at < opened_at"),
}
REPEATED = "K000002"


def record(case_id: str, **said: str) -> dict[str, str]:
    usual = {
        "case_id": case_id,
        "case_customer_id": "S000001",
        "topic": "refund",
        "channel": "phone",
        "opened_at": "2026-03-01T10:00:00Z",
    }
    return dict.fromkeys(COLUMNS, "") | usual | said


RECORDS = [
    *[record(case_id, **said) for case_id, said in GOOD.items()],
    *[record(case_id, **said) for case_id, (said, _, _) in BAD.items()],
    record(REPEATED, **GOOD[REPEATED]),
]


def as_csv(records: Sequence[dict[str, str]]) -> bytes:
    return csv_file(records, COLUMNS)


def as_json_lines(records: Sequence[dict[str, str]]) -> bytes:
    return json_lines_file(records, COLUMNS, NUMBERS)


def as_typed_parquet(records: Sequence[dict[str, str]]) -> bytes:
    """Return a file with the types that a database's export has."""
    buffer = BytesIO()
    columns: dict[str, Any] = {name: pa.array([one[name] or None for one in records], pa.string()) for name in COLUMNS}
    columns |= {name: columns[name].cast(pa.int32()) for name in NUMBERS}
    times = {name: [datetime.fromisoformat(one[name]) if one[name] else None for one in records] for name in TIMES}
    columns |= {name: pa.array(times[name], pa.timestamp("us", "UTC")) for name in TIMES}
    pq.write_table(pa.table(columns), buffer, row_group_size=2)
    return buffer.getvalue()


@pytest.fixture
def landing(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[Landing]:
    for table in ("c360_dev_raw.support_cases", "c360_dev_quarantine.rejected"):
        spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    yield Landing(spark, "formats")
    boto3.client("kinesis").delete_stream(StreamName=STREAM)


def use(monkeypatch: pytest.MonkeyPatch, file_format: FileFormat) -> None:
    """Let the contract of support cases say that its files have this format."""
    known = contracts.load()
    source = replace(known.source("support_cases"), file_format=file_format)
    monkeypatch.setattr(contracts, "load", lambda: replace(known, sources={**known.sources, "support_cases": source}))


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_known_rows_events_and_rejections(
    landing: Landing, rows: Rows, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file_format, write = WRITERS[name]
    use(monkeypatch, file_format)

    counts = landing.ingest(as_json_lines(RECORDS) if name == "json_lines" else write(RECORDS, COLUMNS))

    assert counts == {"received": 11, "loaded": 3, "rejected": 8, "published": 5}
    loaded = {row["case_id"]: row for row in rows(Zone.RAW, "support_cases")}
    assert sorted(loaded) == sorted(GOOD)
    for case_id, said in GOOD.items():
        texts = {key: value for key, value in said.items() if key not in {"csat", "closed_at"}}
        assert {key: loaded[case_id][key] for key in texts} == texts
    assert [loaded[case_id]["csat"] for case_id in GOOD] == [None, 5, 1]
    closed = [loaded[case_id]["closed_at"] for case_id in GOOD]
    assert [str(each) for each in closed] == ["None", "2026-03-01 12:00:00", "2026-03-01 12:00:00.123456"]
    rejected = {json.loads(row["body"])["case_id"]: row for row in rows(Zone.QUARANTINE, "rejected")}
    for case_id, (_, code, words) in BAD.items():
        assert (rejected[case_id]["reason_code"], words in rejected[case_id]["reason"]) == (code, True)
    assert "row 11 repeats row 2" in rejected[REPEATED]["reason"]
    kinds = sorted((event["payload"]["case_id"], event["event_type"]) for event in published())
    assert kinds == [
        ("K000001", "case_opened"), ("K000002", "case_closed"), ("K000002", "case_opened"),
        ("K000003", "case_closed"), ("K000003", "case_opened"),
    ]  # fmt: skip


def test_typed_columns_of_parquet_are_loaded_exactly(
    landing: Landing, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FileFormat(type="parquet"))
    good = [one for one in RECORDS if one["case_id"] in GOOD][:3]

    counts = landing.ingest(as_typed_parquet(good), name="_part-0.snappy.parquet")

    assert counts == {"received": 3, "loaded": 3, "rejected": 0, "published": 5}
    found = sorted((row["case_id"], str(row["closed_at"]), row["csat"]) for row in rows(Zone.RAW, "support_cases"))
    assert found == [
        ("K000001", "None", None),
        ("K000002", "2026-03-01 12:00:00", 5),
        ("K000003", "2026-03-01 12:00:00.123456", 1),
    ]
    assert landing.ingest(as_typed_parquet(good)[:-20])["rejected"] == 1
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert "damaged or truncated Parquet" in rejected["reason"]


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_every_row_names_the_file_and_the_row_that_it_comes_from(landing: Landing, rows: Rows) -> None:
    first, second = as_csv([RECORDS[0], RECORDS[1]]), as_csv([RECORDS[1], RECORDS[2], RECORDS[3]])

    counts = landing.ingest(zipped({"b/1.csv": first, "a.csv": second}), name="all.zip")

    assert counts == {"received": 5, "loaded": 3, "rejected": 2, "published": 5}
    key = f"{landing.folder}/all.zip"
    assert {row["case_id"]: (row["source_file"], row["source_row"]) for row in rows(Zone.RAW, "support_cases")} == {
        "K000001": (f"{key}!/b/1.csv", 1), "K000002": (f"{key}!/b/1.csv", 2), "K000003": (f"{key}!/a.csv", 2),
    }  # fmt: skip
    reasons = {row["reason_code"]: row["reason"] for row in rows(Zone.QUARANTINE, "rejected")}
    assert reasons["QUALITY_RULE"].startswith("row 1 of `a.csv` repeats row 2 of `b/1.csv`")

    landing.ingest(as_csv([RECORDS[0], {**RECORDS[1], "csat": "4"}]), name="later.csv")
    found = {row["case_id"]: (row["source_file"], row["source_row"]) for row in rows(Zone.RAW, "support_cases")}
    assert found["K000001"] == (f"{key}!/b/1.csv", 1)  # which said so first
    assert found["K000002"] == (f"{landing.folder}/later.csv", 2)


def test_an_archive_with_a_file_that_cannot_be_read_is_refused_as_a_whole(landing: Landing, rows: Rows) -> None:
    counts = landing.ingest(zipped({"good.csv": as_csv(RECORDS[:1]), "bad.csv": b"case_id\n1\n"}))

    assert counts == {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert rejected["reason"].startswith("`bad.csv` in the archive: column `case_customer_id`")


def test_damaged_lines_of_json_cost_one_row_each(landing: Landing, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, FileFormat(type="json_lines"))
    good = as_json_lines(RECORDS[:2])
    short = json_lines_file(RECORDS[2:3], [name for name in COLUMNS if name != "email"])

    counts = landing.ingest(b"\n".join([good, b'{"case_id": "K0', short]), name="day.jsonl")

    assert counts == {"received": 4, "loaded": 2, "rejected": 2, "published": 3}
    reasons = {row["reason_code"]: row["reason"] for row in rows(Zone.QUARANTINE, "rejected")}
    assert reasons["MALFORMED_JSON"].startswith("row 3, line 3, is no JSON object")
    assert reasons["MISSING_COLUMN"].startswith("row 4, line 4, has no column `email`")
