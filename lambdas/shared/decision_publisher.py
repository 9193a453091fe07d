"""Publishes decisions: always to the events stream, and to the event bus when there is something to be done."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_aws.idempotency import Idempotency, Result
from c360_core.bus_events import CONTRACTS, BusEvent
from c360_core.decision import Action
from c360_core.moments import moment
from c360_core.profile import Profile

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_CONTRACT: Final = CONTRACTS[BusEvent.DECISION_MADE]
DETAIL_FIELDS: Final = (
    "decision_id",
    "person_id",
    "trigger",
    "action",
    "channel",
    "template",
    "purpose",
    "decided_at",
    "not_before",
)
PAYLOAD_FIELDS: Final = ("decision_id", "trigger", "action", "channel", "template")
# Only a decision about a message has these, and only one about a task that.
MESSAGE_FIELDS: Final = frozenset({"template", "purpose"})
TASK_FIELD: Final = "task"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPublisher:
    """Publishes over Kinesis and EventBridge, once per decision."""

    stream: EventStream
    bus: "EventBridgeClient"
    bus_name: str
    idempotency: Idempotency
    trace_id: str | None = None

    def publish(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Publish to the events stream and, unless nothing is to be done, to the event bus.

        Raises:
            StreamUnavailableError: the stream or the bus refused it; deliver the change again.
        """

        def work() -> Result:
            self._publish_to_stream(decision, profile)
            if decision["action"] != Action.SUPPRESS:
                self._publish_to_bus(decision)
            return {"announced": decision["decision_id"]}

        self.idempotency.run_once(f"announce:{decision['decision_id']}", work)

    def _publish_to_stream(self, decision: Mapping[str, Any], profile: Profile) -> None:
        record = engagement_record(
            "decision_made",
            profile=profile,
            subject=decision["decision_id"],
            occurred_at=moment(decision["decided_at"]),
            payload={**_facts(decision, PAYLOAD_FIELDS), "reasons": list(decision["reasons"])},
            trace_id=self.trace_id,
        )
        # Without an identifier there can be no event: the decision on an anonymous person is in the single view only.
        if record is not None and self.stream.publish([record]):
            raise StreamUnavailableError(f"decision {decision['decision_id']}: the events stream refused it")

    def _publish_to_bus(self, decision: Mapping[str, Any]) -> None:
        detail = {
            **_facts(decision, (*DETAIL_FIELDS, TASK_FIELD)),
            "reasons": list(decision["reasons"]),
            "trace_id": self.trace_id,
        }
        answer = self.bus.put_events(
            Entries=[
                {
                    "EventBusName": self.bus_name,
                    "Source": _CONTRACT.source,
                    "DetailType": _CONTRACT.detail_type,
                    "Detail": json.dumps(detail),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise StreamUnavailableError(f"decision {decision['decision_id']}: the event bus refused it")


def _facts(decision: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return fields of a decision; every decision has all but those that only some have."""
    return {name: decision[name] for name in names if name in decision or name not in {*MESSAGE_FIELDS, TASK_FIELD}}
