"""The single view and the one writer of profiles, as a rebuild needs them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from c360_aws.stream_relay import RelayError
from c360_core import single_view_keys as keys
from c360_core.rebuild import Rebuild, rebuild_from_item, rebuild_to_item
from ops.deployed_streams import StreamEnds

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PAUSE_SECONDS: Final = 5.0
CHANGE_SECONDS: Final = 600.0
SAMPLE: Final = 20


class ViewError(RuntimeError):
    """The writer or the single view did not do what was asked; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildFindings:
    """What a look at all profiles of the single view found.

    Attributes:
        rebuilt: how many are from this rebuild or newer.
        older: how many are older, so that the rebuild has not published them.
        examples: person ids of some of those.
    """

    rebuilt: int
    older: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileWriterControl:
    """What feeds the writer: an event source mapping, by its id, and the ends of the stream that it reads."""

    functions: "LambdaClient"
    mapping: str
    ends: StreamEnds
    pause: Callable[[float], None] = time.sleep

    def hold(self) -> None:
        """Feed the writer no more; what comes stays on the stream.

        Raises:
            ViewError: it is fed on.
        """
        self._switch(on=False)

    def go_on(self) -> None:
        """Feed the writer again, from where it was.

        Raises:
            ViewError: it is not fed.
        """
        self._switch(on=True)

    def send_ends(self, rebuild: Rebuild) -> tuple[str, ...]:
        """Put the end of a rebuild's messages onto each open shard, or into each partition; return their names.

        Raises:
            ViewError, ClientError: the stream refused one.
        """
        try:
            return self.ends.tell(rebuild)
        except RelayError as error:
            raise ViewError(f"the end of the rebuild is not on its stream: {error}; type the command again") from error

    def _switch(self, *, on: bool) -> None:
        wanted = "Enabled" if on else "Disabled"
        waited, told = 0.0, False
        while (state := self._state()) != wanted:
            if waited >= CHANGE_SECONDS:
                raise ViewError(
                    f"the event source mapping {self.mapping} of profile_writer is {state} after {waited:.0f} s and "
                    f"not {wanted}; look at it with `aws lambda get-event-source-mapping`, and type the command again"
                )
            # One that is changing takes no order.
            if not told and not state.endswith("ing"):
                self.functions.update_event_source_mapping(UUID=self.mapping, Enabled=on)
                told = True
            self.pause(PAUSE_SECONDS)
            waited += PAUSE_SECONDS

    def _state(self) -> str:
        return str(self.functions.get_event_source_mapping(UUID=self.mapping)["State"])


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleViewCheck:
    """The table. `client` takes Python values: `boto3.resource("dynamodb").meta.client`."""

    client: Any
    table: str

    def rebuild(self) -> Rebuild | None:
        """Return the latest rebuild, or None."""
        item = self._get(keys.rebuild_key())
        return None if item is None else rebuild_from_item(item)

    def note(self, rebuild: Rebuild) -> None:
        """Note a rebuild, so that the writer knows its messages, and whoever goes on with it where it is."""
        self.client.put_item(TableName=self.table, Item={**keys.rebuild_key(), **rebuild_to_item(rebuild)})

    def has_ended(self, shard: str, rebuild: Rebuild) -> bool:
        """Say whether the writer has written all that a rebuild tells in a shard."""
        item = self._get(keys.ended_key(shard))
        return item is not None and int(item["since"]) == rebuild.since

    def look(self, rebuild: Rebuild) -> RebuildFindings:
        """Count the profiles, of this rebuild and older ones. Reads the whole table."""
        rebuilt, older, examples = 0, 0, list[str]()
        for item in self._profiles():
            if int(item.get("version", {}).get("sequence", 0)) >= rebuild.since:
                rebuilt += 1
            else:
                older += 1
                examples.append(str(item["person_id"]))
        return RebuildFindings(rebuilt=rebuilt, older=older, examples=tuple(sorted(examples)[:SAMPLE]))

    def _profiles(self) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.table,
            FilterExpression="SK = :profile",
            ProjectionExpression="person_id, version",
            ExpressionAttributeValues={":profile": keys.PROFILE},
        )
        for page in pages:
            yield from page["Items"]

    def _get(self, key: keys.Key) -> dict[str, Any] | None:
        item: dict[str, Any] | None = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True).get(
            "Item"
        )
        return item
