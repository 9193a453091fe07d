"""The trail of data events, as the stacks that name it agree on it."""

import aws_cdk as cdk
from constructs import IConstruct

from c360_core.names import trail_name


def trail_arn(scope: IConstruct, environment: str) -> str:
    """Return the ARN of the trail, in the Region of the stacks."""
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:cloudtrail:{stack.region}:{stack.account}:trail/{trail_name(environment)}"
