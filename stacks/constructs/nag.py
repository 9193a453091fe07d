"""cdk-nag: its packs, and how to acknowledge a finding: on its construct, by its exact ids, with the reason."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks
from constructs import IConstruct


class Pack(StrEnum):
    """The packs that check every synthesis, by the names that cdk-nag reports."""

    AWS_SOLUTIONS = "AwsSolutions"
    HIPAA = "HIPAA.Security"
    NIST = "NIST.800.53.R5"
    PCI = "PCI.DSS.321"
    SERVERLESS = "Serverless"


_CHECKS: Final = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks, ServerlessChecks)
_REGULATIONS: Final = (Pack.HIPAA, Pack.NIST, Pack.PCI)
# Rules by the name that these packs share. A rule that is not listed is one of AwsSolutions, which has its own names.
PACKS_OF: Final[Mapping[str, Sequence[Pack]]] = {
    "CloudTrailCloudWatchLogsEnabled": _REGULATIONS,
    "CodeBuildProjectSourceRepoUrl": (Pack.HIPAA, Pack.PCI),
    "IAMNoInlinePolicy": _REGULATIONS,
    "LambdaConcurrency": (Pack.HIPAA, Pack.NIST),
    "LambdaDLQ": (Pack.HIPAA, Pack.NIST, Pack.SERVERLESS),
    "LambdaEventSourceMappingDestination": (Pack.SERVERLESS,),
    "LambdaInsideVPC": _REGULATIONS,
    "LambdaLatestVersion": (Pack.SERVERLESS,),
    "S3BucketLoggingEnabled": _REGULATIONS,
    "S3BucketReplicationEnabled": _REGULATIONS,
    "S3DefaultEncryptionKMS": _REGULATIONS,
    "SNSRedrivePolicy": (Pack.SERVERLESS,),
    "SQSRedrivePolicy": (Pack.SERVERLESS,),
    "SecretsManagerRotationEnabled": (Pack.HIPAA, Pack.NIST),
}
# What the other packs call a rule of AwsSolutions.
ALSO_CALLED: Final[Mapping[str, str]] = {
    "L1": "LambdaLatestVersion",
    "SMG4": "SecretsManagerRotationEnabled",
}
_VARIABLE: Final = re.compile(r"\$\{([^}]+)\}")  # of a policy, such as ${sagemaker:UserProfileName}
_OWN_POLICY: Final = (
    "the policy belongs to this role alone and is deleted with it; a managed policy could be attached to other roles"
)


def check(app: cdk.App) -> None:
    """Let every pack check the app's synthesis: a finding that nobody acknowledged fails it."""
    _acknowledge_own_policies(app)
    cdk.Validations.of(app).add_plugins(*(checks(app) for checks in _CHECKS))


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Acknowledge findings on a construct and everything in it, under every pack that has the rule.

    Args:
        construct: the construct that has the findings.
        findings: rule without the pack's name (`LambdaDLQ`, `KDS3`, `IAM5[Resource::*]`) -> why it is acceptable here.
    """
    for rule, reason in findings.items():
        for id_ in _ids(rule):
            cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=id_, reason=reason))


def wildcard(scope: IConstruct, resource: str) -> str:
    """Return the rule id under which cdk-nag reports a policy's wildcard resource."""
    return f"IAM5[Resource::{_flatten(cdk.Stack.of(scope).resolve(resource))}]"


def _ids(rule: str) -> Sequence[str]:
    """Return a rule's exact ids: one for each pack that has it."""
    name = ALSO_CALLED.get(rule, rule)
    named = dict.fromkeys(PACKS_OF.get(name, ()), name)
    if rule not in PACKS_OF:
        named[Pack.AWS_SOLUTIONS] = rule
    return [f"{pack}::{pack}-{name}" for pack, name in named.items()]


def _acknowledge_own_policies(app: cdk.App) -> None:
    """Acknowledge each inline policy that belongs to exactly one role; a shared one stays a finding."""
    for policy in app.node.find_all():
        if isinstance(policy, iam.CfnPolicy) and _belongs_to_one_role(policy):
            acknowledge(policy, {"IAMNoInlinePolicy": _OWN_POLICY})


def _belongs_to_one_role(policy: iam.CfnPolicy) -> bool:
    identities = {"roles": policy.roles, "users": policy.users, "groups": policy.groups}
    attached = cdk.Stack.of(policy).resolve(identities)
    return {kind: len(each) for kind, each in attached.items()} == {"roles": 1}


def _flatten(value: Any) -> str:
    """Write a CloudFormation value as cdk-nag does: `<LogicalId.Attribute>` for a reference."""
    match value:
        case str():
            return _VARIABLE.sub(r"<\1>", value)
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
