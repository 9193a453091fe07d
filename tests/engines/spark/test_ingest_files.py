"""Good and bad landed files on real Spark, Iceberg, Deequ and the emulator's S3, Glue and Kinesis."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core import landing as landed
from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.names import Zone
from glue_jobs.ingest_files.main import FailedFilesError, IngestArguments, Ingestion, ingest, ingest_all
from glue_jobs.ingest_files.transform import LandedRows

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 6, 0, tzinfo=UTC)
STREAM = "c360-dev-events"
HEADER = "case_id,case_customer_id,customer_name,email,phone,topic,channel,text,opened_at,closed_at,csat"
OPEN = 'K000001,S000001,Ann Lee,ann@example.com,,delivery,email,"Late, again\nand ""cold""",2026-03-01T09:30:00Z,,'
CLOSED = "K000002,S000002,Bob Ray,bob@example.com,,refund,phone,thanks,2026-03-01T10:00:00.5Z,2026-03-01T12:00:00Z,5"

Rows = Callable[..., list[dict[str, Any]]]

ARGUMENTS = IngestArguments(
    environment="dev",
    events_stream=STREAM,
    quarantine_bucket="test-quarantine",
    results_bucket="test-results",
    manifest="ingestion/files-test.json",
)


class Landing:
    """Lands a file in a folder of the test's own, and ingests it."""

    def __init__(self, spark: SparkSession, test: str) -> None:
        self.spark = spark
        self.folder = f"support_cases/{test}"

    def ingest(self, content: str | bytes, *, name: str = "day.csv", now: datetime = NOW, run_id: str = "jr_1") -> Any:
        key = f"{self.folder}/{name}".removeprefix("/")
        body = content if isinstance(content, bytes) else content.encode()
        boto3.client("s3").put_object(Bucket="test-landing", Key=key, Body=body)
        file = landed.LandedFile(bucket="test-landing", key=key, landed_at=now.isoformat(), size=len(body))
        return ingest(self.spark, file, ARGUMENTS, run_id=run_id, now=now)


@pytest.fixture
def landing(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[Landing]:
    for table in ("c360_dev_raw.support_cases", "c360_dev_quarantine.rejected"):
        spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    yield Landing(spark, request.node.name)
    boto3.client("kinesis").delete_stream(StreamName=STREAM)


def published() -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=1000)["Records"]
    return [json.loads(r["Data"]) | {"_partition_key": r["PartitionKey"]} for r in records]


def csv(*lines: str, header: str = HEADER) -> str:
    return "\n".join([header, *lines]) + "\n"


def test_a_good_file_is_loaded_with_its_types_and_its_text_as_written(landing: Landing, rows: Rows) -> None:
    counts = landing.ingest(csv(OPEN, CLOSED))

    assert counts == {"received": 2, "loaded": 2, "rejected": 0, "published": 3}
    by_id = {row["case_id"]: row for row in rows(Zone.RAW, "support_cases")}
    assert by_id["K000001"]["text"] == 'Late, again\nand "cold"'
    assert by_id["K000001"]["closed_at"] is None
    assert by_id["K000002"]["csat"] == 5
    assert by_id["K000002"]["opened_at"].isoformat() == "2026-03-01T10:00:00.500000"
    assert by_id["K000002"]["loaded_at"] == NOW.replace(tzinfo=None)
    assert rows(Zone.QUARANTINE, "rejected") == []


def test_rows_become_exactly_the_events_of_the_contract(landing: Landing) -> None:
    landing.ingest(csv(CLOSED))

    opened, closed = sorted(published(), key=lambda event: event["event_type"], reverse=True)
    identity = "support_cases|K000002|closed|1772366400000"
    assert closed == {
        "event_id": "f_" + sha256(identity.encode()).hexdigest()[:32],
        "event_type": "case_closed",
        "source": "support_cases",
        "schema_version": 1,
        "occurred_at": "2026-03-01T12:00:00.000Z",
        "received_at": "2026-03-02T06:00:00.000Z",
        "identifiers": {"case_system_id": ["S000002"], "email": ["bob@example.com"]},
        "payload": {"case_id": "K000002", "csat": 5},
        "_partition_key": "S000002",
    }
    assert opened["event_type"] == "case_opened"
    assert opened["occurred_at"] == "2026-03-01T10:00:00.500Z"
    assert opened["payload"] == {"case_id": "K000002", "channel": "phone", "text": "thanks", "topic": "refund"}


def test_recent_rows_are_live_and_older_ones_are_history(landing: Landing) -> None:
    """A daily file: 48 hours before 06:00 on 2 March."""
    rows = {
        "opened before, closed lately": ("2026-02-20T10:00:00Z", "2026-03-01T12:00:00Z"),
        "just young enough": ("2026-02-28T06:00:00Z", ""),
        "just too old": ("2026-02-28T05:59:59.999Z", ""),
    }
    lines = [
        f"K00000{number},S000001,,,,{topic.replace(',', '')},email,,{opened},{closed},"
        for number, (topic, (opened, closed)) in enumerate(rows.items(), start=1)
    ]
    landing.ingest(csv(*lines))

    history = "file-" + sha256(f"{landing.folder}/day.csv".encode()).hexdigest()[:16]
    assert {(event["payload"]["case_id"], event["event_type"]): event.get("replay_id") for event in published()} == {
        ("K000001", "case_opened"): history,
        ("K000001", "case_closed"): None,
        ("K000002", "case_opened"): None,
        ("K000003", "case_opened"): history,
    }


def test_a_file_that_is_loaded_much_later_is_history_under_the_same_ids(landing: Landing) -> None:
    landing.ingest(csv(CLOSED))
    landing.ingest(csv(CLOSED), now=LATER + timedelta(days=30))

    first, second, third, fourth = published()
    assert {first["event_id"], second["event_id"]} == {third["event_id"], fourth["event_id"]}
    assert ["replay_id" in event for event in (first, second, third, fourth)] == [False, False, True, True]


def test_rows_of_a_source_that_is_never_live_are_history_at_any_age(landing: Landing, spark: SparkSession) -> None:
    spark.sql("DELETE FROM glue_catalog.c360_dev_raw.demographics WHERE true")
    names = contracts.load().source("demographics").table.file_columns  # type: ignore[union-attr]
    row = dict.fromkeys(names, "") | {"provider_row_id": "D000001", "email": "ann@example.com"}
    row |= {"facts_since": "2026-03-02T05:59:00Z"}
    landing.folder = "demographics"
    counts = landing.ingest(csv(",".join(row.values()), header=",".join(names)))

    assert counts["published"] == 1
    assert [event["replay_id"][:5] for event in published()] == ["file-"]


def test_the_same_file_twice_changes_nothing_and_repeats_the_same_event_ids(landing: Landing, rows: Rows) -> None:
    bad = "K000003,S000003,,,,refund,fax,,2026-03-01T10:00:00Z,,"
    landing.ingest(csv(OPEN, CLOSED, bad))
    first = (rows(Zone.RAW, "support_cases"), rows(Zone.QUARANTINE, "rejected"), published())

    landing.ingest(csv(OPEN, CLOSED, bad), now=LATER, run_id="jr_2")

    def by_case(row: dict[str, Any]) -> str:
        return str(row["case_id"])

    assert sorted(rows(Zone.RAW, "support_cases"), key=by_case) == sorted(first[0], key=by_case)
    assert rows(Zone.QUARANTINE, "rejected") == first[1]
    ids = [event["event_id"] for event in published()]
    assert len(ids) == 2 * len(first[2])
    assert set(ids) == {event["event_id"] for event in first[2]}


def test_a_later_file_updates_the_row_and_publishes_what_is_new(landing: Landing, rows: Rows) -> None:
    landing.ingest(csv(OPEN), name="1.csv")
    landing.ingest(csv(OPEN.removesuffix(",,") + ",2026-03-02T08:00:00Z,1"), name="2.csv", now=LATER)

    (row,) = rows(Zone.RAW, "support_cases")
    assert (row["csat"], row["loaded_at"]) == (1, LATER.replace(tzinfo=None))
    types = [event["event_type"] for event in published()]
    assert sorted(types) == ["case_closed", "case_opened", "case_opened"]
    assert len({event["event_id"] for event in published()}) == 2


BAD_ROWS = [
    ("K000101,S000001,,,,delivery,email,,yesterday,,", "WRONG_TYPE", ["`opened_at`", "9 characters", "2026-03-01T"]),
    ("K000102,S000001,,,,delivery,email,,2026-02-30T10:00:00Z,,", "WRONG_TYPE", ["`opened_at`"]),
    ("K000103,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,five", "WRONG_TYPE", ["`csat`", "whole number"]),
    ("K000104,,,,,delivery,email,,2026-03-01T10:00:00Z,,", "MISSING_FIELD", ["`case_customer_id`", "send a value"]),
    ("K000105,,,,,delivery,email,,yesterday,,", "MISSING_FIELD", ["`case_customer_id`", "`opened_at`"]),
    ("K000106,S000001,,,,delivery,fax,,2026-03-01T10:00:00Z,,", "QUALITY_RULE", ['"channel"', '"phone"']),
    ("K000107,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,9", "QUALITY_RULE", ['"csat" <= 5']),
    ("K1,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,", "QUALITY_RULE", ['"case_id" matches']),
    (
        "K000108,S000001,,,,x,email,,2026-03-01T10:00:00Z,2026-02-01T10:00:00Z,",
        "QUALITY_RULE",
        ["closed_at < opened_at"],
    ),
    ("K000109,S000001,,,,first,email,,2026-03-01T10:00:00Z,,", "QUALITY_RULE", ['IsUnique "case_id"']),
    ("K000109,S000001,,,,other,email,,2026-03-01T10:00:00Z,,", "QUALITY_RULE", ['IsUnique "case_id"']),
    (CLOSED, "QUALITY_RULE", ["row 14 repeats row 1"]),
    ("K000110,S000001,delivery,email,2026-03-01T10:00:00Z", "MISSING_COLUMN", ["row 13 has 5 values", "11"]),
    (
        "K000111,S000001,,,,Late, again,email,,2026-03-01T10:00:00Z,,",
        "EXTRA_COLUMN",
        ["row 15 has 12 values", "quotes"],
    ),
]


def test_each_bad_row_is_quarantined_with_its_reason_and_the_others_are_loaded(landing: Landing, rows: Rows) -> None:
    lines = [line for line, _, _ in BAD_ROWS]
    lines[11], lines[12] = lines[12], lines[11]
    counts = landing.ingest(csv(CLOSED, *lines, OPEN))

    assert counts == {"received": 16, "loaded": 2, "rejected": 14, "published": 3}
    assert {row["case_id"] for row in rows(Zone.RAW, "support_cases")} == {"K000001", "K000002"}
    rejected = rows(Zone.QUARANTINE, "rejected")
    assert {(row["source"], row["contract_version"], row["run_id"]) for row in rejected} == {
        ("support_cases", "1.0.0", "jr_1")
    }
    for line, code, words in BAD_ROWS:
        (row,) = [row for row in rejected if _received(row) == line]
        assert row["reason_code"] == code, row["reason"]
        assert all(word in row["reason"] for word in words), row["reason"]


def _received(row: dict[str, Any]) -> str:
    """Return the line of a rejected row; its body is the row as received, by column or as raw text."""
    if row["reason_code"].endswith("_COLUMN"):
        return str(row["body"])
    values = json.loads(row["body"])
    assert ",".join(values) == HEADER
    return ",".join(value or "" for value in values.values())


def test_an_object_is_read_by_its_exact_key_and_its_content(landing: Landing) -> None:
    assert (
        landing.ingest(gzip.compress(csv(CLOSED, OPEN).encode()), name="._a//b [6-0] {a}*?.csv._COPYING_")["loaded"]
        == 2
    )


def test_keys_that_hadoop_hides_or_changes_are_read(emulator: str) -> None:
    s3, source = boto3.client("s3"), contracts.load().source("support_cases")
    names = [
        "_day.csv",
        ".day.csv",
        "day.csv._COPYING_",
        "day.csv.bz2",
        "day.csv.gz",
        "a//b",
        "--key",
        "tägliche Fälle+1%20",
    ]
    for name in names:
        key = f"support_cases/{name}"
        etag = s3.put_object(Bucket="test-landing", Key=key, Body=csv(CLOSED).encode())["ETag"]
        landed = LandedRows(bucket="test-landing", key=key, etag=etag, region="us-east-1", source=source)
        assert [row[0] for row in landed.read()] == ["K000002"], name

    s3.put_object(Bucket="test-landing", Key=key, Body=b"another content")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        list(landed.read())


def test_an_object_that_represents_a_folder_is_ignored(landing: Landing, rows: Rows) -> None:
    for name in ("", "2026_$folder$"):
        assert landing.ingest("", name=name) == {"received": 0, "loaded": 0, "rejected": 0, "published": 0}
    assert rows(Zone.QUARANTINE, "rejected") == []


def test_one_stray_quote_costs_one_row(landing: Landing, rows: Rows) -> None:
    lines = [f"K{number:06},S000001,Ann,,,refund,email,,2026-03-01T10:00:00Z,," for number in range(3000)]
    lines[3] = lines[3].replace("Ann", '"Ann')
    counts = landing.ingest(csv(*lines))

    assert (counts["received"], counts["loaded"], counts["rejected"]) == (3000, 2999, 1)
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert (rejected["reason_code"], rejected["body"]) == ("MISSING_COLUMN", lines[3])
    assert "row 4, line 5, has a quote that is not closed" in rejected["reason"]


def test_a_quote_that_stays_open_too_long_refuses_the_file_with_the_line(landing: Landing, rows: Rows) -> None:
    counts = landing.ingest(csv(CLOSED, 'K000003,"Ann', *["some text without any quote"] * 50_000))

    assert counts == {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert "record that begins in line 3 has more than" in rejected["reason"]
    assert rows(Zone.RAW, "support_cases") == []


CRM_ROW = {
    "crm_id": "C000001", "first_name": "Ann", "last_name": "Lee", "email": "ann@example.com",
    "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-27T00:00:00Z", "email_opt_in": "true",
    "consent_at": "2026-02-27T00:00:00Z",
}  # fmt: skip


def crm(*changes: dict[str, str], end: str = "\n") -> str:
    """Return a CRM file; each row is CRM_ROW with changes."""
    columns = contracts.load().source("crm_contacts").table.file_columns  # type: ignore[union-attr]
    lines = [",".join((CRM_ROW | change).get(name, "") for name in columns) for change in changes]
    return end.join([",".join(columns), *lines]) + end


@pytest.fixture
def crm_landing(landing: Landing, spark: SparkSession) -> Landing:
    spark.sql("DELETE FROM glue_catalog.c360_dev_raw.crm_contacts WHERE true")
    landing.folder = "crm_contacts"
    return landing


def test_times_booleans_and_empty_values_are_read_by_the_contract(crm_landing: Landing, rows: Rows) -> None:
    changes = [
        {"crm_id": "C000001", "consent_at": "2026-02-27T01:00:00+01:00", "email_opt_in": "TRUE"},
        {"crm_id": "C000002", "consent_at": "2026-02-27 00:00:00", "email_opt_in": "Yes"},
        {"crm_id": "C000003", "consent_at": "2026-02-26T19:00:00-0500", "email_opt_in": "1"},
        {"crm_id": "C000004", "consent_at": "NULL", "email_opt_in": "NULL", "email": "NULL", "state": "NULL"},
        {"crm_id": "C000005", "consent_at": "2026-02-27 00:00:00", "email_opt_in": "no"},
        {"crm_id": "C000006", "consent_at": "27.02.2026", "email_opt_in": "maybe"},
    ]
    counts = crm_landing.ingest(crm(*changes))

    assert (counts["loaded"], counts["rejected"], counts["published"]) == (5, 1, 4)
    by_id = {row["crm_id"]: row for row in rows(Zone.RAW, "crm_contacts")}
    at = datetime(2026, 2, 27)  # noqa: DTZ001  # as Spark collects it
    assert {key: (row["consent_at"], row["email_opt_in"]) for key, row in by_id.items()} == {
        "C000001": (at, True), "C000002": (at, True), "C000003": (at, True), "C000004": (None, None),
        "C000005": (at, False),
    }  # fmt: skip
    assert (by_id["C000004"]["email"], by_id["C000004"]["state"]) == (None, None)
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert "`consent_at`: a text of 10 characters" in rejected["reason"]
    assert "or yyyy-MM-dd HH:mm:ss" in rejected["reason"]
    assert json.loads(rejected["body"])["email_opt_in"] == "maybe"


def test_a_phone_number_is_sent_in_the_form_of_its_country(
    crm_landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"C000001": "(030) 901820", "C000002": "+44 20 7946 0123", "C000003": "ask reception", "C000004": ""}
    content = crm(*({"crm_id": crm_id, "phone": number} for crm_id, number in numbers.items()))
    known = contracts.load()
    german = replace(known.source("crm_contacts"), default_country="DE")
    monkeypatch.setattr(contracts, "load", lambda: replace(known, sources={**known.sources, "crm_contacts": german}))
    crm_landing.ingest(content)

    sent = {event["identifiers"]["crm_id"][0]: event["identifiers"].get("phone") for event in published()}
    assert sent == {
        "C000001": ["+4930901820"],
        "C000002": ["+442079460123"],
        "C000003": ["ask reception"],
        "C000004": None,
    }


def test_a_number_in_another_format_is_no_new_event(crm_landing: Landing) -> None:
    crm_landing.ingest(crm({"phone": "(212) 555-0147"}))

    (event,) = published()
    said = {
        "identifiers": {"crm_id": ["C000001"], "email": ["ann@example.com"], "phone": ["(212) 555-0147"]},
        "payload": event["payload"],
    }
    moment = int(datetime(2026, 2, 27, tzinfo=UTC).timestamp() * 1000)
    text = json.dumps(said, separators=(",", ":"), sort_keys=True)
    identity = f"crm_contacts|C000001|marketing-email|{moment}|{text}"
    assert event["event_id"] == "f_" + sha256(identity.encode()).hexdigest()[:32]
    assert event["identifiers"]["phone"] == ["+12125550147"]


def test_a_file_in_another_dialect_is_refused_with_what_was_found(crm_landing: Landing, rows: Rows) -> None:
    assert crm_landing.ingest("sep=;\n" + crm({}).replace(",", ";"))["rejected"] == 1
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert "has `;` between its columns, but its contract says commas" in rejected["reason"]


def test_line_ends_may_be_mixed_and_empty_columns_at_the_end_are_ignored(crm_landing: Landing, rows: Rows) -> None:
    header, *lines = crm({}, {"crm_id": "C000002"}, {"crm_id": "C000003"}).splitlines()
    content = "sep=,\r\n" + f"{header},,\r\n" + f"{lines[0]},,\n" + f"{lines[1]}\r" + f"{lines[2]},,"
    assert crm_landing.ingest(content)["loaded"] == 3
    assert rows(Zone.QUARANTINE, "rejected") == []


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (csv(OPEN).encode("utf-16"), "WRONG_ENCODING", ["0xFF", "offset 0", "UTF-8"]),
        (csv(OPEN.replace("Ann", "Zoé")).encode("latin-1"), "WRONG_ENCODING", ["0xE9", "line 2"]),
        (
            csv(CLOSED.replace("bob@example.com,", ""), header=HEADER.replace("email,", "")),
            "MISSING_COLUMN",
            ["`email`"],
        ),
        (csv(CLOSED.replace(",", ";"), header=HEADER.replace(",", ";")), "MISSING_COLUMN", ["`;`", "commas"]),
        ("", "MISSING_COLUMN", ["no header row"]),
        (csv(CLOSED + ",x", header=HEADER + ",csat"), "EXTRA_COLUMN", ["`csat`", "twice"]),
    ],
)
def test_a_file_that_cannot_be_read_goes_to_quarantine_as_a_whole(
    landing: Landing, rows: Rows, content: str | bytes, code: str, words: list[str]
) -> None:
    counts = landing.ingest(content)

    assert counts == {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
    assert rows(Zone.RAW, "support_cases") == []
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert rejected["reason_code"] == code
    assert all(word in rejected["reason"] for word in words), rejected["reason"]
    assert rejected["body"] == f"s3://test-quarantine/files/{landing.folder}/day.csv"
    copy = boto3.client("s3").get_object(Bucket="test-quarantine", Key=f"files/{landing.folder}/day.csv")["Body"].read()
    assert copy == (content if isinstance(content, bytes) else content.encode())


def test_an_extra_column_is_noted_and_the_rest_is_loaded(landing: Landing, rows: Rows) -> None:
    counts = landing.ingest(csv("gold," + CLOSED, header="vip," + HEADER))

    assert counts == {"received": 1, "loaded": 1, "rejected": 0, "published": 2}
    assert rows(Zone.RAW, "support_cases")[0]["csat"] == 5
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert rejected["reason_code"] == "EXTRA_COLUMN"
    assert "`vip`" in rejected["reason"]
    assert rejected["body"] == f"s3://test-quarantine/files/{landing.folder}/day.csv"


def test_a_file_with_fewer_rows_than_its_contract_requires_is_refused(landing: Landing, rows: Rows) -> None:
    counts = landing.ingest(csv())

    assert counts == {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
    assert rows(Zone.RAW, "support_cases") == []
    assert published() == []
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert rejected["reason_code"] == "QUALITY_RULE"
    assert "RowCount >= 1 (the file has 0 rows)" in rejected["reason"]
    assert rejected["body"].startswith("s3://test-quarantine/files/")


def test_an_empty_export_of_a_source_that_may_be_empty_is_a_success(
    landing: Landing, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = contracts.load()
    source = known.source("support_cases")
    assert source.table is not None
    without_rules = replace(source, table=replace(source.table, rules=()))
    changed = replace(known, sources={**known.sources, "support_cases": without_rules})
    monkeypatch.setattr(contracts, "load", lambda: changed)

    assert landing.ingest(csv()) == {"received": 0, "loaded": 0, "rejected": 0, "published": 0}
    assert rows(Zone.QUARANTINE, "rejected") == []


def test_a_file_with_only_bad_rows_gets_the_reason_of_each_row_and_no_other(landing: Landing, rows: Rows) -> None:
    wrong_time = "K000101,S000001,,,,delivery,email,,01.03.2026,,"
    breaks_a_rule = "K000107,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,9"
    for name, lines in (("1.csv", [wrong_time]), ("2.csv", [breaks_a_rule]), ("3.csv", [breaks_a_rule, wrong_time])):
        counts = landing.ingest(csv(*lines), name=name)
        assert counts == {"received": len(lines), "loaded": 0, "rejected": len(lines), "published": 0}

    assert rows(Zone.RAW, "support_cases") == []
    assert published() == []
    rejected = sorted((row["reason_code"], row["reason"][:38]) for row in rows(Zone.QUARANTINE, "rejected"))
    assert [code for code, _ in rejected] == [
        "QUALITY_RULE",
        "WRONG_TYPE",
        "WRONG_TYPE",
    ]  # one row came twice
    assert not [reason for _, reason in rejected if "RowCount" in reason or "IsComplete" in reason]


def test_the_outcome_of_every_rule_is_kept_as_a_result(landing: Landing) -> None:
    landing.ingest(csv("K1,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,", CLOSED), run_id="jr_result")

    file = sha256(f"{landing.folder}/day.csv".encode()).hexdigest()[:16]
    stored = boto3.client("s3").get_object(
        Bucket="test-results", Key=f"data-quality/support_cases/2026/03/02/jr_result-{file}.json"
    )
    result = json.loads(stored["Body"].read())
    assert result["rows"] == {"received": 2, "loaded": 1, "rejected": 1, "published": 2}
    failed = [rule["rule"] for rule in result["rules"] if rule["outcome"] == "Failed"]
    assert len(failed) == 1
    assert failed[0].startswith('ColumnValues "case_id" matches')


@pytest.mark.parametrize(
    ("folder", "source"),
    [("newsletter", "newsletter"), ("web_events", "web_events"), ("", "unknown"), ("n" * 80, "n" * 64)],
)
def test_a_file_of_an_unknown_source_goes_to_quarantine_with_the_known_folders(
    landing: Landing, rows: Rows, folder: str, source: str
) -> None:
    landing.folder = folder
    key = f"{folder}/day.csv".removeprefix("/")
    counts = landing.ingest(csv(OPEN))

    assert landing.ingest(csv(OPEN), now=LATER, run_id="jr_2") == counts
    assert counts == {"received": 0, "loaded": 0, "rejected": 1, "published": 0}
    (rejected,) = rows(Zone.QUARANTINE, "rejected")
    assert (rejected["source"], rejected["reason_code"], rejected["run_id"]) == (source, "UNKNOWN_SOURCE", "jr_1")
    known = contracts.load()
    assert rejected["contract_version"] == (known.sources[source].version if source in known.sources else known.version)
    assert all(word in rejected["reason"] for word in (f"`{key}`", "crm_contacts/", "support_cases/"))
    assert rejected["body"] == f"s3://test-quarantine/files/{key}"
    copy = boto3.client("s3").get_object(Bucket="test-quarantine", Key=f"files/{key}")["Body"].read()
    assert copy == csv(OPEN).encode()
    assert published() == []


def consents() -> list[dict[str, Any]]:
    """Return the consents on the stream as the single view sees them, without repeated ids."""
    return list({event["event_id"]: event for event in published()}.values())


def standing_of(events: list[dict[str, Any]]) -> bool:
    answers = [
        Consent(
            purpose=Purpose.MARKETING,
            channel=Channel.EMAIL,
            granted=event["payload"]["granted"],
            decided_at=datetime.fromisoformat(event["occurred_at"]),
        )
        for event in events
    ]
    return consent_status(answers, Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.GRANTED


def test_an_overwritten_answer_counts_although_its_time_stays(crm_landing: Landing, rows: Rows) -> None:
    """The CRM changes the answer three times without a new `consent_at`, the last time even without `updated_at`."""
    answers = [("true", 1), ("false", 2), ("true", 3), ("false", 3)]
    files = [
        crm({"email_opt_in": answer, "consent_at": "2026-02-27T00:00:00Z", "updated_at": f"2026-02-28T0{hour}:00:00Z"})
        for answer, hour in answers
    ]
    for number, ((answer, _), content) in enumerate(zip(answers, files, strict=True)):
        crm_landing.ingest(content, name=f"{number}.csv")
        assert standing_of(consents()) is (answer == "true"), number
        assert len(consents()) == number + 1
    crm_landing.ingest(files[-1], name="again.csv", now=LATER)
    assert [event["occurred_at"] for event in consents()] == [
        "2026-02-27T00:00:00.000Z",
        "2026-02-28T02:00:00.000Z",
        "2026-02-28T03:00:00.000Z",
        "2026-02-28T03:00:00.001Z",
    ]

    crm_landing.ingest(files[0], name="late.csv", now=LATER)
    assert standing_of(consents()) is False
    assert [row["email_opt_in"] for row in rows(Zone.RAW, "crm_contacts")] == [False]


def test_a_change_of_the_row_is_no_new_answer(crm_landing: Landing) -> None:
    """A person who withdrew elsewhere is not opted in again when the CRM corrects their street."""
    crm_landing.ingest(crm({}))
    crm_landing.ingest(crm({"street": "2 Elm St", "updated_at": "2026-03-01T00:00:00Z"}), now=LATER)
    assert [event["occurred_at"] for event in consents()] == ["2026-02-27T00:00:00.000Z"]


def test_an_event_id_is_derived_from_the_content(crm_landing: Landing) -> None:
    crm_landing.ingest(crm({}))
    (event,) = consents()
    said = '{"identifiers":{"crm_id":["C000001"],"email":["ann@example.com"]},' + (
        '"payload":{"channel":"email","granted":true,"purpose":"marketing"}}'
    )
    identity = f"crm_contacts|C000001|marketing-email|1772150400000|{said}"
    assert event["event_id"] == "f_" + sha256(identity.encode()).hexdigest()[:32]


# ---- many files in one run


def run_of(landing: Landing, files: dict[str, str], *, now: datetime = NOW) -> Any:
    """Land files and ingest them in one run, in this order; a file without content is listed but missing."""
    s3 = boto3.client("s3")
    listed = []
    for number, (name, content) in enumerate(files.items()):
        key = name if "/" in name else f"{landing.folder}/{name}"
        if content:
            s3.put_object(Bucket="test-landing", Key=key, Body=content.encode())
        moment = f"2026-03-02T05:00:{number:02}Z"
        listed.append(landed.LandedFile(bucket="test-landing", key=key, landed_at=moment, size=len(content)))
    s3.put_object(Bucket="test-results", Key=ARGUMENTS.manifest, Body=landed.manifest_text(listed).encode())
    return ingest_all(landing.spark, ARGUMENTS, run_id="jr_many", clock=lambda: now)


def test_the_files_of_a_run_are_loaded_in_the_order_in_which_they_landed(landing: Landing, rows: Rows) -> None:
    again = CLOSED.replace("thanks", "thanks again")
    counts = run_of(landing, {"b.csv": csv(CLOSED), "a.csv": csv(again), "newsletter/x.csv": csv(OPEN)})

    assert [count["loaded"] for count in counts.values()] == [1, 1, 0]
    (row,) = rows(Zone.RAW, "support_cases")
    assert row["text"] == "thanks again"  # from the later file, although its name sorts first
    (refused,) = rows(Zone.QUARANTINE, "rejected")
    assert refused["reason_code"] == "UNKNOWN_SOURCE"


def test_a_file_that_cannot_be_ingested_is_named_and_does_not_block_others(landing: Landing, rows: Rows) -> None:
    files = {"1.csv": csv(CLOSED), "gone.csv": "", "3.csv": csv(OPEN)}
    with pytest.raises(FailedFilesError, match=r"1 of 3 files .*files-test\.json.*gone\.csv: NoSuchKey"):
        run_of(landing, files)

    assert sorted(row["case_id"] for row in rows(Zone.RAW, "support_cases")) == ["K000001", "K000002"]
    before = sorted(event["event_id"] for event in published())
    run_of(landing, {**files, "gone.csv": csv(CLOSED.replace("K000002", "K000003"))})

    assert len(rows(Zone.RAW, "support_cases")) == 3
    assert {event["event_id"] for event in published()} > set(before)  # the same events and those of the new file


def test_each_file_of_a_run_has_a_result_of_its_own(landing: Landing) -> None:
    run_of(landing, {"1.csv": csv(CLOSED), "2.csv": csv(OPEN)})

    found = boto3.client("s3").list_objects_v2(Bucket="test-results", Prefix="data-quality/support_cases/2026/03/02/")
    keys = [each["Key"] for each in found["Contents"] if "/jr_many-" in each["Key"]]
    for name in ("1.csv", "2.csv"):
        digest = sha256(f"{landing.folder}/{name}".encode()).hexdigest()[:16]
        assert f"data-quality/support_cases/2026/03/02/jr_many-{digest}.json" in keys


def snapshots(spark: SparkSession, table: str) -> int:
    """Return how often a table has been committed to."""
    return spark.table(f"glue_catalog.{table}.snapshots").count()


def test_bad_files_of_a_run_share_a_commit_and_each_keeps_its_own_reason(
    landing: Landing, rows: Rows, spark: SparkSession
) -> None:
    wrong_time = "K000101,S000001,,,,delivery,email,,01.03.2026,,"
    breaks_a_rule = "K000107,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,9"
    files = {
        "good.csv": csv(CLOSED),
        "short.csv": csv(CLOSED, header=HEADER.removesuffix(",csat")),
        "newsletter/x.csv": csv(OPEN),
        "open.csv": csv(CLOSED.replace("thanks", '"thanks')),
        "time.csv": csv(wrong_time),
        "rule.csv": csv(breaks_a_rule, OPEN),
        "empty.csv": csv(),
        "extra.csv": csv(CLOSED.replace("K000002", "K000003") + ",x", header=f"{HEADER},colour"),
    }
    before = snapshots(spark, "c360_dev_quarantine.rejected"), snapshots(spark, "c360_dev_raw.support_cases")
    counts = {key.rpartition("/")[2]: tuple(count.values()) for key, count in run_of(landing, files).items()}

    assert counts == {
        "good.csv": (1, 1, 0, 2),
        "short.csv": (0, 0, 1, 0),
        "x.csv": (0, 0, 1, 0),
        "open.csv": (1, 0, 1, 0),
        "time.csv": (1, 0, 1, 0),
        "rule.csv": (2, 1, 1, 1),
        "empty.csv": (0, 0, 1, 0),
        "extra.csv": (1, 1, 0, 2),
    }
    assert list(counts) == [name.rpartition("/")[2] for name in files]
    found = {row["rejected_id"]: row for row in rows(Zone.QUARANTINE, "rejected")}
    whole = {
        row["body"].rpartition("/")[2]: row["reason_code"] for row in found.values() if row["body"].startswith("s3://")
    }
    assert whole == {
        "short.csv": "MISSING_COLUMN",
        "x.csv": "UNKNOWN_SOURCE",
        "empty.csv": "QUALITY_RULE",
        "extra.csv": "EXTRA_COLUMN",
    }
    reasons = {row["reason_code"]: row["reason"] for row in found.values() if not row["body"].startswith("s3://")}
    assert set(reasons) == {"MISSING_COLUMN", "WRONG_TYPE", "QUALITY_RULE"}
    assert reasons["QUALITY_RULE"].startswith('breaks the contract\'s rule ColumnValues "csat"')
    assert {row["case_id"]: row["source_file"].rpartition("/")[2] for row in rows(Zone.RAW, "support_cases")} == {
        "K000001": "rule.csv",
        "K000002": "good.csv",
        "K000003": "extra.csv",
    }
    # Rows of the source's files, and the files that no contract takes.
    assert snapshots(spark, "c360_dev_quarantine.rejected") - before[0] <= 2
    assert snapshots(spark, "c360_dev_raw.support_cases") - before[1] == 1
    told = sorted(event["event_id"] for event in published())

    assert {key.rpartition("/")[2]: tuple(count.values()) for key, count in run_of(landing, files).items()} == counts
    again = rows(Zone.QUARANTINE, "rejected")
    assert (len(again), {row["rejected_id"]: row for row in again}) == (
        len(found),
        found,
    )  # a repeated run adds nothing
    assert sorted({event["event_id"] for event in published()}) == told


def test_the_result_of_a_file_is_the_same_alone_and_with_others(landing: Landing, rows: Rows) -> None:
    """What is said of a file must not depend on the files that landed with it."""
    breaks_a_rule = "K000107,S000001,,,,delivery,email,,2026-03-01T10:00:00Z,,9"
    files = {"1.csv": csv(CLOSED), "2.csv": csv(breaks_a_rule, OPEN), "3.csv": csv()}
    together = run_of(landing, files)
    results = {name: result_of(landing, name) for name in files}
    rejected = {row["rejected_id"]: row["reason"] for row in rows(Zone.QUARANTINE, "rejected")}
    told = sorted(event["event_id"] for event in published())
    for table in ("c360_dev_raw.support_cases", "c360_dev_quarantine.rejected"):
        landing.spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names

    alone = [landing.ingest(content, name=name, run_id="jr_many") for name, content in files.items()]

    assert alone == list(together.values())
    for name in files:
        assert result_of(landing, name) == results[name]
    assert {row["rejected_id"]: row["reason"] for row in rows(Zone.QUARANTINE, "rejected")} == rejected
    assert sorted({event["event_id"] for event in published()}) == told


def result_of(landing: Landing, name: str) -> Any:
    """Return the result of a file, without Deequ's own words for a failed rule."""
    digest = sha256(f"{landing.folder}/{name}".encode()).hexdigest()[:16]
    key = f"data-quality/support_cases/2026/03/02/jr_many-{digest}.json"
    result = json.loads(boto3.client("s3").get_object(Bucket="test-results", Key=key)["Body"].read())
    return result | {"rules": [(rule["rule"], rule["outcome"], bool(rule["reason"])) for rule in result["rules"]]}


def test_of_files_that_cannot_be_loaded_together_only_the_one_at_fault_fails(
    landing: Landing, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Ingestion._store

    def fails_for_the_second(self: Ingestion, passed: Any) -> None:
        stored(self, passed)  # what is stored before a failure is stored again, once in effect
        if "K000001" in {row["case_id"] for row in passed.collect()}:
            raise RuntimeError("the stream is gone")

    monkeypatch.setattr(Ingestion, "_store", fails_for_the_second)
    third = CLOSED.replace("K000002", "K000003")
    files = {"1.csv": csv(CLOSED), "2.csv": csv(OPEN), "3.csv": csv(third), "short.csv": csv(third, header="case_id")}
    with pytest.raises(FailedFilesError, match=r"1 of 4 files .*2\.csv: RuntimeError: the stream is gone"):
        run_of(landing, files)

    assert {row["case_id"] for row in rows(Zone.RAW, "support_cases")} == {"K000001", "K000002", "K000003"}
    assert len(rows(Zone.RAW, "support_cases")) == 3
    assert [row["reason_code"] for row in rows(Zone.QUARANTINE, "rejected")] == ["MISSING_COLUMN"]
