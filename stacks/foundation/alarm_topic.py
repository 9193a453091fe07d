"""The topic of alarms and failures."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from config.operations import OperationsSettings
from stacks.constructs.nag import acknowledge

_NO_QUEUE: Final = (
    "SNS repeats an e-mail for hours, and the alarms stay on the dashboard; the alarm of a queue would take the same "
    "way as the e-mail that failed"
)


def alarm_publishers(settings: OperationsSettings) -> dict[str, str]:
    """Return the services that publish on the alarm topic without a role of ours, by what they publish.

    State machines publish their failures too, each with its own role.
    """
    publishers = {"Alarms": "cloudwatch.amazonaws.com"} if settings.alarms else {}
    return publishers | ({"Budgets": "budgets.amazonaws.com"} if settings.monthly_budget_usd is not None else {})


class AlarmTopic(Construct):
    """An encrypted topic on which services may publish, with an e-mail subscription if an address is set."""

    topic: sns.ITopic

    def __init__(
        self, scope: Construct, id_: str, *, key: kms.IKey, publishers: Mapping[str, str], email: str | None
    ) -> None:
        super().__init__(scope, id_)
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        if email is not None:
            subscription = topic.add_subscription(subscriptions.EmailSubscription(email))
            acknowledge(subscription, {"SNSRedrivePolicy": _NO_QUEUE})
        self._let_services_publish(topic, publishers)
        self.topic = topic

    def _let_services_publish(self, topic: sns.Topic, publishers: Mapping[str, str]) -> None:
        """Allow services that publish without a role of ours. The topic's own policy replaces the default one."""
        for sid, service in publishers.items():
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(service)],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
                )
            )
