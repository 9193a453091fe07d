"""Statements of Redshift in the words of PostgreSQL.

sqlglot reads them as Redshift's and writes them as PostgreSQL's. What only says where Redshift puts rows (distribution,
sort keys, encodings) is left out. Allowed is what means the same in both; everything else is refused by name, so that
no figure is silently another one: AVG of whole numbers, division of decimals and CONCAT of NULL are the known traps.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from twin.emulator.wire import ServiceError

_READ, _WRITE = "redshift", "postgres"
_NAME: Final = r"[A-Za-z_][\w$]*"
_EXTERNAL_SCHEMA: Final = re.compile(
    rf"CREATE\s+EXTERNAL\s+SCHEMA\s+(?P<guard>IF\s+NOT\s+EXISTS\s+)?(?P<schema>{_NAME})\s+"
    r"FROM\s+DATA\s+CATALOG\s+DATABASE\s+'(?P<database>[^']+)'\s+IAM_ROLE\s+(?P<role>default|'[^']+')",
    re.IGNORECASE,
)
_STREAM_SCHEMA: Final = re.compile(
    rf"CREATE\s+EXTERNAL\s+SCHEMA\s+(?P<guard>IF\s+NOT\s+EXISTS\s+)?(?P<schema>{_NAME})\s+"
    r"FROM\s+KINESIS\s+IAM_ROLE\s+(?P<role>default|'[^']+')",
    re.IGNORECASE,
)
STREAMS: Final = "(streams)"  # stands for the database of a schema of streams
_REFRESH: Final = re.compile(rf"REFRESH\s+MATERIALIZED\s+VIEW\s+(?P<name>{_NAME}(?:\.{_NAME})?)", re.IGNORECASE)
_CREATE_ROLE: Final = re.compile(rf"CREATE\s+ROLE\s+(?P<name>{_NAME})", re.IGNORECASE)
_ALL_TABLES: Final = rf"ON\s+ALL\s+TABLES\s+IN\s+SCHEMA\s+(?P<schema>{_NAME})"
_GRANT_ALL: Final = re.compile(
    rf"GRANT\s+SELECT\s+{_ALL_TABLES}\s+TO\s+ROLE\s+(?P<role>{_NAME})",
    re.IGNORECASE,
)
_REVOKE_ALL: Final = re.compile(
    rf"REVOKE\s+ALL\s+{_ALL_TABLES}\s+FROM\s+ROLE\s+(?P<role>{_NAME})",
    re.IGNORECASE,
)
# How Redshift lays out rows, and when it refreshes what it has computed: no question of meaning.
_LAYOUT: Final = (
    exp.DistStyleProperty,
    exp.DistKeyProperty,
    exp.SortKeyProperty,
    exp.AutoRefreshProperty,
)
_SETTING: Final = re.compile(r"(\w+)\s+'?([^',]*)'?")
_CREATE_MODEL: Final = re.compile(
    rf"CREATE\s+MODEL\s+(?P<schema>{_NAME})\.(?P<name>{_NAME})\s+FROM\s*\((?P<query>.*)\)\s*"
    rf"TARGET\s+(?P<target>{_NAME})\s+FUNCTION\s+(?P<function>{_NAME})\s+IAM_ROLE\s+(?P<role>default|'[^']+')\s+"
    r"AUTO\s+OFF\s+MODEL_TYPE\s+XGBOOST\s+OBJECTIVE\s+'(?:reg|binary):logistic'\s+PREPROCESSORS\s+'none'\s+"
    r"HYPERPARAMETERS\s+DEFAULT(?:\s+EXCEPT\s*\((?P<parameters>[^()]*)\))?\s+SETTINGS\s*\((?P<settings>[^()]*)\)",
    re.IGNORECASE | re.DOTALL,
)
_DROP_MODEL: Final = re.compile(
    rf"DROP\s+MODEL\s+(?P<guard>IF\s+EXISTS\s+)?(?P<schema>{_NAME})\.(?P<name>{_NAME})", re.IGNORECASE
)
_STATEMENTS: Final = (exp.Query, exp.Insert, exp.Delete, exp.Update, exp.Merge, exp.Create, exp.Drop, exp.Grant)
_CREATED: Final = {"SCHEMA", "TABLE", "VIEW"}
# Functions that mean the same in both.
_FUNCTIONS: Final = (
    exp.Abs, exp.And, exp.Case, exp.Cast, exp.Ceil, exp.Coalesce, exp.Concat, exp.Count, exp.CurrentDate,
    exp.CurrentUser, exp.DateAdd, exp.DenseRank, exp.Exists, exp.Extract, exp.Floor, exp.Greatest, exp.If, exp.Lag,
    exp.Lead, exp.Least, exp.Length, exp.Lower, exp.Max, exp.Min, exp.Nullif, exp.Or, exp.Rank, exp.Round,
    exp.RowNumber, exp.Substring, exp.Sum, exp.TimestampTrunc, exp.Trim, exp.TsOrDsAdd, exp.Upper, exp.Xor,
)  # fmt: skip


class Kind(Enum):
    """What becomes of a statement."""

    QUERY = "query"
    WRITE = "write"
    DEFINITION = "definition"
    EXTERNAL_SCHEMA = "external schema"
    MODEL = "model"
    NO_MODEL = "no model"
    STREAM_VIEW = "stream view"
    REFRESH = "refresh"


Table = tuple[str, str]  # schema and name
# Returns what stands for a table where rows or values of it are not for everybody; None where it is read as it is.
Shield = Callable[[Table], "exp.Subquery | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement that PostgreSQL can run.

    Attributes:
        sql: in PostgreSQL's words; empty for an external schema.
        external: the tables of external schemas that it reads, with the name that each has in `sql`.
        columns: the names of all columns in it; None if it asks for all columns of something.
        values: of an external schema: its name, the database of the catalog, and the role.
        guarded: of an external schema: it may be there already.
        kept_from: of a materialized view: the tables that it is computed from.
        changed: the table that it changes, if policies protect it.
    """

    kind: Kind
    sql: str = ""
    external: Mapping[Table, str] = field(default_factory=dict)
    columns: frozenset[str] | None = frozenset()
    values: Mapping[str, str] = field(default_factory=dict)
    guarded: bool = False
    kept_from: Sequence[Table] = ()
    changed: Table | None = None


def translate(
    sql: str,
    external_schemas: frozenset[str] = frozenset(),
    shield: Shield = lambda _table: None,
    functions: frozenset[str] = frozenset(),
    streams: frozenset[str] = frozenset(),
) -> Statement:
    """Recognise a statement and translate it.

    Args:
        sql: as Redshift takes it.
        external_schemas: names of the schemas whose tables are those of the lake.
        shield: what a table is read as.
        functions: of models, with their schemas.
        streams: names of the schemas whose tables are streams.

    Raises:
        ServiceError: `ValidationException` that names what the twin's Redshift does not support.
    """
    text = sql.strip().rstrip(";").strip()
    for pattern, build in _OWN.items():
        if found := pattern.fullmatch(text):
            return build(found)
    try:
        trees = sqlglot.parse(text, read=_READ, error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise refusal(f"a statement that cannot be read: {str(error).splitlines()[0]}", text) from error
    if len(trees) != 1 or trees[0] is None:
        raise refusal("several statements in one", text)
    if (view := _stream_view(trees[0], streams)) is not None:
        _require_same_meaning(trees[0], text)
        return view
    return _translated(trees[0], text, external_schemas, shield, functions)


def read_condition(text: str) -> exp.Expr:
    """Read an expression of a policy.

    Raises:
        ServiceError: it cannot be read, or does not mean the same in PostgreSQL.
    """
    try:
        tree = sqlglot.parse_one(text, read=_READ)
    except SqlglotError as error:
        raise refusal(f"an expression that cannot be read: {str(error).splitlines()[0]}", text) from error
    if tree.find(exp.Query) is not None:
        raise refusal("a policy that looks something up", text)
    _require_same_meaning(tree, text)
    return tree.transform(_null_swallows)


def refusal(what: str, sql: str) -> ServiceError:
    """Return the error for what the twin does not support."""
    shown = " ".join(sql.split())[:120] or "(empty)"
    return ServiceError("ValidationException", f"the laptop twin's Redshift does not support {what}: {shown}")


def _translated(
    tree: exp.Expr, text: str, external_schemas: frozenset[str], shield: Shield, functions: frozenset[str]
) -> Statement:
    if not isinstance(tree, _STATEMENTS):
        raise refusal(f"{str(tree.this or tree.key).upper()} in this form", text)
    if isinstance(tree, exp.Create | exp.Drop) and tree.kind not in _CREATED:
        raise refusal(f"{tree.key.upper()} {tree.kind}", text)
    _require_same_meaning(tree, text, functions)
    _leave_layout_out(tree)
    external = _replace_external(tree, external_schemas)
    view = isinstance(tree, exp.Create) and tree.kind == "VIEW"
    if view and external:
        raise refusal("a view on an external schema", text)
    tree = tree.transform(_null_swallows)
    changed = _put_shields(tree, shield)
    for principal in tree.find_all(exp.GrantPrincipal):
        principal.set("kind", None)  # users and roles are one kind in PostgreSQL
    columns = (
        None
        if tree.find(exp.Star) and not _counts_only(tree)
        else frozenset(column.name.lower() for column in tree.find_all(exp.Column))
    )
    try:
        written = tree.sql(_WRITE, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise refusal(str(error).splitlines()[0], text) from error
    return Statement(
        kind=_kind(tree),
        sql=written,
        external=external,
        columns=columns,
        kept_from=_kept_from(tree) if view else (),
        changed=changed,
    )


def _stream_view(tree: exp.Expr, streams: frozenset[str]) -> Statement | None:
    """Return a materialized view over a stream; its query reads the records that have arrived."""
    named = [table for table in tree.find_all(exp.Table) if table.db.lower() in streams]
    if not named:
        return None
    if len(named) > 1 or not isinstance(tree, exp.Create) or tree.find(exp.MaterializedProperty) is None:
        raise refusal("a stream outside of a materialized view of it alone", tree.sql(_READ))
    [source] = named
    made = tree.this
    values = {"schema": made.db.lower(), "name": made.name.lower(), "stream": source.name, "reads": source.db.lower()}
    source.replace(exp.to_table("twin_stream"))
    return Statement(kind=Kind.STREAM_VIEW, sql=tree.expression.sql(_WRITE), values=values)


def _kept_from(view: exp.Expr) -> Sequence[Table]:
    """Return the tables that a materialized view is computed from; a plain view keeps nothing."""
    if view.find(exp.MaterializedProperty) is None:
        return ()
    query = view.expression
    return [(table.db.lower() or "public", table.name.lower()) for table in query.find_all(exp.Table)]


def _kind(tree: exp.Expr) -> Kind:
    if isinstance(tree, exp.Query):
        return Kind.QUERY
    return Kind.DEFINITION if isinstance(tree, exp.Create | exp.Drop | exp.Grant) else Kind.WRITE


def _require_same_meaning(tree: exp.Expr, text: str, functions: frozenset[str] = frozenset()) -> None:
    for function in tree.find_all(exp.Func):
        if isinstance(function.parent, exp.Dot) and _place(function.parent) in functions:
            continue
        if isinstance(function, exp.Anonymous) or not isinstance(function, _FUNCTIONS):
            raise refusal(f"the function {function.sql(_READ)}", text)
    for division in tree.find_all(exp.Div):
        raise refusal(f"the division {division.sql(_READ)}, whose scale is another one in PostgreSQL", text)
    for kind in tree.find_all(exp.DataType):
        if kind.this in _TYPES_OF_REDSHIFT:
            raise refusal(f"the type {kind.sql(_READ)}", text)


def _place(call: exp.Dot) -> str:
    return f"{call.this.name}.{call.expression.name}".lower()


_TYPES_OF_REDSHIFT: Final = {exp.DType.SUPER, exp.DType.HLLSKETCH, exp.DType.GEOMETRY, exp.DType.GEOGRAPHY}


def _leave_layout_out(tree: exp.Expr) -> None:
    for properties in [*tree.find_all(exp.Properties)]:
        kept = [one for one in properties.expressions if not isinstance(one, _LAYOUT)]
        if kept:
            properties.set("expressions", kept)
        else:
            properties.pop()
    for encoding in [*tree.find_all(exp.EncodeColumnConstraint)]:
        if encoding.parent is not None:
            encoding.parent.pop()


def _replace_external(tree: exp.Expr, schemas: frozenset[str]) -> dict[Table, str]:
    """Let the tables of external schemas be temporary ones, into which the lake's rows are read."""
    found: dict[Table, str] = {}
    for table in [*tree.find_all(exp.Table)]:
        schema, name = table.db.lower(), table.name.lower()
        if schema not in schemas or not name:  # without a name it is the schema itself
            continue
        found[schema, name] = f"{schema}__{name}"
        alias = table.alias or name
        table.set("db", None)
        table.set("this", exp.to_identifier(found[schema, name], quoted=True))
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return found


def _put_shields(tree: exp.Expr, shield: Shield) -> Table | None:
    """Let what stands for a table be read in its place; return such a table whose own rows are changed."""
    changed = None
    for table in [*tree.find_all(exp.Table)]:
        place = (table.db.lower() or "public", table.name.lower())
        stands_for = shield(place) if table.name else None
        if stands_for is None or isinstance(tree, exp.Grant):
            continue
        if isinstance(table.parent, exp.From | exp.Join) and not isinstance(table.parent.parent, exp.Delete):
            stands_for.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias or table.name)))
            table.replace(stands_for)
        elif not isinstance(tree, exp.Insert):  # which no policy of rows is about
            changed = place
    return changed


def _null_swallows(node: exp.Expr) -> exp.Expr:
    """CONCAT of Redshift is NULL when one of its parts is; PostgreSQL's leaves that part out."""
    if not isinstance(node, exp.Concat):
        return node
    first, *rest = node.expressions
    joined = first
    for part in rest:
        joined = exp.DPipe(this=joined, expression=part)
    return exp.paren(joined)


def _counts_only(tree: exp.Expr) -> bool:
    return all(isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


def _external_schema(found: "re.Match[str]") -> Statement:
    role = found["role"]
    values = {
        "schema": found["schema"].lower(),
        "database": found["database"],
        "role": "default" if role.lower() == "default" else role.strip("'"),
    }
    return Statement(kind=Kind.EXTERNAL_SCHEMA, values=values, guarded=bool(found["guard"]))


def _stream_schema(found: "re.Match[str]") -> Statement:
    role = found["role"]
    values = {
        "schema": found["schema"].lower(),
        "database": STREAMS,
        "role": "default" if role.lower() == "default" else role.strip("'"),
    }
    return Statement(kind=Kind.EXTERNAL_SCHEMA, values=values, guarded=bool(found["guard"]))


def _refresh(found: "re.Match[str]") -> Statement:
    schema, _, name = found["name"].lower().rpartition(".")
    sql = f"REFRESH MATERIALIZED VIEW {found['name'].lower()}"
    return Statement(kind=Kind.REFRESH, sql=sql, values={"schema": schema or "public", "name": name})


def _role(found: "re.Match[str]") -> Statement:
    return Statement(kind=Kind.DEFINITION, sql=f'CREATE ROLE "{found["name"].lower()}" NOLOGIN')


def _grant_all(found: "re.Match[str]") -> Statement:
    schema, role = found["schema"].lower(), found["role"].lower()
    return Statement(kind=Kind.DEFINITION, sql=f'GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO "{role}"')


def _model(found: "re.Match[str]") -> Statement:
    role = found["role"]
    settings = dict(_SETTING.findall(found["settings"]))
    if "S3_BUCKET" not in {name.upper() for name in settings}:
        raise refusal("a model without S3_BUCKET, which Redshift asks for", found[0])
    values = {
        "schema": found["schema"].lower(),
        "name": found["name"].lower(),
        "query": found["query"],
        "target": found["target"].lower(),
        "function": found["function"].lower(),
        "role": "default" if role.lower() == "default" else role.strip("'"),
        "parameters": found["parameters"] or "",
        **{name.lower(): value for name, value in settings.items()},
    }
    return Statement(kind=Kind.MODEL, values=values)


def _no_model(found: "re.Match[str]") -> Statement:
    values = {"schema": found["schema"].lower(), "name": found["name"].lower()}
    return Statement(kind=Kind.NO_MODEL, values=values, guarded=bool(found["guard"]))


def parameters_of(text: str) -> Mapping[str, str]:
    """Return names and values, as in `NUM_ROUND '10', ETA '0.2'`."""
    return dict(_SETTING.findall(text))


def _revoke_all(found: "re.Match[str]") -> Statement:
    schema, role = found["schema"].lower(), found["role"].lower()
    return Statement(kind=Kind.DEFINITION, sql=f'REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM "{role}"')


_OWN: Final[Mapping["re.Pattern[str]", Callable[[Any], Statement]]] = {
    _EXTERNAL_SCHEMA: _external_schema,
    _STREAM_SCHEMA: _stream_schema,
    _REFRESH: _refresh,
    _CREATE_ROLE: _role,
    _GRANT_ALL: _grant_all,
    _REVOKE_ALL: _revoke_all,
    _CREATE_MODEL: _model,
    _DROP_MODEL: _no_model,
}
