"""From a parsed request to records for the events stream, each with the verdict on its event.

Every event of an accepted request goes on the stream exactly once, valid or not: `clean` reads the same bytes, applies
the same rules and quarantines what they reject. So nothing is lost, and accepted plus rejected events make up all that
came.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from c360_aws.event_stream import partition_key
from c360_aws.stream_writer import StreamRecord
from c360_core.contracts import Source
from c360_core.exact_json import AmbiguousObject, encode_bytes, is_ambiguous
from c360_core.identity.keys import usable
from c360_core.interaction import MAX_EVENT_BYTES, ReasonCode, RejectedEventError, check, interaction, parse, unexpected
from c360_core.moments import moment_text
from c360_core.names import IdentifierType
from lambdas.collector.body import MAX_BODY_BYTES
from lambdas.collector.segment_wire import SHARED_FIELDS, Receipt, is_segment_message, to_envelope
from lambdas.shared.problem import ProblemDetails

# The type that each path stands for, where the message itself has none. Browsers' libraries shorten the names.
MESSAGE_TYPES: Final[Mapping[str, str]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "group": "group",
    "g": "group",
    "alias": "alias",
    "a": "alias",
}
BATCH_PATHS: Final = frozenset({"batch", "b"})

# One call of Kinesis takes this many, and the answer to them stays far below what Lambda may return.
MAX_EVENTS: Final = 500
# Of all events of a request together, as they go on the stream: each repeats the batch's context.
MAX_RECORDS_BYTES: Final = 2 * MAX_BODY_BYTES
MAX_ECHO: Final = 64  # characters; no event id is longer

# How much of an oversize event is kept: more than the limit, so that every later reader sees that it is oversize, and
# less than any stream refuses.
KEPT_OF_OVERSIZE: Final = MAX_EVENT_BYTES + 1024
# Identifiers are hashed under a secret that the collector does not have; here only the verdict counts.
NO_SECRET: Final = b""

PLAIN_IDENTIFIERS: Final = (
    IdentifierType.LOYALTY_ID,
    IdentifierType.CRM_ID,
    IdentifierType.DEVICE_ID,
    IdentifierType.COOKIE_ID,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an event breaks its contract: the code for programs, the reason for people, the field and the fix."""

    code: ReasonCode
    reason: str
    field: str | None
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEvent:
    """One event as it goes on the stream, with the verdict on it."""

    record: StreamRecord
    event_id: str | None
    rejection: Rejection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    path: str
    body: Any
    source: Source
    received_at: datetime
    trace_id: str | None = None


def speaks_segment(call: Call) -> bool:
    """Return whether the caller is one of Segment's libraries, which send again after every answer other than 200."""
    return all(not isinstance(event, Mapping) or "event_type" not in event for event in events_of(call))


def events_of(call: Call) -> Sequence[Any]:
    """Return the events of a call as they came.

    Raises:
        ProblemDetails: 400, a batch without a list of events, 404, a path that takes none, or 413, too many events.
    """
    if call.path in BATCH_PATHS:
        return _batch_of(call.body)
    if call.path not in MESSAGE_TYPES:
        raise unknown_path()
    return [call.body]


def _batch_of(body: Any) -> Sequence[Any]:
    if isinstance(body, AmbiguousObject):
        raise ProblemDetails(
            status=HTTPStatus.BAD_REQUEST,
            code="MALFORMED_JSON",
            field="body",
            detail="The body has a key more than once. Nothing of it was stored.",
            fix="Send each key once.",
        )
    batch = body.get("batch") if isinstance(body, Mapping) else None
    if not isinstance(batch, list):
        raise ProblemDetails(
            status=HTTPStatus.BAD_REQUEST,
            code="MISSING_FIELD",
            field="batch",
            detail="The body has no list of events. Nothing of it was stored.",
            fix='Send {"batch": [event, ...]}.',
        )
    if len(batch) > MAX_EVENTS:
        raise _too_much(f"The batch has {len(batch)} events, and at most {MAX_EVENTS} are taken.")
    return batch


def _too_much(detail: str) -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="BATCH_TOO_LARGE",
        field="batch",
        detail=f"{detail} Nothing of it was stored.",
        fix=f"Send batches of at most {MAX_EVENTS} events.",
    )


def unknown_path() -> ProblemDetails:
    """Return the problem of a path that collects nothing."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_PATH",
        field="path",
        detail="Nothing is collected under this path and method.",
        fix="POST to /v1/track, /v1/identify, /v1/page, /v1/screen, /v1/group, /v1/alias or /v1/batch.",
    )


def judge_all(call: Call) -> list[JudgedEvent]:
    """Return the records of a call in the order in which its events came, each judged by its contract.

    Raises:
        ProblemDetails: see `events_of`; and 413, the records together are too big.
    """
    receipt = Receipt(
        source=call.source,
        received_at=call.received_at,
        sent_at=_sent_at(call.body),
        trace_id=call.trace_id,
    )
    envelope = _Envelopes(call, receipt)
    return judge_events((envelope.of(sent) for sent in events_of(call)), call)


def judge_events(events: Iterable[Mapping[str, Any]], call: Call) -> list[JudgedEvent]:
    """Return the records of events as they go on the stream, each judged by its contract.

    Raises:
        ProblemDetails: 413, there are too many, or the records together are too big.
    """
    judged: list[JudgedEvent] = []
    size = 0
    for event in events:
        data = encode_bytes(event)
        size += len(data)
        if size > MAX_RECORDS_BYTES:
            raise _too_much("The events are too big together, each with the batch's context.")
        if len(judged) == MAX_EVENTS:
            raise _too_much(f"At most {MAX_EVENTS} events are taken.")
        judged.append(judge(event, data, call))
    return judged


class _Envelopes:
    """Turns the events of a call into the envelopes that go on the stream."""

    def __init__(self, call: Call, receipt: Receipt) -> None:
        self._call = call
        self._receipt = receipt
        is_batch = call.path in BATCH_PATHS and isinstance(call.body, Mapping)
        self._shared = {name: call.body[name] for name in SHARED_FIELDS if is_batch and name in call.body}
        # Checked once for the whole body, and only then per event: hardly any body has ambiguous objects.
        self._some_ambiguous = is_ambiguous(call.body)
        self._shared_ambiguous = self._some_ambiguous and is_ambiguous(self._shared)

    def of(self, event: Any) -> dict[str, Any]:
        """Return an event as it goes on the stream.

        The source is that of the write key, whatever the event claims; the time of receipt is ours.
        """
        if not isinstance(event, Mapping):
            fields = event.fields if isinstance(event, AmbiguousObject) else {}
            return self._as_it_came(event, fields.get("event_id") or fields.get("messageId"))
        message = dict(event)
        if "event_type" not in message and self._call.path in MESSAGE_TYPES:
            message.setdefault("type", MESSAGE_TYPES[self._call.path])
        if is_segment_message(message):
            if self._some_ambiguous and (self._shared_ambiguous or is_ambiguous(event)):
                return self._as_it_came({**self._shared, **message}, message.get("messageId"))
            return to_envelope({**self._shared, **message}, self._receipt)
        message.pop("writeKey", None)
        return {
            **message,
            "source": self._call.source.name,
            "received_at": moment_text(self._call.received_at),
            "trace_id": message.get("trace_id") or self._call.trace_id,
        }

    def _as_it_came(self, event: Any, event_id: Any) -> dict[str, Any]:
        """Return what is no message, or a message whose translation could hide what is wrong with it."""
        named = {"event_id": event_id} if isinstance(event_id, str) else {}
        received_at = moment_text(self._call.received_at)
        return {**named, "source": self._call.source.name, "received_at": received_at, "body": event}


def judge(event: Mapping[str, Any], data: bytes, call: Call) -> JudgedEvent:
    """Return the record of an event, with the verdict that `clean` will reach.

    Args:
        event: the event as it goes on the stream.
        data: the same as bytes.
        call: the request that it came with.
    """
    if len(data) > KEPT_OF_OVERSIZE:
        data = _cut(event, data)
    event_id = event.get("event_id")
    identifiers = event.get("identifiers")
    key = partition_key(
        identifiers if isinstance(identifiers, Mapping) else {},
        preferred=call.source.partition_key,
        otherwise=str(event_id),
    )
    return JudgedEvent(
        record=StreamRecord(key=key, data=data),
        event_id=event_id[:MAX_ECHO] if isinstance(event_id, str) else None,
        rejection=_verdict(data, call.received_at),
    )


def answer_body(judged: Sequence[JudgedEvent]) -> dict[str, object]:
    """Return the answer to a call whose events are all on the stream."""
    rejected = sum(1 for event in judged if event.rejection is not None)
    return {
        "accepted": len(judged) - rejected,
        "rejected": rejected,
        "results": [_result(index, event) for index, event in enumerate(judged)],
    }


def _result(index: int, event: JudgedEvent) -> dict[str, object]:
    if event.rejection is None:
        return {"index": index, "event_id": event.event_id, "status": "accepted"}
    return {
        "index": index,
        "event_id": event.event_id,
        "status": "rejected",
        "code": str(event.rejection.code),
        "field": event.rejection.field,
        "reason": event.rejection.reason,
        "fix": event.rejection.fix,
    }


def _verdict(data: bytes, received_at: datetime) -> Rejection | None:
    try:
        event = check(parse(data), now=received_at)
        if not _has_plain_identifier(event):
            interaction(event, secret=NO_SECRET, now=received_at)
    except RejectedEventError as error:
        return _rejection(error)
    except Exception as error:
        logger.exception("event cannot be judged")
        return _rejection(unexpected(error))
    return None


def _rejection(error: RejectedEventError) -> Rejection:
    return Rejection(
        code=error.code,
        reason=error.reason,
        field=error.field,
        fix=error.fix or "Send the event as its contract says.",
    )


def _has_plain_identifier(event: Mapping[str, Any]) -> bool:
    """Return whether an event has an identifier that is cheap to read, so that no phone number need be parsed."""
    identifiers = event["identifiers"]
    return bool(usable({kind: identifiers[kind] for kind in PLAIN_IDENTIFIERS if kind in identifiers}))


def _cut(event: Mapping[str, Any], data: bytes) -> bytes:
    """Return the head of an oversize event, still too big to pass for a whole one; the sender has the whole event."""
    head = {name: event[name] for name in ("event_id", "event_type", "source", "received_at") if _is_short(event, name)}
    kept = data[:KEPT_OF_OVERSIZE].decode(errors="ignore")
    return encode_bytes({**head, "bytes_as_sent": len(data), "body": kept})


def _is_short(event: Mapping[str, Any], name: str) -> bool:
    value = event.get(name)
    return isinstance(value, str) and len(value) <= 64  # noqa: PLR2004  # the contract's limit of these names


def _sent_at(body: Any) -> str | None:
    sent_at = body.get("sentAt") if isinstance(body, Mapping) else None
    return sent_at if isinstance(sent_at, str) else None
