"""What we do to a customer is an interaction too: it goes back into the events stream, under their identifiers."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from c360_aws.event_stream import event_record, partition_key
from c360_aws.kinesis import StreamRecord
from c360_core.contracts import load
from c360_core.identity.keys import usable
from c360_core.names import IdentifierType
from c360_core.profile import Profile
from c360_core.timeline import moment_text

SOURCE: Final = "engagement_events"

# Where a profile keeps the clear value of an identifier.
PROFILE_FIELDS: Final[Mapping[IdentifierType, tuple[str, str]]] = {
    IdentifierType.LOYALTY_ID: ("links", "loyalty_id"),
    IdentifierType.CRM_ID: ("links", "crm_id"),
    IdentifierType.CASE_SYSTEM_ID: ("links", "case_customer_id"),
    IdentifierType.EMAIL: ("attributes", "email"),
    IdentifierType.PHONE: ("attributes", "phone"),
}


def identifiers_of(profile: Profile) -> dict[str, list[str]]:
    """Return the identifiers by which an event finds this person again; empty for someone who is still anonymous."""
    known = {str(kind): profile.text(part, name) for kind, (part, name) in PROFILE_FIELDS.items()}
    found = {kind: [value] for kind, value in known.items() if value}
    return found if usable(found) else {}


def engagement_record(
    event_type: str,
    *,
    profile: Profile,
    subject: str,
    occurred_at: datetime,
    payload: Mapping[str, object],
    trace_id: str | None = None,
) -> StreamRecord | None:
    """Return an event about what we did, ready for the stream.

    Args:
        event_type: one that the contract of engagement events allows.
        profile: the person it is about.
        subject: what makes the event unique (a decision id, a message id): its event id is the same on a retry.
        occurred_at: when it happened.
        payload: the event's payload.
        trace_id: the trace that it belongs to.

    Returns:
        The record, or None when the person has no identifier under which an event could be sent.
    """
    identifiers = identifiers_of(profile)
    if not identifiers:
        return None
    event = {
        "event_id": "g_" + hashlib.sha256(f"{event_type}|{subject}".encode()).hexdigest()[:32],
        "event_type": event_type,
        "source": SOURCE,
        "schema_version": 1,
        "occurred_at": moment_text(occurred_at),
        "received_at": moment_text(occurred_at),
        "trace_id": trace_id,
        "identifiers": identifiers,
        "payload": dict(payload),
    }
    preferred = load().source(SOURCE).partition_key
    return event_record(event, key=partition_key(identifiers, preferred=preferred, otherwise=profile.person_id))
