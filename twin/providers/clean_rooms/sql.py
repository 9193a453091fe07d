"""What the checks of protected queries share: how a query is read, what its parts are called, how it may run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from twin.providers.clean_rooms.rules import Rule

Node = Any  # a node of sqlglot's tree
Row = Sequence[Any]

READ: Final = "spark"
WRITE: Final = "trino"
MOST_TABLES: Final = 15  # of a query, by AWS's quota
HIDDEN: Final = "c360_size_"
SCALARS: Final[Mapping[type, str]] = {
    exp.Abs: "ABS",
    exp.Cast: "CAST",
    exp.Ceil: "CEILING",
    exp.Coalesce: "COALESCE",
    exp.CurrentDate: "CURRENT_DATE",
    exp.Extract: "EXTRACT",
    exp.Floor: "FLOOR",
    exp.Ln: "LN",
    exp.Lower: "LOWER",
    exp.Round: "ROUND",
    exp.Sqrt: "SQRT",
    exp.Substring: "SUBSTRING",
    exp.Upper: "UPPER",
}
CLAUSES: Final[Mapping[str, str]] = {
    "with_": "WITH",
    "distinct": "SELECT DISTINCT",
    "limit": "LIMIT",
    "group": "GROUP BY",
    "having": "HAVING",
    "order": "ORDER BY",
}


class QueryRefusedError(ValueError):
    """A query that a rule forbids; the message names the table, the column or the function, and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTable:
    """A table of a collaboration, under the name of its association.

    Attributes:
        name: by which queries call it.
        owner: the account that it belongs to.
        rule: its analysis rule.
        columns: those that are allowed.
        source: where the engine finds it: `"catalog"."schema"."table"`.
    """

    name: str
    owner: str
    rule: Rule
    columns: frozenset[str]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """An aggregate that differential privacy protects: a column of the answer.

    Attributes:
        function: as AWS calls it.
        expression: what is aggregated, in the query's own words.
    """

    function: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A query that may run.

    Attributes:
        sql: what the engine runs.
        columns: of the answer.
        tables: that it reads, by name.
        minimums: the least sizes that the last columns of the engine's answer must have.
        measures: of the answer, by column; None where no noise is added.
    """

    sql: str
    columns: tuple[str, ...]
    tables: tuple[str, ...]
    minimums: tuple[int, ...] = ()
    measures: tuple[Measure | None, ...] | None = None

    def finish(self, rows: Sequence[Row]) -> list[list[Any]]:
        """Return the rows whose groups are large enough, without what says how large they are."""
        width = len(self.columns)
        kept = [
            row
            for row in rows
            if all(int(size or 0) >= least for size, least in zip(row[width:], self.minimums, strict=True))
        ]
        return [list(row[:width]) for row in kept]


def literal(name: str, kind: str, value: str) -> Node:
    """Return a parameter's value as a literal of its type, which no text can leave.

    Raises:
        QueryRefusedError: the text is no value of the type.
    """
    if kind in _NUMBERS:
        try:
            float(value)
        except ValueError:
            raise QueryRefusedError(f"parameter {name}: {value!r} is no {kind}") from None
        return exp.cast(exp.Literal.string(value), _NUMBERS[kind], dialect=READ)
    if kind in _TEXTS:
        return exp.Literal.string(value)
    if kind == "DATE":
        return exp.cast(exp.Literal.string(value), "date", dialect=READ)
    raise QueryRefusedError(f"parameter {name}: the type {kind} is not in the laptop twin")


_NUMBERS: Final = {
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "INT": "int",
    "BIGINT": "bigint",
    "LONG": "bigint",
    "DOUBLE": "double",
}
_TEXTS: Final = frozenset({"VARCHAR", "CHAR", "STRING"})


def read(query: str) -> Node:
    """Return the tree of a query, with its names in small letters.

    Raises:
        QueryRefusedError: it cannot be read, or is not one SELECT.
    """
    try:
        trees = sqlglot.parse(query, read=READ, error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryRefusedError(f"the query cannot be read: {error}") from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryRefusedError(f"a protected query is one statement, and not {len(trees)}")
    tree = trees[0]
    if not isinstance(tree, exp.Query) or isinstance(tree, exp.Subquery):
        raise QueryRefusedError(f"a protected query is a SELECT, and no {tree.key.upper()}")
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", identifier.name.lower())
        identifier.set("quoted", None)
        if identifier.name.startswith(HIDDEN):
            raise QueryRefusedError(f"the name {identifier.name} is taken")
    return tree


def fill(tree: Node, parameters: Mapping[str, Node]) -> None:
    """Put literals in the places of a template's placeholders.

    Raises:
        QueryRefusedError: one is missing, or there is one too many.
    """
    placeholders = list(tree.find_all(exp.Placeholder, exp.Parameter))
    wanted = {one.name.lower() for one in placeholders}
    given = {name.lower(): value for name, value in parameters.items()}
    if unknown := sorted(set(given) - wanted):
        raise QueryRefusedError(f"parameter {unknown[0]}: the query has no such placeholder")
    for one in placeholders:
        if one.name.lower() not in given:
            raise QueryRefusedError(f"parameter {one.name}: no value is given")
        one.replace(given[one.name.lower()].copy())


def tables_of(tree: Node, tables: Mapping[str, SharedTable]) -> dict[str, SharedTable]:
    """Return the tables that a query reads, by name; its own WITH names are none."""
    defined = {one.alias_or_name for one in tree.find_all(exp.CTE)}
    if taken := sorted(defined & set(tables)):
        raise QueryRefusedError(f"WITH {taken[0]} hides the table of that name; choose another name")
    used: dict[str, SharedTable] = {}
    for one in tree.find_all(exp.Table):
        if one.name in defined and not one.db:
            continue
        if one.db or one.catalog or one.name not in tables:
            raise QueryRefusedError(
                f"table {one.sql(READ)}: the collaboration has no such table that can be queried; it has "
                f"{', '.join(sorted(tables)) or 'none'}"
            )
        if extra := sorted(key for key, value in one.args.items() if value and key not in {"this", "alias"}):
            raise QueryRefusedError(f"table {one.name}: {extra[0].strip('_').upper()} is not supported")
        used[one.name] = tables[one.name]
    if not used:
        raise QueryRefusedError("the query reads no table of the collaboration")
    if len(used) > MOST_TABLES:
        raise QueryRefusedError(f"the query reads {len(used)} tables; Clean Rooms takes {MOST_TABLES}")
    return used


def sourced(tree: Node, used: Mapping[str, SharedTable]) -> Node:
    """Return a query that reads the allowed columns of each table, and nothing else of it."""
    changed = tree.copy()
    defined = {one.alias_or_name for one in changed.find_all(exp.CTE)}
    for one in list(changed.find_all(exp.Table)):
        if one.name in defined:
            continue
        shared = used[one.name]
        columns = [exp.column(name) for name in sorted(shared.columns)]
        inner = exp.select(*columns).from_(exp.maybe_parse(shared.source, into=exp.Table, dialect=WRITE))
        one.replace(inner.subquery(one.alias or one.name))
    return changed


def name_of(node: Node) -> str:
    """Return the name of a function, or of what else a node is, as an author knows it."""
    match node:
        case exp.Anonymous():
            name = str(node.name).upper()
        case exp.Trim():
            name = "RTRIM" if str(node.args.get("position") or "").upper() == "TRAILING" else "TRIM"
        case exp.Window():
            name = "OVER (a window)"
        case exp.Query():
            name = "a subquery"
        case exp.Star():
            name = "*"
        case exp.Func():
            name = SCALARS.get(type(node), str(node.sql_name()).upper())
        case _:
            name = str(node.key).upper()
    return name


def bare(node: Node) -> Node:
    """Return a node without its name and its parentheses."""
    while isinstance(node, exp.Paren | exp.Alias):
        node = node.this
    return node


def measured(node: Node) -> tuple[str, Node] | None:
    """Return the function and the argument of an aggregate that AWS knows, or None."""
    match node:
        case exp.Count(this=exp.Distinct(expressions=[argument])) if not node.expressions:
            return "COUNT_DISTINCT", argument
        case exp.Count() if not node.expressions and not isinstance(node.this, exp.Distinct):
            return "COUNT", node.this
        case exp.Sum(this=exp.Distinct(expressions=[argument])):
            return "SUM_DISTINCT", argument
        case exp.Sum() if not isinstance(node.this, exp.Distinct):
            return "SUM", node.this
        case exp.Avg() if not isinstance(node.this, exp.Distinct):
            return "AVG", node.this
        case _:
            return None


def columns_of(tree: Node) -> tuple[str, ...]:
    """Return the names of the answer's columns; one without a name is called by its place, as Spark's are not."""
    return tuple(item.alias_or_name or f"column_{number}" for number, item in enumerate(tree.selects, start=1))
