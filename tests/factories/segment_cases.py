"""One table of conditions and profiles: Python and Flink have to decide each the same way."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from c360_core.segment import FieldType

FIELDS: Final[Mapping[str, FieldType]] = {
    "city": FieldType.TEXT,
    "orders": FieldType.INTEGER,
    "spend": FieldType.DECIMAL,
    "birth_date": FieldType.DATE,
    "last_order_at": FieldType.TIME,
}
FLINK_TYPES: Final[Mapping[str, str]] = {
    "city": "STRING",
    "orders": "BIGINT",
    "spend": "DECIMAL(14, 2)",
    "birth_date": "DATE",
    "last_order_at": "TIMESTAMP_LTZ(3)",
}

PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "anna": {
        "city": "New York",
        "orders": 5,
        "spend": Decimal("100.00"),
        "birth_date": date(1980, 5, 17),
        "last_order_at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    },
    "ben": {
        "city": "york",
        "orders": 0,
        "spend": Decimal("-0.01"),
        "birth_date": date(2001, 1, 1),
        "last_order_at": datetime(2026, 2, 28, 23, 59, 59, 999000, tzinfo=UTC),
    },
    "carla": {
        "city": "O'Fallon 100%_",
        "orders": 21,
        "spend": Decimal("99.99"),
        "birth_date": date(1979, 12, 31),
        "last_order_at": datetime(2026, 3, 1, tzinfo=UTC),
    },
    "dora": {"city": "Zürich 🏔", "orders": 1, "spend": Decimal("0.00"), "birth_date": None, "last_order_at": None},
    "nobody": {"city": None, "orders": None, "spend": None, "birth_date": None, "last_order_at": None},
}


def rule(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    """A rule as react-querybuilder writes it."""
    return {"field": field, "operator": operator, "value": value}


def group(combinator: str, *rules: Mapping[str, Any], negated: bool = False) -> dict[str, Any]:
    """A group as react-querybuilder writes it."""
    return {"combinator": combinator, "not": negated, "rules": list(rules)}


MANY_ORDERS: Final = rule("orders", ">", 3)
BIG_SPENDER: Final = rule("spend", ">=", "100.00")

# name, query, who is in the segment
CASES: Final[tuple[tuple[str, Mapping[str, Any], frozenset[str]], ...]] = (
    ("equal", group("and", rule("city", "=", "york")), frozenset({"ben"})),
    ("not_equal", group("and", rule("city", "!=", "york")), frozenset({"anna", "carla", "dora"})),
    ("quoted", group("and", rule("city", "=", "O'Fallon 100%_")), frozenset({"carla"})),
    ("less", group("and", rule("spend", "<", "0")), frozenset({"ben"})),
    ("less_or_equal", group("and", rule("spend", "<=", "0.00")), frozenset({"ben", "dora"})),
    ("greater", group("and", rule("spend", ">", "99.99")), frozenset({"anna"})),
    ("greater_or_equal", group("and", BIG_SPENDER), frozenset({"anna"})),
    ("text_order", group("and", rule("city", "<", "Z")), frozenset({"anna", "carla"})),
    ("in_list", group("and", rule("orders", "in", [0, 1])), frozenset({"ben", "dora"})),
    ("not_in_list", group("and", rule("orders", "notIn", [0, 1])), frozenset({"anna", "carla"})),
    ("in_texts", group("and", rule("city", "in", ["york", "Zürich 🏔"])), frozenset({"ben", "dora"})),
    ("between", group("and", rule("orders", "between", [1, 5])), frozenset({"anna", "dora"})),
    ("not_between", group("and", rule("orders", "notBetween", [1, 5])), frozenset({"ben", "carla"})),
    ("backwards", group("and", rule("orders", "between", [5, 1])), frozenset()),
    ("null", group("and", rule("birth_date", "null")), frozenset({"dora", "nobody"})),
    ("not_null", group("and", rule("birth_date", "notNull")), frozenset({"anna", "ben", "carla"})),
    ("begins", group("and", rule("city", "beginsWith", "New")), frozenset({"anna"})),
    ("ends", group("and", rule("city", "endsWith", "🏔")), frozenset({"dora"})),
    ("contains", group("and", rule("city", "contains", "ork")), frozenset({"anna", "ben"})),
    ("contains_wildcards", group("and", rule("city", "contains", "%_")), frozenset({"carla"})),
    ("date", group("and", rule("birth_date", "<", "1980-01-01")), frozenset({"carla"})),
    ("dates", group("and", rule("birth_date", "between", ["1979-12-31", "1980-05-17"])), frozenset({"anna", "carla"})),
    ("time", group("and", rule("last_order_at", ">=", "2026-03-01T00:00:00Z")), frozenset({"anna", "carla"})),
    ("time_elsewhere", group("and", rule("last_order_at", "=", "2026-03-01T02:00:00+02:00")), frozenset({"carla"})),
    ("both", group("and", MANY_ORDERS, BIG_SPENDER), frozenset({"anna"})),
    ("either", group("or", MANY_ORDERS, rule("spend", "<", "0")), frozenset({"anna", "ben", "carla"})),
    ("not_unknown", group("and", MANY_ORDERS, negated=True), frozenset({"ben", "dora"})),
    ("neither", group("or", MANY_ORDERS, BIG_SPENDER, negated=True), frozenset({"ben", "dora"})),
    ("not_both", group("and", MANY_ORDERS, BIG_SPENDER, negated=True), frozenset({"ben", "carla", "dora"})),
    ("unknown_or_true", group("or", MANY_ORDERS, rule("city", "null")), frozenset({"anna", "carla", "nobody"})),
    (
        "unknown_and_false",
        group("and", MANY_ORDERS, rule("city", "notNull"), negated=True),
        frozenset({"ben", "dora", "nobody"}),
    ),
    (
        "nested",
        group("and", rule("orders", ">=", 0), group("or", rule("city", "=", "york"), BIG_SPENDER, negated=True)),
        frozenset({"carla", "dora"}),
    ),
)


def document() -> dict[str, Any]:
    """All cases as one document of segments."""
    return {"segments": [{"name": name, "description": f"Case {name}.", "query": query} for name, query, _ in CASES]}
