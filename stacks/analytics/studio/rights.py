"""What the role of a notebook may do in the domain itself: open its own profile, and run apps in its own spaces."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import IConstruct

from stacks.constructs.grants import allow, use_key
from stacks.constructs.nag import acknowledge, wildcard

_LIST: Final = ("ListApps", "ListDomains", "ListSpaces", "ListUserProfiles")
_APPS: Final = ("CreateApp", "DeleteApp")
_SPACES: Final = ("CreateSpace", "DeleteSpace", "UpdateSpace")
# Canvas shows the databases, and leaves those out that Lake Formation refuses.
_BROWSE: Final = (
    "athena:GetDataCatalog",
    "athena:GetTableMetadata",
    "athena:ListDatabases",
    "athena:ListTableMetadata",
)
_LIST_ATHENA: Final = ("athena:ListDataCatalogs", "athena:ListWorkGroups")
# SageMaker fills these in: with the domain and the profile of whoever asks.
_DOMAIN: Final = "${sagemaker:DomainId}"
_USER: Final = "${sagemaker:UserProfileName}"


def arn_of(domain: sagemaker.CfnDomain, kind: str, name: str) -> str:
    """Return the ARN of something in the domain, such as a user's profile."""
    return f"{_prefix(domain)}:{kind}/{domain.attr_domain_id}/{name}"


def work_in_domain(role: iam.Role, domain: sagemaker.CfnDomain, key: kms.IKey, *, canvas: bool) -> None:
    """Let the role of a persona's notebooks see the domain, and use what belongs to the user who asks.

    Without a domain's file system there are only private spaces, so that nobody opens a space of somebody else.
    """
    prefix = _prefix(domain)
    allow(role, (f"sagemaker:{action}" for action in _LIST), "*")
    described = [f"{prefix}:domain/{domain.attr_domain_id}"]
    described += [arn_of(domain, kind, "*") for kind in ("app", "space", "user-profile")]
    allow(role, ("sagemaker:DescribeDomain",), described[0])
    for kind, action in zip(described[1:], ("DescribeApp", "DescribeSpace", "DescribeUserProfile"), strict=True):
        allow(role, (f"sagemaker:{action}",), kind)
    me = f"{prefix}:user-profile/{_DOMAIN}/{_USER}"
    allow(role, ("sagemaker:CreatePresignedDomainUrl",), me)
    mine = {"ArnLike": {"sagemaker:OwnerUserProfileArn": me}, "StringEquals": {"sagemaker:SpaceSharingType": "Private"}}
    _allow_if(role, _APPS, arn_of(domain, "app", "*"), mine)
    _allow_if(role, _SPACES, arn_of(domain, "space", "*"), mine)
    tagged = [arn_of(domain, "app", "*"), arn_of(domain, "space", "*")]
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["sagemaker:AddTags"],
            resources=tagged,
            conditions={"Null": {"sagemaker:TaggingAction": "false"}},
        )
    )
    # SageMaker makes the disk of a space with the rights of whoever starts it.
    use_key(
        role,
        key,
        through="sagemaker",
        actions=("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext"),
    )
    logs = f"arn:{cdk.Stack.of(role).partition}:logs:{cdk.Stack.of(role).region}:{cdk.Stack.of(role).account}"
    group = f"{logs}:log-group:/aws/sagemaker/studio:*"
    allow(role, ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), group)
    reasons = {
        "IAM5[Resource::*]": "SageMaker's and Athena's lists and Lake Formation's GetDataAccess accept no resource",
        wildcard(role, group): "an app names its log stream itself",
        **{
            wildcard(role, one): "users name their own spaces and apps; the conditions keep them from those of others"
            for one in described[1:]
        },
    }
    if canvas:
        own = f"{prefix}:app/{domain.attr_domain_id}/{_USER}/canvas/*"
        _allow_if(role, _APPS, own, {"Null": {"sagemaker:OwnerUserProfileArn": "true"}})
        catalog = f"arn:{cdk.Stack.of(role).partition}:athena:{cdk.Stack.of(role).region}:{cdk.Stack.of(role).account}"
        allow(role, _BROWSE, f"{catalog}:datacatalog/AwsDataCatalog")
        allow(role, _LIST_ATHENA, "*")
        reasons[wildcard(role, own)] = "SageMaker names the app of Canvas"
    acknowledge(role, reasons)


def _allow_if(role: iam.Role, actions: tuple[str, ...], resource: str, conditions: dict[str, dict[str, str]]) -> None:
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=[f"sagemaker:{action}" for action in actions], resources=[resource], conditions=conditions
        )
    )


def _prefix(scope: IConstruct) -> str:
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}"
