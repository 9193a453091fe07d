"""Values that every construct needs."""

from dataclasses import dataclass
from typing import Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from config.runtime import RuntimeSettings
from stacks.shared.assets import Assets


class PrivateNetwork(Protocol):
    """The network of systems that AWS runs inside a VPC."""

    @property
    def vpc(self) -> ec2.IVpc:
        """The VPC."""

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """Its subnets, without a way to the internet."""

    def reach(self, *services: ec2.InterfaceVpcEndpointAwsService) -> None:
        """Make services reachable from inside; S3 and DynamoDB always are."""

    def let_answer_cloudformation(self) -> None:
        """Let functions inside that stand behind custom resources answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The environment in which functions, jobs and applications run.

    Attributes:
        environment: name of the environment; a part of every physical name.
        runtime: log level, log retention and the like.
        assets: the built code.
        key: encrypts everything.
        alarm_topic: receives failures.
        removal: whether data outlives its stack.
        network: for systems that need a VPC; none unless the settings deploy one.
    """

    environment: str
    runtime: RuntimeSettings
    assets: Assets
    key: kms.IKey
    alarm_topic: sns.ITopic
    removal: cdk.RemovalPolicy
    network: PrivateNetwork | None = None
