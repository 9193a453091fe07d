"""What CloudFormation knows of deployed stacks: outputs, resources, and where an HTTP API is reached.

The same calls on AWS and on the emulator; `cloudformation` is a boto3 client of either.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def stacks(cloudformation: Any) -> dict[str, dict[str, Any]]:
    """Return the stacks of the account and Region, by name."""
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}


def outputs(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the outputs of stacks, by their names in the templates."""
    return {one["OutputKey"]: one["OutputValue"] for stack in found for one in stack.get("Outputs", ())}


def resources(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield the type and the physical id of every resource of a stack."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for one in page["StackResourceSummaries"]:
            yield one["ResourceType"], one["PhysicalResourceId"]


def api_address(url: str, *, endpoint: str = "") -> str:
    """Return where an HTTP API, or a distribution before one, is reached, without a slash at its end.

    Args:
        url: as the stack's output says it.
        endpoint: of the emulator that stands for AWS, where the path leads there and not the name; else empty.
    """
    if not endpoint:
        return url.rstrip("/")
    name, _, domain = url.removeprefix("https://").partition(".")
    if domain.startswith("cloudfront."):
        return f"{endpoint.rstrip('/')}/_aws/cloudfront/{name}"
    return f"{endpoint.rstrip('/')}/_aws/execute-api/{name}/$default"
