"""Where the Feature Store writes what models were told of customers, month by month."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket


class FeatureBucket(Construct):
    """A private, encrypted, versioned bucket, reachable by TLS only, with access logs; its rows name people and expire.

    The store only adds to it, a mark for whoever was deleted included, so that the age alone takes rows away.
    """

    bucket: s3.IBucket

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        expire_days: int,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        day = cdk.Duration.days(1)
        self.bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=AccessLogs(bucket=access_logs, prefix="features/"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(expire_days),
                    noncurrent_version_expiration=day,
                    abort_incomplete_multipart_upload_after=day,
                )
            ],
            removal=removal,
        )
        acknowledge(self.bucket, {"S3BucketReplicationEnabled": "the marts make the features of a past month again"})
