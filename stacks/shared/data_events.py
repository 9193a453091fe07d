"""The trail of data events, as the stacks that name it agree on it.

The bucket and the key let the trail in by its ARN and exist before it does, so the name cannot be CloudFormation's.
"""

import aws_cdk as cdk
from constructs import IConstruct

from c360_core.names import PROJECT


def trail_name(environment: str) -> str:
    """Return the physical name of the trail."""
    return f"{PROJECT}-{environment}-data-events"


def trail_arn(scope: IConstruct, environment: str) -> str:
    """Return the ARN of the trail, in the Region of the stacks."""
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:cloudtrail:{stack.region}:{stack.account}:trail/{trail_name(environment)}"
