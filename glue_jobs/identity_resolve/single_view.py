"""The items of the single view that identity owns: whose identifier is this, and who is an old id now?"""

from collections.abc import Iterable, Mapping
from typing import Any

Item = dict[str, Any]
Key = dict[str, str]


def identifier_key(keyed_hash: str) -> Key:
    """Return the item key of an identifier, from its keyed hash `<type>:<hmac>`."""
    kind, _, digest = keyed_hash.partition(":")
    return {"PK": f"ID#{kind}#{digest}", "SK": "PERSON"}


def alias_key(person_id: str) -> Key:
    """Return the item key of the alias of an id that is no longer in use."""
    return {"PK": f"PERSON#{person_id}", "SK": "ALIAS"}


def puts(changes: Iterable[Mapping[str, Any]], aliases: Mapping[str, str], version: int) -> list[Item]:
    """Return the items to write: identifiers that have another person now, and every alias."""
    identifiers = [
        {**identifier_key(change["key"]), "person_id": change["person_id"], "version": change["version"]}
        for change in changes
        if change["kind"] == "identifier" and change["op"] == "upsert"
    ]
    return identifiers + [
        {**alias_key(old), "person_id": survivor, "version": version} for old, survivor in sorted(aliases.items())
    ]


def deletes(changes: Iterable[Mapping[str, Any]], restored: Iterable[str]) -> list[Key]:
    """Return the keys to delete: identifiers of nobody, and aliases of ids that are in use again."""
    identifiers = [
        identifier_key(change["key"])
        for change in changes
        if change["kind"] == "identifier" and change["op"] == "delete"
    ]
    return identifiers + [alias_key(person_id) for person_id in sorted(restored)]


def write(table: Any, items: Iterable[Item], keys: Iterable[Key]) -> None:
    """Write and delete in batches; writing it again changes nothing. `table` is boto3's DynamoDB table."""
    with table.batch_writer(overwrite_by_pkeys=["PK", "SK"]) as batch:
        for key in keys:
            batch.delete_item(Key=key)
        for item in items:
            batch.put_item(Item=item)
