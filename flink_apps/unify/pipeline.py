"""What `unify` computes: the statements under `sql/` over tables that are known by name only.

It reads `interaction_records`, `identity_change_records` and the earlier records of both in the lake. It writes
`profile_changes` and three tables of the lake. The caller creates the tables and chooses their connectors.

The statements are planned in four parts, each of which hands a stream to the next: `records` parses the records and
removes duplicates; `sums` aggregates by identifier; `states` joins the aggregates of a person, in small batches;
`messages` writes the changes of profiles.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from c360_core.consent import ADDRESS_TYPES, Channel
from c360_core.contracts import Contracts, Field, Table
from c360_core.interaction import REJECTED_RECORD_PREFIX
from c360_core.names import ANONYMOUS_HASH_LENGTH, ANONYMOUS_PREFIX, TableName
from c360_core.projections import flink_type
from c360_core.segment import Segment, to_sql
from flink_apps.shared import sql
from flink_apps.shared.configuration import set_options
from flink_apps.unify.derivations import (
    ARRAYS,
    BY_NAME,
    BY_NAME_TYPE,
    TIME_LENGTH,
    TIME_PATTERN,
    ZERO_WITHOUT_ADDITIONS,
    Addition,
    additions,
    decimal_sql,
    results,
    whole_number_sql,
)

Column = tuple[str, str]


PACKAGE: Final = "flink_apps.unify"
VIEW: Final = re.compile(r"CREATE TEMPORARY VIEW (?P<name>\w+) AS\s+(?P<query>.*)", re.DOTALL)
SEPARATOR: Final = "CHR(31)"  # ASCII's unit separator
VERSION_LENGTH: Final = 20

# In the application's jar, which documents them.
FUNCTIONS: Final = {
    "read_record": "c360.ReadRecord",
    "write_record": "c360.WriteRecord",
    "sums_of_person": "c360.SumsOfPerson",
    "add_up": "c360.AddUp",
    "timeline_of_person": "c360.TimelineOfPerson",
    "next_sequence": "c360.NextSequence",
    "texts_from": "c360.TextsFrom",
}

STATE_TTL: Final = "table.exec.state.ttl"
MINI_BATCH: Final = "table.exec.mini-batch.enabled"
FOR_EVER: Final = "0 s"
# The views that a part hands on, by the name that they have in the parts after it.
ARRIVALS: Final = {"interaction": "interaction_arrival", "identity_change": "identity_change_arrival"}
SUMS: Final = {"identifier_sum": "identifier_sum_given"}
PERSON_STATES: Final = "person_states"
PERSON_UPDATES: Final = "person_updates"

# What identity resolution says of a person. The version comes first, with leading zeros: it decides which word is last.
WORD_COLUMNS: Final[Sequence[Column]] = (("version", "BIGINT"), ("op", "STRING"))
# What the message of an identity change is about.
SUBJECT_COLUMNS: Final[Sequence[Column]] = (
    ("kind", "STRING"),
    ("key", "STRING"),
    ("person_id", "STRING"),
    ("survivor_id", "STRING"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTableNames:
    """Full, quoted names of the tables that keep the history, and of the one for what cannot be read.

    Attributes:
        interactions, identity_changes: what went over the two streams so far. They are read once, from the first to the
            last row that is there when the application starts without a snapshot.
        profiles, segment_membership, rejected: what is written.
    """

    interactions: str
    identity_changes: str
    profiles: str
    segment_membership: str
    rejected: str


def profile_change_columns(profiles: Table) -> list[Column]:
    """Return the columns of a profile-changes message: what it is about, then those of each kind.

    A consent of an address has the address's identifier key as `person_id`: it keys the stream.
    """
    carried = [(field.name, flink_type(field)) for field in profiles.fields]
    return [*MESSAGE_COLUMNS, *carried, *EVENT_COLUMNS, *CONSENT_COLUMNS]


def identity_columns(contracts: Contracts) -> list[Column]:
    """Return what identity resolution says of a person: its word, and the columns that profiles take over from it."""
    said = {field.name for field in contracts.product(TableName.LATEST_IDENTITY_CHANGES).table.fields}
    profiles = contracts.product(TableName.PROFILES).table
    taken = [field for field in profiles.fields if field.name in said and field.derivation is None]
    subjects = {name for name, _ in SUBJECT_COLUMNS}
    return [*WORD_COLUMNS, *((field.name, flink_type(field)) for field in taken if field.name not in subjects)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """For how long single records are remembered; people and their sums are for good.

    Attributes:
        repeats: a record that comes again within this time is known to be the same.
        timeline: an entry of the timeline goes to somebody else, with its identifier, within this time after it came.
        oldest_entry: what happened longer ago has no place on a timeline: of a long history only its end is kept there.
    """

    repeats: timedelta
    timeline: timedelta
    oldest_entry: timedelta = timedelta(days=36_500)


def build(
    environment: Any, contracts: Contracts, segments: Sequence[Segment], lake: LakeTableNames, memory: Memory
) -> Any:
    """Define the views and return the statement set of the INSERTs, ready to be submitted.

    Args:
        environment: a stream table environment with the tables `interaction_records` and `identity_change_records`,
            both of one column `body` BYTES, and `profile_changes`.
        contracts: of the interaction and of the profile.
        segments: who is in which segment.
        lake: where the history goes.
        memory: for how long single records are remembered.
    """
    values = _values(contracts, segments, lake, memory)
    for name, function in FUNCTIONS.items():
        environment.execute_sql(f"CREATE TEMPORARY SYSTEM FUNCTION {name} AS '{function}' LANGUAGE JAVA")
    _define_all(environment, "records", values)
    with _planned_with(environment, {STATE_TTL: _seconds(memory.repeats), MINI_BATCH: "false"}):
        _hand_on(environment, ARRIVALS)
    _define_all(environment, "sums", values)
    with _planned_with(environment, {MINI_BATCH: "false"}):
        _hand_on(environment, SUMS)
    _define_all(environment, "states", values)
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


def _define_all(environment: Any, part: str, values: Mapping[str, str]) -> None:
    for statement in statements(part, values):
        define(environment, statement)


@contextmanager
def _planned_with(environment: Any, options: Mapping[str, str]) -> Iterator[None]:
    """Plan what is handed on inside the `with` block under these options: an option of a plan holds for all of it."""
    configuration = environment.get_config()
    before = {key: configuration.get(key, FOR_EVER if key == STATE_TTL else "false") for key in options}
    set_options(environment, options)
    try:
        yield
    finally:
        set_options(environment, before)


def _hand_on(environment: Any, views: Mapping[str, str]) -> None:
    """Hand views on as streams, by new names.

    In one plan with its readers, Flink moves what each of them asks for into the view itself: every record would be
    taken apart as often as there are readers. And the time to live of state is one for a whole plan.
    """
    for name, view in views.items():
        stream = environment.to_data_stream(environment.from_path(view))
        environment.create_temporary_view(name, environment.from_data_stream(stream))


def _end_batches(environment: Any) -> None:
    """Hand the person states on as a stream of updates.

    TO_CHANGELOG asks for watermarks. One plan over both parts would then end its small batches at watermarks, which we
    do not have, instead of by the clock. With two plans the first keeps the clock.
    """
    updates = environment.to_changelog_stream(environment.from_path(PERSON_STATES))
    environment.create_temporary_view(PERSON_UPDATES, environment.from_changelog_stream(updates))


def statements(part: str, values: Mapping[str, str]) -> list[str]:
    """Return the statements of the files under `sql/<part>`, in order, with every place filled."""
    return sql.statements(PACKAGE, part, values)


def _values(
    contracts: Contracts, segments: Sequence[Segment], lake: LakeTableNames, memory: Memory
) -> Mapping[str, str]:
    profiles = contracts.product(TableName.PROFILES).table
    interactions = {field.name: field for field in contracts.product(TableName.INTERACTIONS).table.fields}
    sent = [(field.name, flink_type(field)) for field in interactions.values() if not field.lake_only]
    words = identity_columns(contracts)
    changes = [
        # A date is read as text and then tried: one that is none must not stop the application.
        (name, "STRING" if kind == "DATE" else kind, name in REQUIRED_OF_IDENTITY_CHANGE)
        for name, kind in (*SUBJECT_COLUMNS, *words)
    ]
    places, computed = additions(profiles.fields), results(profiles.fields)
    taken = [name for name, _ in words[len(WORD_COLUMNS) :]]
    names = [field.name for field in profiles.fields]
    events, consents = [name for name, _ in EVENT_COLUMNS], [name for name, _ in CONSENT_COLUMNS]
    return {
        "time_pattern": TIME_PATTERN,
        "time_length": str(TIME_LENGTH),
        "anonymous_id": f"'{ANONYMOUS_PREFIX}' || LEFT(SPLIT_INDEX(customer_key, ':', 1), {ANONYMOUS_HASH_LENGTH})",
        "packed_identity": _packed(words),
        "unpacked_identity": _unpacked("who", words),
        "segments": segments_sql(segments),
        "no_segments": NO_SEGMENTS,
        "reasons": reasons_sql(segments),
        "person_states": PERSON_STATES,
        "person_updates": PERSON_UPDATES,
        "profile_state": _state("profile", {*names, "gone"} - {"computed_at"}, profiles),
        "consent_state": _state("consent", {"person_id", *consents}, profiles),
        "address_consent_state": _state("address_consent", {"person_id", *consents}, profiles),
        "is_address_of_channel": is_address_of_channel_sql(),
        "additions": ", ".join(f"{place.value} AS `{place.name}`" for place in places),
        "packed_sums": _packed_sums(places),
        "sum_columns": _names([*ARRAYS, BY_NAME]),
        "no_sums": ", ".join([*(_null(f"ARRAY<{kind}>") for kind in ARRAYS.values()), _null(BY_NAME_TYPE)]),
        "unpacked_sums": _unpacked_sums("total", places),
        "taken_columns": _names(taken),
        "computed_columns": ", ".join(f"{value} AS `{name}`" for name, value in computed.items()),
        "oldest_entry_days": str(memory.oldest_entry.days),
        "timeline_seconds": f"CAST({int(memory.timeline.total_seconds())} AS BIGINT)",
        "carried_columns": _names([name for name in names if name != "computed_at"]),
        "nothing_left": ", ".join(_nothing_left(field) for field in profiles.fields),
        "profile_columns": _names(names),
        "event_columns": _names([*events, *SHARED_COLUMNS]),
        "consent_columns": _names(consents),
        "interaction_type": _row_type(
            (name, flink_type(interactions[name]), interactions[name].required) for name in INTERACTION_COLUMNS
        ),
        "interaction_columns": _names(INTERACTION_COLUMNS),
        "past_interactions": lake.interactions,
        "past_interaction_columns": _cast((name, flink_type(interactions[name])) for name in INTERACTION_COLUMNS),
        "past_interaction_record": _written(sent),
        "past_identity_changes": lake.identity_changes,
        "past_identity_change_columns": _cast((name, kind) for name, kind, _ in changes),
        "past_identity_change_record": _written([(name, kind) for name, kind, _ in changes]),
        "identity_change_type": _row_type(changes),
        "identity_change_columns": _names([name for name, _, _ in changes]),
        "csat": whole_number_sql("payload", "csat"),
        "balance": whole_number_sql("payload", "balance"),
        "score_value": decimal_sql("payload", "value"),
        "longest_person_id": str(next(field.max_length for field in profiles.fields if field.name == "person_id")),
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
    carried = [(field.name, flink_type(field)) for field in profiles.fields]
    columns = [("gone", "BOOLEAN"), *carried, *CONSENT_COLUMNS, *REJECTED_COLUMNS]
    picked = [f"`{name}`" if name in known else f"{_null(kind_of)} AS `{name}`" for name, kind_of in columns]
    return ", ".join([f"{_text(kind)} AS kind", *picked])


def _row_type(columns: Iterable[tuple[str, str, bool]]) -> str:
    """Return the type of a record as a text of SQL; what is required of it is NOT NULL."""
    fields = [f"`{name}` {kind}{' NOT NULL' if required else ''}" for name, kind, required in columns]
    return "'ROW<" + ", ".join(fields) + ">'"


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


def _packed_sums(places: Sequence[Addition]) -> str:
    """Return the select list of the arrays, made from columns."""
    arrays = [
        f"{_packed_array(kind, [place.name for place in places if place.array == array])} AS `{array}`"
        for array, kind in ARRAYS.items()
    ]
    named = [f"`{place.name}` AS `{BY_NAME}`" for place in places if place.array == BY_NAME]
    return ", ".join([*arrays, *(named or [f"{_null(BY_NAME_TYPE)} AS `{BY_NAME}`"])])


def _packed_array(kind: str, names: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(f'CAST(`{name}` AS {kind})' for name in names)}]"


def _unpacked_sums(total: str, places: Sequence[Addition]) -> str:
    """Return the select list of the columns, taken from the arrays of a row."""
    of_array = {array: [place for place in places if place.array == array] for array in ARRAYS}
    columns = [
        f"{_sum(f'{total}.`{array}`[{index}]', array)} AS `{place.name}`"
        for array, of in of_array.items()
        for index, place in enumerate(of, start=1)
    ]
    return ", ".join([*columns, *(f"{total}.`{BY_NAME}` AS `{p.name}`" for p in places if p.array == BY_NAME)])


def _sum(value: str, array: str) -> str:
    return f"COALESCE({value}, 0)" if array in ZERO_WITHOUT_ADDITIONS else value


def _seconds(time: timedelta) -> str:
    return f"{int(time.total_seconds())} s"


def _cast(columns: Iterable[Column]) -> str:
    """Return the select list that gives each column the type that it has in a record."""
    return ", ".join(f"CAST(`{name}` AS {kind}) AS `{name}`" for name, kind in columns)


def _written(columns: Sequence[Column]) -> str:
    """Return the expression for the record of a row."""
    values = ", ".join(f"CAST(`{name}` AS {kind})" for name, kind in columns)
    return f"write_record(ROW({values}), {_row_type((name, kind, False) for name, kind in columns)})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _array(elements: Sequence[str]) -> str:
    return f"ARRAY_REMOVE(ARRAY[{', '.join(elements)}], {_null('STRING')})"


def _null(sql_type: str) -> str:
    return f"CAST(NULL AS {sql_type})"


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"CAST('{escaped}' AS STRING)"
