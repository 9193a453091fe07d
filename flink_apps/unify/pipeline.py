"""What `unify` computes: the statements under `sql/` over tables that are known by name only.

Reads `interaction_records` and `identity_change_records`, writes `profile_changes` and three lake tables. Where the
tables are, and on what connector, is the caller's business.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any, Final

from c360_core.consent import ADDRESS_TYPES, Channel
from c360_core.contracts import Contracts, Field, Table
from c360_core.names import ANONYMOUS_PREFIX
from c360_core.names import Table as TableName
from c360_core.projections import flink_type
from c360_core.segment import Segment, to_sql

Column = tuple[str, str]

# An interaction's place in time: digits for the moment, then the 32 of a hash that tells events of one moment apart.
TIME_PATTERN: Final = "yyyyMMddHHmmssSSS"
TIME_LENGTH: Final = len(TIME_PATTERN)
TEXT_START: Final = TIME_LENGTH + 32 + 1
ANONYMOUS_HASH_LENGTH: Final = 26

VIEW: Final = re.compile(r"CREATE TEMPORARY VIEW (?P<name>\w+) AS\s+(?P<query>.*)", re.DOTALL)
SHORT_NUMBER: Final = "^-?[0-9]{1,30}([.][0-9]{1,9})?([eE][+]?[0-9]{1,2})?$"
END_OF_STATEMENT: Final = re.compile(r";$", re.MULTILINE)
SEPARATOR: Final = "CHR(31)"  # the control character that is meant to part units of data
VERSION_LENGTH: Final = 20

# A hybrid logical clock, in the application's jar.
FUNCTIONS: Final = (
    "CREATE TEMPORARY SYSTEM FUNCTION read_record AS 'c360.ReadRecord' LANGUAGE JAVA",
    "CREATE TEMPORARY SYSTEM FUNCTION next_sequence AS 'c360.NextSequence' LANGUAGE JAVA",
)

READINGS: Final = {"read_interaction": "interaction_reading", "read_identity_change": "identity_change_reading"}
PERSON_STATES: Final = "person_states"
PERSON_UPDATES: Final = "person_updates"

# What identity resolution says of a person. The version comes first, with leading zeros: it decides which word is last.
IDENTITY_COLUMNS: Final[Sequence[Column]] = (
    ("version", "BIGINT"),
    ("op", "STRING"),
    ("first_name", "STRING"),
    ("last_name", "STRING"),
    ("email", "STRING"),
    ("phone", "STRING"),
    ("street", "STRING"),
    ("city", "STRING"),
    ("state", "STRING"),
    ("postal_code", "STRING"),
    ("birth_date", "DATE"),
    ("language", "STRING"),
    ("time_zone", "STRING"),
    ("crm_id", "STRING"),
    ("case_customer_id", "STRING"),
    ("loyalty_id", "STRING"),
    ("record_count", "BIGINT"),
)
IDENTITY_CHANGE_COLUMNS: Final[Sequence[Column]] = (
    ("kind", "STRING"),
    ("key", "STRING"),
    ("person_id", "STRING"),
    ("survivor_id", "STRING"),
    # A date is read as text and then tried: one that is none must not stop the application.
    *((name, "STRING" if kind == "DATE" else kind) for name, kind in IDENTITY_COLUMNS),
)
# What a profile is made of; the rest of an interaction is not even looked at.
INTERACTION_COLUMNS: Final = (
    "event_id",
    "event_type",
    "source",
    "occurred_at",
    "replay_id",
    "customer_key",
    "identifier_keys",
    "session_id",
    "session_start",
    "amount",
    "currency",
    "payload",
)
REQUIRED_OF_IDENTITY_CHANGE: Final = frozenset({"kind", "op", "version"})
# A record that was rejected here is none that its sender could send again; see `c360_core.interaction`.
REJECTED_RECORD_PREFIX: Final = "u_"
# A rejection on its way to quarantine.
REJECTED_COLUMNS: Final[Sequence[Column]] = tuple(
    (name, "STRING") for name in ("rejected_id", "origin", "fault_code", "finding", "record")
)
EVENT_COLUMNS: Final[Sequence[Column]] = (
    ("event_id", "STRING"),
    ("event_type", "STRING"),
    ("occurred_at", "TIMESTAMP_LTZ(3)"),
    ("source", "STRING"),
    ("amount", "DECIMAL(14, 2)"),
    ("session_id", "STRING"),
)
CONSENT_COLUMNS: Final[Sequence[Column]] = (
    ("purpose", "STRING"),
    ("channel", "STRING"),
    ("granted", "BOOLEAN"),
    ("decided_at", "TIMESTAMP_LTZ(3)"),
)
# What every message says of itself: what it is about, what happened to it, and its number, which says what came later.
MESSAGE_COLUMNS: Final[Sequence[Column]] = (("kind", "STRING"), ("op", "STRING"), ("sequence", "BIGINT"))
SHARED_COLUMNS: Final = ("currency",)  # an event has it as well as a profile
NO_SEGMENTS: Final = "ARRAY_REMOVE(ARRAY[CAST(NULL AS STRING)], CAST(NULL AS STRING))"
# What the lake still says of a person who is gone.
IDENTIFYING: Final = frozenset({"person_id", "identity_version", "computed_at"})


class SqlText(Template):
    """SQL with places like `@{name}`; `$` is left to JSON paths."""

    delimiter = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTables:
    """Full, quoted names of the tables that keep the history, and of the one for what cannot be read."""

    profiles: str
    segment_membership: str
    rejected: str


def profile_change_columns(profiles: Table) -> list[Column]:
    """Return the columns of a profile-changes message: what it is about, then those of each kind.

    A consent of an address has the address's identifier key as `person_id`: it keys the stream.
    """
    carried = [(field.name, flink_type(field)) for field in profiles.fields]
    return [*MESSAGE_COLUMNS, *carried, *EVENT_COLUMNS, *CONSENT_COLUMNS]


def build(environment: Any, contracts: Contracts, segments: Sequence[Segment], lake: LakeTables) -> Any:
    """Define the views and return the statement set of the INSERTs, ready to be submitted.

    Args:
        environment: a stream table environment with the tables `interaction_records` and `identity_change_records`,
            both of one column `body` BYTES, and `profile_changes`.
        contracts: of the interaction and of the profile.
        segments: who is in which segment.
        lake: where the history goes.
    """
    values = _values(contracts, segments, lake)
    for function in FUNCTIONS:
        environment.execute_sql(function)
    for statement in statements("records", values):
        define(environment, statement)
    for view, reading in READINGS.items():
        _read_once(environment, view, reading)
    for statement in statements("states", values):
        define(environment, statement)
    _end_batches(environment)
    inserts = environment.create_statement_set()
    for statement in statements("messages", values):
        if statement.startswith("INSERT"):
            inserts.add_insert_sql(statement)
        else:
            define(environment, statement)
    return inserts


def define(environment: Any, statement: str) -> None:
    """Define a view, given as `CREATE TEMPORARY VIEW name AS query`.

    Flink keeps a view that is created by SQL as text, and reads it anew, with all views below it, in every view above:
    for ours that is a second of its start. A view that is created from a query stays as it was read.
    """
    stated = VIEW.fullmatch(statement)
    if stated is None:
        raise ValueError(f"expected CREATE TEMPORARY VIEW name AS query, found: {statement[:80]}")
    environment.create_temporary_view(stated["name"], environment.sql_query(stated["query"]))


def _read_once(environment: Any, view: str, reading: str) -> None:
    """Hand a reading of records on as a stream.

    In one plan with its readers, Flink moves what each of them asks for into the reading itself, and takes every record
    apart as often as there are readers.
    """
    stream = environment.to_data_stream(environment.from_path(reading))
    environment.create_temporary_view(view, environment.from_data_stream(stream))


def _end_batches(environment: Any) -> None:
    """Hand the person states on as a stream of updates.

    TO_CHANGELOG asks for watermarks. One plan over both parts would then end its small batches at watermarks, which we
    do not have, instead of by the clock. With two plans the first keeps the clock.
    """
    updates = environment.to_changelog_stream(environment.from_path(PERSON_STATES))
    environment.create_temporary_view(PERSON_UPDATES, environment.from_changelog_stream(updates))


def statements(part: str, values: Mapping[str, Any]) -> list[str]:
    """Return the statements of the files under `sql/<part>`, in order, with every place filled."""
    folder = resources.files(__package__) / "sql" / part
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [statement for file in files for statement in _split(file.read_text(encoding="utf-8"), values)]


def _split(text: str, values: Mapping[str, Any]) -> list[str]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    # A semicolon inside a line is one of a text.
    return [SqlText(part.strip()).substitute(values) for part in END_OF_STATEMENT.split(code) if part.strip()]


def _values(contracts: Contracts, segments: Sequence[Segment], lake: LakeTables) -> Mapping[str, Any]:
    profiles = contracts.product(TableName.PROFILES).table
    interactions = {field.name: field for field in contracts.product(TableName.INTERACTIONS).table.fields}
    changes = [(name, kind, name in REQUIRED_OF_IDENTITY_CHANGE) for name, kind in IDENTITY_CHANGE_COLUMNS]
    names = [field.name for field in profiles.fields]
    events, consents = [name for name, _ in EVENT_COLUMNS], [name for name, _ in CONSENT_COLUMNS]
    return {
        "time_pattern": TIME_PATTERN,
        "time_length": TIME_LENGTH,
        "text_start": TEXT_START,
        "anonymous_id": f"'{ANONYMOUS_PREFIX}' || LEFT(SPLIT_INDEX(customer_key, ':', 1), {ANONYMOUS_HASH_LENGTH})",
        "place_in_time": (
            f"DATE_FORMAT(CAST(occurred_at AS TIMESTAMP(3)), '{TIME_PATTERN}') || MD5(source || ':' || event_id)"
        ),
        "packed_identity": _packed(IDENTITY_COLUMNS),
        "unpacked_identity": _unpacked("who", IDENTITY_COLUMNS),
        "segments": segments_sql(segments),
        "no_segments": NO_SEGMENTS,
        "reasons": reasons_sql(segments),
        "person_states": PERSON_STATES,
        "person_updates": PERSON_UPDATES,
        "profile_state": _state("profile", {*names, "gone"} - {"computed_at"}, profiles),
        "consent_state": _state("consent", {"person_id", *consents}, profiles),
        "address_consent_state": _state("address_consent", {"person_id", *consents}, profiles),
        "is_address_of_channel": is_address_of_channel_sql(),
        "event_state": _state("event", {"person_id", *events, *SHARED_COLUMNS}, profiles),
        "carried_columns": _names([name for name in names if name != "computed_at"]),
        "nothing_left": ", ".join(_nothing_left(field) for field in profiles.fields),
        "profile_columns": _names(names),
        "event_columns": _names([*events, *SHARED_COLUMNS]),
        "consent_columns": _names(consents),
        "interaction_type": _row_type(
            (name, flink_type(interactions[name]), interactions[name].required) for name in INTERACTION_COLUMNS
        ),
        "interaction_columns": _names(INTERACTION_COLUMNS),
        "identity_change_type": _row_type(changes),
        "identity_change_columns": _names([name for name, _, _ in changes]),
        "csat": _whole("payload", "csat"),
        "balance": _whole("payload", "balance"),
        "last_case_csat": _whole("last_case", "csat"),
        "loyalty_points": _whole("last_loyalty", "balance"),
        "spend_type": next(flink_type(field) for field in profiles.fields if field.name == "spend"),
        "rejected_prefix": _text(REJECTED_RECORD_PREFIX),
        "rejected_state": _state("rejected", {name for name, _ in REJECTED_COLUMNS}, profiles),
        "contract_version": _text(contracts.version),
        "rejected": lake.rejected,
        "profiles": lake.profiles,
        "segment_membership": lake.segment_membership,
    }


def is_address_of_channel_sql() -> str:
    """Return the condition under which the identifier `address_key` is an address of `channel`."""
    channels = [channel for channel in Channel if channel is not Channel.ANY]
    cases = [
        f"(channel IN ('{channel}', '{Channel.ANY}') AND address_key LIKE '{kind}:%')"
        for channel in channels
        for kind in ADDRESS_TYPES[channel]
    ]
    return f"({' OR '.join(cases)})"


def segments_sql(segments: Sequence[Segment]) -> str:
    """Return the expression for the names of the segments whose condition is true."""
    return _array([f"CASE WHEN {to_sql(s.condition)} THEN CAST('{s.name}' AS STRING) END" for s in segments])


def reasons_sql(segments: Sequence[Segment]) -> str:
    """Return a map from the name of a segment to what its members are."""
    pairs = [f"{_text(segment.name)}, {_text(segment.description)}" for segment in segments]
    return f"MAP[{', '.join(pairs)}]"


def _state(kind: str, known: set[str], profiles: Table) -> str:
    """Return the select list of one kind of state: the columns it knows, and nulls for those of the other kinds."""
    columns = [("gone", "BOOLEAN"), *profile_change_columns(profiles)[len(MESSAGE_COLUMNS) :], *REJECTED_COLUMNS]
    picked = [f"`{name}`" if name in known else f"{_null(kind_of)} AS `{name}`" for name, kind_of in columns]
    return ", ".join([f"{_text(kind)} AS kind", *picked])


def _row_type(columns: Iterable[tuple[str, str, bool]]) -> str:
    """Return the type of a record as a text of SQL; what is required of it is NOT NULL."""
    fields = [f"`{name}` {kind}{' NOT NULL' if required else ''}" for name, kind, required in columns]
    return "'ROW<" + ", ".join(fields) + ">'"


def _whole(document: str, name: str) -> str:
    """Return the whole number in a field of a JSON text: 3, 3.0 and 3e0 are 3; null where there is none.

    What is no short number is not even tried: written without its exponent, 1e99999999 is a hundred megabytes.
    """
    text = f"JSON_VALUE({document}, '$.{name}')"
    number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
    whole = f"CASE WHEN {number} = FLOOR({number}) THEN TRY_CAST(CAST(FLOOR({number}) AS STRING) AS BIGINT) END"
    return f"CASE WHEN REGEXP({text}, '{SHORT_NUMBER}') THEN {whole} END"


def _nothing_left(field: Field) -> str:
    if field.name in IDENTIFYING:
        return f"`{field.name}`"
    empty = {"event_count": "0", "segments": NO_SEGMENTS}.get(field.name, "NULL")
    return f"CAST({empty} AS {flink_type(field)}) AS `{field.name}`"


def _packed(columns: Sequence[Column]) -> str:
    """Return one text of all columns; an empty part is a null."""
    first, *others = [f"COALESCE(CAST(`{name}` AS STRING), '')" for name, _ in columns]
    # A separator inside a value would move all that follows into the wrong column.
    parts = [f"LPAD({first}, {VERSION_LENGTH}, '0')", *[f"REPLACE({part}, {SEPARATOR}, ' ')" for part in others]]
    return f"CONCAT_WS({SEPARATOR}, {', '.join(parts)})"


def _unpacked(text: str, columns: Sequence[Column]) -> str:
    """Return the select list that takes a packed text apart."""
    return ", ".join(
        f"TRY_CAST(NULLIF(SPLIT_INDEX({text}, {SEPARATOR}, {index}), '') AS {kind}) AS `{name}`"
        for index, (name, kind) in enumerate(columns)
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _array(elements: Sequence[str]) -> str:
    return f"ARRAY_REMOVE(ARRAY[{', '.join(elements)}], {_null('STRING')})"


def _null(sql_type: str) -> str:
    return f"CAST(NULL AS {sql_type})"


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"CAST('{escaped}' AS STRING)"
