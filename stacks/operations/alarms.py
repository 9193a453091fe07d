"""The alarms that constructs declare."""

from collections.abc import Iterable

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.shared.monitoring import AlarmSpec


class Alarms(Construct):
    """One CloudWatch alarm for each specification; all of them publish on the alarm topic."""

    def __init__(self, scope: Construct, id_: str, *, specs: Iterable[AlarmSpec], topic: sns.ITopic) -> None:
        super().__init__(scope, id_)
        for spec in specs:
            alarm = cloudwatch.Alarm(
                self,
                spec.name,
                metric=spec.metric,
                threshold=spec.threshold,
                evaluation_periods=spec.evaluation_periods,
                comparison_operator=spec.comparison,
                treat_missing_data=spec.missing_data,
                alarm_description=f"Customer 360: {spec.text}",
            )
            alarm.add_alarm_action(actions.SnsAction(topic))
