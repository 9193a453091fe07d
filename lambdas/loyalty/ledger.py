"""What was written of each member: the version of the profile behind it, and who is writing now.

A lease lets one invocation write a member at a time. So a call that is slow has ended, one way or the other, before a
newer tier goes out, and an older one never comes after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from c360_aws.transactions import condition_failed
from lambdas.shared.outbound.circuit import ID

# Longer than a call may take, with its connection, its handshake and its answer.
LEASE_SECONDS: Final = 60.0
# After so long nothing older than what is noted is left in a queue or a dead-letter queue.
KEEP_SECONDS: Final = 400 * 86_400
_FREE: Final = "(attribute_not_exists(leased_until) OR leased_until <= :now)"


class Claim(Enum):
    """Whether an invocation may write."""

    MINE = "mine"
    BUSY = "busy"
    STALE = "stale"
    DONE = "done"
    UNCHANGED = "unchanged"


class Ledger(Protocol):
    """Knows what was written of each member."""

    def claim(self, member_id: str, *, version: str, tier: str, now: float) -> Claim:
        """Ask for the lease of a member, to write the tier of a version of the profile."""

    def settle(self, member_id: str, *, version: str, tier: str, now: float) -> None:
        """Note that the tier of a version was written, or refused for good, and end the lease."""

    def release(self, member_id: str) -> None:
        """End the lease without having written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLedger:
    """A ledger in a table. `client` takes Python values."""

    client: Any
    table: str

    def claim(self, member_id: str, *, version: str, tier: str, now: float) -> Claim:
        """Take the lease, unless something newer was written, the same was, or somebody else writes.

        A newer version whose tier is the same as the noted one needs no call.
        """
        found = self.client.get_item(TableName=self.table, Key=_key(member_id), ConsistentRead=True).get("Item") or {}
        written = str(found.get("version", ""))
        if written >= version:
            return Claim.DONE if written == version else Claim.STALE
        values: dict[str, object] = {":version": version, ":now": int(now)}
        # After a call of which nobody knows whether it arrived, the tier there may be another than the one noted.
        if found.get("tier") == tier and "doubtful" not in found:
            same = f"tier = :tier AND attribute_not_exists(doubtful) AND version < :version AND {_FREE}"
            skipped = self._set_if(member_id, "SET version = :version", same, {**values, ":tier": tier})
            return Claim.UNCHANGED if skipped else Claim.BUSY
        taken = self._set_if(
            member_id,
            "SET leased_until = :until, doubtful = :yes, expires_at = :expires",
            f"(attribute_not_exists(version) OR version < :version) AND {_FREE}",
            {**values, ":until": int(now + LEASE_SECONDS), ":yes": True, ":expires": int(now + KEEP_SECONDS)},
        )
        return Claim.MINE if taken else Claim.BUSY

    def settle(self, member_id: str, *, version: str, tier: str, now: float) -> None:
        """Note what was written, unless something newer is noted."""
        self._set_if(
            member_id,
            "SET version = :version, tier = :tier, expires_at = :expires REMOVE leased_until, doubtful",
            "attribute_not_exists(version) OR version <= :version",
            {":version": version, ":tier": tier, ":expires": int(now + KEEP_SECONDS)},
        )

    def release(self, member_id: str) -> None:
        """End the lease; what is noted stays doubtful, since the call may have arrived."""
        self.client.update_item(TableName=self.table, Key=_key(member_id), UpdateExpression="REMOVE leased_until")

    def _set_if(self, member_id: str, update: str, condition: str, values: Mapping[str, object]) -> bool:
        """Change the item of a member; return whether the condition held."""
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(member_id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True


def _key(member_id: str) -> dict[str, str]:
    return {ID: f"MEMBER#{member_id}"}
