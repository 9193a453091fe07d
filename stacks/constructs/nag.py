"""Acknowledging a finding of cdk-nag: on its construct, by its exact id, with the reason."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

_PACK = "AwsSolutions"


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledge findings on a construct and everything in it.

    Args:
        construct: the construct that has the findings.
        findings: rule id without the pack's name (`S1`, `IAM5[Resource::*]`) -> why it is acceptable here.
    """
    for rule, reason in findings.items():
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{_PACK}::{_PACK}-{rule}", reason=reason))


def wildcard(scope: IConstruct, resource: str) -> str:
    """Return the rule id under which cdk-nag reports a policy's wildcard resource."""
    return f"IAM5[Resource::{_flatten(cdk.Stack.of(scope).resolve(resource))}]"


def _flatten(value: Any) -> str:
    """Write a CloudFormation value as cdk-nag does: `<LogicalId.Attribute>` for a reference."""
    match value:
        case str():
            return value
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_flatten(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::ImportValue": name}:
            return _flatten(name)
        case _:
            raise TypeError(f"cannot write {value!r} as cdk-nag does; add the case to stacks/constructs/nag.py")
