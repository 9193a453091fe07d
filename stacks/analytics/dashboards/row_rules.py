"""Who sees which rows: rules of QuickSight, made from the settings.

QuickSight takes the rules of a data set from another data set: a row for each user or group, and a column for each
column that is limited, with the values that may be seen, or nothing for all. Whoever has no row there sees nothing. So
everybody who may look has one, limited or not.

A data set of persons that lacks a limited column would show persons whom a limited reader must not see: such a reader
has no row there. Sums of everybody (no `person_id`) that are not by the column stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from c360_metrics.definitions import Kind, SemanticModel
from config.analytics import DashboardsSettings, RowRule

USER, GROUP = "UserARN", "GroupARN"
PERSON: Final = "person_id"
_SEPARATOR: Final = ","


class RowRuleError(ValueError):
    """A rule that limits nothing, or by a column that is no text; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who sees which rows of data sets that are limited by the same columns.

    Attributes:
        columns: of the data sets, by which rows are limited.
        rows: user, group, and for each column the values that may be seen, with commas between, or None for all.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @property
    def name(self) -> str:
        """Name of the data set with the rules; rules for the same columns are the same."""
        return "_".join(["rules", "by", *self.columns])

    @property
    def query(self) -> str:
        """The statement that gives the rules."""
        names = ", ".join(f'"{name}"' for name in (USER, GROUP, *self.columns))
        values = ", ".join(f"({', '.join(map(_literal, row))})" for row in self.rows)
        return f"SELECT {names} FROM (VALUES {values}) AS rules ({names})"  # noqa: S608  # checked settings alone


def _literal(value: str | None) -> str:
    if value is None:
        return "CAST(NULL AS varchar)"
    quoted = value.replace("'", "''")
    return f"CAST('{quoted}' AS varchar)"


def rules_of(model: SemanticModel, settings: DashboardsSettings) -> Rules | None:
    """Return the rules of a data set; None where everybody may see all of it."""
    ruled = tuple(dict.fromkeys(rule.column for rule in settings.row_rules if rule.principals))
    present = tuple(column for column in ruled if column in model.columns)
    absent = tuple(column for column in ruled if column not in present and PERSON in model.columns)
    if not present and not absent:
        return None
    for column in present:
        if model.columns[column].kind is not Kind.TEXT:
            raise RowRuleError(
                f"analytics.dashboards.row_rules: {column} of {model.name} is {model.columns[column].kind}; QuickSight "
                "limits rows by texts alone, so name another column"
            )
    rows = [
        (
            *_who(person),
            *(_values(person, column, settings.row_rules) for column in present),
            *((None,) if absent else ()),
        )
        for person in settings.people
        if not any(_values(person, column, settings.row_rules) for column in absent)
    ]
    return Rules(columns=(*present, *((PERSON,) if absent else ())), rows=tuple(rows))


def _who(principal: str) -> tuple[str | None, str | None]:
    """Return a principal as user and group, one of which is empty."""
    is_group = principal.split(":", 5)[5].startswith("group/")
    return (None, principal) if is_group else (principal, None)


def _values(principal: str, column: str, rules: Sequence[RowRule]) -> str | None:
    """Return the values of a column that somebody may see, in order; None for all."""
    seen = {value for rule in rules if rule.column == column and principal in rule.principals for value in rule.values}
    return _SEPARATOR.join(sorted(seen)) or None


def require_effect(models: Sequence[SemanticModel], settings: DashboardsSettings) -> None:
    """Refuse a rule by a column that no data set has: it would look like a limit and be none.

    Raises:
        RowRuleError: the message names the column and those that there are.
    """
    known = sorted({name for model in models for name, column in model.columns.items() if column.kind is Kind.TEXT})
    for rule in settings.row_rules:
        if rule.principals and rule.column not in known:
            raise RowRuleError(
                f"analytics.dashboards.row_rules: no data set has the column {rule.column}; "
                f"use one of {', '.join(known)}"
            )
