"""CloudWatch: MiniStack publishes the actions of an alarm to every topic, whatever the topic's policy says."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.resource_names import arn
from twin.settings import TwinSettings

SERVICE: Final = "cloudwatch.amazonaws.com"
LISTS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")

Dispatch = Callable[[Mapping[str, Any], str, str, str], None]


def install(_settings: TwinSettings) -> None:
    """Let an alarm publish only where it may."""
    from ministack.services import cloudwatch

    cloudwatch._dispatch_alarm_actions = permitted(cloudwatch._dispatch_alarm_actions)


def permitted(dispatch: Dispatch) -> Dispatch:
    """Return what tells of an alarm on the topics whose policies let CloudWatch publish."""

    def dispatching(alarm: Mapping[str, Any], old: str, new: str, reason: str) -> None:
        source = str(alarm.get("AlarmArn") or arn("cloudwatch", f"alarm:{alarm.get('AlarmName')}"))

        def may(topic: str) -> bool:
            return ":sns:" not in topic or roles.service_may(SERVICE, "sns:Publish", topic, source)

        dispatch(
            {**alarm, **{name: [to for to in alarm.get(name) or () if may(to)] for name in LISTS}}, old, new, reason
        )

    return dispatching
