"""Segments: decided by SQL's logic, and refused with a message that says what to mend."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.segment import FieldType, SegmentError, load, parse, profile_fields, to_document, to_sql
from tests.factories.segment_cases import CASES, FIELDS, PROFILES, document, group, rule
from tests.factories.segment_logic import matches
from tools.contracts import load_and_check
from tools.contracts.segments import SOURCE, load_segments, read_segments, write


def one(query: Any, name: str = "shoppers") -> dict[str, Any]:
    return {"segments": [{"name": name, "description": "Some people.", "query": query}]}


@pytest.mark.parametrize(("name", "query", "members"), CASES, ids=[case[0] for case in CASES])
def test_python_decides_like_sql(name: str, query: Mapping[str, Any], members: frozenset[str]) -> None:
    (segment,) = parse(one(query), FIELDS, file="cases")

    assert {person for person, profile in PROFILES.items() if matches(segment, profile)} == members


def test_a_column_that_a_profile_lacks_counts_as_missing() -> None:
    (segment,) = parse(one(group("and", rule("city", "null"))), FIELDS, file="cases")

    assert matches(segment, {})


@pytest.mark.parametrize(
    ("query", "sql"),
    [
        (group("and", rule("city", "=", "O'Fallon")), "(`city` = 'O''Fallon')"),
        (
            group("or", rule("orders", "in", [1, 2]), rule("spend", ">", "1E+3")),
            "(`orders` IN (1, 2) OR `spend` > 1000)",
        ),
        (group("and", rule("city", "contains", "x"), negated=True), "NOT (POSITION('x' IN `city`) > 0)"),
        (
            group("and", rule("last_order_at", "<", "2026-03-01T02:00:00+02:00")),
            "(`last_order_at` < CAST(TIMESTAMP '2026-03-01 00:00:00.000' AS TIMESTAMP_LTZ(3)))",
        ),
    ],
)
def test_a_condition_is_printed_for_flink(query: Mapping[str, Any], sql: str) -> None:
    (segment,) = parse(one(query), FIELDS, file="cases")

    assert to_sql(segment.condition) == sql


@given(st.text(max_size=30))
def test_a_text_stays_one_literal_with_any_content(text: str) -> None:
    (segment,) = parse(one(group("and", rule("city", "=", text))), FIELDS, file="cases")

    literal = to_sql(segment.condition).removeprefix("(`city` = '").removesuffix("')")

    assert literal.replace("''", "") == text.replace("'", "")
    assert literal.count("''") == text.count("'")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (group("and", rule("citty", "=", "x")), "unknown field `citty`; a profile has: birth_date, city"),
        (group("and", rule("city", "like", "x")), "field `city`: unknown operator `like`; known: `=`"),
        (group("xor", rule("city", "=", "x")), "unknown combinator `xor`; use `and` or `or`"),
        (group("and"), "a group needs at least one rule"),
        (None, "`query` must be a group"),
        ({**group("and", rule("city", "=", "x")), "rulez": 1}, "unknown key `rulez`"),
        ({**group("and", rule("city", "=", "x")), "not": "no"}, "`not` must be true or false"),
        (group("and", {"field": "city"}), "unknown operator `None`"),
        (group("and", "city = x"), "a rule must have `field`, `operator` and `value`"),  # type: ignore[arg-type]
        (group("and", {**rule("city", "=", "spend"), "valueSource": "field"}), "only values can be compared with"),
        (group("and", rule("orders", "=", "many")), "field `orders`: 'many' does not fit; give a whole number"),
        (group("and", rule("orders", "=", True)), "field `orders`: True does not fit"),
        (group("and", rule("spend", ">", 0.1)), "field `spend`: 0.1 does not fit; give a decimal in quotes"),
        (group("and", rule("spend", ">", "NaN")), "field `spend`: 'NaN' does not fit"),
        (group("and", rule("birth_date", ">", "1.1.1980")), "give a day such as '2026-03-01'"),
        (group("and", rule("last_order_at", ">", "2026-03-01T00:00:00")), "give a time in UTC"),
        (group("and", rule("city", "=", 7)), "field `city`: 7 does not fit; give text"),
        (group("and", rule("orders", "in", [])), "field `orders`: `in` needs a list"),
        (group("and", rule("orders", "between", [1])), "field `orders`: `between` needs two values"),
        (group("and", rule("orders", "contains", 1)), "`contains` is for text, the field is integer"),
    ],
)
def test_a_wrong_condition_is_refused_by_file_segment_field_and_fix(query: Any, message: str) -> None:
    with pytest.raises(SegmentError) as caught:
        parse(one(query), FIELDS, file="segments.yaml")

    assert str(caught.value).startswith("segments.yaml: segment `shoppers`: ")
    assert message in str(caught.value)


def test_conditions_may_not_be_nested_without_end() -> None:
    query = rule("city", "=", "x")
    for _ in range(6):
        query = group("and", query)

    with pytest.raises(SegmentError, match="nested deeper than 5"):
        parse(one(query), FIELDS, file="segments.yaml")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "`segments` must be a list"),
        ({"segments": []}, "at least one segment"),
        ({"segments": [{"description": "x"}]}, "every segment needs a `name`"),
        ({"segments": [{"name": "Big Spenders", "description": "x", "query": {}}]}, "small letters, digits"),
        ({"segments": [{"name": "big", "query": {}}]}, "segment `big`: `description` is missing"),
        ({"segments": [{"name": "big", "description": "x", "query": {}, "owner": "me"}]}, "unknown key `owner`"),
    ],
)
def test_a_wrong_document_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(SegmentError, match=message):
        parse(wrong, FIELDS, file="segments.yaml")


def test_a_name_that_is_there_twice_is_refused() -> None:
    twice = {"segments": one(group("and", rule("city", "=", "x")))["segments"] * 2}

    with pytest.raises(SegmentError, match="segment `shoppers` is there twice"):
        parse(twice, FIELDS, file="segments.yaml")


def test_more_segments_than_one_transaction_takes_are_refused() -> None:
    (shoppers,) = one(group("and", rule("city", "=", "x")))["segments"]
    many = [{**shoppers, "name": f"segment_{number}"} for number in range(99)]

    assert len(parse({"segments": many[:98]}, FIELDS, file="segments.yaml")) == 98
    with pytest.raises(SegmentError, match=r"segments\.yaml: 99 segments; 98 at most"):
        parse({"segments": many}, FIELDS, file="segments.yaml")


def test_runtimes_read_the_checked_contracts(tmp_path: Path) -> None:
    segments = parse(document(), FIELDS, file="cases")
    path = tmp_path / "segments.json"

    write(segments, path)

    assert load(FIELDS, path) == segments
    assert json.loads(path.read_text(encoding="utf-8")) == to_document(segments)


@pytest.mark.parametrize(("content", "message"), [(None, "compiled segments are missing"), ("{", "not JSON")])
def test_segments_that_were_not_built_are_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "segments.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(SegmentError, match=message):
        load(FIELDS, path)


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "segments.yaml"
    path.write_text("segments: [", encoding="utf-8")

    with pytest.raises(SegmentError, match=r"segments\.yaml: not YAML"):
        read_segments(path, FIELDS)


def test_our_segments_are_right_and_name_columns_of_the_profile() -> None:
    segments = load_segments(SOURCE)

    assert {"high_spenders", "midwest", "young_adults"} <= {segment.name for segment in segments}


def test_rules_may_name_the_columns_that_are_known_before_segments_are() -> None:
    fields = profile_fields(load_and_check().contracts.product("profiles").table)

    assert fields["spend"] is FieldType.DECIMAL
    assert fields["birth_date"] is FieldType.DATE
    assert not {"segments", "computed_at"} & set(fields)
