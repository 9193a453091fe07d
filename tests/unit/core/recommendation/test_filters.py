"""The filter language: what it reads, what it lets through, and what it refuses by name."""

import pytest

from c360_core.recommendation.filters import FilterError, parse
from c360_core.recommendation.named_filters import NamedFilter

ATTRIBUTES = {"CATEGORY": "BAKERY", "OFFERED": "True", "AGE_RESTRICTED": "False"}
EVENTS = {"order_placed": frozenset({"bread"})}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("BAKERY", "MEAT")', True),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("MEAT")', False),
        ('EXCLUDE ItemID WHERE Items.CATEGORY IN ("BAKERY")', False),
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Order_Placed")', False),
        ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("product_viewed")', True),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("BAKERY") AND Items.OFFERED IN ("False")', False),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("BAKERY") OR Items.OFFERED IN ("False")', True),
        ("INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORIES)", True),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("BAKERY") | EXCLUDE ItemID WHERE Items.OFFERED IN ("True")', False),
    ],
)
def test_an_article_passes_or_does_not(text: str, *, passes: bool) -> None:
    """Case counts in values and does not in event types, as Personalize documents."""
    assert parse(text).passes("bread", ATTRIBUTES, EVENTS, {"CATEGORIES": ["BAKERY"]}) is passes


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('INCLUDE ItemID WHERE Items.CATEGORY NOT IN ("A")', "NOT"),
        ('INCLUDE ItemID WHERE Items.CATEGORY IN ("A") IF CurrentUser.TIER IN ("gold")', "IF"),
        ('INCLUDE UserID WHERE Users.TIER IN ("gold")', "UserID"),
        ("INCLUDE ItemID WHERE Items.PRICE < 5", "a condition is a field"),
        ('INCLUDE ItemID WHERE Users.TIER IN ("gold")', "Users.TIER"),
        ('INCLUDE ItemID WHERE Interactions.DEVICE IN ("web")', "Interactions.DEVICE"),
        ('EXCLUDE ItemID WHERE Items.A IN ("x") AND Interactions.EVENT_TYPE IN ("y")', "one data set"),
        ('EXCLUDE ItemID WHERE Items.A IN ("x") AND Items.B IN ("y") OR Items.C IN ("z")', "not by both"),
        ('EXCLUDE ItemID WHERE Items.A IN ("x" "y")', "commas"),
        ("EXCLUDE ItemID WHERE Items.A IN (x)", "quoted"),
        ("", "begins with"),
        (" | ".join(f'EXCLUDE ItemID WHERE Items.{name} IN ("x")' for name in "ABCDEF"), "at most 5"),
    ],
)
def test_what_is_not_known_is_refused_by_name(text: str, named: str) -> None:
    """A filter never means less here than on AWS."""
    with pytest.raises(FilterError, match=named):
        parse(text)


def test_a_parameter_without_a_value_is_an_error() -> None:
    """An empty list would let nothing through, or everything."""
    with pytest.raises(FilterError, match="CATEGORIES"):
        parse(NamedFilter.ONLY_CATEGORIES.expression).passes("bread", ATTRIBUTES, EVENTS, {})


@pytest.mark.parametrize("one", NamedFilter)
def test_the_named_filters_are_in_the_language(one: NamedFilter) -> None:
    """Of all filters of a data set group Personalize knows at most ten fields."""
    rule, promoted = parse(one.expression), parse(one.promoted_expression)
    assert rule.parameters == ({"CATEGORIES"} if one.takes_categories else set())
    assert promoted.parameters == rule.parameters | {"PROMOTED"}
    assert not rule.passes("beer", {**ATTRIBUTES, "AGE_RESTRICTED": "True"}, {}, {"CATEGORIES": ["BAKERY"]})
    assert not rule.passes("old", {**ATTRIBUTES, "OFFERED": "False"}, {}, {"CATEGORIES": ["BAKERY"]})
