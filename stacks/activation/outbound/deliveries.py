"""A table in which a function notes what it has delivered, and which receivers do not answer."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.encrypted_table import encrypt
from stacks.shared.platform import Platform


def deliveries_table(scope: Construct, *, platform: Platform) -> dynamodb.TableV2:
    """Create the table in a construct; an item with a time in `expires_at` goes by itself."""
    table = dynamodb.TableV2(
        scope,
        "Deliveries",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        billing=dynamodb.Billing.on_demand(),
        time_to_live_attribute="expires_at",
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=platform.removal,
    )
    encrypt(table, platform.key)
    return table
