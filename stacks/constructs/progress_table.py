"""A table in which a job notes how far it has come."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.encrypted_table import encrypt
from stacks.shared.platform import Platform


def progress_table(scope: Construct, *, key: str, platform: Platform) -> dynamodb.TableV2:
    """Create the table of a job's progress in a construct, with one item for each value of a text key."""
    table = dynamodb.TableV2(
        scope,
        "Progress",
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=platform.removal,
    )
    encrypt(table, platform.key)
    return table
