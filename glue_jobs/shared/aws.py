"""AWS clients of jobs, all for a region by name: executors have no default region, and the driver need not have one."""

from typing import Any

import boto3

from glue_jobs.shared import runtime


def client(service: str, *, region: str | None = None) -> Any:
    """Return a client of a service.

    Args:
        service: name of the service in boto3.
        region: required on an executor, which does not see the job's arguments; by default the job's region.
    """
    return boto3.client(service, region_name=region or runtime.region())  # type: ignore[call-overload]


def dynamodb() -> Any:
    """Return a DynamoDB client that takes and returns Python values."""
    return boto3.resource("dynamodb", region_name=runtime.region()).meta.client
