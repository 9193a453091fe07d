"""Reads the single view: one method per access pattern of the data model, each with its number of requests."""

import base64
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from c360_core import single_view_keys as keys
from c360_core.consent import Consent, consent_from_change
from c360_core.controls import Control, control_from_item
from c360_core.delivery import SentMessage, sent_from_item
from c360_core.devices import Device, device_from_item
from c360_core.inbox import InboxMessage, inbox_from_item
from c360_core.profile import Profile
from c360_core.profile_item import profile_from_item
from c360_core.rebuild import Rebuild, rebuild_from_item
from c360_core.waiting import Waiting, waiting_from_item

Item = Mapping[str, Any]
LONGEST_SORT: Final = 1024  # bytes that DynamoDB takes as a sort key
BATCH_KEYS: Final = 100  # BatchGetItem takes no more
# How many items a page reads at a time after its first request did not fill it.
LOOK_FURTHER: Final = 200


class CursorError(ValueError):
    """A page cursor that did not come from this API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some items, and the cursor of the next page; None on the last page."""

    items: Sequence[Item]
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeView:
    """A person's profile with its segment items."""

    profile: Profile
    segments: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """What is stored of a person, as far as a writer must know it before it writes.

    Attributes:
        version: order text of the newest profile or removal; empty when there is neither.
        has_profile: whether there is a profile.
        segments: names of the person's segments; a profile and its segment items always agree.
    """

    version: str
    has_profile: bool
    segments: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleViewReader:
    """The single view, for reading. `client` takes Python values: `boto3.resource("dynamodb").meta.client`."""

    client: Any
    table: str

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None. One request."""
        item = self._get(keys.person_key(person_id, keys.PROFILE))
        return None if item is None else profile_from_item(item)

    def newest_profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None, strongly consistent. One request."""
        key = keys.person_key(person_id, keys.PROFILE)
        item: Item | None = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else profile_from_item(item)

    def rebuild(self) -> Rebuild | None:
        """Return the latest rebuild of all profiles, or None. One request."""
        item = self._get(keys.rebuild_key())
        return None if item is None else rebuild_from_item(item)

    def whole(self, person_id: str) -> WholeView | None:
        """Return profile and segments, or None. One request: they are neighbours, behind the timeline."""
        in_partition = Key(keys.PARTITION).eq(keys.person_partition(person_id))
        items = self._query(in_partition & Key(keys.SORT).gte(keys.PROFILE))
        profile = next((item for item in items if item[keys.SORT] == keys.PROFILE), None)
        if profile is None:
            return None
        segments = [item for item in items if str(item[keys.SORT]).startswith(keys.SEGMENT_PREFIX)]
        return WholeView(profile=profile_from_item(profile), segments=segments)

    def profiles(self, person_ids: Iterable[str]) -> dict[str, Profile]:
        """Return the profiles of those who have one, by id. One request for every hundred people."""
        wanted = [keys.person_key(person_id, keys.PROFILE) for person_id in dict.fromkeys(person_ids)]
        found: dict[str, Profile] = {}
        for start in range(0, len(wanted), BATCH_KEYS):
            left: Mapping[str, Any] = {self.table: {"Keys": wanted[start : start + BATCH_KEYS]}}
            for item in self._answers(left):
                profile = profile_from_item(item)
                found[profile.person_id] = profile
        return found

    def stored_states(self, person_ids: Iterable[str]) -> dict[str, StoredState]:
        """Return what is stored of each person, strongly consistent. One request for every fifty people."""
        found: dict[str, list[Item]] = {person_id: [] for person_id in person_ids}
        people = {keys.person_partition(person_id): person_id for person_id in found}
        wanted = [{keys.PARTITION: place, keys.SORT: sort} for place in people for sort in (keys.PROFILE, keys.REMOVED)]
        for start in range(0, len(wanted), BATCH_KEYS):
            for item in self._get_all(wanted[start : start + BATCH_KEYS]):
                found[people[str(item[keys.PARTITION])]].append(item)
        return {person_id: _stored_state(items) for person_id, items in found.items()}

    def survivor(self, person_id: str) -> str | None:
        """Return the id into which a person was merged, or None when the id is no alias. One request."""
        return _person(self._get(keys.alias_key(person_id)))

    def former_ids(self, person_id: str) -> tuple[str, ...]:
        """Return the ids that were merged into a person, strongly consistent.

        One request, and one more for each id. An alias that a later run wrote says whose an id is now: of another
        person, or in use again.
        """
        named = self._query(self._starting_with(person_id, keys.FORMER_PREFIX), consistent=True)
        return tuple(
            str(item["person_id"]) for item in named if _is_former(item, self._alias(str(item["person_id"])), person_id)
        )

    def _alias(self, person_id: str) -> Item | None:
        answer = self.client.get_item(TableName=self.table, Key=keys.alias_key(person_id), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person: this one, the one it was merged into, or None. One request."""
        asked = [keys.person_key(person_id, sort) for sort in (keys.ALIAS, keys.PROFILE)]
        request = {self.table: {"Keys": asked, "ProjectionExpression": "SK, person_id"}}
        found = self.client.batch_get_item(RequestItems=request)["Responses"].get(self.table, [])
        by_sort = {item[keys.SORT]: _person(item) for item in found}
        # The alias wins: right after a merge both may exist.
        return by_sort.get(keys.ALIAS) or by_sort.get(keys.PROFILE)

    def person_of(self, keyed_hash: str) -> str | None:
        """Return the id of the person to whom an identifier belongs, or None. One request."""
        return _person(self._get(keys.identifier_key(keyed_hash)))

    def consents(self, person_id: str) -> tuple[Consent, ...]:
        """Return all answers of a person. One request, strongly consistent, so that a withdrawal counts at once."""
        items = self._query(self._starting_with(person_id, keys.CONSENT_PREFIX), consistent=True)
        # An item without an answer records one that was retracted.
        return tuple(consent_from_change(item) for item in items if "granted" in item)

    def address_consents(self, keyed_hash: str) -> tuple[Consent, ...]:
        """Return all answers about an address, by its keyed hash. One request, strongly consistent."""
        partition = keys.identifier_key(keyed_hash)[keys.PARTITION]
        answers = Key(keys.PARTITION).eq(partition) & Key(keys.SORT).begins_with(keys.CONSENT_PREFIX)
        return tuple(consent_from_change(item) for item in self._query(answers, consistent=True))

    def segments(self, person_id: str) -> Sequence[Item]:
        """Return a person's segment items. One request, strongly consistent."""
        return self._query(self._starting_with(person_id, keys.SEGMENT_PREFIX), consistent=True)

    def timeline(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of the timeline, newest first. Raise CursorError for a foreign cursor.

        One request, and further ones only where removed entries leave the page unfilled.
        """
        return self._page(person_id, keys.EVENT_PREFIX, limit, cursor)

    def decisions(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of decisions, newest first, strongly consistent. Raise CursorError for a foreign cursor."""
        return self._page(person_id, keys.DECISION_PREFIX, limit, cursor)

    def messages(self, person_id: str, *, limit: int) -> Sequence[Item]:
        """Return the latest messages, newest first. One request."""
        return self.message_page(person_id, limit=limit).items

    def message_page(self, person_id: str, *, limit: int, cursor: str | None = None) -> Page:
        """Return a page of messages, newest first, strongly consistent. Raise CursorError for a foreign cursor."""
        return self._page(person_id, keys.MESSAGE_PREFIX, limit, cursor)

    def inbox(self, person_id: str) -> tuple[InboxMessage, ...]:
        """Return what lies in a person's inbox, in no order, expired or not. One request, strongly consistent."""
        items = self._query(self._starting_with(person_id, keys.INBOX_PREFIX), consistent=True)
        return tuple(inbox_from_item(item) for item in items)

    def devices(self, person_id: str) -> tuple[Device, ...]:
        """Return a person's devices, in no order, expired or not. One request, strongly consistent."""
        items = self._query(self._starting_with(person_id, keys.DEVICE_PREFIX), consistent=True)
        return tuple(device_from_item(item) for item in items)

    def waits(self, person_id: str) -> tuple[Waiting, ...]:
        """Return in which steps of journeys a person waits, expired or not. One request, strongly consistent."""
        items = self._query(self._starting_with(person_id, keys.WAIT_PREFIX), consistent=True)
        return tuple(waiting_from_item(item) for item in items)

    def controls(self, names: Iterable[str]) -> tuple[Control, ...]:
        """Return what somebody said about these journeys and plays. One request, strongly consistent."""
        wanted = [keys.control_key(name) for name in dict.fromkeys(names)]
        left: Mapping[str, Any] = {self.table: {"Keys": wanted, "ConsistentRead": True}} if wanted else {}
        return tuple(control_from_item(item) for item in self._answers(left))

    def sent_message(self, message_id: str) -> SentMessage | None:
        """Return what was noted of a message when it was handed over, or None. One request, strongly consistent."""
        key = keys.sent_key(message_id)
        item: Item | None = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
        return None if item is None else sent_from_item(item)

    def _get(self, key: keys.Key) -> Item | None:
        item: Item | None = self.client.get_item(TableName=self.table, Key=key).get("Item")
        return item

    def _get_all(self, wanted: list[keys.Key]) -> Iterator[Item]:
        """Yield the items that exist, as far as they are needed; request again what DynamoDB left unprocessed."""
        left: Mapping[str, Any] = {
            self.table: {
                "Keys": wanted,
                "ConsistentRead": True,
                "ProjectionExpression": "PK, SK, version_order, #segments",
                "ExpressionAttributeNames": {"#segments": "segments"},  # the word is reserved
            }
        }
        yield from self._answers(left)

    def _answers(self, left: Mapping[str, Any]) -> Iterator[Item]:
        while left:
            answer = self.client.batch_get_item(RequestItems=left)
            yield from answer["Responses"].get(self.table, ())
            left = answer.get("UnprocessedKeys", {})

    def _starting_with(self, person_id: str, prefix: str) -> ConditionBase:
        return Key(keys.PARTITION).eq(keys.person_partition(person_id)) & Key(keys.SORT).begins_with(prefix)

    def _query(self, condition: ConditionBase, *, consistent: bool = False) -> list[Item]:
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": condition,
            "ConsistentRead": consistent,
        }
        items: list[Item] = []
        while True:
            answer = self.client.query(**request)
            items.extend(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return items
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _page(self, person_id: str, prefix: str, limit: int, cursor: str | None) -> Page:
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": self._starting_with(person_id, prefix),
            # DynamoDB deletes expired items within days, not at once.
            "FilterExpression": _is_present(int(time.time())),
            "ScanIndexForward": False,
            # A decision or message of a moment ago must count; the timeline may be a second behind.
            "ConsistentRead": prefix != keys.EVENT_PREFIX,
            "Limit": limit,
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = keys.person_key(person_id, _read_cursor(cursor, prefix))
        items: list[Item] = []
        while True:
            answer = self.client.query(**request)
            items.extend(answer["Items"])
            last = answer.get("LastEvaluatedKey")
            if len(items) > limit:
                return Page(items=items[:limit], cursor=_write_cursor(items[limit - 1][keys.SORT]))
            if last is None or len(items) == limit:
                return Page(items=items, cursor=None if last is None else _write_cursor(last[keys.SORT]))
            request |= {"ExclusiveStartKey": last, "Limit": LOOK_FURTHER}


def _is_present(now: int) -> ConditionBase:
    """Return the condition of items that are neither removed nor expired."""
    lives = Attr(keys.EXPIRES_AT).not_exists() | Attr(keys.EXPIRES_AT).gt(now)
    return Attr(keys.TOMBSTONE).not_exists() & lives


def _person(item: Item | None) -> str | None:
    """Return the person that an item names; a tombstone names nobody."""
    return None if item is None or "person_id" not in item else str(item["person_id"])


def _is_former(item: Item, alias: Item | None, person_id: str) -> bool:
    return alias is None or _person(alias) == person_id or int(alias["version"]) < int(item["version"])


def _stored_state(items: Sequence[Item]) -> StoredState:
    profile = next((item for item in items if item[keys.SORT] == keys.PROFILE), None)
    return StoredState(
        version=max((str(item["version_order"]) for item in items), default=""),
        has_profile=profile is not None,
        segments=frozenset(profile["segments"]) if profile is not None else frozenset(),
    )


def _write_cursor(sort: str) -> str:
    return base64.urlsafe_b64encode(sort.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, prefix: str) -> str:
    try:
        sort = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise CursorError("cursor: pass it unchanged from the previous page") from error
    if _write_cursor(sort) != cursor or len(sort.encode()) > LONGEST_SORT:
        raise CursorError("cursor: pass it unchanged from the previous page")
    if not sort.startswith(prefix):
        raise CursorError("cursor: it belongs to another list")
    return sort
