"""Custom queries: templates that all owners have read, and differential privacy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from twin.providers.clean_rooms.rules import ANY_QUERY, Custom
from twin.providers.clean_rooms.sql import (
    CLAUSES,
    READ,
    WRITE,
    Measure,
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


@dataclass(slots=True)
class Customized:
    """A query of tables with custom rules: a template that all owners allow, or any query of an account that may."""

    tree: Node
    used: Mapping[str, SharedTable]
    runner: str
    template: str | None
    author: str | None

    def plan(self) -> Plan:
        """Check that all owners allow the query, and return how it runs."""
        for shared in self.used.values():
            self._require_allowed(shared)
        if any(isinstance(one.rule, Custom) and one.rule.person for one in self.used.values()):
            return _Private(self.tree, self.used).plan()
        changed = sourced(self.tree, self.used)
        return Plan(sql=changed.sql(WRITE, identify=True), columns=columns_of(changed), tables=tuple(sorted(self.used)))

    def _require_allowed(self, shared: SharedTable) -> None:
        rule = shared.rule
        assert isinstance(rule, Custom)  # noqa: S101  # all tables of a query have rules of one type
        asks = self.author if self.template is not None else self.runner
        if self.template in rule.analyses or (ANY_QUERY in rule.analyses and asks in rule.providers):
            return
        what = f"the analysis template {self.template}" if self.template else "a query that is no analysis template"
        raise QueryRefusedError(f"table {shared.name}: its custom analysis rule does not allow {what}")


@dataclass(slots=True)
class _Private:
    """A query of tables that differential privacy protects: aggregates of people, to which noise is added.

    It is computed person by person first, so that the most that anybody adds to an answer is known. Chosen: AWS does
    not say how its mechanism works.
    """

    tree: Node
    used: Mapping[str, SharedTable]

    def plan(self) -> Plan:
        tree = self.tree
        if not isinstance(tree, exp.Select):
            raise QueryRefusedError(f"with differential privacy the outermost query is a SELECT, and no {tree.key}")
        known = {"with_", "expressions", "from_", "joins", "where", "group"}
        for name, value in tree.args.items():
            if value and name not in known:
                clause = CLAUSES.get(name, name.strip("_").upper())
                raise QueryRefusedError(f"{clause} of the outermost query is not in the laptop twin")
        if tree.find(exp.Window):
            raise QueryRefusedError("OVER (a window) with differential privacy is not in the laptop twin")
        self._require_people_joined()
        self._require_people_kept()
        person = self._person(tree)
        groups = list(tree.args["group"].expressions) if tree.args.get("group") else []
        measures = [self._measure(item, groups, person) for item in tree.expressions]
        if not any(measures):
            raise QueryRefusedError("with differential privacy a query has aggregates: COUNT, SUM or AVG")
        return self._planned(measures, groups, person)

    def _require_people_joined(self) -> None:
        """Require that protected tables that meet are joined person by person."""
        for select in self.tree.find_all(exp.Select):
            people = {
                f"{one.alias_or_name}.{rule.person}"
                for one in _sources(select)
                if isinstance(one, exp.Table)
                and one.name in self.used
                and isinstance(rule := self.used[one.name].rule, Custom)
                and rule.person
            }
            if len(people) < 2:  # noqa: PLR2004  # one table meets no other
                continue
            equal = {
                frozenset({str(one.left), str(one.right)})
                for join in select.args.get("joins") or ()
                for one in _conjuncts(join.args.get("on"))
                if isinstance(one, exp.EQ)
            }
            reached = {min(people)}
            while more := {side for pair in equal if pair & reached for side in pair} - reached:
                reached |= more
            if apart := sorted(people - reached):
                raise QueryRefusedError(f"{apart[0]}: tables that differential privacy protects are joined by people")

    def _require_people_kept(self) -> None:
        """Require that no part of the query adds people up or cuts some off: only the outermost one may."""
        people = self._people()
        for select in self.tree.find_all(exp.Select):
            if select is self.tree:
                continue
            if select.args.get("limit"):
                raise QueryRefusedError("LIMIT with differential privacy is not in the laptop twin")
            group = select.args.get("group")
            by = {one.name for one in group.expressions if isinstance(one, exp.Column)} if group else set()
            if (group or select.find(exp.AggFunc)) and not by & people:
                raise QueryRefusedError(
                    f"a part of the query adds people up; with differential privacy each part but the outermost "
                    f"groups by {' or '.join(sorted(people))}, too"
                )
            for item in select.expressions:
                if item.alias_or_name in people and not isinstance(bare(item), exp.Column):
                    raise QueryRefusedError(f"{item.alias_or_name}: people are identified by the column as it is")

    def _people(self) -> set[str]:
        return {rule.person for one in self.used.values() if isinstance(rule := one.rule, Custom) and rule.person}

    def _person(self, select: Node) -> Node:
        """Return the column of the outermost query that says who a row is about."""
        for one in _sources(select):
            if isinstance(one, exp.Table) and one.name in self.used:
                rule = self.used[one.name].rule
                if isinstance(rule, Custom) and rule.person:
                    return exp.column(rule.person, table=one.alias_or_name)
                continue
            inner = self._definition(one)
            for name in inner.named_selects if inner is not None else ():
                if name in self._people():
                    return exp.column(name, table=one.alias_or_name)
        raise QueryRefusedError(
            "with differential privacy the outermost query sees the column that identifies people; select it in each "
            "part of WITH"
        )

    def _definition(self, source: Node) -> Node | None:
        if isinstance(source, exp.Subquery):
            return source.this
        return next((one.this for one in self.tree.find_all(exp.CTE) if one.alias_or_name == source.name), None)

    def _measure(self, item: Node, groups: Sequence[Node], person: Node) -> Measure | None:
        node = bare(item)
        found = measured(node)
        if found is None:
            if node in groups:
                return None
            raise QueryRefusedError(
                f"with differential privacy a query has the aggregates COUNT, SUM and AVG and what it groups by, and "
                f"not {name_of(node)}"
            )
        function, argument = found
        counted = isinstance(argument, exp.Column) and argument.name in self._people()
        if function == "COUNT_DISTINCT" and not counted:
            raise QueryRefusedError(f"COUNT(DISTINCT) of anything but {person.name} is not in the laptop twin")
        if function == "SUM_DISTINCT" or argument.find(exp.AggFunc):
            raise QueryRefusedError(f"{function} of {argument.sql(READ)} is not in the laptop twin")
        return Measure(function=function, expression=argument.sql(READ))

    def _planned(self, measures: Sequence[Measure | None], groups: Sequence[Node], person: Node) -> Plan:
        """Return the plan: parts by person, then by group; then for each measure the most of one person.

        The engine's answer has the columns of the query, of a measure its sum and, for an average, its number of
        values; then the number of people; then for each sum and number the most that one person has of it, and the
        most groups that one person is in.
        """
        columns = columns_of(self.tree)
        parts = exp.select(exp.alias_(person.copy(), "c360_who"))
        outer = exp.select()
        bounds: list[str] = []
        for position, (item, measure) in enumerate(zip(self.tree.expressions, measures, strict=True)):
            node = bare(item)
            if measure is None:
                parts = parts.select(exp.alias_(node.copy(), f"g{position}"))
                outer = outer.select(exp.column(f"g{position}"))
                continue
            for name, part in _parts(node, position):
                parts = parts.select(exp.alias_(part, name))
                outer = outer.select(exp.alias_(exp.Sum(this=exp.column(name)), name))
                bounds.append(name)
        by = [*groups, person]
        for key in ("from_", "joins", "where"):
            if self.tree.args.get(key):
                parts.set(key, _copied(self.tree.args[key]))
        parts = parts.where(exp.Is(this=person.copy(), expression=exp.Null()).not_()).group_by(
            *(one.copy() for one in by)
        )
        outer = outer.select(exp.alias_(exp.Count(this=exp.column("c360_who")), "people"))
        for name in bounds:
            most = exp.select(exp.Max(this=exp.Abs(this=exp.column(name)))).from_("c360_parts")
            outer = outer.select(most.subquery())
        outer = outer.select(
            "(SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM c360_parts GROUP BY c360_who) AS c360_groups)"
        ).from_("c360_parts")
        names = [f"g{position}" for position, measure in enumerate(measures) if measure is None]
        if names:
            outer = outer.group_by(*names)
        with_ = self.tree.args.get("with_")
        for one in with_.expressions if with_ else ():
            outer = outer.with_(one.alias, as_=one.this.copy())
        outer = outer.with_("c360_parts", as_=parts)
        return Plan(
            sql=sourced(outer, self.used).sql(WRITE, identify=True),
            columns=columns,
            tables=tuple(sorted(self.used)),
            measures=tuple(measures),
        )


def _parts(node: Node, position: int) -> list[tuple[str, Node]]:
    """Return what one person adds to an aggregate: a number of values, a sum, or for an average both."""
    found = measured(node)
    assert found is not None  # noqa: S101  # a measure is one
    function, argument = found
    number = exp.Count(this=argument.copy())
    total = exp.Coalesce(this=exp.Sum(this=argument.copy()), expressions=[exp.Literal.number(0)])
    match function:
        case "COUNT_DISTINCT":
            return [(f"m{position}", exp.Count(this=exp.Distinct(expressions=[argument.copy()])))]
        case "COUNT":
            return [(f"m{position}", number)]
        case "AVG":
            return [(f"m{position}", total), (f"n{position}", number)]
        case _:
            return [(f"m{position}", total)]


def _copied(value: Any) -> Any:
    return [one.copy() for one in value] if isinstance(value, list) else value.copy()


def _sources(select: Node) -> Iterator[Node]:
    """Yield what a SELECT reads: tables, WITH names, subqueries."""
    if select.args.get("from_"):
        yield select.args["from_"].this
    for join in select.args.get("joins") or ():
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
