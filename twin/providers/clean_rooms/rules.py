"""The analysis rules of Clean Rooms as values, and what AWS asks of a rule before a query is there.

A rule is read as the API states it, or as a template does: the names of the two differ in their first letters alone.
What AWS's documents leave open is chosen here, on the side of privacy, and marked "chosen". What the stand-in does not
carry is refused by name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

Document = Mapping[str, Any]

AGGREGATION: Final = "AGGREGATION"
LIST: Final = "LIST"
CUSTOM: Final = "CUSTOM"
ANY_QUERY: Final = "ANY_QUERY"
AGGREGATE_FUNCTIONS: Final = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "SUM_DISTINCT", "AVG"})
SCALAR_FUNCTIONS: Final = frozenset(
    {
        "ABS", "CAST", "CEILING", "COALESCE", "CONVERT", "CURRENT_DATE", "DATEADD", "EXTRACT", "FLOOR", "GETDATE",
        "LN", "LOG", "LOWER", "ROUND", "RTRIM", "SQRT", "SUBSTRING", "TO_CHAR", "TO_DATE", "TO_NUMBER",
        "TO_TIMESTAMP", "TRIM", "TRUNC", "UPPER",
    }
)  # fmt: skip
LEAST_PEOPLE: Final = 2
MOST_PEOPLE: Final = 100_000
MOST_COLUMNS: Final = 100  # of a configured table
_DEFAULT_OPERATORS: Final = ("AND",)


class RuleError(ValueError):
    """A configured table or an analysis rule that AWS refuses, or that the twin does not carry; it names the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A row of an answer stands for at least so many distinct values of a column."""

    column: str
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """Statistics alone: which functions of which columns, along which dimensions, of groups of which size.

    Attributes:
        functions: of each column that may be aggregated.
        joins: columns by which the table may be joined; none of them is ever in an answer.
        join_required: only rows that meet rows of whoever asks may be counted.
        operators: by which the conditions of a join may be combined.
        dimensions: columns that may be selected, grouped and filtered by.
        scalars: functions of dimensions, and of what was aggregated.
    """

    functions: Mapping[str, frozenset[str]]
    joins: frozenset[str]
    join_required: bool
    operators: frozenset[str]
    dimensions: frozenset[str]
    scalars: frozenset[str]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of the overlap: columns that may be listed, once a join column meets a row of whoever asks."""

    joins: frozenset[str]
    operators: frozenset[str]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """Queries that the table's owner has read before: analysis templates, or any query of some accounts.

    Attributes:
        analyses: ARNs of templates, or `ANY_QUERY`.
        providers: accounts whose queries are allowed with `ANY_QUERY`.
        person: the column that identifies somebody, where differential privacy protects the table.
    """

    analyses: frozenset[str]
    providers: frozenset[str]
    person: str | None


Rule = Aggregation | Listing | Custom


def kind_of(rule: Rule) -> str:
    """Return the type of a rule as AWS calls it."""
    return {Aggregation: AGGREGATION, Listing: LIST, Custom: CUSTOM}[type(rule)]


def plain(value: Any) -> Any:
    """Return what a template states in the spelling of the API: names begin with a small letter."""
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def columns_allowed(table: str, allowed: Sequence[str], existing: Iterable[str]) -> frozenset[str]:
    """Return the columns of a configured table.

    Raises:
        RuleError: there are too many, or the table in the catalog has not got one of them.
    """
    if not 1 <= len(allowed) <= MOST_COLUMNS:
        raise RuleError(f"table {table}: allowedColumns has {len(allowed)} columns; Clean Rooms takes 1 to 100")
    known = set(existing)
    missing = [column for column in allowed if column not in known]
    if missing:
        raise RuleError(
            f"table {table}: allowedColumns names {missing[0]}, which the table has not got; it has "
            f"{', '.join(sorted(known))}"
        )
    return frozenset(allowed)


def read_rule(table: str, kind: str, policy: Document, allowed: frozenset[str]) -> Rule:
    """Return the analysis rule of a configured table.

    Args:
        table: its name, for errors.
        kind: `AGGREGATION`, `LIST` or `CUSTOM`.
        policy: as the API or a template states it.
        allowed: the columns of the configured table.

    Raises:
        RuleError: the rule names a column that is not allowed or uses one in two ways, or needs what the twin lacks.
    """
    stated = plain(policy)["v1"]
    expected = kind.lower()
    if list(stated) != [expected]:
        raise RuleError(f"table {table}: a rule of type {kind} has a policy of its type, not {', '.join(stated)}")
    readers: Mapping[str, Callable[[str, Document], Rule]] = {
        AGGREGATION: _aggregation,
        LIST: _listing,
        CUSTOM: _custom,
    }
    rule = readers[kind](table, stated[expected])
    _require_allowed(table, rule, allowed)
    return rule


def _aggregation(table: str, stated: Document) -> Aggregation:
    functions: dict[str, set[str]] = {}
    for one in stated["aggregateColumns"]:
        _require_known(table, "aggregateColumns", [one["function"]], AGGREGATE_FUNCTIONS)
        for column in one["columnNames"]:
            functions.setdefault(column, set()).add(one["function"])
    _require_known(table, "scalarFunctions", stated["scalarFunctions"], SCALAR_FUNCTIONS)
    rule = Aggregation(
        functions=MappingProxyType({column: frozenset(names) for column, names in functions.items()}),
        joins=frozenset(stated["joinColumns"]),
        join_required=stated.get("joinRequired") == "QUERY_RUNNER",
        operators=_operators(stated),
        dimensions=frozenset(stated["dimensionColumns"]),
        scalars=frozenset(stated["scalarFunctions"]),
        constraints=tuple(_constraint(table, one) for one in stated["outputConstraints"]),
    )
    # Chosen: AWS's console offers no column twice. A column in two roles would let a filter probe what must not show.
    _require_apart(table, "joinColumns", rule.joins, "dimensionColumns", rule.dimensions)
    _require_apart(table, "aggregateColumns", rule.functions, "dimensionColumns", rule.dimensions)
    if rule.join_required and not rule.joins:
        raise RuleError(f"table {table}: joinRequired needs joinColumns; name the column by which partners join")
    if not rule.constraints:
        raise RuleError(f"table {table}: outputConstraints is empty; name a column and its least number of values")
    return rule


def _constraint(table: str, stated: Document) -> Constraint:
    _require_known(table, "outputConstraints", [stated["type"]], frozenset({"COUNT_DISTINCT"}))
    minimum = int(stated["minimum"])
    if not LEAST_PEOPLE <= minimum <= MOST_PEOPLE:
        raise RuleError(
            f"table {table}: the minimum of outputConstraints is {minimum}; Clean Rooms takes {LEAST_PEOPLE} to "
            f"{MOST_PEOPLE}"
        )
    return Constraint(column=stated["columnName"], minimum=minimum)


def _listing(table: str, stated: Document) -> Listing:
    rule = Listing(
        joins=frozenset(stated["joinColumns"]),
        operators=_operators(stated),
        columns=frozenset(stated["listColumns"]),
    )
    if not rule.joins:
        raise RuleError(f"table {table}: joinColumns is empty; a list is always one of an overlap")
    _require_apart(table, "joinColumns", rule.joins, "listColumns", rule.columns)
    return rule


def _custom(table: str, stated: Document) -> Custom:
    for name in ("aggregationThresholds", "comparisonControls", "disallowedOutputColumns"):
        if stated.get(name):
            raise RuleError(f"table {table}: {name} is not in the laptop twin")
    private = [one["name"] for one in stated.get("differentialPrivacy", {}).get("columns", ())]
    if len(private) > 1:
        raise RuleError(f"table {table}: differentialPrivacy names {len(private)} columns; AWS takes one")
    rule = Custom(
        analyses=frozenset(stated["allowedAnalyses"]),
        providers=frozenset(stated.get("allowedAnalysisProviders", ())),
        person=private[0] if private else None,
    )
    if ANY_QUERY in rule.analyses and not rule.providers:
        raise RuleError(f"table {table}: allowedAnalyses has ANY_QUERY, which needs allowedAnalysisProviders")
    return rule


def _operators(stated: Document) -> frozenset[str]:
    return frozenset(stated.get("allowedJoinOperators") or _DEFAULT_OPERATORS)


def _named(rule: Rule) -> Mapping[str, Iterable[str]]:
    match rule:
        case Aggregation():
            return {
                "aggregateColumns": rule.functions,
                "joinColumns": rule.joins,
                "dimensionColumns": rule.dimensions,
                "outputConstraints": [one.column for one in rule.constraints],
            }
        case Listing():
            return {"joinColumns": rule.joins, "listColumns": rule.columns}
        case Custom():
            return {"differentialPrivacy": [rule.person] if rule.person else []}


def _require_allowed(table: str, rule: Rule, allowed: frozenset[str]) -> None:
    for part, columns in _named(rule).items():
        unknown = sorted(set(columns) - allowed)
        if unknown:
            raise RuleError(
                f"table {table}: {part} names {unknown[0]}, which allowedColumns has not got; add it there, or leave "
                "it out here"
            )


def _require_apart(table: str, one: str, left: Iterable[str], other: str, right: Iterable[str]) -> None:
    both = sorted(set(left) & set(right))
    if both:
        raise RuleError(f"table {table}: {both[0]} is in {one} and in {other}; a column has one part")


def _require_known(table: str, part: str, stated: Sequence[str], known: frozenset[str]) -> None:
    unknown = [one for one in stated if one not in known]
    if unknown:
        raise RuleError(f"table {table}: {part} has {unknown[0]}; Clean Rooms knows {', '.join(sorted(known))}")
