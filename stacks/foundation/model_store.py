"""Where trained models are kept: a bucket of its own, since what they were trained on goes after a day."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket

_ABORT_UPLOADS_AFTER: Final = cdk.Duration.days(7)


class ModelStore(Construct):
    """A private, encrypted, versioned bucket, reachable by TLS only, with access logs.

    No object expires: a package of the registry names its files, and may be deployed again years later.
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
            access_logs=AccessLogs(bucket=access_logs, prefix="models/"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=cdk.Duration.days(noncurrent_days),
                    abort_incomplete_multipart_upload_after=_ABORT_UPLOADS_AFTER,
                )
            ],
            removal=removal,
        )
        reason = "a model can be trained again from the marts; versions protect it"
        acknowledge(self.bucket, {"S3BucketReplicationEnabled": reason})
