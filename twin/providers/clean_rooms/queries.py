"""Protected queries: what the analysis rules let through, and the statement that the engine runs for it.

A query is read in Spark's SQL, the only one of Clean Rooms, and each of its parts must be one that the rules name: what
is not known is refused, by name. A table is then replaced by its allowed columns, so that a mistake in a check reveals
no other; and the least sizes of groups become columns of the answer, which `Plan.finish` holds against them and takes
away again.
"""

from collections.abc import Mapping

from twin.providers.clean_rooms.custom import Customized
from twin.providers.clean_rooms.rules import Aggregation, Custom, kind_of
from twin.providers.clean_rooms.sql import Node, Plan, QueryRefusedError, SharedTable, fill, read, tables_of
from twin.providers.clean_rooms.structured import Aggregated, Listed


def plan(
    query: str,
    *,
    tables: Mapping[str, SharedTable],
    runner: str,
    template: str | None = None,
    author: str | None = None,
    parameters: Mapping[str, Node] | None = None,
) -> Plan:
    """Check a query against the rules of each table that it names, and return how it runs.

    Args:
        query: in Spark's SQL.
        tables: of the collaboration, by name.
        runner: the account that asks.
        template: the ARN of the analysis template that the query is from.
        author: the account whose template it is.
        parameters: literals for the template's placeholders.

    Raises:
        QueryRefusedError: a rule forbids a part of it, or the twin does not know it.
    """
    tree = read(query)
    fill(tree, parameters or {})
    used = tables_of(tree, tables)
    kinds = {kind_of(one.rule) for one in used.values()}
    if len(kinds) > 1:
        raise QueryRefusedError(
            f"tables {', '.join(sorted(used))}: their analysis rules are {' and '.join(sorted(kinds))}; a query takes "
            "tables of one type alone"
        )
    first = next(iter(used.values())).rule
    if isinstance(first, Custom):
        return Customized(tree, used, runner=runner, template=template, author=author).plan()
    if template is not None:
        raise QueryRefusedError(f"tables {', '.join(sorted(used))}: an analysis template needs custom analysis rules")
    checker = Aggregated if isinstance(first, Aggregation) else Listed
    return checker(tree, used, runner=runner).plan()
