"""What is reachable from outside: buckets, functions and APIs."""

import json
from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment

BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
BY_HAND: Final = "somebody opened it by hand: take that back, or deploy its stack again"


@check("public buckets", fix=BY_HAND)
def buckets(deployed: DeployedEnvironment) -> str:
    """No bucket can be public, whatever its policy or an object's access list says."""
    names = deployed.ids("AWS::S3::Bucket")
    wrong = [
        f"{name} does not have {', '.join(missing)}" for name in names if (missing := _missing_blocks(deployed, name))
    ]
    return expect(wrong, f"{len(names)} block public access")


def _missing_blocks(deployed: DeployedEnvironment, bucket: str) -> list[str]:
    try:
        answer = deployed.client("s3").get_public_access_block(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        return list(BLOCKS)
    return [name for name in BLOCKS if not answer["PublicAccessBlockConfiguration"].get(name)]


@check("public functions", fix=BY_HAND)
def functions(deployed: DeployedEnvironment) -> str:
    """No function has a URL of its own or may be invoked by everybody."""
    names, client = deployed.ids("AWS::Lambda::Function"), deployed.client("lambda")
    wrong = []
    for name in names:
        if client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]:
            wrong.append(f"{name} has a URL past its API")
        wrong += [f"{name} may be invoked by everybody: {sid}" for sid in _open_statements(client, name)]
    return expect(wrong, f"{len(names)} without a URL, none open to everybody")


def _open_statements(client: Any, function: str) -> Iterator[str]:
    """Yield the statements of a function's own policy that name nobody."""
    try:
        policy = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return
    for statement in policy["Statement"]:
        if statement["Effect"] == "Allow" and _everybody(statement["Principal"]) and not statement.get("Condition"):
            yield statement.get("Sid", "a statement")


def _everybody(principal: Any) -> bool:
    named = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in (one if isinstance(one, list) else [one]) for one in named)


@check("API stages", fix=BY_HAND)
def stages(deployed: DeployedEnvironment) -> str:
    """Each API limits its requests and logs them; the emulator says nothing of limits."""
    client = deployed.client("apigatewayv2")
    found = [
        (api, stage)
        for api in deployed.ids("AWS::ApiGatewayV2::Api")
        for page in client.get_paginator("get_stages").paginate(ApiId=api)
        for stage in page["Items"]
    ]
    wrong = [
        f"{api} {stage['StageName']} {fault}"
        for api, stage in found
        for fault in _faults(stage, limited=not deployed.endpoint)
    ]
    return expect(wrong, f"{len(found)} limit and log requests")


def _faults(stage: dict[str, Any], *, limited: bool) -> Iterator[str]:
    limits = stage.get("DefaultRouteSettings", {})
    if limited and not (limits.get("ThrottlingRateLimit") and limits.get("ThrottlingBurstLimit")):
        yield "has no limit of requests"
    if not stage.get("AccessLogSettings", {}).get("DestinationArn"):
        yield "logs no requests"
