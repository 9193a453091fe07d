"""Decides which quarantined rows may go on the events stream again, and what has to be done about the others.

A row is sent only if the contracts of this build accept it now. So every event that is sent has an event id, by which
readers recognise a repetition; and a row that would be rejected again stays where it is, with the reason.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from c360_core.exact_json import decode_leniently, encode
from c360_core.interaction import (
    REJECTED_EVENT_PREFIX,
    REJECTED_RECORD_PREFIX,
    ReasonCode,
    RejectedEventError,
    parse,
    read_interaction,
)

# Identifiers are hashed under a secret that only `clean` has; here only the verdict counts.
NO_SECRET: Final = b""
# `clean` keeps bytes that are not UTF-8 as `\xNN`, and the collector keeps the head of an oversize event.
NOT_KEPT_WHOLE: Final = frozenset({ReasonCode.OVERSIZE, ReasonCode.WRONG_ENCODING})
MAX_FIXED_BY: Final = 128  # the contract's limit


class Mark(StrEnum):
    """How an event that comes back names the row that it was replayed from.

    `HISTORY`: the row's id is its `replay_id`, so that it counts and triggers nothing. `TRACE`: the id is its
    `trace_id` unless the sender gave one, and the event may still trigger something.
    """

    HISTORY = "history"
    TRACE = "trace"


class ReplayVerdict(StrEnum):
    """What happens to a row that is to be replayed."""

    SEND = "send"
    NOTE = "note"
    REPLAYED_BEFORE = "replayed_before"
    STILL_BROKEN = "still_broken"
    NOT_WHOLE = "not_whole"
    FROM_FILE = "from_file"
    FROM_UNIFY = "from_unify"


# Rows that were selected and cannot be replayed as they are; an operator has to act.
HELD_BACK: Final = frozenset(
    {ReplayVerdict.STILL_BROKEN, ReplayVerdict.NOT_WHOLE, ReplayVerdict.FROM_FILE, ReplayVerdict.FROM_UNIFY}
)
# Those of them that a corrected payload can replace.
CORRECTABLE: Final = frozenset({ReplayVerdict.STILL_BROKEN, ReplayVerdict.NOT_WHOLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row of `quarantine.rejected`, with the columns that a replay needs."""

    rejected_id: str
    source: str
    reason_code: str
    reason: str
    received_at: datetime
    body: str | None
    fixed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayInstructions:
    """How to replay the selected rows.

    Attributes:
        corrected: payloads to send in the place of what was received, by `rejected_id`.
        replay_id: set on every event that is sent, which makes it history: it counts and triggers nothing.
        fixed_by: send nothing, and record this as what replaced the rows.
        again: include rows that were replayed before.
        mark: how every event that is sent names its row; without it the event is sent as it came.
    """

    corrected: Mapping[str, str] = field(default_factory=dict)
    replay_id: str | None = None
    fixed_by: str | None = None
    again: bool = False
    mark: Mark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEvent:
    """A valid event as it goes on the stream."""

    event_id: str
    source: str
    identifiers: Mapping[str, Any]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """A row with its verdict.

    Attributes:
        reason: why it is held back, for people; the reason of its rejection otherwise.
        event: what to send; set for `SEND` alone.
        fixed_by: what to write into the row's column of that name; set for `SEND` and `NOTE`.
    """

    row: RejectedRow
    verdict: ReplayVerdict
    reason: str
    event: ReplayEvent | None = None
    fixed_by: str | None = None


def judge(row: RejectedRow, instructions: ReplayInstructions, *, now: datetime) -> JudgedRow:
    """Return the verdict on a row."""
    if row.fixed_by is not None and not instructions.again:
        return _as(ReplayVerdict.REPLAYED_BEFORE, row)
    if instructions.fixed_by is not None:
        return JudgedRow(row=row, verdict=ReplayVerdict.NOTE, reason=row.reason, fixed_by=instructions.fixed_by)
    if not row.rejected_id.startswith(REJECTED_EVENT_PREFIX):
        from_unify = row.rejected_id.startswith(REJECTED_RECORD_PREFIX)
        return _as(ReplayVerdict.FROM_UNIFY if from_unify else ReplayVerdict.FROM_FILE, row)
    corrected = instructions.corrected.get(row.rejected_id)
    if corrected is None and (row.body is None or row.reason_code in NOT_KEPT_WHOLE):
        return _as(ReplayVerdict.NOT_WHOLE, row)
    try:
        event = _event((row.body or "") if corrected is None else corrected, row.rejected_id, instructions, now)
    except RejectedEventError as error:
        return JudgedRow(row=row, verdict=ReplayVerdict.STILL_BROKEN, reason=str(error))
    return JudgedRow(row=row, verdict=ReplayVerdict.SEND, reason=row.reason, event=event, fixed_by=event.event_id)


def _as(verdict: ReplayVerdict, row: RejectedRow) -> JudgedRow:
    return JudgedRow(row=row, verdict=verdict, reason=row.reason)


def _event(body: str, rejected_id: str, instructions: ReplayInstructions, now: datetime) -> ReplayEvent:
    data = body.encode(errors="surrogatepass")  # half a surrogate pair is refused as what it is, no UTF-8
    if instructions.replay_id is not None or instructions.mark is not None:
        data = encode(_marked(parse(data), rejected_id, instructions)).encode()
    accepted = read_interaction(data, secret=NO_SECRET, now=now)
    return ReplayEvent(
        event_id=accepted.event_id, source=accepted.source, identifiers=json.loads(accepted.identifiers), data=data
    )


def _marked(document: Mapping[str, Any], rejected_id: str, instructions: ReplayInstructions) -> dict[str, Any]:
    """Return the event with the name of what it was replayed from."""
    if instructions.replay_id is not None:
        return {**document, "replay_id": instructions.replay_id}
    if instructions.mark is Mark.HISTORY:
        return {**document, "replay_id": rejected_id}
    return {**document, "trace_id": document.get("trace_id") or rejected_id}


def correction_line(judged: JudgedRow) -> str:
    """Return a row as a line to be corrected: what is wrong, and the body, as JSON where it is."""
    try:
        body: Any = parse((judged.row.body or "").encode(errors="surrogatepass"))
    except RejectedEventError:
        body = judged.row.body
    row = judged.row
    return encode({"rejected_id": row.rejected_id, "source": row.source, "reason": judged.reason, "body": body})


def read_correction(line: str, number: int) -> tuple[str, str]:
    """Return `rejected_id` and the corrected payload of a line.

    Raises:
        ValueError: the line is not what `correction_line` wrote, with a corrected body; the message has its number.
    """
    try:
        document = decode_leniently(line.encode(errors="surrogatepass"))
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON ({error}); write one JSON object per line") from error
    match document:
        case {"rejected_id": str(rejected_id), "body": dict() | str() as body} if rejected_id:
            return rejected_id, body if isinstance(body, str) else encode(body)
        case _:
            raise ValueError(f'line {number}: write {{"rejected_id": "r_...", "body": {{the corrected event}}}}')
