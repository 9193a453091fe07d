"""The filter language of Amazon Personalize, as far as our filters use it.

    EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("order_placed")
    INCLUDE ItemID WHERE Items.CATEGORY IN ($CATEGORIES) | EXCLUDE ItemID WHERE Items.OFFERED IN ("False")

Expressions are chained with `|`; an article passes if it passes each. Conditions are chained with AND or OR and name
one data set. Everything else is refused by name, so that a filter never means less here than on AWS.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Values = Mapping[str, Sequence[str]]
# What Personalize looks at for Interactions.EVENT_TYPE, per person and event type.
INTERACTIONS_CONSIDERED: Final = 100
MOST_FIELDS: Final = 5  # distinct ones in a filter

_TOKEN: Final = re.compile(r'\s*("[^"]*"|\$[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_][A-Za-z0-9_.]*|[(),|]|\S)')
_REFUSED: Final = ("IF", "NOT", "NOT_IN", "CurrentUser", "CurrentItem", "UserID", "ActionID")
_EVENT_TYPE: Final = "Interactions.EVENT_TYPE"
_ITEM_FIELD: Final = re.compile(r"Items\.[A-Z_]+")


class FilterError(ValueError):
    """An expression that cannot be read, or a parameter without a value; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field, and the values of which it has one; a value that begins with `$` is a parameter."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One expression of a chain."""

    action: Literal["INCLUDE", "EXCLUDE"]
    conditions: tuple[Condition, ...]
    joined_by: Literal["AND", "OR"] = "AND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A whole filter."""

    expressions: tuple[Expression, ...]

    @property
    def parameters(self) -> frozenset[str]:
        """The names of its parameters, without `$`."""
        return frozenset(
            value.removeprefix("$")
            for expression in self.expressions
            for condition in expression.conditions
            for value in condition.values
            if value.startswith("$")
        )

    def passes(
        self, item_id: str, attributes: Mapping[str, str], events: Mapping[str, Collection[str]], values: Values
    ) -> bool:
        """Say whether an article passes.

        Args:
            item_id: the article.
            attributes: of the article, by the name of their column.
            events: the articles of a person's interactions by event type in lower case.
            values: of the parameters.

        Raises:
            FilterError: a parameter has no value.
        """

        def holds(condition: Condition) -> bool:
            wanted = _filled(condition.values, values)
            if condition.field == _EVENT_TYPE:
                return any(item_id in events.get(name.lower(), ()) for name in wanted)
            return attributes.get(condition.field.removeprefix("Items.")) in wanted

        return all(_allows(expression, holds) for expression in self.expressions)


def parse(text: str) -> Filter:
    """Read an expression.

    Raises:
        FilterError: it is not in the part of the language that is known here.
    """
    expressions = tuple(_expression(part) for part in _chain(_TOKEN.findall(text)))
    fields = {condition.field for expression in expressions for condition in expression.conditions}
    if len(fields) > MOST_FIELDS:
        raise FilterError(f"a filter names at most {MOST_FIELDS} fields, not {', '.join(sorted(fields))}")
    return Filter(expressions=expressions)


def _allows(expression: Expression, holds: Callable[[Condition], bool]) -> bool:
    met = (all if expression.joined_by == "AND" else any)(holds(one) for one in expression.conditions)
    return met if expression.action == "INCLUDE" else not met


def _filled(values: Sequence[str], given: Values) -> list[str]:
    found: list[str] = []
    for value in values:
        if not value.startswith("$"):
            found.append(value)
        elif (name := value.removeprefix("$")) in given:
            found.extend(given[name])
        else:
            raise FilterError(f"the filter's parameter {name} has no value")
    return found


def _chain(tokens: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == "|":  # noqa: S105  # a token of the language
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _expression(tokens: list[str]) -> Expression:
    if unknown := next((one for one in tokens if one.partition(".")[0] in _REFUSED), None):
        raise FilterError(f"{unknown}: not known here; write it with IN, and with fields of Items or Interactions")
    match tokens[:3]:
        case ["INCLUDE" | "EXCLUDE" as action, "ItemID", "WHERE"]:
            conditions, joins = _conditions(tokens[3:])
        case _:
            raise FilterError(f"{' '.join(tokens[:3])!r}: an expression begins with INCLUDE or EXCLUDE ItemID WHERE")
    if len(set(joins)) > 1:
        raise FilterError("conditions of an expression are joined by AND or by OR, not by both")
    if len({one.field.partition(".")[0] for one in conditions}) > 1:
        raise FilterError("an expression names fields of one data set; chain two expressions with |")
    joined_by: Literal["AND", "OR"] = "OR" if "OR" in joins else "AND"
    return Expression(
        action="INCLUDE" if action == "INCLUDE" else "EXCLUDE", conditions=tuple(conditions), joined_by=joined_by
    )


def _conditions(tokens: list[str]) -> tuple[list[Condition], list[str]]:
    conditions: list[Condition] = []
    joins: list[str] = []
    while True:
        match tokens:
            case [field, "IN", "(", *_] if ")" in tokens:
                end = tokens.index(")")
                conditions.append(Condition(field=_field(field), values=_values(tokens[3:end])))
                tokens = tokens[end + 1 :]
            case _:
                raise FilterError(f"{' '.join(tokens)!r}: a condition is a field, IN and values in parentheses")
        match tokens:
            case []:
                return conditions, joins
            case ["AND" | "OR" as join, *rest]:
                joins.append(join)
                tokens = rest
            case [other, *_]:
                raise FilterError(f"{other!r}: AND, OR or | follows a condition")


def _field(name: str) -> str:
    if name == _EVENT_TYPE or _ITEM_FIELD.fullmatch(name):
        return name
    raise FilterError(f"{name}: not known here; known are {_EVENT_TYPE} and fields of Items in capitals")


def _values(tokens: Sequence[str]) -> tuple[str, ...]:
    values, commas = tokens[::2], tokens[1::2]
    if not values or len(tokens) % 2 == 0 or any(comma != "," for comma in commas):
        raise FilterError(f"{' '.join(tokens)!r}: values are separated by commas")
    return tuple(_value(one) for one in values)


def _value(token: str) -> str:
    if token.startswith("$"):
        return token
    if token.startswith('"') and token.endswith('"') and not token.startswith('"$'):
        return token[1:-1]
    raise FilterError(f"{token}: a value is quoted, or a parameter such as $CATEGORIES")
