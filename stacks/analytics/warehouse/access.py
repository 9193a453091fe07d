"""Who reads the warehouse, and what of it: roles of the database, policies of rows, masks, and grants.

All of it follows from two descriptions. A persona (`c360_core/personas.py`) sees in the warehouse what it sees in the
lake: relations of its zones, and masked contact data if it may read its class. A role of a row rule
(`analytics.dashboards.row_rules`) sees what a limited reader of the dashboards sees: rows with the values of the rule,
nothing of persons that lacks the column, sums of everybody, and no contact data.

Policies deny by default. With row-level security on, who has no policy on a relation sees no row of it; contact data is
masked for everybody, and shown to those who may read it. So a grant that somebody makes by hand shows no more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from c360_core.names import WAREHOUSE_SCHEMA, Zone
from c360_core.personas import CONTACT_COLUMNS, PERSONAS, PersonaDefinition
from config.analytics import RowRule
from stacks.analytics.warehouse.relations import Relation
from stacks.analytics.warehouse.statements import Batch

_ALL_ROWS: Final = "all_rows"
_HIDE, _SHOW = "hide_contact", "show_contact"
_HIDDEN, _SHOWN = 0, 10  # of several masks the one of the highest priority holds
_TEXT: Final = "VARCHAR(400)"


class AccessError(ValueError):
    """A rule that limits nothing or somebody else; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A role of the database.

    Attributes:
        zones: of the lake, whose rows it sees.
        contact: it sees masked contact data.
        limits: by column the values that it sees; empty for all rows.
    """

    role: str
    zones: Sequence[Zone]
    contact: bool
    limits: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def limited_columns(self, relation: Relation) -> tuple[str, ...]:
        """Return the columns of a relation by which its rows are limited."""
        return tuple(column for column in self.limits if column in relation.columns)

    def reads(self, relation: Relation) -> bool:
        """Tell whether it reads a relation at all.

        Of a relation of persons a limited role reads nothing unless each of its rules applies; what a materialized view
        is computed from takes no policy, and is not for it.
        """
        if relation.zone not in self.zones:
            return False
        limited = self.limited_columns(relation)
        if relation.of_persons and len(limited) < len(self.limits):
            return False
        return not limited or (relation.takes_policies and all(relation.columns[column] for column in limited))


def readers_of(
    personas: Sequence[PersonaDefinition], rules: Sequence[RowRule], relations: Sequence[Relation]
) -> Sequence[Reader]:
    """Return the roles of the database.

    Raises:
        AccessError: a rule limits a persona, or names a column that no relation has as a text.
    """
    by_persona = [
        Reader(role=one.database_role, zones=one.zones, contact=one.reads_contact)
        for one in personas
        if one.reads_warehouse
    ]
    taken = {reader.role for reader in by_persona}
    known = sorted({name for one in relations for name, kind in one.columns.items() if kind.startswith("VARCHAR")})
    limits: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for rule in rules:
        for role in rule.warehouse_roles:
            if role in taken:
                raise AccessError(
                    f"analytics.dashboards.row_rules: the role {role} is a persona's, who sees in the warehouse what "
                    "it sees in the lake; name another role"
                )
            if rule.column not in known:
                raise AccessError(
                    f"analytics.dashboards.row_rules: nothing in the warehouse has the column {rule.column}; use one "
                    f"of {', '.join(known)}, or take {role} out of the rule"
                )
            limits[role].setdefault(rule.column, []).extend(rule.values)
    limited = [
        Reader(role=role, zones=(Zone.PRODUCTS,), contact=False, limits=columns) for role, columns in limits.items()
    ]
    return [*by_persona, *limited]


def access_batches(relations: Sequence[Relation], rules: Sequence[RowRule]) -> Sequence[Batch]:
    """Return the batches that let everybody see what is his: roles, then what is hidden, then grants.

    Every load runs them anew, so that what was rebuilt is protected and read again, and a rule that has changed holds.
    Nobody may change anything.

    Raises:
        AccessError: as `readers_of` has it.
    """
    readers = readers_of(PERSONAS, rules, relations)
    made = [Batch(name=f"role_{one.role}", once=True, statements=[f"CREATE ROLE {one.role}"]) for one in readers]
    return [
        *made,
        *_masks(relations, readers),
        *_row_policies(relations, readers),
        *(_grants(relations, reader) for reader in readers),
    ]


# ---- what stands for contact data


def _masks(relations: Sequence[Relation], readers: Sequence[Reader]) -> Sequence[Batch]:
    """Hide contact data from everybody but those who may read it.

    Redshift takes a policy on a column once, and has no form that does nothing then: each is a batch of its own.
    """
    policies = [
        f"CREATE MASKING POLICY IF NOT EXISTS {_HIDE} WITH (contact {_TEXT}) USING (CAST(NULL AS {_TEXT}))",
        f"CREATE MASKING POLICY IF NOT EXISTS {_SHOW} WITH (contact {_TEXT}) USING (contact)",
    ]
    attached = {
        f"{_HIDE}_{column}": (
            f"ATTACH MASKING POLICY {_HIDE} ON {relation.place} ({column}) TO PUBLIC PRIORITY {_HIDDEN}"
        )
        for relation, column in _contact(relations)
    }
    for reader in readers:
        for relation, column in _contact(relations):
            if reader.contact:
                attached[f"{_SHOW}_{column}_{reader.role}"] = (
                    f"ATTACH MASKING POLICY {_SHOW} ON {relation.place} ({column}) "
                    f"TO ROLE {reader.role} PRIORITY {_SHOWN}"
                )
    return [
        Batch(name="masks", once=False, statements=policies),
        *(Batch(name=name, once=True, statements=[statement]) for name, statement in attached.items()),
    ]


def _contact(relations: Sequence[Relation]) -> Sequence[tuple[Relation, str]]:
    return [(one, column) for one in relations for column in CONTACT_COLUMNS if column in one.columns]


# ---- which rows


def _row_policies(relations: Sequence[Relation], readers: Sequence[Reader]) -> Sequence[Batch]:
    """Make each policy anew in one transaction with what it is attached to, so that no moment is without it."""
    protected = [one for one in relations if one.takes_policies]
    whole = {
        reader.role: [one for one in protected if reader.reads(one) and not reader.limited_columns(one)]
        for reader in readers
    }
    attached = [
        f"ATTACH RLS POLICY {_ALL_ROWS} ON {_listed(seen)} TO ROLE {role}" for role, seen in whole.items() if seen
    ]
    switched = [
        f"ALTER {'MATERIALIZED VIEW' if one.is_view else 'TABLE'} {one.place} "
        # Somebody with two roles sees what either sees, as in the dashboards.
        "ROW LEVEL SECURITY ON CONJUNCTION TYPE OR"
        for one in protected
    ]
    everything = [*_anew(_ALL_ROWS, "USING (TRUE)"), *attached, *switched]
    return [
        Batch(name=_ALL_ROWS, once=False, statements=everything),
        *(
            Batch(name=f"rows_{reader.role}", once=False, statements=statements)
            for reader in readers
            if (statements := _limits(protected, reader))
        ),
    ]


def _limits(protected: Sequence[Relation], reader: Reader) -> Sequence[str]:
    """Return the policies of a limited role: one for each set of columns that relations have."""
    alike: dict[tuple[tuple[str, str], ...], list[Relation]] = defaultdict(list)
    for relation in protected:
        if reader.reads(relation) and (limited := reader.limited_columns(relation)):
            alike[tuple((column, relation.columns[column]) for column in limited)].append(relation)
    statements: list[str] = []
    for number, (columns, seen) in enumerate(alike.items(), start=1):
        name = f"rows_{reader.role}_{number}"
        declared = ", ".join(f"{column} {kind}" for column, kind in columns)
        condition = " AND ".join(f"{column} IN ({_values(reader.limits[column])})" for column, _ in columns)
        statements += [
            *_anew(name, f"WITH ({declared}) USING ({condition})"),
            f"ATTACH RLS POLICY {name} ON {_listed(seen)} TO ROLE {reader.role}",
        ]
    return statements


def _anew(name: str, definition: str) -> Sequence[str]:
    return [f"DROP RLS POLICY IF EXISTS {name} CASCADE", f"CREATE RLS POLICY {name} {definition}"]


def _listed(relations: Sequence[Relation]) -> str:
    return ", ".join(one.place for one in relations)


def _values(values: Sequence[str]) -> str:
    """Return texts as literals; the settings allow no quotation mark in them."""
    return ", ".join(f"'{value}'" for value in sorted(set(values)))


# ---- what may be read at all


def _grants(relations: Sequence[Relation], reader: Reader) -> Batch:
    return Batch(
        name=f"grants_{reader.role}",
        once=False,
        statements=[
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {WAREHOUSE_SCHEMA} FROM ROLE {reader.role}",
            f"GRANT USAGE ON SCHEMA {WAREHOUSE_SCHEMA} TO ROLE {reader.role}",
            *(
                f"GRANT SELECT ON {relation.place} TO ROLE {reader.role}"
                for relation in relations
                if reader.reads(relation)
            ),
        ],
    )
