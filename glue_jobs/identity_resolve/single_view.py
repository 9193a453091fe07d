"""The items of the single view that identity owns: whose identifier is this, and who is an old id now?"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from c360_core import single_view_keys as keys

Item = dict[str, Any]
PRIMARY_KEY: Final = (keys.PARTITION, keys.SORT)


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


def write(table: Any, items: Iterable[Item], gone: Iterable[keys.Key]) -> None:
    """Write and delete in batches; writing it again changes nothing. `table` is boto3's DynamoDB table."""
    with table.batch_writer(overwrite_by_pkeys=list(PRIMARY_KEY)) as batch:
        for key in gone:
            batch.delete_item(Key=key)
        for item in items:
            batch.put_item(Item=item)
