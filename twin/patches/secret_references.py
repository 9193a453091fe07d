"""Secrets Manager: in MiniStack's CloudFormation a secret's `Ref` is its name; on AWS it is its ARN.

A policy that names a secret by its `Ref` would allow nothing: a resource of a policy is an ARN.
"""

from collections.abc import Mapping
from typing import Any, Final

from twin.settings import TwinSettings

TYPE: Final = "AWS::SecretsManager::Secret"

Handlers = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]


def install(_settings: TwinSettings) -> None:
    """Let templates refer to secrets as they do on AWS."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS[TYPE] = by_arn(provisioners._RESOURCE_HANDLERS[TYPE])


def by_arn(handlers: Handlers) -> dict[str, Any]:
    """Return handlers whose physical ids are ARNs, from MiniStack's own, whose physical ids are names."""

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Made:
        _, attributes = handlers["create"](logical_id, properties, stack)
        return attributes["Arn"], attributes

    def update(arn: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None) -> Made:
        _, attributes = handlers["update"](_name(arn), old, new, stack, logical_id)
        return attributes["Arn"], attributes

    def delete(arn: str, properties: dict[str, Any]) -> None:
        handlers["delete"](_name(arn), properties)

    return {**handlers, "create": create, "update": update, "delete": delete}


def _name(arn: str) -> str:
    """Return the name of a secret: what follows the last colon, without the seven characters that end an ARN."""
    return arn.rpartition(":")[2][:-7]
