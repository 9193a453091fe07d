"""Aggregation and list queries: one SELECT of tables that are joined as their rules say, and nothing else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from twin.providers.clean_rooms.rules import SCALAR_FUNCTIONS, Aggregation, Listing
from twin.providers.clean_rooms.sql import (
    CLAUSES,
    HIDDEN,
    READ,
    SCALARS,
    WRITE,
    Node,
    Plan,
    QueryRefusedError,
    SharedTable,
    bare,
    columns_of,
    measured,
    name_of,
    sourced,
)

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_VERBS: Final = {"SELECT": "select", "WHERE": "filter by", "GROUP BY": "group by", "ORDER BY": "order by"}
_AGGREGATION_CLAUSES: Final = frozenset({"expressions", "from_", "joins", "where", "group", "having", "order"})
_LIST_CLAUSES: Final = frozenset({"expressions", "from_", "joins", "where", "distinct", "limit"})


@dataclass(slots=True)
class _Structured:
    """What aggregation and list queries share: one SELECT, inner joins by join columns, plain conditions."""

    tree: Node
    used: Mapping[str, SharedTable]
    runner: str
    scope: dict[str, SharedTable] = field(default_factory=dict, init=False)
    pairs: set[frozenset[str]] = field(default_factory=set, init=False)

    def require_clauses(self, allowed: frozenset[str], what: str) -> None:
        if not isinstance(self.tree, exp.Select):
            raise QueryRefusedError(f"{self.tree.key.upper()} is not supported in {what}")
        for name, value in self.tree.args.items():
            if value and name not in allowed:
                clause = CLAUSES.get(name, name.strip("_").upper())
                raise QueryRefusedError(f"{clause} is not supported in {what}")
        for node in self.tree.walk():
            if node is not self.tree and isinstance(node, exp.Query):
                raise QueryRefusedError(f"a subquery is not supported in {what}")

    def read_tables(self) -> None:
        """Read FROM and the joins, and require what the rules say of joins."""
        source = self.tree.args.get("from_")
        if source is None:
            raise QueryRefusedError("the query has no FROM")
        self._enter(source.this)
        joins = self.tree.args.get("joins") or ()
        for join in joins:
            extra = [str(join.args[key]) for key in ("side", "method") if join.args.get(key)]
            if extra or join.kind not in {"", "INNER"} or join.args.get("using") or join.args.get("on") is None:
                stated = " ".join([*extra, join.kind]).strip() or "USING or a comma"
                raise QueryRefusedError(f"tables are joined by INNER JOIN ... ON alone, and not by {stated}")
            self._enter(join.this)
        for join in joins:
            self.pairs |= self._joined(join.args["on"])
        self._require_overlap()

    def _enter(self, node: Node) -> None:
        if not isinstance(node, exp.Table):
            raise QueryRefusedError(f"FROM takes tables of the collaboration, and not {name_of(node)}")
        if node.alias_or_name in self.scope:
            raise QueryRefusedError(f"two tables are called {node.alias_or_name}; give one of them another name")
        self.scope[node.alias_or_name] = self.used[node.name]

    def _joined(self, node: Node) -> set[frozenset[str]]:
        """Return the tables that a condition of a join connects whatever rows there are."""
        node = bare(node)
        if isinstance(node, exp.And | exp.Or):
            operator = "AND" if isinstance(node, exp.And) else "OR"
            for shared in self.scope.values():
                if operator not in shared.rule.operators:  # type: ignore[union-attr]
                    raise QueryRefusedError(f"table {shared.name}: conditions of its joins take no {operator}")
            left, right = self._joined(node.left), self._joined(node.right)
            return left | right if operator == "AND" else left & right
        if not isinstance(node, exp.EQ):
            raise QueryRefusedError(f"tables are joined where columns are equal, and not by {name_of(node)}")
        sides = [self._join_column(side) for side in (node.left, node.right)]
        if len(set(sides)) == 1:
            raise QueryRefusedError(f"a condition of a join compares {sides[0]} with itself")
        return {frozenset(sides)}

    def _join_column(self, node: Node) -> str:
        if not isinstance(node, exp.Column):
            raise QueryRefusedError(f"tables are joined by columns, and not by {name_of(node)}")
        alias, shared = self.table_of(node)
        if node.name not in shared.rule.joins:  # type: ignore[union-attr]
            raise _not_allowed(shared, node.name, "join by", shared.rule.joins)  # type: ignore[union-attr]
        return alias

    def _require_overlap(self) -> None:
        """Require that each table whose rule asks for it meets, over others or at once, one of who asks."""
        reached = {alias for alias, shared in self.scope.items() if shared.owner == self.runner}
        while True:
            more = {alias for pair in self.pairs if pair & reached for alias in pair} - reached
            if not more:
                break
            reached |= more
        for alias, shared in self.scope.items():
            needed = isinstance(shared.rule, Listing) or (
                isinstance(shared.rule, Aggregation) and shared.rule.join_required
            )
            if needed and alias not in reached:
                raise QueryRefusedError(
                    f"table {shared.name}: a query must join it with a table of the member who asks; of these the "
                    f"query joins none by {', '.join(sorted(shared.rule.joins))}"  # type: ignore[union-attr]
                )

    def table_of(self, column: Node) -> tuple[str, SharedTable]:
        """Return the table of a column, and the name that the query gives the table."""
        if column.table:
            if column.table not in self.scope:
                raise QueryRefusedError(f"column {column.sql(READ)}: the query has no table {column.table}")
            found = {column.table: self.scope[column.table]}
        else:
            found = {alias: one for alias, one in self.scope.items() if column.name in one.columns}
        if len(found) > 1:
            raise QueryRefusedError(f"column {column.name}: {' and '.join(sorted(found))} have it; say which is meant")
        for alias, shared in found.items():
            if column.name in shared.columns:
                return alias, shared
        where = f"table {next(iter(found.values())).name}" if found else "the tables of the query"
        raise QueryRefusedError(f"column {column.name}: {where} have no such column that may be used")

    def condition(self, node: Node, operand: Callable[[Node], None], clause: str) -> None:
        """Require that a condition is made of comparisons of what the rule allows."""
        node = bare(node)
        match node:
            case exp.And() | exp.Or():
                self.condition(node.left, operand, clause)
                self.condition(node.right, operand, clause)
            case exp.Not():
                self.condition(node.this, operand, clause)
            case exp.In() if not any(node.args.get(key) for key in ("query", "unnest", "field")):
                for one in (node.this, *node.expressions):
                    operand(one)
            case exp.Between():
                for one in (node.this, node.args["low"], node.args["high"]):
                    operand(one)
            case exp.Is() if isinstance(node.expression, exp.Null):
                operand(node.this)
            case exp.Like():
                operand(node.this)
                operand(node.expression)
            case _ if isinstance(node, _COMPARISONS):
                operand(node.left)
                operand(node.right)
            case _:
                raise QueryRefusedError(f"{clause} takes comparisons, and not {name_of(node)}")


def _is_literal(node: Node) -> bool:
    return isinstance(node, exp.Literal | exp.Boolean) or (
        isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    )


def _not_allowed(shared: SharedTable, column: str, verb: str, allowed: Iterable[str]) -> QueryRefusedError:
    return QueryRefusedError(
        f"table {shared.name}: nobody may {verb} {column}; allowed is {', '.join(sorted(allowed)) or 'nothing'}"
    )


class Aggregated(_Structured):
    """A query of tables with aggregation rules."""

    __slots__ = ()

    def plan(self) -> Plan:
        """Check the query against the rules of its tables, and return how it runs."""
        self.require_clauses(_AGGREGATION_CLAUSES, "aggregation queries")
        self.read_tables()
        measures = [self._selected(item) for item in self.tree.expressions]
        if not any(measures):
            raise QueryRefusedError("an aggregation query has an aggregate, such as COUNT(DISTINCT column)")
        if where := self.tree.args.get("where"):
            self.condition(where.this, self._filtered, "WHERE")
        if group := self.tree.args.get("group"):
            if extra := [key for key, value in group.args.items() if value and key != "expressions"]:
                raise QueryRefusedError(f"GROUP BY takes columns, and not {extra[0].upper()}")
            for one in group.expressions:
                self._dimension(bare(one), "GROUP BY")
        if having := self.tree.args.get("having"):
            self.condition(having.this, self._measure_or_literal, "HAVING")
        self._ordered()
        return self._planned()

    def _planned(self) -> Plan:
        changed = sourced(self.tree, self.used)
        columns = columns_of(changed)
        minimums: list[int] = []
        for alias, shared in self.scope.items():
            assert isinstance(shared.rule, Aggregation)  # noqa: S101  # all tables of a query have rules of one type
            for one in shared.rule.constraints:
                size = exp.Count(this=exp.Distinct(expressions=[exp.column(one.column, table=alias)]))
                changed.append("expressions", exp.alias_(size, f"{HIDDEN}{len(minimums)}"))
                minimums.append(one.minimum)
        return Plan(
            sql=changed.sql(WRITE, identify=True),
            columns=columns,
            tables=tuple(sorted(self.used)),
            minimums=tuple(minimums),
        )

    def _selected(self, item: Node) -> bool:
        """Require that a column of the answer is one that the rules allow; say whether it is an aggregate."""
        node = bare(item)
        if node.find(exp.AggFunc):
            self._measure(node, "SELECT")
            return True
        self._dimension(node, "SELECT")
        return False

    def _measure(self, node: Node, clause: str) -> list[SharedTable]:
        """Require that a node is an allowed aggregate, or an allowed function of some; return their tables."""
        node = bare(node)
        found = measured(node)
        if found is None:
            if self._is_scalar(node):
                tables = [
                    shared
                    for argument in _arguments(node)
                    if not _is_literal(argument)
                    for shared in self._measure(argument, clause)
                ]
                self._require_scalar(node, tables)
                return tables
            raise QueryRefusedError(
                f"{clause} takes the aggregates COUNT, COUNT(DISTINCT), SUM, SUM(DISTINCT) and AVG of a column, and "
                f"not {name_of(node)}"
            )
        function, argument = found
        if not isinstance(argument, exp.Column):
            raise QueryRefusedError(f"{function} takes a column, and not {name_of(argument)}")
        _, shared = self.table_of(argument)
        allowed = shared.rule.functions.get(argument.name, frozenset())  # type: ignore[union-attr]
        if function not in allowed:
            raise _not_allowed(shared, argument.name, f"take {function} of", allowed)
        return [shared]

    def _measure_or_literal(self, node: Node) -> None:
        if not _is_literal(bare(node)):
            self._measure(node, "HAVING")

    def _dimension(self, node: Node, clause: str) -> list[SharedTable]:
        """Require that a node is a dimension, or an allowed function of some; return the tables that these are of."""
        node = bare(node)
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            _, shared = self.table_of(node)
            rule = shared.rule
            assert isinstance(rule, Aggregation)  # noqa: S101  # as above
            if node.name not in rule.dimensions:
                raise _not_allowed(shared, node.name, _VERBS[clause], rule.dimensions)
            return [shared]
        if not self._is_scalar(node):
            raise QueryRefusedError(f"{clause} takes dimensions and functions of them, and not {name_of(node)}")
        found = [
            shared
            for argument in _arguments(node)
            if not _is_literal(argument)
            for shared in self._dimension(argument, clause)
        ]
        self._require_scalar(node, found or self.scope.values())
        return found

    def _filtered(self, node: Node) -> None:
        if not _is_literal(bare(node)):
            self._dimension(node, "WHERE")

    def _ordered(self) -> None:
        order = self.tree.args.get("order")
        names = {item.alias for item in self.tree.expressions if item.alias}
        for one in order.expressions if order else ():
            node = bare(one.this)
            if isinstance(node, exp.Column) and not node.table and node.name in names:
                continue
            if node.find(exp.AggFunc):
                self._measure(node, "ORDER BY")
            else:
                self._dimension(node, "ORDER BY")

    def _is_scalar(self, node: Node) -> bool:
        return isinstance(node, exp.Func) and not isinstance(node, exp.AggFunc | exp.Connector)

    def _require_scalar(self, node: Node, tables: Iterable[SharedTable]) -> None:
        name = name_of(node)
        for shared in tables:
            rule = shared.rule
            assert isinstance(rule, Aggregation)  # noqa: S101  # all tables of a query have rules of one type
            if name not in rule.scalars:
                raise QueryRefusedError(
                    f"table {shared.name}: the function {name} is not allowed; allowed is "
                    f"{', '.join(sorted(rule.scalars)) or 'no function'}"
                )
        if type(node) not in SCALARS and not isinstance(node, exp.Trim):
            known = "is not in the laptop twin" if name in SCALAR_FUNCTIONS else "is no function of an analysis rule"
            raise QueryRefusedError(f"the function {name} {known}")


def _arguments(node: Node) -> Iterator[Node]:
    """Yield what a function is given; the type of a cast and the unit of an EXTRACT are none."""
    for key, value in node.args.items():
        for one in value if isinstance(value, list) else [value]:
            is_unit = isinstance(node, exp.Extract) and key == "this"
            if isinstance(one, exp.Expression) and not isinstance(one, exp.DataType) and not is_unit:
                yield bare(one)


class Listed(_Structured):
    """A query of tables with list rules."""

    __slots__ = ()

    def plan(self) -> Plan:
        """Check the query against the rules of its tables, and return how it runs."""
        self.require_clauses(_LIST_CLAUSES, "list queries")
        distinct = self.tree.args.get("distinct")
        if distinct is None or distinct.args.get("on"):
            raise QueryRefusedError("a list query is a SELECT DISTINCT of columns")
        self.read_tables()
        for item in self.tree.expressions:
            self._listed(bare(item), "list")
        if where := self.tree.args.get("where"):
            self.condition(where.this, self._filtered, "WHERE")
        if limit := self.tree.args.get("limit"):
            number = limit.expression
            if not (isinstance(number, exp.Literal) and number.is_int and int(number.name) > 0):
                raise QueryRefusedError("LIMIT takes a positive number")
        changed = sourced(self.tree, self.used)
        return Plan(sql=changed.sql(WRITE, identify=True), columns=columns_of(changed), tables=tuple(sorted(self.used)))

    def _listed(self, node: Node, verb: str) -> None:
        if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
            raise QueryRefusedError(f"a list query has columns, and not {name_of(node)}")
        _, shared = self.table_of(node)
        rule = shared.rule
        assert isinstance(rule, Listing)  # noqa: S101  # all tables of a query have rules of one type
        if node.name not in rule.columns:
            raise _not_allowed(shared, node.name, verb, rule.columns)

    def _filtered(self, node: Node) -> None:
        node = bare(node)
        if not _is_literal(node):
            self._listed(node, "filter by")
