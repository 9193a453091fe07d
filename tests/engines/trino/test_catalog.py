# the statements are literals of these tests
"""Glue's additions and the tables that a template makes."""

from typing import Any

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack


def test_partition_of_the_template_holds_for_every_writer(stack: Stack) -> None:
    rows = stack.query(f'SELECT partition.received_at_day, record_count FROM {lake.RAW}."interactions$partitions"')
    assert rows == [["2026-02-20", "35"]]


def test_pyiceberg_reads_what_the_engine_wrote(stack: Stack) -> None:
    from pyiceberg.catalog.glue import GlueCatalog

    endpoint = stack.settings.endpoint
    places: dict[str, Any] = {"glue.endpoint": endpoint, "s3.endpoint": endpoint, "s3.region": "us-east-1"}
    catalog = GlueCatalog("twin", **places)
    table = catalog.load_table((lake.CURATED, "identifier_map"))
    assert sorted(table.scan().to_arrow()["person_id"].to_pylist()) == ["p_1", "p_1", "p_2", "p_4", "p_5"]


@pytest.fixture(scope="module")
def sales(stack: Stack) -> str:
    glue = stack.client("glue")
    storage = {"Columns": [{"Name": "amount", "Type": "int"}], "Location": f"s3://{lake.LAKE}/sales"}
    keys = [{"Name": "day", "Type": "date"}, {"Name": "store", "Type": "int"}]
    glue.create_table(
        DatabaseName=lake.RAW,
        TableInput={"Name": "sales", "StorageDescriptor": storage, "PartitionKeys": keys},
    )
    partitions = [{"Values": [f"2026-01-0{day}", str(store)]} for day in (1, 2, 3) for store in (9, 10)]
    glue.batch_create_partition(DatabaseName=lake.RAW, TableName="sales", PartitionInputList=partitions)
    return "sales"


def test_partitions_are_filtered_on_the_server(stack: Stack, sales: str) -> None:
    glue = stack.client("glue")
    found = glue.get_partitions(
        DatabaseName=lake.RAW, TableName=sales, Expression="day = date '2026-01-02' and store > 9"
    )
    assert [partition["Values"] for partition in found["Partitions"]] == [["2026-01-02", "10"]]


def test_a_filter_on_another_column_is_an_error_and_not_all_partitions(stack: Stack, sales: str) -> None:
    glue = stack.client("glue")
    with pytest.raises(glue.exceptions.InvalidInputException, match="amount is not a partition key"):
        glue.get_partitions(DatabaseName=lake.RAW, TableName=sales, Expression="amount = 1")


def test_partitions_are_deleted_in_batches(stack: Stack, sales: str) -> None:
    glue = stack.client("glue")
    answer = glue.batch_delete_partition(
        DatabaseName=lake.RAW,
        TableName=sales,
        PartitionsToDelete=[{"Values": ["2026-01-03", "9"]}, {"Values": ["2026-01-09", "9"]}],
    )
    assert [error["PartitionValues"] for error in answer["Errors"]] == [["2026-01-09", "9"]]
    assert len(glue.get_partitions(DatabaseName=lake.RAW, TableName=sales)["Partitions"]) == 5


def test_earlier_versions_of_a_table_are_kept_until_deleted(stack: Stack, sales: str) -> None:
    glue = stack.client("glue")
    names = {"DatabaseName": lake.RAW, "TableName": sales}
    glue.update_table(DatabaseName=lake.RAW, TableInput={"Name": sales, "Description": "second"})
    versions = glue.get_table_versions(**names)["TableVersions"]
    assert [(v["VersionId"], v["Table"].get("Description", "")) for v in versions] == [("2", "second"), ("1", "")]

    glue.delete_table_version(**names, VersionId="1")
    assert [v["VersionId"] for v in glue.get_table_versions(**names)["TableVersions"]] == ["2"]
