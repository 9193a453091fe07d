"""Reads the data contracts that the build compiled from `contracts/*.odcs.yaml` into `contracts.json`.

Runtimes carry the JSON and this module, and no YAML or contract library.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from c360_core.names import (
    Arrival,
    Connector,
    DatabaseEngine,
    Fold,
    IdentifierType,
    JoinedBy,
    MartColumn,
    Money,
    PiiClass,
    ProfilePart,
    Revisions,
    Unplanned,
    Use,
    Zone,
    reference_table,
)

_T = TypeVar("_T")

CONTRACTS_NAME: Final = "contracts.json"
CONTRACTS_FILE: Final = Path(__file__).with_name(CONTRACTS_NAME)
PAYLOAD_PREFIX: Final = "payload."
_RECORD_KEY: Final = "record_key"  # the identity role of the column that names a row, and nobody
BUILD_HINT: Final = "run `python -m tools.contracts` to build it from contracts/*.odcs.yaml"


class ContractsNotBuiltError(RuntimeError):
    """The compiled contracts are missing or were written by another version of the compiler."""


class UnknownContractError(KeyError):
    """Nobody wrote a contract for this source, product or event type."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """How `unify` computes a column of a profile from the interactions of a person.

    Attributes:
        fold: how the interactions add up.
        of: the column of an interaction that counts, or `payload.<field>`; None for `count`.
        by: for `newest_of_each`, the `payload.<field>` that names the entry of the map.
        when: Flink SQL over an interaction, with `live` for one that is not history: which ones count. None for all.
    """

    fold: Fold
    of: str | None = None
    by: str | None = None
    when: str | None = None

    @property
    def payload_field(self) -> str | None:
        """The field of the payload that counts, or None where a column does."""
        return _payload_field(self.of)

    @property
    def payload_name(self) -> str | None:
        """The field of the payload that names the entry of a map, or None where there is no map."""
        return _payload_field(self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a payload, a file or a table.

    `items` describes the elements of an array and the values of a map, `map_key` its keys; `fields` the parts of an
    object.
    `minimum` and `maximum` are inclusive. `precision` and `scale` are set for decimals only. `money` is set for texts
    that are money. `field_id` is set for columns of the lake and the elements of their arrays: by it Iceberg knows them
    again. `profile_part`, `derivation`, `link_target` and `mart` are set for columns of profiles: the part that shows
    the column, how it follows from interactions (None where identity resolution or `unify` itself gives it), the URL
    template that it fills, and how the marts show it.
    """

    name: str
    description: str
    logical_type: str
    required: bool
    unique: bool
    classification: PiiClass
    long: bool = False
    precision: int | None = None
    scale: int | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    lake_only: bool = False
    money: Money | None = None
    consent_purpose: str | None = None
    identity_role: str | None = None
    field_id: int | None = None
    profile_part: ProfilePart | None = None
    derivation: Derivation | None = None
    link_target: str | None = None
    mart: MartColumn | None = None
    items: "Field | None" = None
    map_key: "Field | None" = None
    fields: tuple["Field", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRule:
    """A quality rule of a whole table: at least so many rows, or a Spark SQL condition that marks a bad row."""

    description: str
    min_rows: int | None = None
    bad_row: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the rows of a table are kept: so many days after the time in `column`. Rows without one are kept."""

    days: int
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns and rules of one table.

    `file_columns` is empty for products; for a file source it names the columns of the file, in order, to which
    the ingestion adds the others. `partition` is an Iceberg transform such as `day(received_at)`, or None.
    `primary_key` names the columns that tell rows apart together. `cadence_seconds` is how often its data comes, 0 for
    a stream. `retention` is None for a table whose rows are kept for as long as somebody keeps them up to date.
    """

    name: str
    description: str
    zone: Zone
    fields: tuple[Field, ...]
    file_columns: tuple[str, ...] = ()
    rules: tuple[QualityRule, ...] = ()
    partition: str | None = None
    primary_key: tuple[str, ...] = ()
    cadence_seconds: int = 0
    retention: Retention | None = None

    def field(self, name: str) -> Field:
        """Return the column of this name, or raise UnknownContractError."""
        return _lookup({field.name: field for field in self.fields}, name, f"column of {self.name}")

    @property
    def key(self) -> str | None:
        """The column that no two rows share, or None."""
        return next((field.name for field in self.fields if field.unique), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """How a row of a file becomes an event.

    The event's id is `f_` + the first 32 hex characters of the SHA-256 of
    `<source>|<key of the row>|<id_suffix>|<occurred_at in epoch milliseconds>`, and, unless the event `happens_once`,
    `|{"identifiers":{...},"payload":{...}}` as they stand in the event, with sorted names. So a file that is loaded
    twice gives the same ids, and a row that says something else gives a new one, whatever its times say. A phone number
    stands there as typed, unless it is another number, or none, to who does not know the row's country.

    Attributes:
        occurred_at: Spark SQL over the row, as are `when` and the values of `identifiers` and `payload`.
        changed_at: Spark SQL over the row for the time of its last change. Where the row says something else than
            the raw table's and `occurred_at` did not move on, the event occurred then: sources forget to date an
            answer that they overwrite. None when `occurred_at` can be trusted.
        happens_once: what is counted, such as a case that was opened, happens once however often its row is corrected.
    """

    event_type: str
    id_suffix: str
    occurred_at: str
    when: str
    identifiers: Mapping[str, str]
    payload: Mapping[str, str]
    changed_at: str | None = None
    happens_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """How the files of a source are written; without a word in the contract, CSV with commas, UTF-8 and ISO 8601.

    Attributes:
        type: `csv`, `json_lines`, `parquet` or `xml`.
        row_element: for XML, the name of the element that is a row.
        columns: where a column is in a file that does not call it by its name: the names on the way to it.
        missing_columns: `empty` when a record may leave out a column that has no value; `reject` when it may not, since
            a record of an older form, which lacks the column, would overwrite known values.
        delimiter: the one character between two values of CSV, as are the following.
        header: whether the first line has the names of the columns; otherwise they are the contract's, in its order.
        quote: the character around values that contain others; empty when there is none.
        escape: the character that takes the next one's meaning away; empty when there is none.
        comment: how lines begin that say nothing; empty when there are none.
        skip_lines: number of lines before the header, such as a title.
        encoding: name of the encoding.
        header_case: `exact`, or `ignore` when CRM_ID may stand for crm_id.
        date_formats: further forms of a date, such as `dd.MM.yyyy`; ISO 8601 is always read.
        timestamp_formats: further forms of a time. ISO 8601 with an offset is always read.
        zone: IANA zone of times without an offset; None when there are none.
        true_words: beside `true`, whatever the case.
        false_words: beside `false`, whatever the case.
        null_words: what stands for no value beside nothing, exactly so.
    """

    type: str = "csv"
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing_columns: str = "reject"
    row_element: str | None = None
    delimiter: str = ","
    header: bool = True
    quote: str = '"'
    escape: str = ""
    comment: str = ""
    skip_lines: int = 0
    encoding: str = "utf-8"
    header_case: str = "exact"
    date_formats: tuple[str, ...] = ()
    timestamp_formats: tuple[str, ...] = ()
    zone: str | None = None
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    null_words: tuple[str, ...] = ()

    def path(self, column: str) -> tuple[str, ...]:
        """Return the names on the way to a column in a record; a single one where nothing is nested."""
        return self.columns.get(column, (column,))


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTable:
    """A table or view of a database, and how it is read.

    Attributes:
        engine: the database's kind.
        database: the database that the connection leads to.
        schema: the schema; None where the engine has none.
        table: the table or view.
        incremental_column: every change of a row moves it forward; the rows since the last progress are read by it.
        overlap_minutes: so far before the last progress a read begins, for transactions that were still open then.
        compare_hours: how often all keys are compared with the raw table, which finds rows that are gone.
        deleted_column: column of the contract alone: when a row was found to be gone from the database.
        partition_column: a read is split into ranges of this column; None to read with one connection.
        partitions: into so many.
    """

    engine: DatabaseEngine
    database: str
    schema: str | None
    table: str
    incremental_column: str
    overlap_minutes: int
    compare_hours: int
    deleted_column: str
    partition_column: str | None = None
    partitions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFilter:
    """A condition on a field of a vendor's object; of several values, one must hold.

    Attributes:
        field: the vendor's field.
        type: the vendor's type of it.
        operator: as AppFlow calls it, such as `EQUAL_TO`.
        values: what the field is compared with.
    """

    field: str
    type: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMask:
    """Characters of a column that AppFlow replaces by asterisks before it writes them.

    Attributes:
        column: of the contract.
        part: `all`, `first` or `last`.
        length: how many characters.
    """

    column: str
    part: str
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaasObject:
    """An object of a vendor, and how AppFlow reads it.

    Attributes:
        connector: the vendor.
        object: its name at the vendor.
        fields: the vendor's field by column.
        types: the vendor's type of a field, by column.
        incremental_field: the rows since the last successful run are read by it; None to read all in each run.
        history_from: the first run reads what changed since this day; ISO 8601.
        filters: conditions; all must hold.
        masks: what is made unreadable.
    """

    connector: Connector
    object: str
    fields: Mapping[str, str]
    types: Mapping[str, str]
    incremental_field: str | None = None
    history_from: str | None = None
    filters: tuple[FlowFilter, ...] = ()
    masks: tuple[FlowMask, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a vendor signs the calls of its webhook: a keyed hash under the source's secret, in a header.

    Attributes:
        header: the header with the signature, in small letters.
        algorithm: `sha256`, `sha1` or `sha512`.
        encoding: `hex` or `base64`.
        prefix: what stands before each signature in the header; several may stand there, after a rotation.
        timestamp_header: the header with the time of signing, in epoch seconds or milliseconds; None if there is none.
        timestamp_prefix: what stands before the time there.
        tolerance_seconds: a signature that is older or newer than this is refused.
        signed: what is signed: a text with the places `{body}`, `{timestamp}` and `{id}`.
        id_header: the header with the id of the delivery; None if there is none.
    """

    header: str
    algorithm: str
    encoding: str
    prefix: str = ""
    timestamp_header: str | None = None
    timestamp_prefix: str = ""
    tolerance_seconds: int = 300
    signed: str = "{body}"
    id_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """How a vendor's calls become events. Paths are names with dots between them.

    Attributes:
        signature: how calls are signed.
        events: path of the list of events in the body; None where the body is one event.
        event_id: path of the id in an event; None to take the delivery's id, or else the event's content.
        event_type: path of the vendor's name for the type.
        occurred_at: path of the time: ISO 8601, epoch seconds or milliseconds.
        types: our event types by the vendor's names.
        identifiers: path by identifier type.
        payload: path by field, by our event type.
        challenge_field: the field of a body, or of a query, by which the vendor verifies the address; None if it does
            not. The value is sent back.
        challenge_answer: the field of the answer; None to answer a query with the bare text.
        challenge_signed: the answer is the signature of the value, and not the value.
    """

    signature: Signature
    event_type: str
    occurred_at: str
    types: Mapping[str, str]
    identifiers: Mapping[str, str]
    payload: Mapping[str, Mapping[str, str]]
    events: str | None = None
    event_id: str | None = None
    challenge_field: str | None = None
    challenge_answer: str | None = None
    challenge_signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """The terms under which a product was bought.

    Attributes:
        provider: whose data it is.
        attribution: what is said wherever the data is shown.
        ends: the first day on which the data may not be used any more, in UTC.
        allowed: the uses that the terms allow; every other one is forbidden.
    """

    provider: str
    attribution: str
    ends: date
    allowed: tuple[Use, ...]

    def allows(self, use: Use, on: date) -> bool:
        """Return whether the data may be used like this on a day."""
        return use in self.allowed and not self.has_ended(on)

    def has_ended(self, on: date) -> bool:
        """Return whether the term is over on a day."""
        return on >= self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """How the revisions of a product become a table of the curated zone, with the time for which each row holds.

    Attributes:
        revisions: whether a revision has all rows, so that one that it leaves out has ended.
        joins: columns by the part of the key that they are, by what the rows are joined by. A person has `email`, a
            household `street` and `postal_code`, a postal code itself.
    """

    revisions: Revisions
    joins: Mapping[JoinedBy, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where the data of a source comes from.

    Attributes:
        name: of the server; for a database or a vendor, of the connection in the settings of an environment.
        arrival: how the data arrives.
        database: the table, for a source that is read from a database.
        saas: the vendor's object, for a source that AppFlow reads.
        webhook: how its calls are read, for a source that calls the collector in a form of its own.
        reference: how its revisions are kept, for a product of Data Exchange.
    """

    name: str
    arrival: Arrival
    reference: Reference | None = None
    database: DatabaseTable | None = None
    saas: SaasObject | None = None
    webhook: Webhook | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A system that sends data: which events it may send and which identifiers they may carry.

    Attributes:
        unplanned: what becomes of an event with a name that no contract has.
        kind: `stream` if it sends events, `file` if its rows land as files.
        server: how its data arrives.
        live_within_hours: an event that a file's row means is live up to this age, counted at loading, and history
            beyond it; 0 makes history of all. A stream source has 0: its senders say themselves what is history.
        file_format: how its files are written; of no meaning to a stream source.
        default_country: where the people of rows live that name no country, as ISO 3166 code.
        earliest_birth_date: nobody in this source was born earlier; ISO 8601.
        licence: the terms of data that was bought; None for our own.
    """

    name: str
    version: str
    description: str
    owner: str
    cadence_seconds: int
    kind: str
    server: Server
    event_types: tuple[str, ...]
    identifiers: tuple[IdentifierType, ...]
    partition_key: IdentifierType
    unplanned: Unplanned = Unplanned.QUARANTINE
    table: Table | None = None
    publish: tuple[Publish, ...] = ()
    live_within_hours: int = 0
    file_format: FileFormat = FileFormat()
    default_country: str = "US"
    earliest_birth_date: str = "1905-01-01"
    licence: Licence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A table that we publish.

    `store` is `lake`, `single_view` or, for what is in the lake only where partners share a clean room, `clean_room`,
    `matching` for what Entity Resolution compares with the records of such a partner, and `audiences` for what is there
    only where advertising platforms keep audiences.
    """

    name: str
    version: str
    description: str
    owner: str
    cadence_seconds: int
    store: str
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One interaction of the closed list and the fields of its payload."""

    name: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """All contracts of one build.

    `version` is the version of the events contract. What is said to have happened before `earliest` did not.
    """

    version: str
    earliest: datetime
    envelope: tuple[Field, ...]
    events: Mapping[str, EventType]
    sources: Mapping[str, Source]
    products: Mapping[str, Product]

    def source(self, name: str) -> Source:
        """Return the contract of a source, or raise UnknownContractError."""
        return _lookup(self.sources, name, "source")

    def product(self, name: str) -> Product:
        """Return the contract of a product, or raise UnknownContractError."""
        return _lookup(self.products, name, "product")

    def event(self, event_type: str) -> EventType:
        """Return an event type, or raise UnknownContractError."""
        return _lookup(self.events, event_type, "event type")

    def stream_sources(self) -> tuple[Source, ...]:
        """Sources that send events themselves."""
        return tuple(source for source in self.sources.values() if source.kind == "stream")

    def file_sources(self) -> tuple[Source, ...]:
        """Sources whose files are ingested and then published as events."""
        return tuple(source for source in self.sources.values() if source.kind == "file")

    def people_sources(self) -> tuple[Source, ...]:
        """File sources whose rows say who somebody is, and not only with which browser something was done."""
        return tuple(
            source for source in self.file_sources() if source.table is not None and _names_people(source.table)
        )

    def webhook_sources(self) -> tuple[Source, ...]:
        """Sources that call the collector in a form of their own."""
        return tuple(source for source in self.stream_sources() if source.server.webhook is not None)

    def database_sources(self) -> tuple[tuple[Source, DatabaseTable], ...]:
        """Sources that are read from databases, each with its table there; their rows land as files."""
        found = [(source, source.server.database) for source in self.sources.values()]
        return tuple((source, database) for source, database in found if database is not None)

    def reference_sources(self) -> tuple[tuple[Source, Reference], ...]:
        """Products of Data Exchange, each with how its revisions are kept; their revisions land as files."""
        found = [(source, source.server.reference) for source in self.sources.values()]
        return tuple((source, reference) for source, reference in found if reference is not None)

    def reference_of(self, source: str) -> Table:
        """Return the reference table of a product, or raise UnknownContractError."""
        return self.product(reference_table(source)).table

    def saas_sources(self) -> tuple[tuple[Source, SaasObject], ...]:
        """Sources that AppFlow reads, each with its object at the vendor; their rows land as files."""
        found = [(source, source.server.saas) for source in self.sources.values()]
        return tuple((source, saas) for source, saas in found if saas is not None)

    def lake_tables(self) -> tuple[Table, ...]:
        """Every table that the templates create: products of the lake and the raw table of each file source."""
        products = [product.table for product in self.products.values() if product.store == "lake"]
        return tuple(products + [source.table for source in self.file_sources() if source.table is not None])

    def shared_tables(self) -> tuple[Table, ...]:
        """The tables of the lake that exist only where partners share a clean room."""
        return tuple(product.table for product in self.products.values() if product.store == "clean_room")

    def audience_tables(self) -> tuple[Table, ...]:
        """The tables of the lake that exist only where advertising platforms keep audiences."""
        return tuple(product.table for product in self.products.values() if product.store == "audiences")

    def matching_tables(self) -> tuple[Table, ...]:
        """The tables that exist only where the identities of a partner are mapped to ours; they are plain Parquet."""
        return tuple(product.table for product in self.products.values() if product.store == "matching")


def _names_people(table: Table) -> bool:
    roles = {field.identity_role for field in table.fields} - {None}
    return bool(roles - {_RECORD_KEY, IdentifierType.COOKIE_ID, IdentifierType.DEVICE_ID, IdentifierType.IP})


def _lookup(known: Mapping[str, _T], name: str, what: str) -> _T:
    if name not in known:
        raise UnknownContractError(f"there is no {what} `{name}`; known: {', '.join(sorted(known))}")
    return known[name]


@cache
def load(path: Path | None = None) -> Contracts:
    """Read the compiled contracts, once per process.

    By default they come from beside this module, which may sit in a zip file: Glue imports it from there.

    Raises:
        ContractsNotBuiltError: the file is missing or not what this reader expects.
    """
    file = path or files("c360_core").joinpath(CONTRACTS_NAME)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ContractsNotBuiltError(f"{file}: the compiled contracts are missing; {BUILD_HINT}") from error
    except ValueError as error:
        raise ContractsNotBuiltError(f"{file}: not JSON ({error}); {BUILD_HINT}") from error
    try:
        return from_document(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ContractsNotBuiltError(f"{file}: cannot be read ({error!r}); {BUILD_HINT}") from error


def from_document(document: Mapping[str, Any]) -> Contracts:
    """Build the contracts from the parsed content of `contracts.json`."""
    return Contracts(
        version=document["version"],
        earliest=datetime.fromisoformat(document["earliest"]),
        envelope=_fields(document["envelope"]),
        events={
            name: EventType(name=name, description=event["description"], fields=_fields(event["fields"]))
            for name, event in document["events"].items()
        },
        sources={name: _source(name, source) for name, source in document["sources"].items()},
        products={
            name: Product(name=name, **{**product, "table": _table(product["table"])})
            for name, product in document["products"].items()
        },
    )


def _source(name: str, source: Mapping[str, Any]) -> Source:
    table = source["table"]
    return Source(
        name=name,
        version=source["version"],
        description=source["description"],
        owner=source["owner"],
        cadence_seconds=source["cadence_seconds"],
        kind=source["kind"],
        server=_server(source["server"]),
        event_types=tuple(source["event_types"]),
        identifiers=tuple(IdentifierType(kind) for kind in source["identifiers"]),
        partition_key=IdentifierType(source["partition_key"]),
        unplanned=Unplanned(source["unplanned"]),
        table=_table(table) if table else None,
        publish=tuple(Publish(**publish) for publish in source["publish"]),
        live_within_hours=source["live_within_hours"],
        file_format=_file_format(source.get("file_format", {})),
        default_country=source["default_country"],
        earliest_birth_date=source["earliest_birth_date"],
        licence=_licence(source.get("licence")),
    )


def _licence(said: Mapping[str, Any] | None) -> Licence | None:
    if said is None:
        return None
    return Licence(
        provider=said["provider"],
        attribution=said["attribution"],
        ends=date.fromisoformat(said["ends"]),
        allowed=tuple(Use(use) for use in said["allowed"]),
    )


def _reference(said: Mapping[str, Any] | None) -> Reference | None:
    if said is None:
        return None
    joins = {JoinedBy(by): dict(columns) for by, columns in said["joins"].items()}
    return Reference(revisions=Revisions(said["revisions"]), joins=joins)


def _server(server: Mapping[str, Any]) -> Server:
    said = server["database"]
    database = DatabaseTable(**{**said, "engine": DatabaseEngine(said["engine"])}) if said else None
    saas = server.get("saas")
    hook = server.get("webhook")
    webhook = Webhook(**{**hook, "signature": Signature(**hook["signature"])}) if hook else None
    return Server(
        name=server["name"],
        arrival=Arrival(server["arrival"]),
        database=database,
        saas=_saas(saas) if saas else None,
        webhook=webhook,
        reference=_reference(server.get("reference")),
    )


def _saas(said: Mapping[str, Any]) -> SaasObject:
    filters = tuple(FlowFilter(**{**one, "values": tuple(one["values"])}) for one in said["filters"])
    masks = tuple(FlowMask(**one) for one in said["masks"])
    return SaasObject(**{**said, "connector": Connector(said["connector"]), "filters": filters, "masks": masks})


def _file_format(said: Mapping[str, Any]) -> FileFormat:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in said.items()}
    values["columns"] = {column: _names(path) for column, path in said.get("columns", {}).items()}
    return FileFormat(**values)


def _names(path: str | list[str]) -> tuple[str, ...]:
    """Return the names of a path: `address.city`, or a list where a name itself has a dot."""
    return tuple(path.split(".")) if isinstance(path, str) else tuple(path)


def _table(table: Mapping[str, Any]) -> Table:
    return Table(
        name=table["name"],
        description=table["description"],
        zone=Zone(table["zone"]),
        fields=_fields(table["fields"]),
        file_columns=tuple(table["file_columns"]),
        rules=tuple(QualityRule(**rule) for rule in table["rules"]),
        partition=table["partition"],
        primary_key=tuple(table["primary_key"]),
        cadence_seconds=table["cadence_seconds"],
        retention=Retention(**table["retention"]) if table["retention"] else None,
    )


def _fields(fields: list[Mapping[str, Any]]) -> tuple[Field, ...]:
    return tuple(_field(field) for field in fields)


def _field(field: Mapping[str, Any]) -> Field:
    values = dict(field)
    values["classification"] = PiiClass(values["classification"])
    values["money"] = Money(values["money"]) if "money" in values else None
    values["enum"] = tuple(values.get("enum", ()))
    values["profile_part"] = ProfilePart(values["profile_part"]) if "profile_part" in values else None
    values["mart"] = MartColumn(values["mart"]) if "mart" in values else None
    if "derivation" in values:
        values["derivation"] = _derivation(values["derivation"])
    values["fields"] = _fields(values.get("fields", []))
    for nested in ("items", "map_key"):
        if values.get(nested):
            values[nested] = _field(values[nested])
    return Field(**values)


def _derivation(said: Mapping[str, str]) -> Derivation:
    return Derivation(fold=Fold(said["fold"]), of=said.get("of"), by=said.get("by"), when=said.get("when"))


def _payload_field(text: str | None) -> str | None:
    return text.removeprefix(PAYLOAD_PREFIX) if text is not None and text.startswith(PAYLOAD_PREFIX) else None
