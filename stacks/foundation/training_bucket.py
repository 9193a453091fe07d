"""Where models are trained: rows that a training reads, and the models that it writes."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import PERSONALIZE_PREFIX
from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket

_DAY: Final = cdk.Duration.days(1)


class TrainingBucket(Construct):
    """A private, encrypted, versioned bucket, reachable by TLS only, with access logs; an object stays for a day.

    Redshift names the folders itself and deletes what it wrote; the day is for a training that was cut off. What Amazon
    Personalize imports lies under a prefix of its own.

    Args:
        recommends: Personalize is trained from here, which it asks the bucket's policy for beside its role.
    """

    bucket: s3.IBucket

    def __init__(
        self, scope: Construct, id_: str, *, key: kms.IKey, access_logs: s3.IBucket, recommends: bool = False
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=AccessLogs(bucket=access_logs, prefix="training/"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=_DAY,
                    noncurrent_version_expiration=_DAY,
                    abort_incomplete_multipart_upload_after=_DAY,
                )
            ],
            removal=cdk.RemovalPolicy.DESTROY,
        )
        reason = "the rows are there for the minutes of a training, and the marts have them"
        acknowledge(self.bucket, {"S3BucketReplicationEnabled": reason})
        if recommends:
            self._let_personalize_in()

    def _let_personalize_in(self) -> None:
        service = iam.ServicePrincipal("personalize.amazonaws.com")
        here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        below = {"StringLike": {"s3:prefix": f"{PERSONALIZE_PREFIX}*"}}
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PersonalizeLooks",
                principals=[service],
                actions=["s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions={**here, **below},
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="PersonalizeReadsAndWrites",
                principals=[service],
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{PERSONALIZE_PREFIX}*")],
                conditions=here,
            )
        )
