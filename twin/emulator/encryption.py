"""What a request needs of a customer's key: AWS uses the key of an encrypted resource with the caller's permissions."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

_READ: Final = ("kms:Decrypt",)
_WRITE: Final = ("kms:GenerateDataKey",)
_BOTH: Final = (*_WRITE, *_READ)

_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "kinesis:GetRecords": _READ,
    "kinesis:PutRecord": _WRITE,
    "kinesis:PutRecords": _WRITE,
    "s3:GetObject": _READ,
    **{f"sagemaker:{operation}Record": _READ for operation in ("BatchGet", "Delete", "Get", "Put")},
    "s3:PutObject": _WRITE,
    "secretsmanager:GetSecretValue": _READ,
    "secretsmanager:PutSecretValue": _BOTH,
    "sns:Publish": _BOTH,
    "sqs:ReceiveMessage": _READ,
    "sqs:SendMessage": _BOTH,
    **{
        f"dynamodb:{operation}": _READ
        for operation in (
            *("BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "GetRecords"),
            *("PutItem", "Query", "Scan", "UpdateItem"),
        )
    },
}
# The encryption context in which a service uses a key; a policy may ask for it.
_CONTEXTS: Final[Mapping[str, str]] = {
    "kinesis": "aws:kinesis:arn",
    "s3": "aws:s3:arn",
    "secretsmanager": "SecretARN",
    "sns": "aws:sns:topicArn",
    "sqs": "aws:sqs:arn",
}


class CustomerKeys:
    """The customer's keys that encrypt what is deployed, by the ARNs of the encrypted resources."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._by_object: set[str] = set()

    def note(self, resource: str, key: str | None, *, by_object: bool = False) -> None:
        """Keep the key of a resource.

        Args:
            resource: its ARN.
            key: its key. An AWS managed key lets every caller of its service use it.
            by_object: S3 states the object to KMS and not the bucket, which has no bucket key.
        """
        self._by_object.discard(resource)
        if key and key.startswith("arn:"):
            self._keys[resource] = key
            if by_object:
                self._by_object.add(resource)
        else:
            self._keys.pop(resource, None)

    def calls(self, action: str, resource: str) -> tuple[Call, ...]:
        """Return what AWS does with a key on behalf of who does something with an encrypted resource."""
        needed = _ACTIONS.get(action)
        if needed is None:
            return ()
        encrypted = _whole(resource)
        key = self._keys.get(encrypted)
        if key is None:
            return ()
        service = action.partition(":")[0]
        context = dict(_context(service, resource if encrypted in self._by_object else encrypted))
        return tuple(Call(action=use, resource=key, context=context) for use in needed)


# Of the emulator in this process; the patch `customer_keys` fills it.
KEYS: Final = CustomerKeys()


def _whole(resource: str) -> str:
    """Return the ARN of the bucket of an object, or of the table of an index or a stream."""
    service = resource.split(":")[2] if resource.count(":") > 1 else ""
    if service == "s3":
        return resource.partition("/")[0]
    return "/".join(resource.split("/")[:2]) if service == "dynamodb" else resource


def _context(service: str, encrypted: str) -> Iterator[tuple[str, str]]:
    yield "kms:ViaService", f"{service}.{REGION}.amazonaws.com"
    yield "kms:CallerAccount", ACCOUNT
    if service == "dynamodb":
        yield "kms:EncryptionContext:aws:dynamodb:tableName", encrypted.rpartition("/")[2]
        yield "kms:EncryptionContext:aws:dynamodb:subscriberId", ACCOUNT
    elif service in _CONTEXTS:
        yield f"kms:EncryptionContext:{_CONTEXTS[service]}", encrypted


def key_of(kind: str, properties: Mapping[str, Any]) -> str | None:
    """Return the key that a resource of a template is encrypted with.

    Args:
        kind: its type, for example `AWS::SQS::Queue`.
        properties: resolved.
    """
    if kind == "AWS::S3::Bucket":
        rules: Any = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or ({},)
        return _text((rules[0].get("ServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID"))
    if kind == "AWS::DynamoDB::GlobalTable":
        replicas = [one for one in properties.get("Replicas") or () if one.get("Region") == REGION]
        return _text((replicas[0].get("SSESpecification") or {}).get("KMSMasterKeyId")) if replicas else None
    if kind == "AWS::Kinesis::Stream":
        return _text((properties.get("StreamEncryption") or {}).get("KeyId"))
    return _text(properties.get("KmsKeyId") or properties.get("KmsMasterKeyId"))


def states_objects(kind: str, properties: Mapping[str, Any]) -> bool:
    """Say whether S3 names each object to KMS, as it does in a bucket without a bucket key; see `key_of`."""
    if kind != "AWS::S3::Bucket":
        return False
    rules: Any = (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or ({},)
    return str(rules[0].get("BucketKeyEnabled", False)).lower() != "true"


def _text(value: Any) -> str | None:
    return str(value) if value else None
