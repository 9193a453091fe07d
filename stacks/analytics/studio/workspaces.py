"""The role with which EMR Studio keeps workspaces and brings them into the network."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import WORKSPACES_PREFIX
from stacks.constructs.grants import allow, keep_objects
from stacks.constructs.nag import acknowledge, wildcard
from stacks.shared.platform import Platform

PRINCIPAL: Final = "elasticmapreduce.amazonaws.com"
# EMR gives what it makes this tag, by which its own policies know it again.
_TAG: Final = "for-use-with-amazon-emr-managed-policies"
_LOOK: Final = (
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcs",
)
_OPEN: Final = (
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
)


class WorkspaceRole(Construct):
    """What AWS documents for the role of a studio, on the subnets, groups and objects of this one.

    It makes no security groups, because the studio has its own; reads no secrets, because nobody links a repository of
    Git; and asks about no clusters, because the notebooks run on EMR Serverless.
    """

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        homes: s3.IBucket,
        subnets: Sequence[str],
        groups: Sequence[ec2.ISecurityGroup],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                PRINCIPAL,
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {
                        "aws:SourceArn": f"arn:{stack.partition}:elasticmapreduce:{stack.region}:{stack.account}:*"
                    },
                },
            ),
        )
        self._keep(homes, platform)
        self._enter(subnets, groups)

    def _keep(self, homes: s3.IBucket, platform: Platform) -> None:
        keep_objects(self.role, homes, WORKSPACES_PREFIX)
        allow(self.role, ("s3:GetEncryptionConfiguration",), homes.bucket_arn)
        # The studio copies what it encrypts anew.
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:DescribeKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
                resources=[platform.key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{cdk.Stack.of(self).region}.amazonaws.com"}},
            )
        )

    def _enter(self, subnets: Sequence[str], groups: Sequence[ec2.ISecurityGroup]) -> None:
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}"
        interfaces, instances = f"{prefix}:network-interface/*", f"{prefix}:instance/*"
        group_arns = [f"{prefix}:security-group/{group.security_group_id}" for group in groups]
        subnet_arns = [f"{prefix}:subnet/{subnet}" for subnet in subnets]
        allow(self.role, _LOOK, "*")
        allow(self.role, ("ec2:CreateNetworkInterface",), *subnet_arns, *group_arns)
        self._if(("ec2:CreateNetworkInterface",), interfaces, {f"aws:RequestTag/{_TAG}": "true"})
        mine = {f"aws:ResourceTag/{_TAG}": "true"}
        made = (
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        )
        self._if(made, interfaces, mine)
        self._if(("ec2:CreateTags",), interfaces, {"ec2:CreateAction": "CreateNetworkInterface"})
        allow(self.role, ("ec2:ModifyNetworkInterfaceAttribute",), instances, interfaces, *group_arns)
        allow(self.role, _OPEN, *group_arns)
        acknowledge(
            self.role,
            {
                "IAM5[Resource::*]": "EC2's descriptions accept no resource",
                wildcard(self.role, interfaces): "EMR names its network interfaces itself, and tags them",
                wildcard(self.role, instances): "AWS asks for this statement as it is, and EMR makes the instances",
            },
        )

    def _if(self, actions: Sequence[str], resource: str, equals: dict[str, str]) -> None:
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=list(actions), resources=[resource], conditions={"StringEquals": equals})
        )
