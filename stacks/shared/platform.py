"""What every construct needs, in one value."""

from dataclasses import dataclass
from typing import Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from config.runtime import RuntimeSettings
from stacks.shared.assets import Assets


class PrivateNetwork(Protocol):
    """Where systems run that AWS puts inside a VPC."""

    @property
    def vpc(self) -> ec2.IVpc:
        """The VPC."""

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """Its subnets, without a way to the internet."""

    def reach(self, *services: ec2.InterfaceVpcEndpointAwsService) -> None:
        """Make services reachable from inside; S3 and DynamoDB always are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The ground that functions, jobs and applications run on.

    Attributes:
        environment: dev, staging or prod; a part of every name that is a contract.
        runtime: log level, log retention and the like.
        assets: the built code.
        key: encrypts everything.
        alarm_topic: where failures are told.
        removal: what happens to data when a stack is deleted.
        network: where systems run that need a VPC; none unless the settings ask for one.
    """

    environment: str
    runtime: RuntimeSettings
    assets: Assets
    key: kms.IKey
    alarm_topic: sns.ITopic
    removal: cdk.RemovalPolicy
    network: PrivateNetwork | None = None
