"""Where alarms and failures are told."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


class AlarmTopic(Construct):
    """An encrypted topic, subscribed by e-mail when an address is given."""

    topic: sns.ITopic

    def __init__(self, scope: Construct, id_: str, *, key: kms.IKey, email: str | None) -> None:
        super().__init__(scope, id_)
        topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        if email is not None:
            topic.add_subscription(subscriptions.EmailSubscription(email))
        self.topic = topic
