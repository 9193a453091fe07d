"""Announces on the event bus what changes in the single view, as far as somebody waits for it there."""

import json
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any, Final

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from constructs import Construct

from c360_core import single_view_keys as keys
from c360_core.bus_events import CONTRACTS, SINGLE_VIEW_SOURCE, BusEvent
from stacks.constructs.grants import allow, read_changes
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.constructs.table_changes import TableChanges
from stacks.shared.platform import Platform

# By which sort key Lambda finds the changes behind an event.
_ITEMS: Final[Mapping[BusEvent, object]] = MappingProxyType(
    {
        BusEvent.SEGMENTS_CHANGED: keys.PROFILE,
        BusEvent.CONSENT_CHANGED: {"prefix": keys.CONSENT_PREFIX},
        BusEvent.MESSAGE_OUTCOME: {"prefix": keys.MESSAGE_PREFIX},
        BusEvent.ORDER_PLACED: keys.PROFILE,
    }
)
ANNOUNCED: Final = frozenset(kind for kind, contract in CONTRACTS.items() if contract.source == SINGLE_VIEW_SOURCE)


class Announcer(Construct):
    """The second reader of the single view's changes, of the two that DynamoDB recommends at most.

    Systems outside hang on the bus and not on the table: they may be as many as there are rules.
    """

    function: PythonFunction
    reader: StreamReader

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        kinds: Set[BusEvent],
        single_view: dynamodb.ITableV2,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="announcer",
            platform=platform,
            variables={"EVENT_BUS_NAME": bus.event_bus_name, "ANNOUNCED": json.dumps(sorted(kinds))},
            caller=Caller.STREAM,
            timeout_seconds=60,
        )
        allow(self.function.role, ("events:PutEvents",), bus.event_bus_arn)
        changes = TableChanges(single_view)
        read_changes(self.function.role, changes, platform.key)
        self.reader = StreamReader(
            self,
            "Changes",
            function=self.function,
            source=changes,
            batching=Batching(size=100),
            platform=platform,
            pattern=_pattern(kinds),
        )


def _pattern(kinds: Set[BusEvent]) -> Mapping[str, Any]:
    """Return the filter for changes behind events of these kinds, of people alone."""
    people = {"S": [{"prefix": keys.person_partition("")}]}
    items = {"S": _each([_ITEMS[kind] for kind in BusEvent if kind in kinds])}
    return {"dynamodb": {"Keys": {keys.PARTITION: people, keys.SORT: items}}}


def _each(items: Sequence[object]) -> list[object]:
    """Return each item once, in order; some are no keys of a mapping."""
    return [item for place, item in enumerate(items) if item not in items[:place]]
