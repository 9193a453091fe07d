"""Conditions on a profile, decided in Python as SQL decides them: true, false, or unknown where a value is missing.

The decision engine asks them of one person. Tests compare the answers with those of Flink, which decides segments.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from c360_core.segment import WITHOUT_VALUE, Combinator, Group, Operator, SegmentRule


def holds(condition: Group, values: Mapping[str, Any]) -> bool:
    """Say whether a condition is true of the values of a profile by column; a missing column counts as null."""
    return _decide(condition, values) is True


def _decide(condition: Group | SegmentRule, values: Mapping[str, Any]) -> bool | None:
    """Decide with SQL's three answers: true, false and unknown (None)."""
    if isinstance(condition, SegmentRule):
        return _decide_rule(condition, values.get(condition.field))
    answers = [_decide(rule, values) for rule in condition.rules]
    decisive = condition.combinator is Combinator.OR
    if decisive in answers:
        answer: bool | None = decisive
    else:
        answer = None if None in answers else not decisive
    return (not answer) if condition.negated and answer is not None else answer


def _decide_rule(rule: SegmentRule, actual: Any) -> bool | None:
    if rule.operator in WITHOUT_VALUE:
        return (actual is None) is (rule.operator is Operator.IS_NULL)
    if actual is None:
        return None
    return _COMPARISONS[rule.operator](actual, rule.values)


_COMPARISONS: Final[Mapping[Operator, Callable[[Any, tuple[Any, ...]], bool]]] = {
    Operator.EQUAL: lambda actual, values: actual == values[0],
    Operator.NOT_EQUAL: lambda actual, values: actual != values[0],
    Operator.LESS: lambda actual, values: actual < values[0],
    Operator.LESS_OR_EQUAL: lambda actual, values: actual <= values[0],
    Operator.GREATER: lambda actual, values: actual > values[0],
    Operator.GREATER_OR_EQUAL: lambda actual, values: actual >= values[0],
    Operator.IN: lambda actual, values: actual in values,
    Operator.NOT_IN: lambda actual, values: actual not in values,
    Operator.BETWEEN: lambda actual, values: values[0] <= actual <= values[1],
    Operator.NOT_BETWEEN: lambda actual, values: not values[0] <= actual <= values[1],
    Operator.BEGINS_WITH: lambda actual, values: actual.startswith(values[0]),
    Operator.ENDS_WITH: lambda actual, values: actual.endswith(values[0]),
    Operator.CONTAINS: lambda actual, values: values[0] in actual,
}
