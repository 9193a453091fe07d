"""Where people keep what they make in the studios: a bucket of its own, with a prefix for each persona."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket

_ABORT_UPLOADS_AFTER: Final = cdk.Duration.days(7)


class NotebookHomes(Construct):
    """A private, encrypted, versioned bucket, reachable by TLS only, with access logs.

    No object expires: what somebody has written is nobody's copy. The disks of the spaces are not here.
    """

    bucket: s3.IBucket

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        access_logs: s3.IBucket,
        noncurrent_days: int,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=AccessLogs(bucket=access_logs, prefix="notebook-homes/"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=cdk.Duration.days(noncurrent_days),
                    abort_incomplete_multipart_upload_after=_ABORT_UPLOADS_AFTER,
                )
            ],
            removal=removal,
        )
        reason = "notebooks are made from data of this Region, beside which they stay; versions protect them"
        acknowledge(self.bucket, {"S3BucketReplicationEnabled": reason})
