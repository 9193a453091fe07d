"""The alarms: whether they are there, whom they tell, and what they say."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckWarning

# All our alarms say what missing data means, so that silence leaves none without a state for long.
SETTLED_AFTER: Final = timedelta(hours=1)


@check(
    "alarms",
    fix="the runbooks say what each alarm means; one of silence ends by itself some minutes after a first deployment; "
    "one that is away, switched off or tells nobody was changed by hand: deploy Operations again",
)
def alarms(deployed: DeployedEnvironment) -> str:
    """Every alarm of the templates is there, tells the topic, has a state, and nothing is wrong already."""
    names, topic = deployed.ids("AWS::CloudWatch::Alarm"), deployed.output("AlarmTopicArn")
    pages = deployed.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
    found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    wrong = [f"{name} is not there" for name in names if name not in found]
    for name in names:
        if name in found:
            wrong += _wrong(found[name], topic, settles=not deployed.endpoint)
    return expect(wrong, f"{len(names)} tell {topic.rpartition(':')[2]}, none in ALARM")


def _wrong(alarm: Mapping[str, Any], topic: str, *, settles: bool) -> list[str]:
    """Return what is wrong with an alarm; the emulator's have no metrics, and so never settle."""
    name, wrong = alarm["AlarmName"], []
    if not alarm["ActionsEnabled"]:
        wrong.append(f"{name}: its actions are switched off")
    if topic not in alarm["AlarmActions"]:
        wrong.append(f"{name} does not tell the alarm topic")
    if alarm["StateValue"] == "ALARM":
        wrong.append(f"{name}: {alarm.get('AlarmDescription', '')}")
    if settles and alarm["StateValue"] == "INSUFFICIENT_DATA":
        waited = datetime.now(UTC) - alarm["StateUpdatedTimestamp"]
        if waited > SETTLED_AFTER:
            wrong.append(f"{name} has had INSUFFICIENT_DATA for {waited // timedelta(hours=1)} h")
    return wrong


@check(
    "alarm topic",
    fix="set foundation.alarm_email and deploy again, or subscribe the system that calls you; a subscription by e-mail "
    "counts after somebody has opened the link in its message",
)
def alarm_topic(deployed: DeployedEnvironment) -> str:
    """Somebody hears the alarms."""
    topic = deployed.output("AlarmTopicArn")
    attributes = deployed.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    confirmed, pending = (int(attributes.get(f"Subscriptions{state}", 0)) for state in ("Confirmed", "Pending"))
    found = f"{confirmed} confirmed subscription(s), {pending} pending"
    if not confirmed:
        raise CheckWarning(f"{found}: nobody hears the alarms")
    return found
