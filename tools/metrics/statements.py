"""Holds the statements of the dbt project's folder against the columns of the marts, before anything is deployed.

A statement that reads a column which its mart lost or renamed is refused, with the file, the column and those that
there are. The marts' columns are those of their descriptions, which dbt holds against what it builds. Tables that
nobody describes (the warehouse's own, the lake's) are not looked at: other tests read those.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from c360_metrics.reader import MODELS, Problem

# The dialect of each folder, and the schema by which its statements name the marts; none: by their names alone.
FOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "named_queries": ("athena", ""),
    "prepared_statements": ("athena", ""),
    "warehouse": ("redshift", "lake_products"),
}
# Where the name of a result may stand, too.
_AFTERWARDS: Final = (exp.Order, exp.Group, exp.Having)

Columns = Mapping[str, frozenset[str]]


def check_statements(project: Path) -> Iterator[Problem]:
    """Yield each column that a statement reads and its mart does not have, and each mart that is not there.

    Args:
        project: the folder of the dbt project.
    """
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of statements that read nothing
    marts = _columns(project)
    for folder, (dialect, schema) in FOLDERS.items():
        for path in sorted((project / folder).glob("*.sql")):
            file = f"{project.name}/{path.relative_to(project)}"
            try:
                trees = sqlglot.parse(path.read_text(encoding="utf-8"), dialect=dialect)
            except SqlglotError as error:
                yield Problem(
                    file=file, field="statement", message=str(error).splitlines()[0], fix="mend the statement"
                )
                continue
            for tree in filter(None, trees):
                for scope in traverse_scope(tree):
                    yield from _missing(file, scope, schema, marts)


def _columns(project: Path) -> Columns:
    described = (yaml.safe_load(path.read_text(encoding="utf-8")) or {} for path in (project / MODELS).rglob("*.yml"))
    return {
        model["name"]: frozenset(column["name"] for column in model.get("columns", ()))
        for document in described
        for model in document.get("models", ())
    }


def _missing(file: str, scope: Scope, schema: str, marts: Columns) -> Iterator[Problem]:
    """Yield what a query, without the queries in it, reads and is not there."""
    tables = {name: one for name, one in scope.sources.items() if isinstance(one, exp.Table) and one.db == schema}
    for table in tables.values():
        if table.name not in marts:
            yield Problem(
                file=file,
                field=table.name,
                message=f"there is no mart `{table.name}`",
                fix="name a model of sql/models",
            )
    known = {name: marts[table.name] for name, table in tables.items() if table.name in marts}
    aliases = {one.alias for one in scope.expression.find_all(exp.Alias)}
    only_marts = len(known) == len(scope.selected_sources)
    for column in scope.columns:
        if column.table in known:
            sources: Columns = {column.table: known[column.table]}
        elif not column.table and only_marts and not (column.name in aliases and column.find_ancestor(*_AFTERWARDS)):
            sources = known
        else:
            continue
        if sources and not any(column.name in columns for columns in sources.values()):
            names = sorted({name for columns in sources.values() for name in columns})
            marts_read = " and ".join(f"`{tables[name].name}`" for name in sources)
            yield Problem(
                file=file,
                field=column.sql(),
                message=f"{marts_read} has no column `{column.name}`",
                fix=f"use one of {', '.join(names)}",
            )
