"""The items of the single view that identity resolution writes: owners of identifiers and aliases of old person ids."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from c360_aws.transactions import ACTIONS_PER_CALL, TransactionWriter
from c360_core import single_view_keys as keys
from c360_core.identity.announcements import DELETE, IDENTIFIER, PERSON, UPSERT

Item = dict[str, Any]
WRITERS: Final = 8


def puts(changes: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Return the items to write: identifiers with a new owner, and aliases of persons that were merged into others."""
    items = []
    for change in changes:
        if (change["kind"], change["op"]) == (IDENTIFIER, UPSERT):
            key, person = keys.identifier_key(change["key"]), change["person_id"]
        elif (change["kind"], change["op"]) == (PERSON, DELETE) and change["survivor_id"]:
            key, person = keys.alias_key(change["person_id"]), change["survivor_id"]
        else:
            continue
        items.append({**key, "person_id": person, "version": change["version"]})
    return items


def formers(changes: Iterable[Mapping[str, Any]]) -> list[Item]:
    """Return the items that name the former ids of the survivors of merges.

    Whoever decides about a survivor needs them to know what both got, so they come before the messages of the run.
    """
    return [
        {
            **keys.former_key(change["survivor_id"], change["person_id"]),
            "person_id": change["person_id"],
            "version": change["version"],
        }
        for change in changes
        if (change["kind"], change["op"]) == (PERSON, DELETE) and change["survivor_id"]
    ]


def deletes(changes: Sequence[Mapping[str, Any]], retired_before: Collection[str]) -> list[keys.Key]:
    """Return the keys to delete: identifiers without an owner, aliases of ids that were removed or are in use again.

    Args:
        changes: messages of the run.
        retired_before: person ids of closed rows of the map, which may have been out of use before.
    """
    without_owner = [
        keys.identifier_key(change["key"])
        for change in changes
        if (change["kind"], change["op"]) == (IDENTIFIER, DELETE)
    ]
    no_alias = {
        change["person_id"]
        for change in changes
        if change["kind"] == PERSON and not change["survivor_id"]
        if change["op"] == DELETE or change["person_id"] in retired_before
    }
    return without_owner + [keys.alias_key(person_id) for person_id in sorted(no_alias)]


def write(client: Any, table: str, items: Iterable[Item], deleted: Iterable[keys.Key], *, version: int) -> int:
    """Write items, and tombstones for deleted keys, unless a later run has written them; return how many were written.

    The write is idempotent. A delayed or repeated older run never replaces items of a newer run; tombstones are kept as
    long as a run may be late.

    Args:
        client: DynamoDB client that takes Python values: `boto3.resource("dynamodb").meta.client`.
        table: name of the table.
        items: items to put, from `puts`.
        deleted: keys to delete, from `deletes`.
        version: version of the run, in epoch milliseconds.

    Raises:
        ClientError: DynamoDB refused.
    """
    forget_at = version // 1000 + int(keys.REMEMBER_REMOVAL.total_seconds())
    tombstones = [{**key, keys.TOMBSTONE: True, "version": version, keys.EXPIRES_AT: forget_at} for key in deleted]
    last = {(item[keys.PARTITION], item[keys.SORT]): item for item in (*tombstones, *items)}
    actions = [_put(item) for item in last.values()]
    batches = [actions[start : start + ACTIONS_PER_CALL] for start in range(0, len(actions), ACTIONS_PER_CALL)]
    writer = TransactionWriter(client=client, table=table)
    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        return sum(pool.map(writer.each_that_may, batches))


def _put(item: Item) -> dict[str, dict[str, Any]]:
    return {
        "Put": {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#version) OR #version <= :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": item["version"]},
        }
    }
