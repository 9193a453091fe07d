"""The buckets of the lake: one per zone, each with the lifecycle of its data."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.contracts import Contracts
from c360_core.landing import PROBE, REJECTED_FILES
from c360_core.names import TableName, Zone
from config.foundation import FoundationSettings
from stacks.constructs.nag import acknowledge
from stacks.constructs.private_bucket import AccessLogs, private_bucket

_ABORT_UPLOADS_AFTER: Final = cdk.Duration.days(7)
_EXPIRED_RESULTS_DAYS: Final = 1  # nobody wants them back, and they hold what a query read
_ONE_REGION: Final = (
    "personal data stays in the environment's Region, where S3 keeps it in three zones or more, and versions protect "
    "it from deletion"
)
_NOT_REPLICATED: Final = {
    Zone.LANDING: _ONE_REGION,
    Zone.RAW: _ONE_REGION,
    Zone.QUARANTINE: _ONE_REGION,
    Zone.CURATED: _ONE_REGION,
    Zone.PRODUCTS: "dbt builds the marts again from the raw and curated zones",
    Zone.RESULTS: "results of queries and jobs expire; whoever needs one again runs the query or the job again",
}


class LakeBuckets(Construct):
    """A private, encrypted, versioned bucket per zone, reachable by TLS only, with access logs.

    Args:
        exported: the folders of the landing bucket into which Data Exchange exports.
    """

    by_zone: Mapping[Zone, s3.IBucket]
    access_logs: s3.IBucket

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        contracts: Contracts,
        settings: FoundationSettings,
        exported: Sequence[str],
        removal: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        self.access_logs = self._access_logs(settings, removal)
        lifecycles = _lifecycles(settings, contracts)
        noncurrent_days = {Zone.RESULTS: _EXPIRED_RESULTS_DAYS}
        self.by_zone = {
            zone: private_bucket(
                self,
                zone.title(),
                key=key,
                # A bucket key would show KMS the bucket's ARN instead of the object's, so that no permission on the key
                # could end at the prefix of one workgroup. Results are few, and each costs one request to KMS.
                bucket_key=zone is not Zone.RESULTS,
                access_logs=AccessLogs(bucket=self.access_logs, prefix=f"{zone}/"),
                lifecycle_rules=[
                    _housekeeping(noncurrent_days.get(zone, settings.noncurrent_expire_days)),
                    *lifecycles.get(zone, ()),
                ],
                # Both classes bill a small object as one of 128 KB, and a move costs a request: small objects stay.
                smallest_moved=s3.TransitionDefaultMinimumObjectSize.ALL_STORAGE_CLASSES_128_K,
                removal=removal,
            )
            for zone in Zone
        }
        for zone, bucket in self.by_zone.items():
            acknowledge(bucket, {"S3BucketReplicationEnabled": _NOT_REPLICATED[zone]})
        _announce_new_objects(self.by_zone[Zone.LANDING])
        if exported:
            _let_export(self.by_zone[Zone.LANDING], exported)

    def _access_logs(self, settings: FoundationSettings, removal: cdk.RemovalPolicy) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "AccessLogs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                _housekeeping(settings.noncurrent_expire_days),
                s3.LifecycleRule(expiration=cdk.Duration.days(365)),
            ],
            removal_policy=removal,
        )
        acknowledge(
            bucket,
            {
                "S3DefaultEncryptionKMS": "S3 delivers access logs only to a bucket under S3's own key",
                "S3BucketReplicationEnabled": "the logs describe buckets of this Region, beside which they are read",
            },
        )
        return bucket


def _lifecycles(settings: FoundationSettings, contracts: Contracts) -> dict[Zone, Sequence[s3.LifecycleRule]]:
    """Return what becomes of the objects of each zone.

    What a job or a query may open again stays in classes that answer at once: both that are used here do. A table's
    rows end with the table's retention; what ends here are copies that no table names.
    """
    return {
        Zone.LANDING: [
            _move(s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, after_days=settings.landing_archive_days),
            _expire(settings.landing_expire_days),
            *(
                _expire(days, f"{source}/")
                for source, days in _retentions(contracts).items()
                if days < settings.landing_expire_days
            ),
        ],
        Zone.QUARANTINE: [_expire(days, REJECTED_FILES) for days in _of_rejected(contracts)],
        Zone.RAW: [_move(s3.StorageClass.INFREQUENT_ACCESS, after_days=settings.raw_infrequent_days)],
        Zone.RESULTS: [_expire(settings.results_expire_days)],
    }


def _move(storage_class: s3.StorageClass, *, after_days: int) -> s3.LifecycleRule:
    transition = s3.Transition(storage_class=storage_class, transition_after=cdk.Duration.days(after_days))
    return s3.LifecycleRule(transitions=[transition])


def _expire(after_days: int, prefix: str | None = None) -> s3.LifecycleRule:
    return s3.LifecycleRule(expiration=cdk.Duration.days(after_days), prefix=prefix)


def _retentions(contracts: Contracts) -> dict[str, int]:
    """Return after how many days the rows of each file source end, for those that end."""
    tables = {source.name: source.table for source in contracts.file_sources()}
    return {name: table.retention.days for name, table in tables.items() if table and table.retention}


def _of_rejected(contracts: Contracts) -> list[int]:
    """Return after how many days a rejected file ends: when its row in the table of rejections does."""
    retention = contracts.product(TableName.REJECTED).table.retention
    return [retention.days] if retention else []


def _housekeeping(noncurrent_days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        noncurrent_version_expiration=cdk.Duration.days(noncurrent_days),
        abort_incomplete_multipart_upload_after=_ABORT_UPLOADS_AFTER,
    )


def _let_export(bucket: s3.IBucket, folders: Sequence[str]) -> None:
    """Let Data Exchange write into folders, and the object by which it sees whether it may."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="DataExchangeExports",
            principals=[iam.ServicePrincipal("dataexchange.amazonaws.com")],
            actions=["s3:PutObject", "s3:PutObjectAcl"],
            resources=[bucket.arn_for_objects(key) for key in (f"{PROBE}*", *(f"{folder}/*" for folder in folders))],
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(bucket).account}},
        )
    )


def _announce_new_objects(bucket: s3.IBucket) -> None:
    """Send the bucket's events to EventBridge.

    The property is set on the resource itself: the higher-level switch would bring a custom resource that does
    the same with rights on every bucket.
    """
    resource = bucket.node.default_child
    if not isinstance(resource, s3.CfnBucket):
        raise TypeError(f"{bucket.node.path} has no bucket resource to announce new objects of")
    resource.add_property_override(
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled",
        True,  # noqa: FBT003  # the property's value
    )
