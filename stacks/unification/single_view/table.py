"""The single customer view: one table that applications read and write."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.shared.platform import Platform

TTL_ATTRIBUTE = "expires_at"


class SingleView(Construct):
    """The view itself, with a stream of its changes, and the table of idempotency records."""

    table: dynamodb.ITableV2
    idempotency: dynamodb.ITableV2

    def __init__(self, scope: Construct, id_: str, *, platform: Platform) -> None:
        super().__init__(scope, id_)
        table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="PK", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="SK", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            time_to_live_attribute=TTL_ATTRIBUTE,
            encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
            point_in_time_recovery_specification=_recoverable(),
            deletion_protection=platform.removal == cdk.RemovalPolicy.RETAIN,
            removal_policy=platform.removal,
        )
        idempotency = dynamodb.TableV2(
            self,
            "Idempotency",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expiration",
            encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
            point_in_time_recovery_specification=_recoverable(),
            removal_policy=platform.removal,
        )
        for each in (table, idempotency):
            _encrypt(each, platform.key)
        self.table, self.idempotency = table, idempotency


def _recoverable() -> dynamodb.PointInTimeRecoverySpecification:
    return dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)


def _encrypt(table: dynamodb.TableV2, key: kms.IKey) -> None:
    """Encrypt a table with our key.

    CDK wants to know the region before it writes a key into a replica. Ours has one replica, in the key's own region,
    so the property is set on the resource.
    """
    resource = table.node.default_child
    if not isinstance(resource, dynamodb.CfnGlobalTable):
        raise TypeError(f"{table.node.path} has no table resource to encrypt")
    resource.add_property_override("Replicas.0.SSESpecification.KMSMasterKeyId", key.key_arn)
