"""Makes decisions known: to the events stream always, to the journey when there is something to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_aws.idempotency import Once, Result
from c360_core.decision import Action
from c360_core.profile import Profile
from c360_core.timeline import moment

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

EVENT_SOURCE: Final = "c360.decision"
DETAIL_TYPE: Final = "DecisionMade"
TOLD: Final = (
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
PAYLOAD: Final = ("decision_id", "trigger", "action", "channel", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusHerald:
    """Announces over Kinesis and EventBridge, once per decision."""

    stream: EventStream
    bus: "EventBridgeClient"
    bus_name: str
    once: Once
    trace_id: str | None = None

    def announce(self, decision: Mapping[str, Any], profile: Profile) -> None:
        """Tell the events stream and, unless the decision is silence, the journey.

        Raises:
            StreamUnavailableError: the stream or the bus did not take it; deliver the change again.
        """

        def work() -> Result:
            self._tell_stream(decision, profile)
            if decision["action"] != Action.SILENCE:
                self._tell_journey(decision)
            return {"announced": decision["decision_id"]}

        self.once(f"announce:{decision['decision_id']}", work)

    def _tell_stream(self, decision: Mapping[str, Any], profile: Profile) -> None:
        record = engagement_record(
            "decision_made",
            profile=profile,
            subject=decision["decision_id"],
            occurred_at=moment(decision["decided_at"]),
            payload={**{name: decision[name] for name in PAYLOAD}, "reasons": list(decision["reasons"])},
            trace_id=self.trace_id,
        )
        # Someone anonymous has no identifier that an event could carry: that decision is kept in the single view only.
        if record is not None and self.stream.publish([record]):
            raise StreamUnavailableError(f"decision {decision['decision_id']}: the events stream did not take it")

    def _tell_journey(self, decision: Mapping[str, Any]) -> None:
        detail = {
            **{name: decision[name] for name in TOLD},
            "reasons": list(decision["reasons"]),
            "trace_id": self.trace_id,
        }
        answer = self.bus.put_events(
            Entries=[
                {
                    "EventBusName": self.bus_name,
                    "Source": EVENT_SOURCE,
                    "DetailType": DETAIL_TYPE,
                    "Detail": json.dumps(detail),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            raise StreamUnavailableError(f"decision {decision['decision_id']}: the event bus did not take it")
