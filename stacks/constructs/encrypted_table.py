"""Encrypts DynamoDB tables under the key of the environment."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms


def encrypt(table: dynamodb.TableV2, key: kms.IKey) -> None:
    """Encrypt a table with our key.

    CDK wants to know the region before it writes a key into a replica. Ours has one replica, in the key's own region,
    so the property is set on the resource.
    """
    resource = table.node.default_child
    if not isinstance(resource, dynamodb.CfnGlobalTable):
        raise TypeError(f"{table.node.path} has no table resource to encrypt")
    resource.add_property_override("Replicas.0.SSESpecification.KMSMasterKeyId", key.key_arn)
