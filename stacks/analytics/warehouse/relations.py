"""What the warehouse shows, read from the statements that make it: tables and materialized views with columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp

from c360_core.names import WAREHOUSE_SCHEMA, Zone
from stacks.analytics.warehouse.statements import Batch

_PERSON: Final = frozenset({"customer_key", "person_id"})
# What is not loaded from the marts.
_ZONES: Final[Mapping[str, Zone]] = {"bridge_person": Zone.CURATED, "live_interaction": Zone.RAW}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table or a materialized view of the warehouse.

    Attributes:
        columns: the types of its columns, as Redshift calls them, by name; empty for what a view computes.
        is_view: it is kept computed.
        takes_policies: whether it has policies of rows. Redshift takes none on what a materialized view reads; what a
            plain view reads would show its reader nothing, and the plain views say nothing of single persons.
        zone: of the lake, that it is loaded from.
    """

    name: str
    columns: Mapping[str, str]
    is_view: bool
    takes_policies: bool
    zone: Zone

    @property
    def place(self) -> str:
        """Its name in a statement."""
        return f"{WAREHOUSE_SCHEMA}.{self.name}"

    @property
    def of_persons(self) -> bool:
        """Whether a row of it is about somebody."""
        return not _PERSON.isdisjoint(self.columns)


def relations_of(batches: Iterable[Batch]) -> Sequence[Relation]:
    """Return the relations that statements make, by name."""
    made = [tree for batch in batches for statement in batch.statements if (tree := _made(statement)) is not None]
    tables = {_name(tree): _defined(tree) for tree in made if tree.kind == "TABLE"}
    views = [tree for tree in made if tree.kind == "VIEW"]
    kept = {_name(view) for view in views if view.find(exp.MaterializedProperty) is not None}
    read = {table.name for view in views for table in view.expression.find_all(exp.Table)}
    columns = {**tables, **{_name(view): _selected(view, tables) for view in views}}
    return [
        Relation(
            name=name,
            columns=columns[name],
            is_view=name in kept,
            takes_policies=name not in read and name in {*kept, *tables},
            zone=_ZONES.get(name, Zone.PRODUCTS),
        )
        for name in sorted(columns)
    ]


def _made(statement: str) -> exp.Create | None:
    """Return what makes a relation of the warehouse; temporary tables have no schema."""
    if not statement.startswith(("CREATE TABLE", "CREATE MATERIALIZED VIEW", "CREATE VIEW")):
        return None
    tree = sqlglot.parse_one(statement, read="redshift")
    return tree if isinstance(tree, exp.Create) else None


def _name(tree: exp.Create) -> str:
    table = tree.find(exp.Table)
    if table is None:
        raise ValueError(f"no name in {tree.sql('redshift')}")
    return table.name


def _defined(tree: exp.Create) -> Mapping[str, str]:
    return {column.name: column.args["kind"].sql("redshift") for column in tree.this.find_all(exp.ColumnDef)}


def _selected(view: exp.Create, tables: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    query = view.expression
    aliases = {table.alias_or_name: tables.get(table.name, {}) for table in query.find_all(exp.Table)}
    found = {}
    for column in query.selects:
        inner = column.unalias()
        known = aliases.get(inner.table, {}) if isinstance(inner, exp.Column) else {}
        found[column.alias_or_name] = known.get(inner.name, "")
    return found
