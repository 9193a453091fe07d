"""EventBridge: MiniStack delivers to every target of a rule, whoever may use it, and knows no dead-letter queue.

A state machine, an API destination or another bus is a target through the rule's role; a queue, a topic or a function
through its own policy. What may not be delivered goes to the target's dead-letter queue, as on AWS, if that queue's
policy lets it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.resource_names import arn as arn_of
from twin.emulator.wire import ServiceError
from twin.settings import TwinSettings

LOGGER: Final = logging.getLogger("twin.rule_targets")
SERVICE: Final = "events.amazonaws.com"
# What EventBridge does with a target of a service: under the target's role, or by leave of the target's own policy.
BY_ROLE: Final = {"states": "states:StartExecution", "events": "events:PutEvents"}
INVOKE_DESTINATION: Final = "events:InvokeApiDestination"  # what it does with an API destination, under that role, too
BY_POLICY: Final = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}

Target = Mapping[str, Any]
Event = Mapping[str, Any]
Deliver = Callable[[str, Event], None]
# The ARN of the rule, and the event, that are being delivered: what a target is given has neither.
DELIVERING: Final[ContextVar[tuple[str, Event]]] = ContextVar("delivering", default=("", {}))


def install(_settings: TwinSettings) -> None:
    """Let EventBridge deliver only where it may."""
    from ministack.services import eventbridge

    eventbridge._invoke_target = permitted(eventbridge._invoke_target, _deliver)


def permitted(invoke: Callable[..., Any], deliver: Deliver) -> Callable[..., Any]:
    """Return what gives an event to a target that may have it, and otherwise to the dead-letter queue.

    Args:
        invoke: gives it to the target.
        deliver: puts an event into the queue with this ARN.
    """

    def invoking(target: Target, event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None) -> Any:
        source = str(rule.get("Arn") or arn_of("events", f"rule/{rule.get('EventBusName')}/{rule.get('Name')}"))
        if not may_deliver(target, source):
            set_aside(target, event, source, deliver)
            return None
        token = DELIVERING.set((source, event))
        try:
            return invoke(target, event, rule, view)
        finally:
            DELIVERING.reset(token)

    return invoking


def set_aside(target: Target, event: Event, source: str, deliver: Deliver | None = None) -> None:
    """Put an event that could not be delivered into the dead-letter queue of its target.

    Args:
        target: as the rule states it.
        event: as it came.
        source: the ARN of the rule.
        deliver: puts it into the queue with this ARN.
    """
    queue = str((target.get("DeadLetterConfig") or {}).get("Arn", ""))
    if queue and roles.service_may(SERVICE, BY_POLICY["sqs"], queue, source):
        (deliver or _deliver)(queue, event)
    else:
        LOGGER.error("an event of %s is lost: no dead-letter queue takes it", source)


def may_deliver(target: Target, source: str) -> bool:
    """Say whether EventBridge may give events to a target.

    Args:
        target: as the rule states it.
        source: the ARN of the rule.
    """
    arn = str(target.get("Arn", ""))
    service = arn.split(":")[2] if arn.count(":") > 1 else ""
    if service in BY_POLICY:
        return roles.service_may(SERVICE, BY_POLICY[service], arn, source)
    role = str(target.get("RoleArn", ""))
    if service not in BY_ROLE or not role:
        return False
    try:
        roles.require_trust(role, SERVICE, source)
    except ServiceError as refusal:
        LOGGER.warning("%s", refusal.message)
        return False
    is_destination = arn.rpartition(":")[2].startswith("api-destination/")
    return roles.allows(role, INVOKE_DESTINATION if is_destination else BY_ROLE[service], arn)


def _deliver(queue: str, event: Mapping[str, Any]) -> None:
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge

    eventbridge._dispatch_to_sqs(parse_arn(queue), json.dumps(dict(event), default=str), {})
