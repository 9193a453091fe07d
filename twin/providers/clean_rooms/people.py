"""Whom a row is about, in a query that differential privacy protects.

Noise hides one person only if each row is about one: then nobody changes more of an answer than their own rows. So each
part of such a query carries the column that says who, and parts that know people meet where the people are equal. What
would let one person decide about the rows of others is refused: a sub-query in a condition, a join of strangers, a
column of that name with somebody else in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot import exp

from twin.providers.clean_rooms.rules import Custom
from twin.providers.clean_rooms.sql import CLAUSES, READ, Node, QueryRefusedError, SharedTable, bare, name_of

_CLAUSES: Final = frozenset({"expressions", "from_", "joins", "where", "group"})
_OUTERMOST: Final = _CLAUSES | {"with_"}
_PARTS: Final = _CLAUSES | {"having", "distinct"}


@dataclass(slots=True)
class People:
    """The people of a query.

    Attributes:
        tree: the query, a SELECT.
        used: its tables of the collaboration, by name.
    """

    tree: Node
    used: Mapping[str, SharedTable]

    def person(self) -> Node:
        """Check every part of the query, and return the column of the outermost one that says who a row is about."""
        self._require_clauses(self.tree, _OUTERMOST, "the outermost query")
        self._require_parts()
        found = self._sources_with_people(self.tree)
        if not found:
            raise QueryRefusedError("with differential privacy a query reads a table that says who its rows are about")
        same = self._same(self.tree, found)
        for group in self._groups(self.tree):
            if any(self._column(one, found) in same for one in group.find_all(exp.Column)):
                raise QueryRefusedError(f"GROUP BY {group.sql(READ)}: a group of one person is no answer")
        alias, _, name = found[0].rpartition(".")
        return exp.column(name, table=alias)

    @property
    def names(self) -> frozenset[str]:
        """The columns that identify people."""
        rules = (one.rule for one in self.used.values())
        return frozenset(rule.person for rule in rules if isinstance(rule, Custom) and rule.person)

    # ---- the form of a query

    def _require_clauses(self, select: Node, known: frozenset[str], what: str) -> None:
        for name, value in select.args.items():
            if value and name not in known:
                clause = CLAUSES.get(name, name.strip("_").upper())
                raise QueryRefusedError(f"{clause} of {what} with differential privacy is not in the laptop twin")

    def _require_parts(self) -> None:
        """Require that what reads protected tables is in WITH and FROM alone, as AWS does; the rest may be anywhere."""
        if self.tree.find(exp.Window):
            raise QueryRefusedError("OVER (a window) with differential privacy is not in the laptop twin")
        if (with_ := self.tree.args.get("with_")) and with_.args.get("recursive"):
            raise QueryRefusedError("WITH RECURSIVE with differential privacy is not in the laptop twin")
        for one in self.tree.find_all(exp.Query):
            if one is self.tree or isinstance(one, exp.Subquery) or not self._knows(one):
                continue
            if not isinstance(one, exp.Select):
                raise QueryRefusedError(f"{one.key.upper()} with differential privacy is not in the laptop twin")
            above = one.parent
            is_read = isinstance(above, exp.Subquery) and isinstance(above.parent, exp.From | exp.Join)
            if not isinstance(above, exp.CTE) and not is_read:
                raise QueryRefusedError(
                    "a subquery of people decides about the rows of others; with differential privacy it is in FROM or "
                    "WITH"
                )
            self._require_clauses(one, _PARTS, "a part of the query")

    # ---- whom the parts know

    def _knows(self, query: Node, above: tuple[Node, ...] = ()) -> bool:
        """Say whether a part of a query reads a protected table, itself or through WITH."""
        knows = False
        for table in query.find_all(exp.Table):
            if table.name in self.used:
                rule = self.used[table.name].rule
                knows = knows or (isinstance(rule, Custom) and bool(rule.person))
                continue
            inner = self._definition(table)
            if any(inner is one for one in above):
                raise QueryRefusedError(f"WITH {table.name} reads itself")
            knows = (inner is not None and self._knows(inner, (*above, inner))) or knows
        return knows

    def _sources_with_people(self, select: Node) -> list[str]:
        """Return the columns, as `table.column`, by which the sources of a SELECT say whom a row is about."""
        found = [f"{source.alias_or_name}.{name}" for source in _sources(select) if (name := self._shown(source))]
        if apart := sorted(set(found) - self._same(select, found)):
            raise QueryRefusedError(
                f"{apart[0]}: tables that differential privacy protects are joined by people, in the ON of their join"
            )
        return found

    def _shown(self, source: Node) -> str | None:
        """Return the name of the column by which a source says whom a row is about; None if it knows nobody."""
        if isinstance(source, exp.Table) and source.name in self.used:
            rule = self.used[source.name].rule
            return rule.person if isinstance(rule, Custom) else None
        inner = self._definition(source)
        if inner is None or not self._knows(inner):
            return None
        if not isinstance(inner, exp.Select):
            raise QueryRefusedError(f"FROM takes tables and SELECTs, and not {name_of(inner)} in parentheses")
        people = self._sources_with_people(inner)
        same = self._same(inner, people)
        self._require_apart(inner, same)
        shown = None
        for item in inner.expressions:
            is_person = isinstance(bare(item), exp.Column) and self._column(bare(item), people) in same
            if item.alias_or_name in self.names:
                if not is_person:
                    raise QueryRefusedError(f"{item.alias_or_name}: people are identified by the column as it is")
                shown = item.alias_or_name
        if shown is None:
            raise QueryRefusedError(
                "with differential privacy the outermost query sees the column that identifies people; select it, "
                f"{' or '.join(sorted(self.names))}, in each part of WITH and FROM"
            )
        return str(shown)

    def _require_apart(self, select: Node, same: frozenset[str]) -> None:
        """Require that a part adds nobody up with others: only the outermost query may."""
        groups = self._groups(select)
        by = {self._column(one, sorted(same)) for one in groups if isinstance(one, exp.Column)}
        if (groups or select.args.get("having") or _aggregates(select)) and not by & same:
            raise QueryRefusedError(
                "a part of the query adds people up; with differential privacy each part but the outermost groups by "
                f"{' or '.join(sorted(self.names))}, too"
            )

    def _definition(self, source: Node) -> Node | None:
        if isinstance(source, exp.Subquery):
            return source.this
        return next((one.this for one in self.tree.find_all(exp.CTE) if one.alias_or_name == source.name), None)

    def _same(self, select: Node, people: list[str]) -> frozenset[str]:
        """Return the columns that say the same as the first of some, because every row of a join has them equal."""
        if not people:
            return frozenset()
        equal = [
            {_text(one.left), _text(one.right)}
            for join in select.args.get("joins") or ()
            for one in _conjuncts(join.args.get("on"))
            if isinstance(one, exp.EQ)
            and isinstance(one.left, exp.Column)
            and isinstance(one.right, exp.Column)
            # An outer join keeps rows that are not equal, but for the columns of the table that it brings.
            and (not join.side or join.this.alias_or_name in {one.left.table, one.right.table})
        ]
        reached = {people[0]}
        while more := {side for pair in equal if pair & reached for side in pair} - reached:
            reached |= more
        return frozenset(reached)

    def _column(self, node: Node, people: list[str]) -> str:
        """Return a column as `table.column`; without its table it is that of people, or the engine finds it twice."""
        if node.table:
            return _text(node)
        return next((one for one in people if one.rpartition(".")[2] == node.name), node.name)

    def _groups(self, select: Node) -> list[Node]:
        group = select.args.get("group")
        if group is None:
            return []
        if extra := [key for key, value in group.args.items() if value and key != "expressions"]:
            raise QueryRefusedError(f"GROUP BY {extra[0].upper()} with differential privacy is not in the laptop twin")
        found = [bare(one) for one in group.expressions]
        if any(isinstance(one, exp.Cube | exp.Rollup | exp.GroupingSets) for one in found):
            raise QueryRefusedError("GROUP BY with differential privacy takes no CUBE, ROLLUP or GROUPING SETS")
        return found


def _aggregates(select: Node) -> bool:
    return any(item.find(exp.AggFunc) for item in select.expressions)


def _text(column: Node) -> str:
    return f"{column.table}.{column.name}"


def _sources(select: Node) -> Iterator[Node]:
    """Yield what a SELECT reads: tables, WITH names, subqueries."""
    if select.args.get("from_"):
        yield select.args["from_"].this
    for join in select.args.get("joins") or ():
        if join.kind not in {"", "INNER", "OUTER", "CROSS"} or join.args.get("using") or join.method:
            stated = " ".join(filter(None, [join.method, join.side, join.kind])) or "USING"
            raise QueryRefusedError(f"with differential privacy tables are joined by ON, and not by {stated}")
        yield join.this


def _conjuncts(node: Node | None) -> Iterator[Node]:
    if node is None:
        return
    node = bare(node)
    if isinstance(node, exp.And):
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node
