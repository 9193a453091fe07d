"""Events about what we do for a customer: they go back into the events stream, under the customer's identifiers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from c360_aws.event_stream import event_record, partition_key
from c360_aws.stream_writer import StreamRecord
from c360_core.address import profile_identifiers
from c360_core.contracts import load
from c360_core.digests import digest
from c360_core.moments import moment_text
from c360_core.profile import Profile

SOURCE: Final = "engagement_events"


def engagement_record(
    event_type: str,
    *,
    profile: Profile,
    subject: str,
    occurred_at: datetime,
    payload: Mapping[str, object],
    trace_id: str | None = None,
    identifiers: Mapping[str, list[str]] | None = None,
) -> StreamRecord | None:
    """Return an event about what we did, as a record for the stream.

    Args:
        event_type: one that the contract of engagement events allows.
        profile: the person it is about.
        subject: what makes the event unique (a decision id, a message id), so that its event id is the same on a retry.
        occurred_at: when it happened.
        payload: the event's payload.
        trace_id: the trace that it belongs to.
        identifiers: those that the event is to carry, where it must not carry all of the person.

    Returns:
        The record, or None when the person has no identifier that an event could carry.
    """
    identifiers = profile_identifiers(profile) if identifiers is None else identifiers
    if not identifiers:
        return None
    return identified_record(
        event_type,
        identifiers=identifiers,
        subject=subject,
        occurred_at=occurred_at,
        received_at=occurred_at,
        payload=payload,
        otherwise=profile.person_id,
        trace_id=trace_id,
    )


def identified_record(
    event_type: str,
    *,
    identifiers: Mapping[str, Sequence[str]],
    subject: str,
    occurred_at: datetime,
    received_at: datetime,
    payload: Mapping[str, object],
    otherwise: str,
    trace_id: str | None = None,
) -> StreamRecord:
    """Return an event about somebody who is known by identifiers alone, as a record for the stream.

    Args:
        event_type: one that the contract of engagement events allows.
        identifiers: clear values by type, of types that this contract allows.
        subject: what makes the event unique, so that its event id is the same on a retry.
        occurred_at: when it happened.
        received_at: when we came to know it.
        payload: the event's payload.
        otherwise: the text of which the partition key is made when no identifier is usable.
        trace_id: the trace that it belongs to.
    """
    event = {
        "event_id": f"g_{digest(event_type, subject)}",
        "event_type": event_type,
        "source": SOURCE,
        "schema_version": 1,
        "occurred_at": moment_text(occurred_at),
        "received_at": moment_text(received_at),
        "trace_id": trace_id,
        "identifiers": dict(identifiers),
        "payload": dict(payload),
    }
    preferred = load().source(SOURCE).partition_key
    return event_record(event, key=partition_key(identifiers, preferred=preferred, otherwise=otherwise))
