"""From an event as sent to an interaction, or to the reason why it is rejected.

The collector, the ingestion and the `clean` application share these rules: what one accepts, the others accept. A
reason names the field and the fix, never the value, because values are personal data and reasons are widely read.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Final

import fastjsonschema

from c360_core import contracts as contracts_module
from c360_core.canonical import UnreadableValueError, canonical_fields
from c360_core.contracts import Contracts, Field, Source
from c360_core.digests import digest
from c360_core.exact_json import FIXES, AmbiguousObject, Fault, UnreadableJsonError, decode, encode
from c360_core.identity.keys import VISITOR_TYPES, identifier_key, usable
from c360_core.names import (
    CUSTOM_EVENT,
    IDENTITIES_JOINED,
    MAX_REASON_LENGTH,
    MAX_SOURCE_LENGTH,
    UNKNOWN_SOURCE_NAME,
    IdentifierType,
    Unplanned,
)
from c360_core.projections import REASON_BY_SCHEMA_RULE, event_json_schema

MAX_EVENT_BYTES: Final = 32 * 1024
FUTURE_TOLERANCE: Final = timedelta(minutes=5)
# Ids of rejected events of the stream begin with it; those of rows of files do not.
REJECTED_EVENT_PREFIX: Final = "r_"
# Ids of records that `unify` rejected begin with it; they come from `interactions` or `identity-changes`.
REJECTED_RECORD_PREFIX: Final = "u_"

Document = Mapping[str, Any]
Check = Callable[[Document], Any]

_SIGN_OF_AMOUNT: Final = {"order_placed": 1, "order_returned": -1}
_EXPLANATIONS: Final = {
    "type": "must be of type {}",
    "pattern": "must have the form {}",
    "format": "must be a valid {}",
    "enum": "must be one of: {}",
    "const": "must be {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} elements",
    "maxItems": "must have at most {} elements",
    "minProperties": "is empty",
    "additionalProperties": "has fields that the contract does not name",
}
_FIXES: Final = {
    "required": "send it",
    "minProperties": "send at least one identifier",
    "additionalProperties": "remove them or extend the contract",
}


class ReasonCode(StrEnum):
    """Why a record was rejected."""

    MALFORMED_JSON = "MALFORMED_JSON"
    UNKNOWN_SOURCE = "UNKNOWN_SOURCE"
    UNKNOWN_EVENT_TYPE = "UNKNOWN_EVENT_TYPE"
    MISSING_FIELD = "MISSING_FIELD"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    FUTURE_EVENT = "FUTURE_EVENT"
    OVERSIZE = "OVERSIZE"
    NO_IDENTIFIER = "NO_IDENTIFIER"
    MISSING_COLUMN = "MISSING_COLUMN"
    EXTRA_COLUMN = "EXTRA_COLUMN"
    WRONG_ENCODING = "WRONG_ENCODING"
    QUALITY_RULE = "QUALITY_RULE"
    LICENCE_ENDED = "LICENCE_ENDED"
    UNEXPECTED = "UNEXPECTED"


class RejectedEventError(ValueError):
    """An event breaks its contract.

    Attributes:
        code: why, for programs.
        field: the field at fault, such as `payload.total`; None where it is the record as a whole.
        fix: what the sender can do; None where the reason says it.
        reason: why, for people: the field, the problem and the fix in one sentence.
        source: the contract that the event names, or `unknown`.
    """

    def __init__(
        self,
        code: ReasonCode,
        problem: str,
        *,
        field: str | None = None,
        fix: str | None = None,
        source: str = UNKNOWN_SOURCE_NAME,
    ) -> None:
        """Make the error.

        Args:
            code: why, for programs.
            problem: what is wrong, in words that follow the name of the field where there is one.
            field: the field at fault.
            fix: what the sender can do.
            source: the contract that the event names.
        """
        reason = (f"`{field}` " if field else "") + problem + (f"; {fix}" if fix else "")
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.field = field
        self.fix = fix
        self.reason = reason[:MAX_REASON_LENGTH]
        self.source = source


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A valid event. It has no session, because a session depends on the events before it.

    Attributes:
        customer_key: key of the strongest identifier.
        identifier_keys: keys of all usable identifiers, strongest first.
        visitor_key: key of the device or cookie that sessions are counted by; None without either.
        amount: money of the event, negative for returns; None where there is none.
        payload: the payload as JSON text.
        identifiers: the clear identifiers as JSON text; for the lake only.
    """

    event_id: str
    event_type: str
    source: str
    schema_version: int
    occurred_at: datetime
    received_at: datetime
    trace_id: str | None
    replay_id: str | None
    customer_key: str
    identifier_keys: tuple[str, ...]
    visitor_key: str | None
    order_id: str | None
    amount: Decimal | None
    currency: str | None
    payload: str
    identifiers: str


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a record.

    Raises:
        RejectedEventError: it is too big, not UTF-8, not JSON, or not an object.
    """
    if len(body) > MAX_EVENT_BYTES:
        raise RejectedEventError(
            ReasonCode.OVERSIZE,
            f"the event has {len(body)} bytes",
            fix=f"send at most {MAX_EVENT_BYTES}, details by reference",
        )
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectedEventError(
            ReasonCode.WRONG_ENCODING, f"byte {error.start} is not UTF-8", fix="encode the event in UTF-8"
        ) from error
    document = _json(text)
    if not isinstance(document, dict):
        raise RejectedEventError(
            ReasonCode.MALFORMED_JSON, "the record is not a JSON object", fix="send one event per record"
        )
    return document


def check(document: Document, *, now: datetime, contracts: Contracts | None = None) -> Document:
    """Return an event that meets the contract of its source, in its canonical form.

    Args:
        document: the event, parsed.
        now: the present, timezone-aware: no event may happen much later than it is received.
        contracts: the contracts to check against; those of this build when omitted.

    Raises:
        RejectedEventError: it breaks the contract; the first finding.
    """
    known = contracts or contracts_module.load()
    source = _known_source(document, known)
    event_type = document.get("event_type")
    if event_type is None:
        raise RejectedEventError(
            ReasonCode.MISSING_FIELD, "is missing", field="event_type", fix="name the event", source=source
        )
    document = _kept(document, known.source(source), known)
    event_type = document["event_type"]
    if event_type not in known.source(source).event_types:
        raise RejectedEventError(
            ReasonCode.UNKNOWN_EVENT_TYPE,
            f"is not one that `{source}` may send",
            field="event_type",
            fix=f"its contract allows: {', '.join(known.source(source).event_types)}",
            source=source,
        )
    compiled = _compiled(source, event_type, known.version, contracts)
    try:
        if not compiled.is_canonical(document):
            document = compiled.canonical(document)
            compiled.schema(document)
    except UnreadableValueError as error:
        raise RejectedEventError(
            ReasonCode(error.flaw), error.problem, field=error.field, fix=error.fix, source=source
        ) from error
    except fastjsonschema.JsonSchemaValueException as error:
        code = ReasonCode(REASON_BY_SCHEMA_RULE.get(str(error.rule), ReasonCode.WRONG_TYPE))
        finding = _explained(error)
        raise RejectedEventError(code, finding.problem, field=finding.field, fix=finding.fix, source=source) from error
    _check_times(document, now, source, known.earliest)
    return document


def interaction(document: Document, *, secret: bytes, now: datetime) -> Interaction:
    """Return the interaction that an event stands for.

    Args:
        document: the event, as `check` returned it.
        secret: the key under which identifiers are hashed.
        now: taken as the time of receipt where the event has none.

    Raises:
        RejectedEventError: no identifier of the event is usable.
    """
    identifiers = document["identifiers"]
    found = usable(identifiers)
    if all(kind is IdentifierType.IP for kind, _ in found):
        raise RejectedEventError(
            ReasonCode.NO_IDENTIFIER,
            "has no usable value beside an IP address, which many people share",
            field="identifiers",
            fix="send at least a device or cookie id",
            source=document["source"],
        )
    keys = [(kind, identifier_key(secret, kind, value)) for kind, value in found]
    payload = document["payload"]
    named = _payload_names(document["event_type"])
    return Interaction(
        event_id=document["event_id"],
        event_type=document["event_type"],
        source=document["source"],
        schema_version=int(document["schema_version"]),
        trace_id=document.get("trace_id"),
        replay_id=document.get("replay_id"),
        occurred_at=_moment(document["occurred_at"], now),
        received_at=_moment(document.get("received_at"), now),
        customer_key=keys[0][1],
        identifier_keys=tuple(key for _, key in keys),
        visitor_key=_visitor_key(document["event_type"], keys),
        order_id=payload.get("order_id") if "order_id" in named else None,
        amount=_amount(document["event_type"], payload),
        currency=payload.get("currency") if "currency" in named else None,
        payload=encode(payload),
        identifiers=encode(identifiers),
    )


def _visitor_key(event_type: str, keys: Iterable[tuple[IdentifierType, str]]) -> str | None:
    """Return the key of the device or cookie; a joining of identities is no visit: it names visitors of the past."""
    if event_type == IDENTITIES_JOINED:
        return None
    return next((key for wanted in VISITOR_TYPES for kind, key in keys if kind is wanted), None)


def read_interaction(body: bytes, *, secret: bytes, now: datetime) -> Interaction:
    """Return the interaction of a record of the events stream.

    Raises:
        RejectedEventError: the record is not a valid event, or our own rules fail on it.
    """
    try:
        return interaction(check(parse(body), now=now), secret=secret, now=now)
    except RejectedEventError:
        raise
    except Exception as error:
        raise unexpected(error) from error


def unexpected(error: Exception) -> RejectedEventError:
    """Return the rejection of a record on which our own rules fail: it must not stop the records behind it."""
    return RejectedEventError(
        ReasonCode.UNEXPECTED,
        f"the event could not be judged ({type(error).__name__}), which is a fault of ours",
        fix="replay it when that is mended",
    )


def rejected_id(position: str) -> str:
    """Return the id of a rejection: the same whenever the record at this position of its stream is read again."""
    return f"{REJECTED_EVENT_PREFIX}{digest(position)}"


def _json(text: str) -> Any:
    try:
        return decode(text)
    except UnreadableJsonError as error:
        code = ReasonCode.OUT_OF_RANGE if error.fault is Fault.LONG_NUMBER else ReasonCode.MALFORMED_JSON
        raise RejectedEventError(
            code,
            error.fault,
            field=error.field or "record",
            fix=FIXES[error.fault],
            source=_source_of(error.document),
        ) from error
    except ValueError as error:
        where = f"at character {error.pos}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "as a whole"
        raise RejectedEventError(
            ReasonCode.MALFORMED_JSON, f"the record is not JSON {where}", fix="send one JSON object per record"
        ) from error


def _source_of(document: Any) -> str:
    """Return the source that a rejected document names, as far as it can be read."""
    fields = document.fields if isinstance(document, AmbiguousObject) else document
    source = fields.get("source") if isinstance(fields, dict) else None
    return source if isinstance(source, str) and source in contracts_module.load().sources else UNKNOWN_SOURCE_NAME


def is_unplanned(event_type: object, known: Contracts) -> bool:
    """Return whether no contract names this type of event; a type that another source may send is no such type."""
    return isinstance(event_type, str) and bool(event_type) and event_type not in known.events


def _kept(document: Document, source: Source, known: Contracts) -> Document:
    """Return an event that no contract names as the one type that is there for such, if its source keeps them."""
    if source.unplanned is not Unplanned.KEEP or not is_unplanned(document["event_type"], known):
        return document
    payload = document.get("payload")
    if isinstance(payload, Mapping):
        payload = {"name": document["event_type"], "properties": payload}
    return {**document, "event_type": CUSTOM_EVENT, "payload": payload}


def _known_source(document: Document, known: Contracts) -> str:
    source = document.get("source")
    if source is None:
        raise RejectedEventError(
            ReasonCode.MISSING_FIELD, "is missing", field="source", fix="name the contract of the sender"
        )
    if not isinstance(source, str) or source not in known.sources:
        raise RejectedEventError(
            ReasonCode.UNKNOWN_SOURCE,
            "names no contract",
            field="source",
            fix=f"known: {', '.join(sorted(known.sources))}",
            source=source[:MAX_SOURCE_LENGTH] if isinstance(source, str) and source else UNKNOWN_SOURCE_NAME,
        )
    return source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """The contract of one event type of one source, ready to check events.

    Attributes:
        schema: raises unless an event is in its canonical form and meets the contract.
        envelope: the fields of every event.
        payload: the fields of this type's payload.
        has_decimals: whether the payload has numbers whose form no schema can check.
    """

    schema: Check
    envelope: tuple[Field, ...]
    payload: tuple[Field, ...]
    has_decimals: bool

    def is_canonical(self, document: Document) -> bool:
        """Return whether an event meets the contract as it is; nearly all do, so this is checked first."""
        if self.has_decimals:
            return False
        try:
            self.schema(document)
        except fastjsonschema.JsonSchemaValueException:
            return False
        return True

    def canonical(self, document: Document) -> Document:
        """Return an event in its canonical form; a value without one stays, and the schema refuses it."""
        event = canonical_fields(document, self.envelope)
        payload = event.get("payload")
        return (
            {**event, "payload": canonical_fields(payload, self.payload, ("payload",))}
            if isinstance(payload, dict)
            else event
        )


def _compiled(source: str, event_type: str, version: str, contracts: Contracts | None) -> _Compiled:
    return _compile(source, event_type, contracts) if contracts else _compiled_once(source, event_type, version)


@cache
def _compiled_once(source: str, event_type: str, version: str) -> _Compiled:  # noqa: ARG001  # the version keys the cache
    return _compile(source, event_type, contracts_module.load())


def _compile(source: str, event_type: str, contracts: Contracts) -> _Compiled:
    payload = contracts.event(event_type).fields
    return _Compiled(
        schema=fastjsonschema.compile(event_json_schema(contracts, source, event_type)),
        envelope=contracts.envelope,
        payload=payload,
        has_decimals=any(map(_has_decimals, payload)),
    )


def _has_decimals(field: Field) -> bool:
    parts = (*field.fields, *([field.items] if field.items else []))
    return field.logical_type == "number" or any(map(_has_decimals, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """What a schema found: the field, what is wrong with it, and what the sender can do, where the problem is vague."""

    field: str
    problem: str
    fix: str | None


def _explained(error: fastjsonschema.JsonSchemaValueException) -> _Finding:
    field = ".".join(error.path[1:])
    wanted = error.rule_definition
    fix = _FIXES.get(str(error.rule))
    if error.rule == "required":
        missing = next(name for name in wanted if name not in error.value)
        return _Finding(field=f"{field}{'.' if field else ''}{missing}", problem="is missing", fix=fix)
    if isinstance(wanted, list):
        wanted = ", ".join(str(value) for value in wanted)
    text = _EXPLANATIONS.get(str(error.rule), f"breaks the rule {error.rule}")
    return _Finding(field=field or "event", problem=text.format(wanted), fix=fix)


def _check_times(document: Document, now: datetime, source: str, earliest: datetime) -> None:
    moments = {}
    for field in ("received_at", "occurred_at"):
        try:
            moments[field] = _moment(document.get(field), now)
        except ValueError as error:
            raise RejectedEventError(
                ReasonCode.WRONG_TYPE, "is no time that exists", field=field, fix="send ISO 8601 UTC", source=source
            ) from error
        if moments[field] < earliest:
            raise RejectedEventError(
                ReasonCode.OUT_OF_RANGE,
                f"is before {earliest.date()}, the earliest that the contract takes",
                field=field,
                fix="correct the sender's clock",
                source=source,
            )
    # A sender whose clock is fast may set both times, so the time of receipt does not excuse a time in the future.
    if moments["occurred_at"] > min(moments["received_at"], now) + FUTURE_TOLERANCE:
        raise RejectedEventError(
            ReasonCode.FUTURE_EVENT,
            f"is more than {FUTURE_TOLERANCE.seconds // 60} minutes after the event was received",
            field="occurred_at",
            fix="correct the sender's clock",
            source=source,
        )


@cache
def _payload_names(event_type: str) -> frozenset[str]:
    """Return the names of the payload's fields in the contract; only these have the contract's meaning."""
    return frozenset(field.name for field in contracts_module.load().event(event_type).fields)


def _moment(text: str | None, otherwise: datetime) -> datetime:
    return otherwise if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _amount(event_type: str, payload: Document) -> Decimal | None:
    sign = _SIGN_OF_AMOUNT.get(event_type)
    return None if sign is None else sign * Decimal(payload["total"])
