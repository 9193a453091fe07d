"""From a parsed request to records for the events stream, each with the verdict on its event.

Every event of a request that is let in goes on the stream exactly once, valid or not: `clean` reads the very bytes
that were judged here, by the same rules, and keeps what is rejected in quarantine. So nothing is lost, and accepted
plus rejected is always what came.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from c360_core.contracts import Source
from c360_core.identity.keys import usable
from c360_core.interaction import MAX_EVENT_BYTES, ReasonCode, RejectedEventError, check, interaction, parse
from c360_core.names import IdentifierType
from c360_core.timeline import moment_text
from lambdas.collector.segment_wire import SHARED_FIELDS, Receipt, is_segment_message, to_envelope
from lambdas.shared.event_stream import StreamRecord, partition_key
from lambdas.shared.problem import Problem

# The type that each path stands for, where the message itself does not say it. Browsers shorten the names.
MESSAGE_TYPES: Final[Mapping[str, str]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "page": "page",
    "p": "page",
}
BATCH_PATHS: Final = frozenset({"batch", "b"})

# What is kept of an oversize event: more than the limit, so that everyone after us sees that it is oversize, and
# less than any stream refuses.
KEPT_OF_OVERSIZE: Final = MAX_EVENT_BYTES + 1024
# Identifiers are hashed under a secret that the collector does not have. Only the verdict counts here.
NO_SECRET: Final = b""

PLAIN_IDENTIFIERS: Final = (
    IdentifierType.LOYALTY_ID,
    IdentifierType.CRM_ID,
    IdentifierType.DEVICE_ID,
    IdentifierType.COOKIE_ID,
)

_FIELD: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an event breaks its contract: for programs, for people, and what to do about it."""

    code: ReasonCode
    reason: str
    field: str | None
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEvent:
    """One event as it goes on the stream, and the verdict on it."""

    record: StreamRecord
    event_id: str | None
    rejection: Rejection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request after it was let in."""

    path: str
    body: Any
    source: Source
    received_at: datetime
    trace_id: str | None = None


def speaks_segment(call: Call) -> bool:
    """Tell whether the caller is one of Segment's libraries, for which every answer but 200 means: send again."""
    return all(not isinstance(event, Mapping) or "event_type" not in event for event in events_of(call))


def events_of(call: Call) -> Sequence[Any]:
    """Return the events of a call as they came.

    Raises:
        Problem: 400, a batch without a list of events, or 404, a path that takes none.
    """
    if call.path in BATCH_PATHS:
        batch = call.body.get("batch") if isinstance(call.body, Mapping) else None
        if not isinstance(batch, list):
            raise Problem(
                status=HTTPStatus.BAD_REQUEST,
                code="MISSING_FIELD",
                field="batch",
                detail="The body has no list of events. Nothing of it was stored.",
                fix='Send {"batch": [event, ...]}.',
            )
        return batch
    if call.path not in MESSAGE_TYPES:
        raise unknown_path()
    return [call.body]


def unknown_path() -> Problem:
    """Nothing is collected here."""
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_PATH",
        field="path",
        detail="Nothing is collected under this path and method.",
        fix="POST to /v1/track, /v1/identify, /v1/page or /v1/batch.",
    )


def judge_all(call: Call) -> list[JudgedEvent]:
    """Return the records of a call in the order in which its events came, each judged by its contract."""
    receipt = Receipt(
        source=call.source,
        received_at=call.received_at,
        sent_at=_sent_at(call.body),
        trace_id=call.trace_id,
    )
    return [judge(envelope(event, call, receipt), call) for event in events_of(call)]


def envelope(event: Any, call: Call, receipt: Receipt) -> dict[str, Any]:
    """Return an event as it goes on the stream.

    The source is what the write key says, whatever the event says; the time of receipt is ours.
    """
    if not isinstance(event, Mapping):
        return {"source": call.source.name, "received_at": moment_text(call.received_at), "body": event}
    message = dict(event)
    if "event_type" not in message and call.path in MESSAGE_TYPES:
        message.setdefault("type", MESSAGE_TYPES[call.path])
    if is_segment_message(message):
        shared = {name: call.body[name] for name in SHARED_FIELDS if call.path in BATCH_PATHS and name in call.body}
        return to_envelope({**shared, **message}, receipt)
    message.pop("writeKey", None)
    return {
        **message,
        "source": call.source.name,
        "received_at": moment_text(call.received_at),
        "trace_id": message.get("trace_id") or call.trace_id,
    }


def judge(event: Mapping[str, Any], call: Call) -> JudgedEvent:
    """Return the record of an event, and the verdict that `clean` will give on it."""
    data = _encoded(event)
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
        event_id=event_id if isinstance(event_id, str) else None,
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
        event = parse(data)
        check(event, now=received_at)
        if not _has_plain_identifier(event):
            interaction(event, secret=NO_SECRET, now=received_at)
    except RejectedEventError as error:
        field = _FIELD.search(error.reason)
        _, _, fix = error.reason.partition("; ")
        return Rejection(
            code=error.code,
            reason=error.reason,
            field=field.group(1) if field else None,
            fix=fix or "Send the event as its contract says.",
        )
    return None


def _has_plain_identifier(event: Mapping[str, Any]) -> bool:
    """Tell whether an event has an identifier that is read fast: then no telephone number has to be understood."""
    identifiers = event["identifiers"]
    return bool(usable({kind: identifiers[kind] for kind in PLAIN_IDENTIFIERS if kind in identifiers}))


def _encoded(event: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair: no text, but as an escape it still gets to quarantine.
        return json.dumps(event, separators=(",", ":")).encode()


def _cut(event: Mapping[str, Any], data: bytes) -> bytes:
    """Return the head of an oversize event, still too big to be taken for a whole one; its sender has it all."""
    head = {name: event[name] for name in ("event_id", "event_type", "source", "received_at") if _is_short(event, name)}
    kept = data[:KEPT_OF_OVERSIZE].decode(errors="ignore")
    return json.dumps({**head, "bytes_as_sent": len(data), "body": kept}, ensure_ascii=False).encode()


def _is_short(event: Mapping[str, Any], name: str) -> bool:
    value = event.get(name)
    return isinstance(value, str) and len(value) <= 64  # noqa: PLR2004  # the contract's limit of these names


def _sent_at(body: Any) -> str | None:
    sent_at = body.get("sentAt") if isinstance(body, Mapping) else None
    return sent_at if isinstance(sent_at, str) else None
