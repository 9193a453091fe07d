"""The roles that `cdk bootstrap` creates in an account: those of the default bootstrap."""

from typing import Final

import aws_cdk as cdk

_SYNTHESIZER: Final = cdk.DefaultStackSynthesizer


def deployment_role_arn() -> str:
    """Return the role with which CloudFormation deploys."""
    return _role_arn(_SYNTHESIZER.DEFAULT_CLOUDFORMATION_ROLE_ARN)


def deployer_role_arn() -> str:
    """Return the role that a person or a pipeline assumes to start a deployment."""
    return _role_arn(_SYNTHESIZER.DEFAULT_DEPLOY_ROLE_ARN)


def _role_arn(template: str) -> str:
    return cdk.Fn.sub(template.replace("${Qualifier}", _SYNTHESIZER.DEFAULT_QUALIFIER))
