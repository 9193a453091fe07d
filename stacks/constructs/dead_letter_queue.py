"""Where what could not be handled waits for a person."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.shared.platform import Platform


class DeadLetterQueue(Construct):
    """An encrypted queue that keeps failed input for fourteen days, the longest that SQS allows."""

    queue: sqs.IQueue

    def __init__(self, scope: Construct, id_: str, *, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=platform.key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        acknowledge(self.queue, {"SQS3": "this is the dead-letter queue; what lands here is redriven by a person"})
