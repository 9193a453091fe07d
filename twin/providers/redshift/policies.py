"""Policies of Redshift: which rows of a relation somebody sees, and what stands in the place of a value.

PostgreSQL knows policies of rows on tables only, and none of values; Redshift has both on materialized views, too. So
the stand-in keeps the policies itself, and whoever is no superuser reads a query in the place of each relation that
has some: policies of rows come first, those of values after them, as in Redshift. A relation is known by its number:
what is dropped loses its policies.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlglot import exp

from twin.emulator.wire import ServiceError
from twin.providers.redshift.statements import Table, read_condition, refusal

if TYPE_CHECKING:
    import psycopg

_NAME: Final = r"[A-Za-z_][\w$]*"
_RELATION: Final = rf"{_NAME}(?:\.{_NAME})?"
_RELATIONS: Final = rf"{_RELATION}(?:\s*,\s*{_RELATION})*"
_NAMES: Final = rf"{_NAME}(?:\s*,\s*{_NAME})*"
_GRANTEE: Final = rf"(?:ROLE\s+)?{_NAME}"
_GRANTEES: Final = rf"{_GRANTEE}(?:\s*,\s*{_GRANTEE})*"
# Names and types; a type may have numbers in parentheses.
_DECLARED: Final = r"\((?P<columns>(?:[^()]|\([^()]*\))*)\)"
PUBLIC: Final = "public"
_OR: Final = "OR"

MAKE: Final = (
    "CREATE TABLE IF NOT EXISTS twin.row_policy (name TEXT PRIMARY KEY, columns TEXT[], condition TEXT)",
    "CREATE TABLE IF NOT EXISTS twin.row_policy_on (policy TEXT REFERENCES twin.row_policy ON DELETE CASCADE, "
    "relation OID, grantee TEXT, PRIMARY KEY (policy, relation, grantee))",
    "CREATE TABLE IF NOT EXISTS twin.row_security (relation OID PRIMARY KEY, conjunction TEXT)",
    "CREATE TABLE IF NOT EXISTS twin.masking_policy (name TEXT PRIMARY KEY, inputs TEXT[], expression TEXT)",
    "CREATE TABLE IF NOT EXISTS twin.masking_policy_on (policy TEXT REFERENCES twin.masking_policy, relation OID, "
    "output TEXT, input TEXT, grantee TEXT, priority INT, UNIQUE (relation, output, grantee))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A statement about policies: what it does, and the parts of its text by name."""

    apply: "Callable[[psycopg.Connection[Any], Change], None]"
    parts: Mapping[str, str]

    def names(self, part: str) -> list[str]:
        """Return the names in a part, in lower case."""
        return [name.strip().lower() for name in (self.parts[part] or "").split(",") if name.strip()]

    def grantees(self) -> list[str]:
        """Return whom it is about."""
        return [_grantee(one) for one in self.parts["grantees"].split(",")]


def read(sql: str) -> Change | None:
    """Return the change of policies that a statement makes; None if it is about something else.

    Raises:
        ServiceError: it is about policies, in a form that the twin does not support.
    """
    text = sql.strip().rstrip(";").strip()
    for pattern, apply in _FORMS.items():
        if found := pattern.fullmatch(text):
            return Change(apply=apply, parts=found.groupdict())
    if _ABOUT.match(text):
        raise refusal("this form of a statement about policies", text)
    return None


# ---- what a user reads in the place of a relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """The policies that hold for one user."""

    connection: "psycopg.Connection[Any]"
    user: str

    def __call__(self, table: Table) -> exp.Subquery | None:
        """Return the query that the user reads in the place of a relation; None where no policy holds."""
        relation = _oid(self.connection, table)
        if relation is None:
            return None
        grantees = self._grantees()
        rows, masks = self._rows(relation, grantees), self._masks(relation, grantees)
        if rows is None and not masks:
            return None
        columns = self._columns(relation)
        read = exp.select(
            *(exp.alias_(masks[name].copy(), name, quoted=True) if name in masks else _column(name) for name in columns)
        ).from_(exp.table_(table[1], db=table[0]))
        return (read if rows is None else read.where(rows)).subquery()

    def _grantees(self) -> list[str]:
        roles = self.connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname <> %s AND pg_has_role(%s, oid, 'MEMBER')",
            (self.user, self.user),
        ).fetchall()
        return [PUBLIC, f"user {self.user.lower()}", *(f"role {name}" for (name,) in roles)]

    def _rows(self, relation: int, grantees: Sequence[str]) -> exp.Expr | None:
        """Return the condition of the rows that are seen: none, without a policy; None where nothing is protected."""
        protected = self.connection.execute(
            "SELECT conjunction FROM twin.row_security WHERE relation = %s", (relation,)
        ).fetchone()
        if protected is None:
            return None
        found = self.connection.execute(
            "SELECT DISTINCT p.name, p.condition FROM twin.row_policy AS p JOIN twin.row_policy_on AS a "
            "ON a.policy = p.name WHERE a.relation = %s AND a.grantee = ANY(%s) ORDER BY p.name",
            (relation, list(grantees)),
        ).fetchall()
        if not found:
            return exp.false()
        conditions = [exp.paren(read_condition(text)) for _, text in found]
        return exp.or_(*conditions) if protected[0] == _OR else exp.and_(*conditions)

    def _masks(self, relation: int, grantees: Sequence[str]) -> Mapping[str, exp.Expr]:
        """Return what stands for each masked column: of several policies that of the highest priority."""
        found = self.connection.execute(
            "SELECT a.output, a.input, p.inputs[1], p.expression FROM twin.masking_policy_on AS a "
            "JOIN twin.masking_policy AS p ON p.name = a.policy WHERE a.relation = %s AND a.grantee = ANY(%s) "
            "ORDER BY a.priority",
            (relation, list(grantees)),
        ).fetchall()
        return {output: _put_in(expression, declared, given) for output, given, declared, expression in found}

    def _columns(self, relation: int) -> list[str]:
        rows = self.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (relation,),
        ).fetchall()
        return [name for (name,) in rows]


def _put_in(expression: str, declared: str, given: str) -> exp.Expr:
    """Return the expression of a policy, with the masked column for the one that the policy declares."""

    def renamed(node: exp.Expr) -> exp.Expr:
        return _column(given) if isinstance(node, exp.Column) and node.name.lower() == declared else node

    return read_condition(expression).transform(renamed)


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def require_unprotected(connection: "psycopg.Connection[Any]", tables: Sequence[Table], sql: str) -> None:
    """Refuse a materialized view of what policies of rows protect, as Redshift does."""
    for table in tables:
        relation = _oid(connection, table)
        if connection.execute("SELECT 1 FROM twin.row_security WHERE relation = %s", (relation,)).fetchone():
            raise _error(
                f'relation "{".".join(table)}" has row-level security, and no materialized view reads it: {sql}'
            )


# ---- what the statements change


def _create_rows(connection: "psycopg.Connection[Any]", change: Change) -> None:
    name, condition = change.parts["name"].lower(), change.parts["expression"]
    read_condition(condition)
    _insert(
        connection,
        "INSERT INTO twin.row_policy VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (name, _declared(change.parts["columns"]), condition),
        f'RLS policy "{name}" already exists',
    )


def _drop_rows(connection: "psycopg.Connection[Any]", change: Change) -> None:
    name = change.parts["name"].lower()
    attached = connection.execute(
        "SELECT 1 FROM twin.row_policy_on AS a JOIN pg_class AS c ON c.oid = a.relation WHERE policy = %s", (name,)
    ).fetchone()
    if attached and (change.parts["how"] or "").upper() != "CASCADE":
        raise _error(f'RLS policy "{name}" is attached to a relation')
    gone = connection.execute("DELETE FROM twin.row_policy WHERE name = %s", (name,)).rowcount
    if not gone and not change.parts["guard"]:
        raise _error(f'RLS policy "{name}" does not exist')


def _attach_rows(connection: "psycopg.Connection[Any]", change: Change) -> None:
    name = change.parts["name"].lower()
    found = connection.execute("SELECT columns FROM twin.row_policy WHERE name = %s", (name,)).fetchone()
    if found is None:
        raise _error(f'RLS policy "{name}" does not exist')
    for text in change.names("relations"):
        relation = _require(connection, text)
        _require_columns(connection, relation, text, found[0])
        if _feeds_view(connection, relation):
            raise _error(f'RLS policy "{name}" cannot be attached to "{text}", which a materialized view reads')
        for grantee in change.grantees():
            _insert(
                connection,
                "INSERT INTO twin.row_policy_on VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (name, relation, grantee),
                f'RLS policy "{name}" is already attached to "{text}" for {grantee}',
            )


def _switch_rows(connection: "psycopg.Connection[Any]", change: Change) -> None:
    text = change.parts["relation"].lower()
    relation = _require(connection, text)
    if _feeds_view(connection, relation):
        raise _error(f'row-level security cannot be turned on for "{text}", which a materialized view reads')
    connection.execute("DELETE FROM twin.row_security WHERE relation = %s", (relation,))
    if change.parts["state"].upper() == "ON":
        conjunction = (change.parts["conjunction"] or "AND").upper()
        connection.execute("INSERT INTO twin.row_security VALUES (%s, %s)", (relation, conjunction))


def _create_mask(connection: "psycopg.Connection[Any]", change: Change) -> None:
    name, inputs = change.parts["name"].lower(), _declared(change.parts["columns"])
    if len(inputs) != 1:
        raise refusal("a masking policy of several columns", name)
    read_condition(change.parts["expression"])
    query = "INSERT INTO twin.masking_policy VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
    problem = "" if change.parts["guard"] else f'masking policy "{name}" already exists'
    _insert(connection, query, (name, inputs, change.parts["expression"]), problem)


def _attach_mask(connection: "psycopg.Connection[Any]", change: Change) -> None:
    name, text = change.parts["name"].lower(), change.parts["relation"].lower()
    if connection.execute("SELECT 1 FROM twin.masking_policy WHERE name = %s", (name,)).fetchone() is None:
        raise _error(f'masking policy "{name}" does not exist')
    relation, priority = _require(connection, text), int(change.parts["priority"] or 0)
    outputs = change.names("outputs")
    _require_columns(connection, relation, text, outputs)
    [grantee] = change.grantees()
    for output in outputs:
        taken = connection.execute(
            "SELECT 1 FROM twin.masking_policy_on WHERE relation = %s AND output = %s AND (grantee = %s OR "
            "(priority = %s AND policy <> %s))",
            (relation, output, grantee, priority, name),
        ).fetchone()
        if taken:
            raise _error(
                f'a masking policy is already attached to "{output}" of "{text}" with same priority or grantee'
            )
        connection.execute(
            "INSERT INTO twin.masking_policy_on VALUES (%s, %s, %s, %s, %s, %s)",
            (name, relation, output, output, grantee, priority),
        )


def _insert(connection: "psycopg.Connection[Any]", query: str, values: Sequence[object], problem: str) -> None:
    if not connection.execute(query, values).rowcount and problem:
        raise _error(problem)


# ---- relations and names


def _oid(connection: "psycopg.Connection[Any]", table: Table) -> int | None:
    found = connection.execute(
        "SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        table,
    ).fetchone()
    return None if found is None else int(found[0])


def _require(connection: "psycopg.Connection[Any]", text: str) -> int:
    schema, _, name = text.rpartition(".")
    relation = _oid(connection, (schema or "public", name))
    if relation is None:
        raise _error(f'relation "{text}" does not exist')
    return relation


def _require_columns(connection: "psycopg.Connection[Any]", relation: int, text: str, columns: Sequence[str]) -> None:
    known = connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s", (relation,)).fetchall()
    for column in columns:
        if (column,) not in known:
            raise _error(f'column "{column}" of relation "{text}" does not exist')


def _feeds_view(connection: "psycopg.Connection[Any]", relation: int) -> bool:
    found = connection.execute(
        "SELECT 1 FROM pg_depend AS d JOIN pg_rewrite AS w ON w.oid = d.objid JOIN pg_class AS v ON v.oid = w.ev_class "
        "WHERE d.refobjid = %s AND v.relkind = 'm' AND v.oid <> %s",
        (relation, relation),
    ).fetchone()
    return found is not None


def _declared(columns: str | None) -> list[str]:
    return re.findall(rf"(?:^|,)\s*({_NAME})\s+\w", re.sub(r"\([^()]*\)", "", (columns or "").lower()))


def _grantee(text: str) -> str:
    words = text.lower().split()
    if words == [PUBLIC]:
        return PUBLIC
    return f"role {words[1]}" if words[0] == "role" and len(words) > 1 else f"user {words[0]}"


def _error(text: str) -> ServiceError:
    return ServiceError("ValidationException", f"ERROR: {text}")


def _form(text: str) -> "re.Pattern[str]":
    """Return a pattern in which a blank stands for any white space."""
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL)


_ABOUT: Final = _form(r"(CREATE|ALTER|DROP|ATTACH|DETACH) (RLS|MASKING) POLICY\b")
_EXPRESSION: Final = r"USING\s*\((?P<expression>.*)\)"
_ON: Final = rf"ON (?:TABLE )?(?P<relations>{_RELATIONS})"
_SECURITY: Final = r"ROW LEVEL SECURITY (?P<state>ON|OFF)(?: CONJUNCTION TYPE (?P<conjunction>AND|OR))?"
_FORMS: Final[Mapping["re.Pattern[str]", "Callable[[psycopg.Connection[Any], Change], None]"]] = {
    _form(rf"CREATE RLS POLICY (?P<name>{_NAME})(?: WITH\s*{_DECLARED})? {_EXPRESSION}"): _create_rows,
    _form(rf"DROP RLS POLICY (?P<guard>IF EXISTS )?(?P<name>{_NAME})(?: (?P<how>CASCADE|RESTRICT))?"): _drop_rows,
    _form(rf"ATTACH RLS POLICY (?P<name>{_NAME}) {_ON} TO (?P<grantees>{_GRANTEES})"): _attach_rows,
    _form(rf"ALTER (?:TABLE|MATERIALIZED VIEW) (?P<relation>{_RELATION}) {_SECURITY}"): _switch_rows,
    _form(
        rf"CREATE MASKING POLICY (?P<guard>IF NOT EXISTS )?(?P<name>{_NAME}) WITH\s*{_DECLARED} {_EXPRESSION}"
    ): _create_mask,
    _form(
        rf"ATTACH MASKING POLICY (?P<name>{_NAME}) ON (?P<relation>{_RELATION})\s*\((?P<outputs>{_NAMES})\) "
        rf"TO (?P<grantees>{_GRANTEE})(?: PRIORITY (?P<priority>\d+))?"
    ): _attach_mask,
}
