"""A bucket as every bucket with data of ours is: private, under the key, versioned, by TLS only, with access logs."""

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogs:
    """Where the access logs of a bucket go.

    Attributes:
        bucket: has to be in the stack of the other bucket, because its policy names that.
    """

    bucket: s3.IBucket
    prefix: str


def private_bucket(
    scope: Construct,
    id_: str,
    *,
    key: kms.IKey,
    access_logs: AccessLogs,
    lifecycle_rules: Sequence[s3.LifecycleRule],
    removal: cdk.RemovalPolicy,
    bucket_key: bool = True,
    smallest_moved: s3.TransitionDefaultMinimumObjectSize | None = None,
) -> s3.Bucket:
    """Return the bucket.

    Args:
        bucket_key: whether a bucket key saves requests to KMS; it shows KMS the bucket's ARN in place of the object's.
        smallest_moved: the objects that move to another storage class, by size; S3's own default where it is None.
    """
    return s3.Bucket(
        scope,
        id_,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=bucket_key,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        server_access_logs_bucket=access_logs.bucket,
        server_access_logs_prefix=access_logs.prefix,
        lifecycle_rules=lifecycle_rules,
        transition_default_minimum_object_size=smallest_moved,
        removal_policy=removal,
    )
