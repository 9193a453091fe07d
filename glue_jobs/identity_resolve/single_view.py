"""The items of the single view that identity owns: whose identifier is this, and who is an old id now?"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from c360_aws.transactions import ACTIONS_PER_CALL, TransactionWriter
from c360_core import single_view_keys as keys

Item = dict[str, Any]
WRITERS: Final = 8


def puts(changes: Iterable[Mapping[str, Any]], aliases: Mapping[str, str], version: int) -> list[Item]:
    """Return the items to write: identifiers that have another person now, and every alias."""
    identifiers = [
        {**keys.identifier_key(change["key"]), "person_id": change["person_id"], "version": change["version"]}
        for change in changes
        if change["kind"] == "identifier" and change["op"] == "upsert"
    ]
    return identifiers + [
        {**keys.alias_key(old), "person_id": survivor, "version": version} for old, survivor in sorted(aliases.items())
    ]


def deletes(changes: Iterable[Mapping[str, Any]], restored: Iterable[str]) -> list[keys.Key]:
    """Return the keys to delete: identifiers of nobody, and aliases of ids that are in use again."""
    identifiers = [
        keys.identifier_key(change["key"])
        for change in changes
        if change["kind"] == "identifier" and change["op"] == "delete"
    ]
    return identifiers + [keys.alias_key(person_id) for person_id in sorted(restored)]


def write(client: Any, table: str, items: Iterable[Item], gone: Iterable[keys.Key], *, version: int) -> int:
    """Write items, and tombstones in the place of what is gone, unless a later run was here; return how many it wrote.

    Writing it again changes nothing. What an older run writes late, since it was held up or is repeated, never
    replaces the word of a newer one; a tombstone remembers that word for as long as a run may be late.

    Args:
        client: of DynamoDB, with Python values: `boto3.resource("dynamodb").meta.client`.
        table: name of the table.
        items: what to put, as `puts` returns it.
        gone: keys of what is no more, as `deletes` returns them.
        version: of the run, in epoch milliseconds.

    Raises:
        ClientError: DynamoDB refused.
    """
    forget_at = version // 1000 + int(keys.REMEMBER_REMOVAL.total_seconds())
    tombstones = [{**key, keys.TOMBSTONE: True, "version": version, keys.EXPIRES_AT: forget_at} for key in gone]
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
