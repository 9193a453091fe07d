"""Why a query has no answer, in words that say what to do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from c360_core import contracts, projections
from c360_core.names import CATALOGED_ZONES, Zone, database_name
from c360_core.personas import PersonaDefinition
from ops.queries.cost import QueryCost, in_units

_DIALECT: Final = "trino"
_POSITION: Final = re.compile(r"line (?P<line>\d+):(?P<column>\d+)(:\s*)?")
# How Athena says that somebody may not: by IAM and by Lake Formation. The last is the laptop's engine.
_REFUSAL: Final = re.compile(
    r"access.?denied|permission.?denied|not authorized to|insufficient (lake formation )?permission", re.IGNORECASE
)
# A column that Lake Formation hides is not there for who asks; nor is one that does not exist.
_HIDDEN: Final = re.compile(r"(COLUMN|TABLE|SCHEMA)_NOT_FOUND|cannot be resolved|does not exist", re.IGNORECASE)
# Athena says this of a slip of the pen, too.
_EITHER: Final = re.compile(r"cannot be resolved or requester", re.IGNORECASE)
_TOO_MUCH: Final = re.compile(r"bytes scanned limit", re.IGNORECASE)


class QueryFailedError(RuntimeError):
    """A query has no answer; the message says why and what to do."""


class WrongStatementError(QueryFailedError):
    """The statement is no SQL that Athena takes, or names what is not there; the message points at the place."""


class NotAllowedError(QueryFailedError):
    """The persona may not read it; the message says what the persona may."""


class ReadTooMuchError(QueryFailedError):
    """The query read more than the workgroup lets a query read, and was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and who asked it.

    Attributes:
        statement: as it was sent.
        database: of tables that it names without one.
    """

    statement: str
    persona: PersonaDefinition
    environment: str
    database: str

    def tables(self) -> list[tuple[str, str]]:
        """Return database and name of the tables that the statement names; none if it cannot be read."""
        tree = self._tree()
        if tree is None:
            return []
        defined = {one.alias_or_name.lower() for one in tree.find_all(exp.CTE)}
        named = [(one.db.lower() or self.database, one.name.lower()) for one in tree.find_all(exp.Table)]
        return sorted({one for one in named if one[1] and one[1] not in defined})

    def columns(self) -> set[str]:
        """Return the names of the columns that the statement names."""
        tree = self._tree()
        return set() if tree is None else {one.name.lower() for one in tree.find_all(exp.Column)}

    def _tree(self) -> exp.Expr | None:
        # EXECUTE names neither tables nor columns, and the library warns on standard error that it cannot read it.
        if self.statement.lstrip().upper().startswith("EXECUTE"):
            return None
        try:
            return sqlglot.parse_one(self.statement, read=_DIALECT)
        except SqlglotError:
            return None


def explained(
    reason: str, asked: Asked, *, cost: QueryCost | None = None, limit: int | None = None
) -> QueryFailedError:
    """Return what is raised for a query that has no answer.

    Args:
        reason: in Athena's words.
        cost: what it read until then.
        limit: how many bytes a query of the workgroup may read.
    """
    if _TOO_MUCH.search(reason):
        return ReadTooMuchError(_too_much(cost, limit))
    closed = list(_closed(asked))
    refused = _REFUSAL.search(reason) and not _EITHER.search(reason)
    if refused or (closed and _HIDDEN.search(reason)):
        told = f"{asked.persona.name} may not read {' and '.join(closed)}" if closed else reason
        return NotAllowedError(f"{told}. {rights_of(asked.persona)}{_open_columns(asked)}")
    place = _POSITION.search(reason)
    if place is not None:
        return WrongStatementError(_pointed(reason, asked.statement, int(place["line"]), int(place["column"])))
    return QueryFailedError(reason)


def rights_of(persona: PersonaDefinition) -> str:
    """Say what a persona reads."""
    classes, zones = " and ".join(persona.classes), " and ".join(persona.zones)
    return f"{persona.name} reads the columns of the classes {classes}, in the zones {zones}."


def _too_much(cost: QueryCost | None, limit: int | None) -> str:
    allowed = "a query may read" if limit is None else f"the {in_units(limit)} that a query may read"
    paid = "" if cost is None else f" What it had read until then is paid for: {cost}."
    return (
        f"the query was ended because it read more than {allowed}.{paid} Name fewer columns, or narrow the time; "
        "`analytics.scan_limit_gigabytes` is the limit"
    )


def _closed(asked: Asked) -> Iterator[str]:
    """Yield what the statement names and the persona may not read, as far as the contracts know it."""
    named = asked.columns()
    zones = {database_name(asked.environment, zone): zone for zone in CATALOGED_ZONES}
    for database, name in asked.tables():
        zone = zones.get(database)
        if zone is not None and zone not in asked.persona.zones:
            yield f"{zone}.{name}"
            continue
        for column, stated in _classes(zone, name).items():
            if column in named and stated not in asked.persona.classes:
                yield f"the column {column} of {name}, which is {stated}"


def _open_columns(asked: Asked) -> str:
    """Say which columns the persona reads of the tables that a statement names, where a contract states them."""
    zones = {database_name(asked.environment, zone): zone for zone in asked.persona.zones}
    told = []
    for database, name in asked.tables():
        classes = _classes(zones.get(database), name)
        if opened := [column for column, stated in classes.items() if stated in asked.persona.classes]:
            told.append(f" Of {name}: {', '.join(opened)}.")
    return "".join(told)


def _classes(zone: Zone | None, name: str) -> dict[str, str]:
    tables = (one for one in contracts.load().lake_tables() if (one.zone, one.name) == (zone, name))
    return {column: str(stated) for table in tables for column, stated in projections.lakeformation_tags(table).items()}


def _pointed(reason: str, statement: str, line: int, column: int) -> str:
    """Show the line of a statement with a mark below the place that a reason names."""
    lines = statement.splitlines()
    executed = statement.lstrip().upper().startswith("EXECUTE")  # the place is one of the prepared statement
    if executed or not 1 <= line <= len(lines) or not 1 <= column <= len(lines[line - 1]) + 1:
        return reason
    mark = " " * (column - 1) + "^"
    return f"{reason}\n{lines[line - 1].replace(chr(9), ' ')}\n{mark}"
