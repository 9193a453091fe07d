"""How a finding of cdk-nag is accepted: on the construct it is about, by its exact id, with a true reason."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

_PACK = "AwsSolutions"


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Accept findings on a construct and what is in it.

    Args:
        construct: the construct that the findings are about.
        findings: rule id without the pack's name (`S1`, `IAM5[Resource::*]`) -> why it is right here.
    """
    for rule, reason in findings.items():
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=f"{_PACK}::{_PACK}-{rule}", reason=reason))


def wildcard(scope: IConstruct, resource: str) -> str:
    """Return the rule id under which cdk-nag reports a policy's wildcard resource."""
    return f"IAM5[Resource::{_flatten(cdk.Stack.of(scope).resolve(resource))}]"


def _flatten(value: Any) -> str:
    """Spell a CloudFormation value the way cdk-nag does: `<LogicalId.Attribute>` for a reference."""
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
            raise TypeError(f"cannot spell {value!r} as cdk-nag does; add the case to stacks/constructs/nag.py")
