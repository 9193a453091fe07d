"""Where the trail of data events writes: a bucket of its own, and what CloudTrail may do with it and with the key."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from config.governance import DataEventSettings
from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket
from stacks.shared.data_events import trail_arn

_CLOUDTRAIL: Final = iam.ServicePrincipal("cloudtrail.amazonaws.com")
_ABORT_UPLOADS_AFTER: Final = cdk.Duration.days(7)


class DataEventLog(Construct):
    """A private, encrypted, versioned bucket that only one trail writes to, with access logs.

    CloudTrail checks the policies of the bucket and of the key when it creates the trail, so both are here, in the
    stack before it. No selector of the trail names this bucket: a trail that records its own deliveries never ends.
    """

    bucket: s3.IBucket

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: str,
        key: kms.IKey,
        access_logs: s3.IBucket,
        settings: DataEventSettings,
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        bucket = private_bucket(
            self,
            "Bucket",
            key=key,
            # CloudTrail writes a few files every five minutes. With a bucket key it would need to decrypt, too.
            bucket_key=False,
            access_logs=AccessLogs(bucket=access_logs, prefix="data-events/"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=cdk.Duration.days(settings.retention_days),
                    # A version that somebody overwrites or deletes stays as long as the records do.
                    noncurrent_version_expiration=cdk.Duration.days(settings.retention_days),
                    abort_incomplete_multipart_upload_after=_ABORT_UPLOADS_AFTER,
                )
            ],
            removal=removal,
        )
        acknowledge(
            bucket,
            {"S3BucketReplicationEnabled": "the records describe data of this Region, beside which they are read"},
        )
        trail = trail_arn(self, environment)
        self._let_trail_write(bucket, trail)
        self._let_trail_encrypt(key, trail)
        self.bucket = bucket

    def _let_trail_write(self, bucket: s3.Bucket, trail: str) -> None:
        by_trail = {"aws:SourceArn": trail}
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailLooks",
                principals=[_CLOUDTRAIL],
                actions=["s3:GetBucketAcl"],
                resources=[bucket.bucket_arn],
                conditions={"StringEquals": by_trail},
            )
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailWrites",
                principals=[_CLOUDTRAIL],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects(f"AWSLogs/{cdk.Stack.of(self).account}/*")],
                conditions={"StringEquals": {**by_trail, "s3:x-amz-acl": "bucket-owner-full-control"}},
            )
        )

    def _let_trail_encrypt(self, key: kms.IKey, trail: str) -> None:
        by_trail = {"aws:SourceArn": trail}
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailEncrypts",
                principals=[_CLOUDTRAIL],
                actions=["kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {**by_trail, "kms:EncryptionContext:aws:cloudtrail:arn": trail}},
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TrailDescribesKey",
                principals=[_CLOUDTRAIL],
                actions=["kms:DescribeKey"],
                resources=["*"],
                conditions={"StringEquals": by_trail},
            )
        )
