"""Iceberg tables that a template describes: metadata.json and the catalog entry that points to it.

A new table gets the field ids that the template states, and a changed template adds its schema to those of the table.
It checks no more than Glue does: old files are read correctly only if the ids are right.
"""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from twin.providers.glue.errors import CatalogError

Document = dict[str, Any]
PutObject = Callable[[str, str, bytes], None]
GetObject = Callable[[str, str], bytes]


def create_iceberg_table(
    properties: Document, *, put_object: PutObject, create_table: Callable[[Document], None]
) -> str:
    """Create the Iceberg table that an AWS::Glue::Table with OpenTableFormatInput describes.

    Writes the first metadata.json, then the catalog entry that points to it; Flink, Spark and Trino take it from there.

    Args:
        properties: the resolved properties.
        put_object: writes an object (bucket, key, body).
        create_table: Glue's CreateTable with a request of its API.

    Returns:
        The table's name.

    Raises:
        CatalogError: the properties lack a field or have one that Iceberg does not know.
    """
    name = table_name(properties)
    table_input = _iceberg_table_input(properties, name)
    location = _required(table_input, "Location", name).rstrip("/")
    metadata = _metadata(table_input, location, name, str(_iceberg_input(properties).get("Version", "2")))
    metadata_location = f"{location}/metadata/00000-{uuid.uuid4()}.metadata.json"
    put_object(*_bucket_and_key(metadata_location), metadata.model_dump_json().encode())
    stated = properties.get("TableInput") or {}
    entry = {
        **{key: stated[key] for key in ("Description", "Owner") if key in stated},
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            **stated.get("Parameters", {}),
            "table_type": "ICEBERG",
            "metadata_location": metadata_location,
        },
        "StorageDescriptor": {"Location": location, "Columns": _glue_columns(metadata.schema(), table_input)},
    }
    create_table({"DatabaseName": _required(properties, "DatabaseName", name), "TableInput": entry})
    return name


def evolve_iceberg_table(
    properties: Document,
    *,
    entry: Document,
    get_object: GetObject,
    put_object: PutObject,
    update_table: Callable[[Document], None],
) -> None:
    """Give a table the schema and the properties of a changed template; its files stay as they are.

    Args:
        properties: the resolved properties.
        entry: the table as Glue has it.
        get_object: reads an object (bucket, key).
        put_object: writes an object (bucket, key, body).
        update_table: Glue's UpdateTable with a request of its API.

    Raises:
        CatalogError: the template moves the table, or changes its partitions.
    """
    from pyiceberg.table.metadata import TableMetadataUtil
    from pyiceberg.table.update import update_table_metadata

    name = table_name(properties)
    stated = _iceberg_table_input(properties, name)
    before = str(entry["Parameters"]["metadata_location"])
    metadata = TableMetadataUtil.parse_raw(get_object(*_bucket_and_key(before)).decode())
    schema = _schema(stated["Schema"], name)
    if _required(stated, "Location", name).rstrip("/") != metadata.location:
        raise CatalogError("InvalidInputException", f"table {name}: Location cannot change from {metadata.location}")
    if _partition_spec(stated.get("PartitionSpec"), schema, name).fields != metadata.spec().fields:
        message = f"table {name}: PartitionSpec cannot change; partitions evolve by ALTER TABLE"
        raise CatalogError("InvalidInputException", message)
    changed = update_table_metadata(metadata, _updates(metadata, schema, stated), metadata_location=before)
    version = int(before.rpartition("/")[2].partition("-")[0]) + 1
    after = f"{metadata.location}/metadata/{version:05}-{uuid.uuid4()}.metadata.json"
    put_object(*_bucket_and_key(after), changed.model_dump_json().encode())
    table: Document = {key: entry[key] for key in ("Name", "Description", "Owner", "TableType") if key in entry}
    table["Parameters"] = {
        **entry["Parameters"],
        "metadata_location": after,
        "previous_metadata_location": before,
    }
    table["StorageDescriptor"] = {**entry["StorageDescriptor"], "Columns": _glue_columns(changed.schema(), stated)}
    update_table({"DatabaseName": _required(properties, "DatabaseName", name), "TableInput": table})


def _updates(metadata: Any, schema: Any, stated: Document) -> tuple[Any, ...]:
    from pyiceberg.table.update import AddSchemaUpdate, SetCurrentSchemaUpdate, SetPropertiesUpdate

    updates: list[Any] = []
    if schema.as_struct() != metadata.schema().as_struct():
        number = max(known.schema_id for known in metadata.schemas) + 1
        numbered = schema.model_copy(update={"schema_id": number})
        updates += [AddSchemaUpdate(schema_=numbered), SetCurrentSchemaUpdate(schema_id=number)]
    if stated.get("Properties"):
        updates.append(SetPropertiesUpdate(updates=stated["Properties"]))
    return tuple(updates)


def _bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def table_name(properties: Document) -> str:
    """The table's name, which a template states at the top or in TableInput."""
    name = properties.get("Name") or (properties.get("TableInput") or {}).get("Name")
    if not name:
        raise CatalogError("InvalidInputException", "an Iceberg table needs Name (or TableInput.Name)")
    return str(name)


def _iceberg_input(properties: Document) -> Document:
    found: Document = properties["OpenTableFormatInput"].get("IcebergInput") or {}
    operation = found.get("MetadataOperation")
    if operation != "CREATE":
        message = f"OpenTableFormatInput.IcebergInput.MetadataOperation is {operation!r}; it can only be CREATE"
        raise CatalogError("InvalidInputException", message)
    return found


def _iceberg_table_input(properties: Document, name: str) -> Document:
    """The full definition; a template that has only TableInput columns gets a table of these, unpartitioned."""
    found = _iceberg_input(properties).get("IcebergTableInput")
    if found:
        return dict(found)
    storage = (properties.get("TableInput") or {}).get("StorageDescriptor") or {}
    columns = _required(storage, "Columns", name)
    fields = [
        {"Id": i, "Name": column["Name"], "Type": column["Type"], "Required": False, "Doc": column.get("Comment")}
        for i, column in enumerate(columns, start=1)
    ]
    return {"Location": _required(storage, "Location", name), "Schema": {"Fields": fields}}


def _metadata(table_input: Document, location: str, name: str, version: str) -> Any:
    from pyiceberg.table.metadata import new_table_metadata
    from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder

    schema = _schema(table_input["Schema"], name)
    spec = _partition_spec(table_input.get("PartitionSpec"), schema, name)
    sort_fields = _sort_fields(table_input.get("WriteOrder"))
    order = SortOrder(*sort_fields) if sort_fields else UNSORTED_SORT_ORDER
    properties = {"format-version": version, **(table_input.get("Properties") or {})}
    metadata = new_table_metadata(
        schema=schema, partition_spec=spec, sort_order=order, location=location, properties=properties
    )
    # The library gives a new table its own field ids; the template's ids are to stay.
    stated = {
        "schemas": [schema],
        "last_column_id": schema.highest_field_id,
        "partition_specs": [spec],
        "last_partition_id": spec.last_assigned_field_id,
        "sort_orders": [order],
    }
    return metadata.model_copy(update=stated)


def _schema(stated: Document, name: str) -> Any:
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    fields = _required(stated, "Fields", name)
    ids = _Ids(max(map(_highest_id, fields)))
    schema = Schema(
        *(
            NestedField(
                field_id=int(field["Id"]),
                name=field["Name"],
                field_type=iceberg_type(field["Type"], ids),
                required=_flag(field.get("Required", False)),
                doc=field.get("Doc"),
            )
            for field in fields
        ),
        identifier_field_ids=[int(i) for i in stated.get("IdentifierFieldIds") or ()],
    )
    twice = [number for number, times in Counter(_all_ids(schema.as_struct())).items() if times > 1]
    if twice:
        raise CatalogError("InvalidInputException", f"table {name}: field id {twice[0]} is given twice")
    return schema


def _highest_id(field: Document) -> int:
    """The highest id that a column of the template states, those of what is nested included."""
    nested = re.findall(r'"(?:element|key|value)-id":\s*(\d+)', field["Type"])
    return max(map(int, [field["Id"], *nested]))


def _all_ids(kind: Any) -> Iterator[int]:
    from pyiceberg.types import ListType, MapType

    fields: Sequence[Any] = getattr(kind, "fields", ())
    if isinstance(kind, ListType):
        fields = [kind.element_field]
    elif isinstance(kind, MapType):
        fields = [kind.key_field, kind.value_field]
    for field in fields:
        yield field.field_id
        yield from _all_ids(field.field_type)


class _Ids:
    """Field ids for the elements of lists that state none, above all that are stated."""

    def __init__(self, start: int) -> None:
        self._last = start

    def next(self) -> int:
        self._last += 1
        return self._last


_ALIASES: Final = {"bigint": "long", "varchar": "string", "integer": "int", "tinyint": "int", "smallint": "int"}


def iceberg_type(text: str, ids: Any = None) -> Any:
    """Read a type: Iceberg's words, Glue's (`bigint`, `array<string>`), or Iceberg's JSON for nested types."""
    from pydantic import TypeAdapter, ValidationError
    from pyiceberg.types import IcebergType, ListType, MapType

    ids = ids or _Ids(1000)
    words = text.strip()
    if words.startswith("{"):
        stated = json.loads(words)
        if stated.get("type") == "map":
            key_id, value_id = (int(stated[part]) if part in stated else ids.next() for part in ("key-id", "value-id"))
            key, value = (
                iceberg_type(part if isinstance(part, str) else json.dumps(part), ids)
                for part in (stated["key"], stated["value"])
            )
            return MapType(key_id, key, value_id, value, bool(stated.get("value-required")))
        if stated.get("type") != "list":
            message = f"type {text!r}: of the nested types only list and map are supported"
            raise CatalogError("InvalidInputException", message)
        element_id = int(stated["element-id"]) if "element-id" in stated else ids.next()
        element = stated["element"]
        element = iceberg_type(element if isinstance(element, str) else json.dumps(element), ids)
        return ListType(element_id, element, bool(stated.get("element-required")))
    nested = re.fullmatch(r"(?:list|array)\s*<(.*)>", words, re.IGNORECASE)
    if nested:
        return ListType(ids.next(), iceberg_type(nested[1], ids), False)  # noqa: FBT003  # element-required
    try:
        return TypeAdapter(IcebergType).validate_python(_ALIASES.get(words.lower(), words.lower()))
    except (ValidationError, ValueError) as error:
        raise CatalogError("InvalidInputException", f"{text!r} is not a type of Iceberg") from error


def _partition_spec(stated: Document | None, schema: Any, name: str) -> Any:
    from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
    from pyiceberg.transforms import parse_transform

    fields = []
    for position, field in enumerate((stated or {}).get("Fields") or ()):
        source = int(_required(field, "SourceId", name))
        if source not in {column.field_id for column in schema.fields}:
            raise CatalogError(
                "InvalidInputException", f"{name}: PartitionSpec names field {source}, not in the schema"
            )
        field_id = int(field.get("FieldId") or PARTITION_FIELD_ID_START + position)
        transform = parse_transform(field["Transform"])
        fields.append(PartitionField(source_id=source, field_id=field_id, transform=transform, name=field["Name"]))
    return PartitionSpec(*fields, spec_id=int((stated or {}).get("SpecId") or 0))


def _sort_fields(stated: Document | None) -> list[Any]:
    from pyiceberg.table.sorting import NullOrder, SortDirection, SortField
    from pyiceberg.transforms import parse_transform

    return [
        SortField(
            source_id=int(field["SourceId"]),
            transform=parse_transform(field["Transform"]),
            direction=SortDirection(field["Direction"].lower()),
            null_order=NullOrder(field["NullOrder"].lower().replace("_", "-")),
        )
        for field in (stated or {}).get("Fields") or ()
    ]


def _glue_columns(schema: Any, table_input: Document) -> list[Document]:
    docs = {field["Name"]: field.get("Doc") for field in table_input["Schema"]["Fields"]}
    columns = []
    for field in schema.fields:
        column = {
            "Name": field.name,
            "Type": _glue_type(field.field_type),
            "Parameters": {
                "iceberg.field.id": str(field.field_id),
                "iceberg.field.optional": str(not field.required).lower(),
                "iceberg.field.current": "true",
            },
        }
        if docs.get(field.name):
            column["Comment"] = docs[field.name]
        columns.append(column)
    return columns


def _glue_type(kind: Any) -> str:
    from pyiceberg.types import ListType, MapType

    if isinstance(kind, ListType):
        return f"array<{_glue_type(kind.element_type)}>"
    if isinstance(kind, MapType):
        return f"map<{_glue_type(kind.key_type)},{_glue_type(kind.value_type)}>"
    names = {"long": "bigint", "timestamptz": "timestamp", "uuid": "string", "time": "string"}
    return names.get(str(kind), str(kind).replace(" ", ""))


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _required(document: Document, key: str, name: str) -> Any:
    if document.get(key) in (None, "", []):
        raise CatalogError("InvalidInputException", f"table {name}: {key} is missing")
    return document[key]
