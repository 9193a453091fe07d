"""Every field of every contract is in every projection, with the right type."""

import json
from dataclasses import replace

import fastjsonschema
import pytest

from c360_core import projections
from c360_core.contracts import UnknownContractError
from c360_core.names import PiiClass
from tests.factories.events import event
from tools.contracts import load_and_check

CONTRACTS = load_and_check().contracts
TABLES = [*(p.table for p in CONTRACTS.products.values()), *(s.table for s in CONTRACTS.file_sources())]
ALL_TABLES = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
ALL_EVENTS = pytest.mark.parametrize(
    ("source", "event_type"),
    [(source.name, kind) for source in CONTRACTS.sources.values() for kind in source.event_types],
)

TYPES = {  # logical type -> Spark, Flink, Iceberg
    "string": ("STRING", "STRING", "string"),
    "integer": ("INT", "INT", "int"),
    "long": ("BIGINT", "BIGINT", "long"),
    "decimal(14,2)": ("DECIMAL(14,2)", "DECIMAL(14, 2)", "decimal(14, 2)"),
    "decimal(18,2)": ("DECIMAL(18,2)", "DECIMAL(18, 2)", "decimal(18, 2)"),
    "decimal(20,6)": ("DECIMAL(20,6)", "DECIMAL(20, 6)", "decimal(20, 6)"),
    "decimal(38,2)": ("DECIMAL(38,2)", "DECIMAL(38, 2)", "decimal(38, 2)"),
    "decimal(4,2)": ("DECIMAL(4,2)", "DECIMAL(4, 2)", "decimal(4, 2)"),
    "boolean": ("BOOLEAN", "BOOLEAN", "boolean"),
    "date": ("DATE", "DATE", "date"),
    "timestamp": ("TIMESTAMP", "TIMESTAMP_LTZ(3)", "timestamptz"),
    "array of string": ("ARRAY<STRING>", "ARRAY<STRING>", "list<string>"),
    "array of timestamp": ("ARRAY<TIMESTAMP>", "ARRAY<TIMESTAMP_LTZ(3)>", "list<timestamptz>"),
    "map": ("MAP<STRING,DECIMAL(18,6)>", "MAP<STRING, DECIMAL(18, 6)>", "map<string, decimal(18, 6)>"),
}


def expected(field):
    if field.logical_type == "number":
        return TYPES[f"decimal({field.precision},{field.scale})"]
    if field.logical_type == "array":
        return TYPES[f"array of {field.items.logical_type}"]
    return TYPES["long" if field.long else field.logical_type]


@ALL_TABLES
def test_spark_and_flink_have_a_type_for_every_column(table):
    assert [(projections.spark_type(field), projections.flink_type(field)) for field in table.fields] == [
        (expected(field)[0], expected(field)[1]) for field in table.fields
    ]


@ALL_TABLES
def test_iceberg_has_every_column_under_the_id_of_the_contract(table):
    fields = projections.iceberg_schema(table)["Fields"]

    assert {f["Name"]: (f["Id"], plain(f["Type"])) for f in fields} == {
        field.name: (field.field_id, expected(field)[2]) for field in table.fields
    }
    nested = [json.loads(f["Type"]) for f in fields if f["Type"].startswith("{")]
    ids = [f["Id"] for f in fields] + [type_[key] for type_ in nested for key in type_ if key.endswith("-id")]
    assert len(set(ids)) == len(ids)


def plain(iceberg_type):
    if not iceberg_type.startswith("{"):
        return iceberg_type
    stated = json.loads(iceberg_type)
    if stated["type"] == "map":
        assert stated["value-required"] is False
        return f"map<{stated['key']}, {stated['value']}>"
    assert stated["element-required"] is False
    return f"{stated['type']}<{stated['element']}>"


@ALL_TABLES
def test_columns_stand_in_the_order_of_their_ids(table):
    """A catalog that numbers the columns of a new table itself gives the ids of the contract."""
    ids = [field["Id"] for field in projections.iceberg_schema(table)["Fields"]]

    assert ids == sorted(ids)


def test_a_column_without_an_id_is_no_column_of_the_lake():
    table = CONTRACTS.product("duplicates").table
    without = replace(table, fields=(*table.fields, replace(table.fields[0], name="more", field_id=None)))

    with pytest.raises(ValueError, match=r"more: the contract gives no `fieldId`; run `\./c360 contracts ids`"):
        projections.iceberg_schema(without)


@ALL_TABLES
def test_iceberg_partition_points_at_its_column(table):
    spec = projections.iceberg_partition_spec(table)

    if table.partition is None:
        assert spec is None
    else:
        (field,) = spec["Fields"]
        (column,) = [column for column in table.fields if column.field_id == field["SourceId"]]
        assert table.partition == f"day({column.name})"


@ALL_TABLES
def test_every_column_has_its_pii_tag(table):
    assert projections.lakeformation_tags(table) == {field.name: field.classification for field in table.fields}


def test_names_and_addresses_are_never_untagged():
    for table in TABLES:
        tags = projections.lakeformation_tags(table)
        for name in {"first_name", "last_name", "email", "phone", "street", "birth_date", "text"} & set(tags):
            assert tags[name] in {PiiClass.DIRECT, PiiClass.SENSITIVE}, f"{table.name}.{name}"


@ALL_TABLES
def test_quality_rules_cover_every_constraint(table):
    rules = projections.dqdl(table)

    for field in table.fields:
        if table.file_columns and field.name not in table.file_columns:
            continue
        where = "" if field.required else f' where "{field.name} is not null"'
        assert (f'IsComplete "{field.name}"' in rules) == field.required
        assert (f'IsUnique "{field.name}"' in rules) == field.unique
        if field.enum:
            values = ", ".join(f'"{value}"' for value in field.enum)
            assert f'ColumnValues "{field.name}" in [{values}]{where}' in rules
        if field.pattern:
            assert f'ColumnValues "{field.name}" matches "{field.pattern}"{where}' in rules
        if field.minimum is not None:
            assert f'ColumnValues "{field.name}" >= {field.minimum}{where}' in rules
        if field.maximum is not None:
            assert f'ColumnValues "{field.name}" <= {field.maximum}{where}' in rules
    assert rules.count("RowCount") + rules.count("CustomSql") == len(table.rules)
    assert "between" not in rules
    assert "threshold" not in rules


# ---- events


def validator(source, event_type):
    return fastjsonschema.compile(projections.event_json_schema(CONTRACTS, source, event_type))


@ALL_EVENTS
def test_schema_has_every_field(source, event_type):
    schema = projections.event_json_schema(CONTRACTS, source, event_type)

    assert set(schema["properties"]) == {field.name for field in CONTRACTS.envelope}
    assert set(schema["properties"]["identifiers"]["properties"]) == set(CONTRACTS.source(source).identifiers)
    payload = schema["properties"]["payload"]
    fields = CONTRACTS.event(event_type).fields
    assert set(payload["properties"]) == {field.name for field in fields}
    assert payload["required"] == [field.name for field in fields if field.required]


@ALL_EVENTS
def test_good_event_is_accepted(source, event_type):
    good = event(source, event_type)

    assert validator(source, event_type)(good) == good


@ALL_EVENTS
def test_each_required_payload_field_must_be_there(source, event_type):
    check = validator(source, event_type)
    for field in CONTRACTS.event(event_type).fields:
        if field.required:
            with pytest.raises(fastjsonschema.JsonSchemaValueException) as caught:
                check(event(source, event_type, payload={field.name: ...}))
            assert projections.REASON_BY_SCHEMA_RULE[caught.value.rule] == "MISSING_FIELD"
            assert field.name in caught.value.message


@ALL_EVENTS
def test_each_payload_field_must_have_its_type(source, event_type):
    check = validator(source, event_type)
    for field in CONTRACTS.event(event_type).fields:
        wrong = "no object" if field.logical_type == "object" else {"not": "this"}
        with pytest.raises(fastjsonschema.JsonSchemaValueException) as caught:
            check(event(source, event_type, payload={field.name: wrong}))
        assert projections.REASON_BY_SCHEMA_RULE[caught.value.rule] == "WRONG_TYPE"


def test_the_lake_names_every_type_of_event():
    event_type = CONTRACTS.product("interactions").table.field("event_type")
    assert sorted(event_type.enum) == sorted(CONTRACTS.events)


@ALL_EVENTS
def test_each_closed_list_is_closed(source, event_type):
    check = validator(source, event_type)
    for field in CONTRACTS.event(event_type).fields:
        if field.enum:
            with pytest.raises(fastjsonschema.JsonSchemaValueException) as caught:
                check(event(source, event_type, payload={field.name: "banana"}))
            assert projections.REASON_BY_SCHEMA_RULE[caught.value.rule] == "OUT_OF_RANGE"


@ALL_EVENTS
def test_an_unknown_payload_field_is_accepted(source, event_type):
    validator(source, event_type)(event(source, event_type, payload={"added_by_a_newer_till": 1}))


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"event_id": ...}, "MISSING_FIELD"),
        ({"occurred_at": ...}, "MISSING_FIELD"),
        ({"identifiers": ...}, "MISSING_FIELD"),
        ({"identifiers": {}}, "NO_IDENTIFIER"),
        ({"identifiers": {"device_id": []}}, "OUT_OF_RANGE"),
        ({"identifiers": {"device_id": "d-1"}}, "WRONG_TYPE"),
        ({"identifiers": {"case_system_id": ["S1"]}}, "OUT_OF_RANGE"),
        ({"event_id": "x" * 65}, "OUT_OF_RANGE"),
        ({"event_id": 7}, "WRONG_TYPE"),
        ({"schema_version": 2}, "OUT_OF_RANGE"),
        ({"occurred_at": "yesterday"}, "WRONG_TYPE"),
        ({"occurred_at": "2026-03-01T09:30:00+02:00"}, "WRONG_TYPE"),
        ({"replayId": "history-1"}, "OUT_OF_RANGE"),
    ],
)
def test_wrong_envelope_has_a_reason(overrides, reason):
    with pytest.raises(fastjsonschema.JsonSchemaValueException) as caught:
        validator("web_events", "page_viewed")(event("web_events", "page_viewed", **overrides))

    assert projections.REASON_BY_SCHEMA_RULE[caught.value.rule] == reason


@pytest.mark.parametrize("total", ["12.3", "12", "1,200.00", "-1.00", "abc", "12.345"])
def test_money_is_decimal_text_with_two_digits(total):
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        validator("pos_transactions", "order_placed")(
            event("pos_transactions", "order_placed", payload={"total": total})
        )


MONEY_NAMES = {"total", "discount", "amount"}


def test_every_amount_of_an_event_is_marked_as_money_that_a_decimal_14_2_holds():
    order = CONTRACTS.event("order_placed").fields
    lines = next(field.items.fields for field in order if field.name == "lines")
    fields = [*(field for event in CONTRACTS.events.values() for field in event.fields), *lines]
    money = [field for field in fields if field.money]

    assert {field.name for field in fields if field.name in MONEY_NAMES} == {field.name for field in money}
    assert {field.pattern for field in money} == {"^(0|[1-9][0-9]{0,11})[.][0-9]{2}$"}


@pytest.mark.parametrize(("field", "greatest"), [("delta", 10_000_000), ("balance", 2**63 - 1)])
def test_a_whole_number_is_bounded_by_the_contract_or_the_engines_type(field, greatest):
    check = validator("loyalty_members", "loyalty_points_changed")
    check(event("loyalty_members", "loyalty_points_changed", payload={field: greatest}))
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match=f"{field} must be smaller"):
        check(event("loyalty_members", "loyalty_points_changed", payload={field: greatest + 1}))


@pytest.mark.parametrize("absent", ["trace_id", "replay_id", "received_at"])
def test_optional_envelope_field_may_be_null(absent):
    validator("web_events", "page_viewed")(event("web_events", "page_viewed", **{absent: None}))


def test_source_may_send_only_its_own_types():
    with pytest.raises(UnknownContractError, match="may not send `case_opened`"):
        projections.event_json_schema(CONTRACTS, "pos_transactions", "case_opened")
