"""Writes the single view: the condition on every write keeps an older change from replacing a newer one.

A failed condition is no error: something newer is stored already, or the same record was delivered twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import ClientError

from c360_aws.single_view_reader import SingleViewReader, StoredState
from c360_aws.transactions import CONDITION_FAILED, Action, TransactionWriter, condition_failed, reasons
from c360_core import single_view_keys as keys
from c360_core.consent import Answers, Channel, Consent, Purpose, answers_from_item, answers_to_item
from c360_core.controls import Control, control_to_item
from c360_core.decision import Decision, decision_facts
from c360_core.delivery import STANDING, Outcome, SentMessage, sent_to_item
from c360_core.devices import Device, device_to_item, token_key
from c360_core.inbox import InboxMessage, inbox_to_item, waiting
from c360_core.moments import moment_text
from c360_core.profile import Profile, Removal
from c360_core.profile_item import profile_to_item
from c360_core.rebuild import Rebuild
from c360_core.timeline import TimelineEntry
from c360_core.waiting import Waiting, waiting_to_item

ABSENT_OR_OLDER: Final = "attribute_not_exists(version_order) OR version_order < :new"
ATTEMPTS: Final = 3
# A change without a number dates from before changes were numbered: the latest to arrive counts until one has one.
NOT_NEWER: Final = "attribute_not_exists(#sequence) OR #sequence <= :sequence"


class WriteOutcome(StrEnum):
    """The outcome of a write."""

    WRITTEN = "written"
    REPEATED = "repeated"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleViewWriter:
    """The single view, for writing. `client` takes Python values: `boto3.resource("dynamodb").meta.client`."""

    client: Any
    table: str

    def stored_states(self, person_ids: Iterable[str]) -> dict[str, StoredState]:
        """Return what is stored of each person, which the writes below need."""
        return SingleViewReader(client=self.client, table=self.table).stored_states(person_ids)

    def rebuild(self) -> Rebuild | None:
        """Return the latest rebuild of all profiles, or None."""
        return SingleViewReader(client=self.client, table=self.table).rebuild()

    def put_ended(self, shard: str, *, since: int) -> None:
        """Record that all messages of a rebuild in a shard are written; `since` is the first number of the rebuild."""
        self.client.put_item(TableName=self.table, Item={**keys.ended_key(shard), "since": since})

    def put_profile(self, profile: Profile, there: StoredState, *, now: datetime) -> WriteOutcome:
        """Store a profile and its segment memberships, unless a newer profile or a newer removal is stored.

        Profile and memberships change together or not at all. A person who already is in a segment keeps the date of
        joining. `there` may be out of date by now; then the writer reads it again.

        Raises:
            ClientError: DynamoDB refused, or other writers kept changing the same person.
        """
        return self._replace(
            profile.person_id, profile.version.text, there, lambda found: self._put(profile, found, now)
        )

    def remove_profile(self, removal: Removal, there: StoredState, *, now: datetime) -> WriteOutcome:
        """Remove a profile unless a newer one is stored, and record the removal, so that nothing older restores it.

        Raises:
            ClientError: DynamoDB refused, or other writers kept changing the same person.
        """
        return self._replace(
            removal.person_id, removal.version.text, there, lambda found: self._remove(removal, found, now)
        )

    def put_event(self, entry: TimelineEntry, *, sequence: int, keep_days: int) -> bool:
        """Store a timeline entry unless a later change of it is stored; return whether it was stored.

        The later change may be a removal. Storing an entry again changes nothing.
        """
        known = {
            "amount": entry.amount,
            "currency": entry.currency,
            "session_id": entry.session_id,
        }
        item = {
            "event_id": entry.event_id,
            "event_type": entry.event_type,
            "occurred_at": moment_text(entry.occurred_at),
            "source": entry.source,
            **{name: value for name, value in known.items() if value is not None},
        }
        return self._put_entry(entry, item, sequence=sequence, keep_days=keep_days)

    def remove_event(self, entry: TimelineEntry, *, sequence: int, keep_days: int) -> bool:
        """Remove an entry from a timeline, because it belongs to another person; return whether it was removed.

        A tombstone, which lives as long as the entry would have, keeps an older change from restoring it.
        """
        return self._put_entry(entry, {keys.TOMBSTONE: True}, sequence=sequence, keep_days=keep_days)

    def change_answers(
        self,
        person_id: str,
        purpose: Purpose,
        channel: Channel,
        change: Callable[[Answers], Answers],
        *,
        now: datetime,
    ) -> Answers:
        """Apply a change to the stored answers to one question; return the answers that are now stored.

        Raises:
            ClientError: DynamoDB refused, or other writers kept changing the same answer.
        """
        key = keys.person_key(person_id, keys.consent_sort(purpose, channel))
        for attempt in range(1, ATTEMPTS + 1):
            found = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item")
            before = Answers() if found is None else answers_from_item(found)
            after = change(before)
            if after == before:
                break
            item = {**key, **answers_to_item(after, purpose, channel)}
            if after.current(purpose, channel) is None:
                item[keys.EXPIRES_AT] = int((now + keys.REMEMBER_REMOVAL).timestamp())
            try:
                self._put_answers(item, found)
            except ClientError as error:
                if attempt == ATTEMPTS or not condition_failed(error):
                    raise
            else:
                break  # otherwise another writer was faster: read again
        return after

    def put_consent(self, person_id: str, consent: Consent) -> bool:
        """Store an answer that a person gives us directly; return whether it is the one that counts.

        The younger answer counts, and of two answers of the same moment the withdrawal.
        """
        purpose, channel = consent.purpose, consent.channel
        answers = self.change_answers(
            person_id, purpose, channel, lambda before: before.add(consent), now=consent.decided_at
        )
        return answers.current(purpose, channel) == consent

    def put_address_consent(self, keyed_hash: str, consent: Consent) -> bool:
        """Store an answer about an address, by its keyed hash, unless a younger one is stored; return if it was.

        The same answer remains in whatever order answers arrive. It does not expire: a later owner of the address has
        not agreed either.
        """
        item = {
            **keys.address_consent_key(keyed_hash, consent),
            "purpose": str(consent.purpose),
            "channel": str(consent.channel),
            "granted": consent.granted,
            "decided_at": moment_text(consent.decided_at),
        }
        condition = "attribute_not_exists(decided_at) OR decided_at < :at"
        values: dict[str, object] = {":at": item["decided_at"]}
        if not consent.granted:
            condition += " OR (decided_at = :at AND granted = :yes)"
            values[":yes"] = True
        return self._put_if(item, condition, values)

    def put_decision(self, decision: Decision, *, keep_days: int) -> bool:
        """Store a decision unless there is one on the same trigger event; return whether it was stored."""
        item = {
            **keys.person_key(decision.person_id, keys.decision_sort(decision.occasion_at, decision.decision_id)),
            **decision_facts(decision),
            keys.EXPIRES_AT: int((decision.decided_at + timedelta(days=keep_days)).timestamp()),
        }
        return self._put_if(item, "attribute_not_exists(SK)", {})

    def put_within_budget(self, decision: Decision, *, period: str, most: int, keep_days: int) -> bool | None:
        """Store a decision and count it against the budget of its play, both or neither.

        Args:
            decision: to send or defer a message.
            period: whose budget it is, such as 2026-03-02 or 2026-03.
            most: messages in this period.
            keep_days: how long both are kept.

        Returns:
            Whether it was stored: False when there is one on the same trigger event already, None when the budget of
            the day or month has nothing left.
        """
        expires = int((decision.decided_at + timedelta(days=keep_days)).timestamp())
        item = {
            **keys.person_key(decision.person_id, keys.decision_sort(decision.occasion_at, decision.decision_id)),
            **decision_facts(decision),
            keys.EXPIRES_AT: expires,
        }
        counter: Action = {
            "Update": {
                "Key": keys.budget_key(decision.trigger, period),
                "UpdateExpression": f"SET {keys.EXPIRES_AT} = :expires ADD spent :one",
                "ConditionExpression": "attribute_not_exists(spent) OR spent < :most",
                "ExpressionAttributeValues": {":one": 1, ":most": most, ":expires": expires},
            }
        }
        put: Action = {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(SK)"}}
        try:
            TransactionWriter(client=self.client, table=self.table).all_or_none([put, counter])
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False if reasons(error)[0] == CONDITION_FAILED else None
        return True

    def note_sent(self, sent: SentMessage) -> None:
        """Note a message before its channel gets it, so that a report about it is understood however early it comes."""
        item = {
            **keys.sent_key(sent.message_id),
            **sent_to_item(sent),
            keys.EXPIRES_AT: int(sent.expires_at.timestamp()),
        }
        self.client.put_item(TableName=self.table, Item=item)

    def put_not_sent(self, decision: Mapping[str, Any], *, template: str, reasons: Sequence[str], at: datetime) -> None:
        """Store with a decision why a message of it was not sent; of one template the latest time counts.

        Args:
            decision: its item, as it was read.
            template: of the message.
            reasons: why it was not sent.
            at: when it should have been.
        """
        others = [one for one in decision.get("not_sent", ()) if one["template"] != template]
        now = {"template": template, "reasons": list(reasons), "at": moment_text(at)}
        self._put_if({**decision, "not_sent": [*others, now]}, "attribute_exists(SK)", {})

    def put_in_inbox(self, person_id: str, message: InboxMessage, *, most: int) -> None:
        """Put a message into a person's inbox, where at most so many wait: the newest stay.

        Putting it there again changes nothing. Two requests, and one for each message that has to go.
        """
        item = {
            **keys.inbox_key(person_id, message.message_id),
            **inbox_to_item(message),
            keys.EXPIRES_AT: int(message.expires_at.timestamp()),
        }
        self.client.put_item(TableName=self.table, Item=item)
        there = SingleViewReader(client=self.client, table=self.table).inbox(person_id)
        kept = {one.message_id for one in waiting(there, now=message.put_at, most=most)}
        for one in there:
            if one.message_id not in kept:
                self.take_from_inbox(person_id, one.message_id)

    def take_from_inbox(self, person_id: str, message_id: str) -> None:
        """Take a message out of a person's inbox; it may be gone already."""
        self.client.delete_item(TableName=self.table, Key=keys.inbox_key(person_id, message_id))

    def put_device(self, person_id: str, device: Device) -> None:
        """Store a device of a person, and take it from whoever had it before. Two requests, or three.

        First the former owner: whatever fails, nobody gets messages for somebody else.
        """
        owner = keys.device_owner_key(device.key)
        before = self.client.get_item(TableName=self.table, Key=owner, ConsistentRead=True).get("Item")
        if before is not None and before["person_id"] != person_id:
            self.client.delete_item(TableName=self.table, Key=keys.device_key(str(before["person_id"]), device.key))
        expires = {keys.EXPIRES_AT: int(device.expires_at.timestamp())}
        self.client.put_item(TableName=self.table, Item={**owner, "person_id": person_id, **expires})
        item = {**keys.device_key(person_id, device.key), **device_to_item(device), **expires}
        self.client.put_item(TableName=self.table, Item=item)

    def forget_device(self, token: str) -> None:
        """Forget a device, whosever it is; it may be forgotten already. Two requests, or three."""
        owner = keys.device_owner_key(token_key(token))
        found = self.client.get_item(TableName=self.table, Key=owner, ConsistentRead=True).get("Item")
        if found is not None:
            self.client.delete_item(
                TableName=self.table, Key=keys.device_key(str(found["person_id"]), token_key(token))
            )
            self.client.delete_item(TableName=self.table, Key=owner)

    def put_wait(self, waiting: Waiting) -> None:
        """Store that a person waits; the newest token of a step counts."""
        key = keys.wait_key(waiting.person_id, waiting.decision_id, waiting.step)
        expires = {keys.EXPIRES_AT: int(waiting.expires_at.timestamp())}
        self.client.put_item(TableName=self.table, Item={**key, **waiting_to_item(waiting), **expires})

    def take_wait(self, waiting: Waiting) -> None:
        """Forget that a person waits, unless the person waits there anew; it may be forgotten already."""
        try:
            self.client.delete_item(
                TableName=self.table,
                Key=keys.wait_key(waiting.person_id, waiting.decision_id, waiting.step),
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": waiting.token},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise

    def put_control(self, control: Control) -> None:
        """Store what somebody says about a journey or a play."""
        self.client.put_item(TableName=self.table, Item={**keys.control_key(control.name), **control_to_item(control)})

    def put_message(self, sent: SentMessage) -> None:
        """Store that a message was sent, unless a report already says more; storing it again changes nothing."""
        self.put_outcome(sent, Outcome.SENT, at=sent.sent_at)

    def put_outcome(self, sent: SentMessage, outcome: Outcome, *, at: datetime) -> bool:
        """Store what became of a message, unless more is known already; return whether it was stored.

        Reports and the record of the message itself come in any order: each stores the whole message.
        """
        facts = {**sent.facts, "sent_at": moment_text(sent.sent_at), "outcome": str(outcome)}
        facts["outcome_at"] = moment_text(at)
        values: dict[str, object] = {f":{name}": value for name, value in facts.items()}
        names = {f"#{name}": name for name in facts}
        sets = ", ".join(f"#{name} = :{name}" for name in facts)
        try:
            self.client.update_item(
                TableName=self.table,
                Key=keys.person_key(sent.person_id, keys.message_sort(sent.sent_at, sent.message_id)),
                UpdateExpression=f"SET {sets}, standing = :standing, {keys.EXPIRES_AT} = :expires",
                ConditionExpression="attribute_not_exists(standing) OR standing < :standing",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    **values,
                    ":standing": STANDING[outcome],
                    ":expires": int(sent.expires_at.timestamp()),
                },
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True

    def _replace(
        self,
        person_id: str,
        version: str,
        there: StoredState,
        write: Callable[[StoredState], None],
        attempts: int = ATTEMPTS,
    ) -> WriteOutcome:
        """Write a version of a person over the stored one, unless that is newer or the same."""
        if there.version >= version:
            return WriteOutcome.REPEATED if there.version == version else WriteOutcome.STALE
        try:
            write(there)
        except ClientError as error:
            if attempts == 1 or not condition_failed(error):
                raise
            found = self.stored_states([person_id])[person_id]  # another writer was faster: read again
            return self._replace(person_id, version, found, write, attempts - 1)
        return WriteOutcome.WRITTEN

    def _put(self, profile: Profile, there: StoredState, now: datetime) -> None:
        person_id, version = profile.person_id, {":new": profile.version.text}
        item = {**keys.person_key(person_id, keys.PROFILE), **profile_to_item(profile)}
        segments = self._segment_writes(person_id, there.segments, set(profile.segments), now)
        if there.has_profile:
            put = {"Item": item, "ConditionExpression": "version_order < :new", "ExpressionAttributeValues": version}
            if segments:
                self._transact({"Put": put}, *segments)
            else:  # half the price of a transaction
                self.client.put_item(TableName=self.table, **put)
            return
        self._transact(
            {"Put": {"Item": item, "ConditionExpression": "attribute_not_exists(SK)"}},
            {
                "ConditionCheck": {
                    "Key": keys.person_key(person_id, keys.REMOVED),
                    "ConditionExpression": ABSENT_OR_OLDER,
                    "ExpressionAttributeValues": version,
                }
            },
            *segments,
        )

    def _remove(self, removal: Removal, there: StoredState, now: datetime) -> None:
        person_id, version = removal.person_id, {":new": removal.version.text}
        condition = {"ConditionExpression": ABSENT_OR_OLDER, "ExpressionAttributeValues": version}
        marker = {
            **keys.person_key(person_id, keys.REMOVED),
            "version_order": removal.version.text,
            keys.EXPIRES_AT: int((now + keys.REMEMBER_REMOVAL).timestamp()),
        }
        self._transact(
            {"Put": {"Item": marker, **condition}},
            {"Delete": {"Key": keys.person_key(person_id, keys.PROFILE), **condition}},
            *self._segment_writes(person_id, there.segments, set(), now),
        )

    def _segment_writes(self, person_id: str, stored: Set[str], wanted: Set[str], now: datetime) -> list[Action]:
        joined = [
            {**keys.person_key(person_id, keys.segment_sort(name)), "segment": name, "since": moment_text(now)}
            for name in sorted(wanted - stored)
        ]
        left = [keys.person_key(person_id, keys.segment_sort(name)) for name in sorted(stored - wanted)]
        return [*({"Put": {"Item": item}} for item in joined), *({"Delete": {"Key": key}} for key in left)]

    def _put_entry(self, entry: TimelineEntry, content: Mapping[str, object], *, sequence: int, keep_days: int) -> bool:
        item: dict[str, object] = {
            **keys.person_key(entry.person_id, keys.event_sort(entry)),
            **content,
            keys.EXPIRES_AT: int(entry.expires_at(keep_days).timestamp()),
        }
        if sequence:
            item["sequence"] = sequence
        return self._put_if(item, NOT_NEWER, {":sequence": sequence}, names={"#sequence": "sequence"})

    def _put_answers(self, item: dict[str, object], found: Mapping[str, Any] | None) -> None:
        """Store answers if the item is unchanged since it was read."""
        request: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(SK)"}
        revision = 0
        if found is not None:
            revision = int(found.get("revision", 0))
            names = {"#revision": "revision"}
            request = {"ConditionExpression": "attribute_not_exists(#revision)", "ExpressionAttributeNames": names}
            if revision:
                values = {":revision": revision}
                request |= {"ConditionExpression": "#revision = :revision", "ExpressionAttributeValues": values}
        self.client.put_item(TableName=self.table, Item={**item, "revision": revision + 1}, **request)

    def _put_if(
        self,
        item: Mapping[str, object],
        condition: str,
        values: Mapping[str, object],
        *,
        names: Mapping[str, str] | None = None,
    ) -> bool:
        request: dict[str, Any] = {"TableName": self.table, "Item": item, "ConditionExpression": condition}
        if values:
            request["ExpressionAttributeValues"] = values
        if names:
            request["ExpressionAttributeNames"] = names  # for words that DynamoDB reserves
        try:
            self.client.put_item(**request)
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True

    def _transact(self, *actions: Action) -> None:
        """Do all actions or none."""
        # One attempt: the change is delivered again, which is cheaper than waiting here.
        TransactionWriter(client=self.client, table=self.table, attempts=1).all_or_none(actions)
