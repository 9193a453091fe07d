"""What every construct needs, in one value."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from config.runtime import RuntimeSettings
from stacks.shared.assets import Assets


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
    """

    environment: str
    runtime: RuntimeSettings
    assets: Assets
    key: kms.IKey
    alarm_topic: sns.ITopic
    removal: cdk.RemovalPolicy
