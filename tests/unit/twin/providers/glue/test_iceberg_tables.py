"""Iceberg tables from a template."""

import json
from typing import Any

import pytest

from twin.providers.glue.errors import CatalogError
from twin.providers.glue.iceberg_tables import create_iceberg_table, evolve_iceberg_table, iceberg_type

MAP = {"type": "map", "key-id": 10, "key": "string", "value-id": 11, "value-required": False}
LIST = json.dumps({"type": "list", "element-id": 9, "element-required": False, "element": "string"})


def properties(**changes: Any) -> dict[str, Any]:
    fields = [
        {"Id": 1, "Name": "event_id", "Type": "string", "Required": True, "Doc": "The key."},
        {"Id": 2, "Name": "received_at", "Type": "timestamptz", "Required": "false"},
        {"Id": 3, "Name": "amount", "Type": "decimal(14, 2)", "Required": False},
        {"Id": 4, "Name": "keys", "Type": LIST, "Required": False},
    ]
    stated = {
        "Location": "s3://lake/interactions/",
        "Schema": {"Type": "struct", "Fields": fields},
        "PartitionSpec": {"Fields": [{"SourceId": 2, "Transform": "day", "Name": "received_at_day", "FieldId": 1000}]},
        "Properties": {"write.format.default": "parquet"},
        **changes,
    }
    iceberg = {"MetadataOperation": "CREATE", "Version": "2", "IcebergTableInput": stated}
    return {"DatabaseName": "raw", "Name": "interactions", "OpenTableFormatInput": {"IcebergInput": iceberg}}


def create(stated: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The metadata document and the catalog entry that are written."""
    written: dict[str, bytes] = {}
    entries: list[dict[str, Any]] = []
    create_iceberg_table(
        stated,
        put_object=lambda bucket, key, body: written.update({f"s3://{bucket}/{key}": body}),
        create_table=entries.append,
    )
    location = entries[0]["TableInput"]["Parameters"]["metadata_location"]
    return json.loads(written[location]), entries[0]


def test_metadata_states_schema_partitions_and_properties() -> None:
    metadata, _ = create(properties())
    schema = metadata["schemas"][0]["fields"]
    assert metadata["format-version"] == 2
    assert metadata["location"] == "s3://lake/interactions"
    assert [(f["id"], f["name"], f["required"]) for f in schema] == [
        (1, "event_id", True),
        (2, "received_at", False),
        (3, "amount", False),
        (4, "keys", False),
    ]
    assert schema[3]["type"]["element"] == "string"
    assert schema[3]["type"]["element-id"] == 9
    assert metadata["partition-specs"][0]["fields"] == [
        {"source-id": 2, "field-id": 1000, "transform": "day", "name": "received_at_day"}
    ]
    assert metadata["properties"]["write.format.default"] == "parquet"


def test_catalog_entry_points_to_the_metadata_and_shows_the_columns() -> None:
    _, entry = create(properties())
    table = entry["TableInput"]
    assert entry["DatabaseName"] == "raw"
    assert table["Parameters"]["table_type"] == "ICEBERG"
    assert table["Parameters"]["metadata_location"].startswith("s3://lake/interactions/metadata/00000-")
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("event_id", "string"),
        ("received_at", "timestamp"),
        ("amount", "decimal(14,2)"),
        ("keys", "array<string>"),
    ]
    assert table["StorageDescriptor"]["Columns"][0]["Comment"] == "The key."


def test_a_table_without_a_partition_is_whole() -> None:
    metadata, _ = create(properties(PartitionSpec=None))
    assert metadata["partition-specs"][0]["fields"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bigint", "long"),
        ("array<string>", "list<string>"),
        ("list<long>", "list<long>"),
        ("DECIMAL(4,2)", "decimal(4, 2)"),
    ],
)
def test_types_of_iceberg_and_glue_are_read(text: str, expected: str) -> None:
    assert str(iceberg_type(text)) == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Location": ""}, "table interactions: Location is missing"),
        ({"Schema": {"Fields": []}}, "table interactions: Fields is missing"),
        ({"PartitionSpec": {"Fields": [{"SourceId": 9, "Transform": "day", "Name": "x"}]}}, "names field 9"),
        ({"Schema": {"Fields": [{"Id": 1, "Name": "a", "Type": "money", "Required": False}]}}, "'money' is not a type"),
    ],
)
def test_incomplete_templates_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CatalogError, match=reason):
        create(properties(**changes))


# ---- ids and their future


def field(number: int, name: str, kind: str = "string") -> dict[str, Any]:
    return {"Id": number, "Name": name, "Type": kind, "Required": False}


def test_a_map_keeps_the_ids_of_its_keys_and_values() -> None:
    stated = json.dumps({**MAP, "value": "decimal(18, 6)"})
    fields = [field(2, "received_at", "timestamptz"), field(9, "scores", stated)]
    metadata, entry = create(properties(Schema={"Fields": fields}))

    scores = metadata["schemas"][0]["fields"][1]["type"]
    assert (scores["type"], scores["key-id"], scores["value-id"]) == ("map", 10, 11)
    assert metadata["last-column-id"] == 11
    columns = entry["TableInput"]["StorageDescriptor"]["Columns"]
    assert [column["Type"] for column in columns] == ["timestamp", "map<string,decimal(18,6)>"]


def test_the_ids_of_the_template_stay_gaps_and_all() -> None:
    fields = [field(2, "received_at", "timestamptz"), field(7, "source"), field(9, "keys", LIST.replace("9", "8"))]
    metadata, _ = create(properties(Schema={"Fields": fields}))

    found = metadata["schemas"][0]["fields"]
    assert [(f["id"], f["name"]) for f in found] == [(2, "received_at"), (7, "source"), (9, "keys")]
    assert found[2]["type"]["element-id"] == 8
    assert metadata["last-column-id"] == 9
    assert metadata["partition-specs"][0]["fields"][0]["source-id"] == 2
    assert metadata["default-sort-order-id"] == metadata["sort-orders"][0]["order-id"] == 0


@pytest.mark.parametrize(
    "fields",
    [[field(2, "at", "timestamptz"), field(2, "b")], [field(2, "at", "date"), field(9, "b"), field(3, "c", LIST)]],
)
def test_an_id_that_is_given_twice_is_refused(fields: list[dict[str, Any]]) -> None:
    with pytest.raises(CatalogError, match=r"field id \d is given twice"):
        create(properties(Schema={"Fields": fields}))


def evolve(**changes: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The metadata before and after a change of the template, and the catalog entry."""
    written: dict[str, bytes] = {}
    entries: list[dict[str, Any]] = []
    store = {"put_object": lambda bucket, key, body: written.update({f"s3://{bucket}/{key}": body})}
    create_iceberg_table(properties(), **store, create_table=entries.append)
    evolve_iceberg_table(
        properties(**changes),
        **store,
        entry=entries[0]["TableInput"],
        get_object=lambda bucket, key: written[f"s3://{bucket}/{key}"],
        update_table=entries.append,
    )
    before, after = (json.loads(written[e["TableInput"]["Parameters"]["metadata_location"]]) for e in entries)
    return before, after, entries[1]["TableInput"]


def test_a_changed_template_adds_its_schema_and_keeps_the_files() -> None:
    fields = [
        field(1, "event_id"),
        field(2, "received_at", "timestamptz"),
        field(10, "source"),
        field(3, "total", "decimal(18, 2)"),
    ]
    before, after, entry = evolve(Schema={"Fields": fields})

    assert after["table-uuid"] == before["table-uuid"]
    assert [schema["schema-id"] for schema in after["schemas"]] == [0, 1]
    assert after["current-schema-id"] == 1
    assert [(f["id"], f["name"]) for f in after["schemas"][1]["fields"]] == [
        (1, "event_id"),
        (2, "received_at"),
        (10, "source"),
        (3, "total"),
    ]
    assert after["last-column-id"] == 10
    assert after["metadata-log"][-1]["metadata-file"] == entry["Parameters"]["previous_metadata_location"]
    assert entry["Parameters"]["metadata_location"].startswith("s3://lake/interactions/metadata/00001-")
    assert [c["Name"] for c in entry["StorageDescriptor"]["Columns"]] == ["event_id", "received_at", "source", "total"]


def test_new_properties_add_no_schema() -> None:
    _, after, _ = evolve(Properties={"write.format.default": "parquet", "comment": "new"})

    assert [schema["schema-id"] for schema in after["schemas"]] == [0]
    assert after["properties"]["comment"] == "new"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Location": "s3://lake/elsewhere"}, "Location cannot change"),
        ({"PartitionSpec": None}, "PartitionSpec cannot change"),
    ],
)
def test_a_table_is_neither_moved_nor_repartitioned(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(CatalogError, match=reason):
        evolve(**changes)
