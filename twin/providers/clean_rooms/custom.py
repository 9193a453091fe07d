"""Custom queries: templates that all owners have read, and differential privacy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from twin.providers.clean_rooms.people import People
from twin.providers.clean_rooms.rules import ANY_QUERY, Custom
from twin.providers.clean_rooms.sql import (
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
        people = People(tree, self.used)
        person = people.person()
        groups = list(tree.args["group"].expressions) if tree.args.get("group") else []
        measures = [self._measure(item, groups, people.names) for item in tree.expressions]
        if not any(measures):
            raise QueryRefusedError("with differential privacy a query has aggregates: COUNT, SUM or AVG")
        return self._planned(measures, groups, person)

    def _measure(self, item: Node, groups: Sequence[Node], people: frozenset[str]) -> Measure | None:
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
        counted = isinstance(argument, exp.Column) and argument.name in people
        if function == "COUNT_DISTINCT" and not counted:
            known = " or ".join(sorted(people))
            raise QueryRefusedError(f"COUNT(DISTINCT) of anything but {known} is not in the laptop twin")
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
