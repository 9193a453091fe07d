"""The single customer view: one table that applications read and write."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.encrypted_table import encrypt
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
            encrypt(each, platform.key)
        self.table, self.idempotency = table, idempotency


def _recoverable() -> dynamodb.PointInTimeRecoverySpecification:
    return dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)
