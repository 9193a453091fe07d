"""Revisions of bought products on real Spark and Iceberg: exported twice, late, corrected, and after the licence."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core import landing as landed
from c360_core.names import Revisions, Zone, reference_table
from glue_jobs.ingest_files import reference
from glue_jobs.ingest_files.main import IngestArguments, ingest
from tests.engines.spark.test_ingest_files import ARGUMENTS, NOW, STREAM

Rows = Callable[..., list[dict[str, Any]]]
Said = Mapping[datetime, Mapping[str, str]]  # by revision: what it says of each key

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "bureau_id,street,postal_code,credit_band"


def at(week: int) -> datetime:
    return FIRST + timedelta(weeks=week)


def revision_id(week: int) -> str:
    return f"{week:032x}"


@pytest.fixture
def export(spark: SparkSession) -> Iterator[Callable[..., Any]]:
    """Export a revision of a product into the landing bucket, and ingest it: `export(product, week, lines)`."""
    for product in ("credit_bands", "advertising_audiences"):
        for table in (f"c360_dev_raw.{product}", f"c360_dev_curated.{reference_table(product)}"):
            spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names
    spark.sql("DELETE FROM glue_catalog.c360_dev_quarantine.rejected WHERE true")

    def exported(product: str, week: int, *lines: str, name: str = "rows.csv", arguments: IngestArguments = ARGUMENTS):
        made_at = at(week).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        pattern = landed.revision_keys(product)
        values = {"Revision.CreatedAt": made_at, "Revision.Id": revision_id(week), "Asset.Name": name}
        for variable, value in values.items():
            pattern = pattern.replace(f"${{{variable}}}", value)
        names = contracts.load().source(product).table.file_columns  # type: ignore[union-attr]
        body = "\n".join([",".join(names), *lines]) + "\n"
        boto3.client("s3").put_object(Bucket="test-landing", Key=pattern, Body=body.encode())
        file = landed.LandedFile(bucket="test-landing", key=pattern, landed_at=NOW.isoformat(), size=len(body))
        return ingest(spark, file, arguments, run_id=f"jr_{week}", now=NOW)

    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    yield exported
    boto3.client("kinesis").delete_stream(StreamName=STREAM)


def line(number: int, band: str) -> str:
    return f"B{number:06d},{number} Main Street,60601-1234,{band}"


def validity(rows: Rows, product: str = "credit_bands") -> list[tuple[str, str, datetime, datetime | None, bool]]:
    key, said = ("bureau_id", "credit_band") if product == "credit_bands" else ("audience_row", "audience")
    found = rows(Zone.CURATED, reference_table(product))
    return sorted(
        (row[key], row[said], row["valid_from"].replace(tzinfo=UTC), row["valid_to"] and row["valid_to"].replace(
            tzinfo=UTC), row["is_current"]) for row in found
    )  # fmt: skip


def test_a_new_revision_ends_what_the_former_one_said(export: Callable[..., Any], rows: Rows) -> None:
    export("credit_bands", 1, line(1, "A"), line(2, "B"), line(3, "C"))
    counts = export("credit_bands", 2, line(1, "A"), line(2, "D"))

    assert counts == {"received": 2, "loaded": 2, "rejected": 0, "published": 0}
    assert validity(rows) == [
        ("B000001", "A", at(1), None, True),
        ("B000002", "B", at(1), at(2), False),
        ("B000002", "D", at(2), None, True),
        ("B000003", "C", at(1), at(2), False),  # the second revision leaves it out
    ]
    keys = {row["household_key"] for row in rows(Zone.CURATED, "reference_credit_bands")}
    assert keys == {"1 main st|60601", "2 main st|60601", "3 main st|60601"}


def test_a_revision_that_is_exported_twice_has_one_effect(
    export: Callable[..., Any], rows: Rows, spark: SparkSession
) -> None:
    table = "glue_catalog.c360_dev_curated.reference_credit_bands"
    export("credit_bands", 1, line(1, "A"), line(2, "B"))
    export("credit_bands", 2, line(1, "C"), line(2, "B"))
    before = (validity(rows), rows(Zone.RAW, "credit_bands"))
    commits = spark.sql(f"SELECT * FROM {table}.snapshots").count()

    export("credit_bands", 1, line(1, "A"), line(2, "B"), name="exported-again.csv")
    export("credit_bands", 2, line(1, "C"), line(2, "B"))

    assert (validity(rows), rows(Zone.RAW, "credit_bands")) == before
    assert spark.sql(f"SELECT * FROM {table}.snapshots").count() == commits, "nothing was written again"


def test_a_late_revision_finds_its_place(export: Callable[..., Any], rows: Rows) -> None:
    export("credit_bands", 1, line(1, "A"), line(2, "B"))
    export("credit_bands", 3, line(1, "A"), line(2, "B"))
    assert [row[2:] for row in validity(rows)] == [(at(1), None, True)] * 2

    export("credit_bands", 2, line(1, "E"))

    assert validity(rows) == [
        ("B000001", "A", at(1), at(2), False),
        ("B000001", "A", at(3), None, True),
        ("B000001", "E", at(2), at(3), False),
        ("B000002", "B", at(1), at(2), False),  # the second revision left it out
        ("B000002", "B", at(3), None, True),
    ]
    assert {(row["bureau_id"], row["credit_band"]) for row in rows(Zone.RAW, "credit_bands")} == {
        ("B000001", "A"),
        ("B000002", "B"),
    }, "the raw table has what the newest revision says"


def test_a_product_of_changes_keeps_what_a_revision_leaves_out(export: Callable[..., Any], rows: Rows) -> None:
    export("advertising_audiences", 2, "A000001,60601,runners", "A000002,60602,cooks")
    export("advertising_audiences", 3, "A000001,60601,none")
    export("advertising_audiences", 1, "A000002,60602,gardeners")

    assert validity(rows, "advertising_audiences") == [
        ("A000001", "none", at(3), None, True),
        ("A000001", "runners", at(2), at(3), False),
        ("A000002", "cooks", at(2), None, True),
        ("A000002", "gardeners", at(1), at(2), False),
    ]


def test_nothing_is_loaded_once_the_licence_has_ended(
    export: Callable[..., Any], rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = contracts.load()
    source = known.source("credit_bands")
    assert source.licence is not None
    over = replace(source, licence=replace(source.licence, ends=NOW.date()))
    monkeypatch.setattr(
        contracts, "load", lambda: replace(known, sources={**known.sources, "credit_bands": over})
    )  # fmt: skip

    assert export("credit_bands", 1, line(1, "A"))["rejected"] == 1

    [rejected] = rows(Zone.QUARANTINE, "rejected")
    assert rejected["reason_code"] == "LICENCE_ENDED"
    assert f"ended on {date(2026, 3, 2)}" in rejected["reason"]
    assert rows(Zone.RAW, "credit_bands") == rows(Zone.CURATED, "reference_credit_bands") == []


def test_the_probe_of_data_exchange_is_no_file(export: Callable[..., Any], rows: Rows, spark: SparkSession) -> None:
    file = landed.LandedFile(bucket="test-landing", key="_ADX-TEST-123", landed_at=NOW.isoformat(), size=0)

    assert ingest(spark, file, ARGUMENTS, run_id="jr_1", now=NOW)["received"] == 0
    assert rows(Zone.QUARANTINE, "rejected") == []


@pytest.mark.parametrize("kind", list(Revisions))
@pytest.mark.parametrize("seed", range(2))
def test_history_is_that_of_an_honest_clerk_whatever_the_order(spark: SparkSession, kind: Revisions, seed: int) -> None:
    """The clerk looks up, for every moment, the newest revision of then; the table is built revision by revision."""
    chance = random.Random(seed)
    said: dict[datetime, dict[str, str]] = {
        at(week): {f"k{n}": chance.choice("AAB") for n in range(6) if chance.random() < 0.7} or {"k0": "A"}
        for week in range(7)
    }
    schema = "k STRING, v STRING, valid_from TIMESTAMP, valid_to TIMESTAMP, is_current BOOLEAN, "
    stored = spark.createDataFrame([], schema + "revisions ARRAY<TIMESTAMP>")
    order = list(said)
    chance.shuffle(order)
    for made_at in [*order, order[0]]:  # one comes again
        new = spark.createDataFrame(
            [(k, v, made_at) for k, v in said[made_at].items()], "k STRING, v STRING, _at TIMESTAMP"
        )
        shape = contracts.Reference(revisions=kind, joins={})
        wanted = reference._wanted(stored, new=new, key="k", kind=shape)
        others = stored.join(wanted.select("k"), "k", "left_anti")
        stored = others.unionByName(wanted.select(*stored.columns)).localCheckpoint()

    rows = [row.asDict() for row in stored.collect()]
    for key, moment in itertools.product([f"k{n}" for n in range(6)], [*said, at(10)]):
        holding = [
            row["v"]
            for row in rows
            if row["k"] == key
            and row["valid_from"].replace(tzinfo=UTC) <= moment
            and (row["valid_to"] is None or moment < row["valid_to"].replace(tzinfo=UTC))
        ]
        assert holding == clerk(said, key, moment, kind), (key, moment)
    assert all(row["is_current"] == (row["valid_to"] is None) for row in rows)
    for before, after in itertools.permutations(rows, 2):
        if before["k"] == after["k"] and before["valid_to"] == after["valid_from"]:
            assert before["v"] != after["v"], "one answer is one row"


def clerk(said: Said, key: str, moment: datetime, kind: Revisions) -> list[str]:
    past = sorted(made_at for made_at in said if made_at <= moment and (kind is Revisions.FULL or key in said[made_at]))
    return [said[past[-1]][key]] if past and key in said[past[-1]] else []
