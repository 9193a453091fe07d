"""What of the quarantine may go on the events stream again, and what has to be done about the rest.

A row is sent only if the contracts of this build accept it now. So what is sent has an event id, by which every
reader tells a repetition; and what would only be rejected again stays where it is, with the reason.
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
    clean,
    parse,
)

# Identifiers are hashed under a secret that only `clean` has. Here the verdict counts, not the keys.
NO_SECRET: Final = b""
# `clean` keeps bytes that are no UTF-8 as `\xNN`, and the collector keeps the head of an oversize event.
NOT_KEPT_WHOLE: Final = frozenset({ReasonCode.OVERSIZE, ReasonCode.WRONG_ENCODING})
MAX_FIXED_BY: Final = 128  # the contract's limit


class Verdict(StrEnum):
    """What becomes of a row that is to be replayed."""

    SEND = "send"
    NOTE = "note"
    REPLAYED_BEFORE = "replayed_before"
    STILL_BROKEN = "still_broken"
    NOT_WHOLE = "not_whole"
    FROM_FILE = "from_file"
    FROM_UNIFY = "from_unify"


# Rows that were asked for and are not replayed; somebody has to do something.
HELD_BACK: Final = frozenset({Verdict.STILL_BROKEN, Verdict.NOT_WHOLE, Verdict.FROM_FILE, Verdict.FROM_UNIFY})
# Those of them that a mended payload can replace.
MENDABLE: Final = frozenset({Verdict.STILL_BROKEN, Verdict.NOT_WHOLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A row of `quarantine.rejected`, as far as a replay needs it."""

    rejected_id: str
    source: str
    reason_code: str
    reason: str
    received_at: datetime
    body: str | None
    fixed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be done with the rows.

    Attributes:
        mended: payloads to send in the place of what was received, by `rejected_id`.
        replay_id: set on every event that is sent, which makes it history: it counts, and moves nobody to act.
        fixed_by: send nothing; note this as what replaced the rows.
        again: take rows that were replayed before, too.
    """

    mended: Mapping[str, str] = field(default_factory=dict)
    replay_id: str | None = None
    fixed_by: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A valid event as it goes on the stream."""

    event_id: str
    source: str
    identifiers: Mapping[str, Any]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row with its verdict.

    Attributes:
        reason: why it is held back, for people; the reason of its rejection otherwise.
        event: what to send; set for `SEND` alone.
        fixed_by: what to write into the row's column of that name; set for `SEND` and `NOTE`.
    """

    row: Rejected
    verdict: Verdict
    reason: str
    event: Event | None = None
    fixed_by: str | None = None


def judge(row: Rejected, wish: Wish, *, now: datetime) -> Judged:
    """Return what becomes of a row."""
    if row.fixed_by is not None and not wish.again:
        return _as(Verdict.REPLAYED_BEFORE, row)
    if wish.fixed_by is not None:
        return Judged(row=row, verdict=Verdict.NOTE, reason=row.reason, fixed_by=wish.fixed_by)
    if not row.rejected_id.startswith(REJECTED_EVENT_PREFIX):
        from_unify = row.rejected_id.startswith(REJECTED_RECORD_PREFIX)
        return _as(Verdict.FROM_UNIFY if from_unify else Verdict.FROM_FILE, row)
    mended = wish.mended.get(row.rejected_id)
    if mended is None and (row.body is None or row.reason_code in NOT_KEPT_WHOLE):
        return _as(Verdict.NOT_WHOLE, row)
    try:
        event = _event((row.body or "") if mended is None else mended, wish.replay_id, now)
    except RejectedEventError as error:
        return Judged(row=row, verdict=Verdict.STILL_BROKEN, reason=str(error))
    return Judged(row=row, verdict=Verdict.SEND, reason=row.reason, event=event, fixed_by=event.event_id)


def _as(verdict: Verdict, row: Rejected) -> Judged:
    return Judged(row=row, verdict=verdict, reason=row.reason)


def _event(body: str, replay_id: str | None, now: datetime) -> Event:
    data = body.encode(errors="surrogatepass")  # half a surrogate pair is refused as what it is, no UTF-8
    if replay_id is not None:
        data = encode({**parse(data), "replay_id": replay_id}).encode()
    accepted = clean(data, secret=NO_SECRET, now=now)
    return Event(
        event_id=accepted.event_id, source=accepted.source, identifiers=json.loads(accepted.identifiers), data=data
    )


def to_mend(judged: Judged) -> str:
    """Return a row as a line to be mended: what is wrong, and the body, as JSON where it is."""
    try:
        body: Any = parse((judged.row.body or "").encode(errors="surrogatepass"))
    except RejectedEventError:
        body = judged.row.body
    row = judged.row
    return encode({"rejected_id": row.rejected_id, "source": row.source, "reason": judged.reason, "body": body})


def mended_line(line: str, number: int) -> tuple[str, str]:
    """Return `rejected_id` and the mended payload of a line.

    Raises:
        ValueError: the line is not what `to_mend` wrote, with a mended body; the message has its number.
    """
    try:
        document = decode_leniently(line.encode(errors="surrogatepass"))
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON ({error}); write one JSON object per line") from error
    match document:
        case {"rejected_id": str(rejected_id), "body": dict() | str() as body} if rejected_id:
            return rejected_id, body if isinstance(body, str) else encode(body)
        case _:
            raise ValueError(f'line {number}: write {{"rejected_id": "r_...", "body": {{the mended event}}}}')
