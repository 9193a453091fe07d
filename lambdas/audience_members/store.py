"""Where it is kept whom each platform was told of: a table of DynamoDB, one item for each member of an audience."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

from lambdas.audience_members.members import Held, Kind, Member, Status

AUDIENCE: Final = "audience"
MEMBER: Final = "member"
_ITEMS_OF_A_WRITE: Final = 25
_ATTEMPTS: Final = 8


class StoreBusyError(RuntimeError):
    """DynamoDB did not take all items; the run goes on from what it has taken."""


class MembersTable:
    """The items of all audiences.

    Args:
        client: a DynamoDB client that takes and returns Python values.
        table: its name.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def all(self, audience: str) -> dict[Member, Held]:
        """Return what is kept of an audience."""
        return {_member(item): _held(item) for item in self._items(audience)}

    def put(self, audience: str, members: Mapping[Member, Held]) -> None:
        """Keep members; raise StoreBusyError when DynamoDB takes not all of them."""
        self._write(
            {"PutRequest": {"Item": {**_key(audience, member), **{k: v for k, v in asdict(held).items() if v}}}}
            for member, held in members.items()
        )

    def drop(self, audience: str, members: Iterable[Member]) -> None:
        """Forget members; raises as `put` does."""
        self._write({"DeleteRequest": {"Key": _key(audience, member)}} for member in members)

    def _items(self, audience: str) -> Iterator[Mapping[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "#audience = :audience",
            "ExpressionAttributeNames": {"#audience": AUDIENCE},
            "ExpressionAttributeValues": {":audience": audience},
            # What was written a moment ago decides whom a platform is told of.
            "ConsistentRead": True,
        }
        while True:
            answer = self._client.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _write(self, requests: Iterable[Mapping[str, Any]]) -> None:
        left = iter(requests)
        while batch := list(islice(left, _ITEMS_OF_A_WRITE)):
            for _ in range(_ATTEMPTS):
                answer = self._client.batch_write_item(RequestItems={self._table: batch})
                batch = answer.get("UnprocessedItems", {}).get(self._table, [])
                if not batch:
                    break
            else:
                raise StoreBusyError(f"{len(batch)} items of {self._table} were not written")


def _key(audience: str, member: Member) -> dict[str, str]:
    return {AUDIENCE: audience, MEMBER: f"{member.kind}#{member.sha256}"}


def _member(item: Mapping[str, Any]) -> Member:
    kind, _, sha256 = str(item[MEMBER]).partition("#")
    return Member(kind=Kind(kind), sha256=sha256)


def _held(item: Mapping[str, Any]) -> Held:
    return Held(
        status=Status(item["status"]),
        since=str(item["since"]),
        request=str(item.get("request", "")),
        tried=str(item.get("tried", "")),
        reason=str(item.get("reason", "")),
    )
