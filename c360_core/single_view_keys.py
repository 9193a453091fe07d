"""Keys of the single view: one partition per person, one sort-key prefix per kind of item."""

from datetime import datetime, timedelta
from typing import Final

from c360_core.consent import Channel, Consent, Purpose
from c360_core.moments import moment_text
from c360_core.timeline import TimelineEntry

PARTITION: Final = "PK"
SORT: Final = "SK"
EXPIRES_AT: Final = "expires_at"  # the table's TTL attribute, epoch seconds
TOMBSTONE: Final = "removed"  # marks an item that stands for a removed one; readers skip it
# How long a removal is recorded: longer than a stream (at most a year) or a failure queue keeps an older change, which
# would restore the item.
REMEMBER_REMOVAL: Final = timedelta(days=370)

PROFILE: Final = "PROFILE"
ALIAS: Final = "ALIAS"
REMOVED: Final = "REMOVED"
IDENTIFIER_SORT: Final = "PERSON"
REBUILD_PARTITION: Final = "REBUILD"
REBUILD_SORT: Final = "LATEST"  # no prefix of another item's sort key: items are found by prefix
ENDED_PREFIX: Final = "ENDED#"
SEGMENT_PREFIX: Final = "SEGMENT#"
FORMER_PREFIX: Final = "FORMER#"
CONSENT_PREFIX: Final = "CONSENT#"
EVENT_PREFIX: Final = "EVENT#"
BUDGET_PARTITION: Final = "BUDGET#"
DECISION_PREFIX: Final = "DECISION#"
MESSAGE_PREFIX: Final = "MESSAGE#"
INBOX_PREFIX: Final = "INBOX#"
DEVICE_PREFIX: Final = "DEVICE#"
OWNER_PARTITION: Final = "DEVICE#"
OWNER_SORT: Final = "OWNER"
WAIT_PREFIX: Final = "WAIT#"
CONTROL_PARTITION: Final = "CONTROL#"
CONTROL_SORT: Final = "STATE"
SENT_PARTITION: Final = "SENT#"
SENT_SORT: Final = "MESSAGE"

Key = dict[str, str]


def person_key(person_id: str, sort: str) -> Key:
    """Return the key of one item of a person."""
    return {PARTITION: person_partition(person_id), SORT: sort}


def person_partition(person_id: str) -> str:
    """Return the partition that holds everything about a person."""
    return f"PERSON#{person_id}"


def alias_key(person_id: str) -> Key:
    """Return the key of the alias of a retired id; the item names the id that replaced it."""
    return person_key(person_id, ALIAS)


def former_key(person_id: str, former_id: str) -> Key:
    """Return the key of the item that names a former id of a person; the alias is the way back."""
    return person_key(person_id, FORMER_PREFIX + former_id)


def identifier_key(keyed_hash: str) -> Key:
    """Return the key of the index item of an identifier, from its keyed hash `<type>:<hmac>`."""
    kind, _, digest = keyed_hash.partition(":")
    return {PARTITION: f"ID#{kind}#{digest}", SORT: IDENTIFIER_SORT}


def address_consent_key(keyed_hash: str, consent: Consent) -> Key:
    """Return the key of the answer about an address to a purpose in a channel; it is next to the index item."""
    return {**identifier_key(keyed_hash), SORT: consent_sort(consent.purpose, consent.channel)}


def rebuild_key() -> Key:
    """Return the key of the latest rebuild of all profiles."""
    return {PARTITION: REBUILD_PARTITION, SORT: REBUILD_SORT}


def ended_key(shard: str) -> Key:
    """Return the key of the record that the writer has all messages of a rebuild in a shard."""
    return {PARTITION: REBUILD_PARTITION, SORT: ENDED_PREFIX + shard}


def budget_key(play: str, period: str) -> Key:
    """Return the key of how much of a play's budget is spent in a day or month, such as 2026-03-02 or 2026-03."""
    return {PARTITION: BUDGET_PARTITION + play, SORT: period}


def segment_sort(name: str) -> str:
    """Return the sort key of a person's membership in a segment."""
    return SEGMENT_PREFIX + name


def consent_sort(purpose: Purpose, channel: Channel) -> str:
    """Return the sort key of the answer to a purpose in a channel."""
    return f"{CONSENT_PREFIX}{purpose}#{channel}"


def event_sort(entry: TimelineEntry) -> str:
    """Return the sort key of a timeline entry: by time, source and id, as ids are unique per source only."""
    return f"{EVENT_PREFIX}{moment_text(entry.occurred_at)}#{entry.source}#{entry.event_id}"


def decision_sort(occasion_at: datetime, decision_id: str) -> str:
    """Return the sort key of a decision: by the time of its trigger event, so that a redelivery has the same key."""
    return f"{DECISION_PREFIX}{moment_text(occasion_at)}#{decision_id}"


def message_sort(sent_at: datetime, message_id: str) -> str:
    """Return the sort key of a message: by the time it was sent."""
    return f"{MESSAGE_PREFIX}{moment_text(sent_at)}#{message_id}"


def inbox_key(person_id: str, message_id: str) -> Key:
    """Return the key of a message that waits in the app. Without a time: storing it again makes no second one."""
    return person_key(person_id, INBOX_PREFIX + message_id)


def device_key(person_id: str, token_key: str) -> Key:
    """Return the key of a device of a person."""
    return person_key(person_id, DEVICE_PREFIX + token_key)


def device_owner_key(token_key: str) -> Key:
    """Return the key of the item that says whose device it is; a device is one person's at a time."""
    return {PARTITION: OWNER_PARTITION + token_key, SORT: OWNER_SORT}


def sent_key(message_id: str) -> Key:
    """Return the key of the record by which reports about a message find the person and the stored message."""
    return {PARTITION: SENT_PARTITION + message_id, SORT: SENT_SORT}


def wait_key(person_id: str, decision_id: str, step: str) -> Key:
    """Return the key of the item that says that a person waits in a step of a journey."""
    return person_key(person_id, f"{WAIT_PREFIX}{decision_id}#{step}")


def control_key(name: str) -> Key:
    """Return the key of what somebody said about a journey or a play."""
    return {PARTITION: CONTROL_PARTITION + name, SORT: CONTROL_SORT}
