"""KMS: MiniStack encrypts nothing with a customer's key, so that nobody needs a permission for it.

AWS uses the key of an encrypted bucket, stream, table, queue, topic or secret with the permissions of whoever reads or
writes there. Those are checked here, with the service and the encryption context that AWS states in such a call.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.encryption import KEYS, CustomerKeys, key_of, states_objects
from twin.patches.decisions import asking
from twin.settings import TwinSettings

TYPES: Final = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::Kinesis::Stream",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
)

Handlers = Mapping[str, Any]


def install(_settings: TwinSettings) -> None:
    """Note the keys of what is deployed, and check their use."""
    from ministack.core import iam_evaluator
    from ministack.services.cloudformation import provisioners

    for kind in TYPES:
        provisioners._RESOURCE_HANDLERS[kind] = noting(kind, provisioners._RESOURCE_HANDLERS[kind], KEYS)
    iam_evaluator.enforce = with_keys(iam_evaluator.enforce, KEYS, iam_evaluator.EvalResult)


def noting(kind: str, handlers: Handlers, keys: CustomerKeys) -> dict[str, Any]:
    """Return the handlers of a type that also note which key its resources are encrypted with."""

    def note(made: tuple[str, Mapping[str, Any]], properties: Mapping[str, Any]) -> Any:
        arn = f"arn:aws:s3:::{made[0]}" if kind == "AWS::S3::Bucket" else str(made[1].get("Arn") or made[0])
        keys.note(arn, key_of(kind, properties), by_object=states_objects(kind, properties))
        return made

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return note(handlers["create"](logical_id, properties, stack), properties)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, *more: Any) -> Any:
        return note(handlers["update"](physical_id, old, new, stack, *more), new)

    return {**handlers, "create": create, **({"update": update} if "update" in handlers else {})}


def with_keys(enforce: Callable[..., Any], keys: CustomerKeys, refusal: Callable[..., Any]) -> Callable[..., Any]:
    """Return what decides about a request, and also about the use of a key that it implies.

    Args:
        enforce: decides about the request alone.
        keys: of the encrypted resources.
        refusal: makes MiniStack's record of a refusal.
    """

    def deciding(
        access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str = "*", **more: Any
    ) -> Any:
        refused = enforce(access_key_id, iam_action, service, region, resource_arn, **more)
        if refused is not None:
            return refused
        for call in keys.calls(iam_action, str(resource_arn)):
            if not roles.allows(asking(), call.action, call.resource, call.context):
                return refusal("ImplicitDeny", principal_arn=asking(), reason=f"{call.action} on {call.resource}")
        return None

    return deciding
