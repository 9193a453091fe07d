"""IAM: MiniStack knows one principal at its start, the account's root.

The people and programs outside of the deployment get a role here, each with the permissions that it needs.
This is what the administrator sets up by hand.
"""

import json
from collections.abc import Mapping
from contextvars import copy_context
from typing import Any, Final

from twin.emulator import roles
from twin.principals import Principal, RoleSession
from twin.settings import ACCOUNT, REGION, TwinSettings, account_of

Statement = Mapping[str, Any]

EVERYTHING: Final[Statement] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def install(settings: TwinSettings) -> None:
    """Make the roles and their sessions."""
    from ministack.core import responses

    def make() -> None:
        for principal in Principal:
            responses.set_request_account_id(account_of(principal))
            _make_role(principal, permissions(principal, settings.environment))

    copy_context().run(make)


def permissions(principal: Principal, environment: str) -> tuple[Statement, ...]:
    """Return what a principal may do.

    Args:
        principal: who.
        environment: the deployed environment, for example `dev`.
    """
    return {
        Principal.ADMINISTRATOR: (EVERYTHING,),
        Principal.EMULATOR: (EVERYTHING,),
        Principal.PARTNER: (EVERYTHING,),
        Principal.DEPLOYER: (_allow("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/cdk-*"),),
        Principal.OPERATOR: _operator(environment),
        Principal.SOURCE: (
            _allow("kinesis:PutRecord kinesis:PutRecords", _arn("kinesis", f"stream/c360-{environment}-events")),
            _allow("s3:PutObject s3:AbortMultipartUpload", f"{_lake(environment, 'landing')}/*"),
            _allow("kms:GenerateDataKey kms:Decrypt", _arn("kms", "key/*")),
        ),
        Principal.APPLICATION: (_allow("execute-api:Invoke", _arn("execute-api", "*")),),
    }[principal]


def _operator(environment: str) -> tuple[Statement, ...]:
    """Return what the runbooks and the guide to the first days ask for.

    For a replay, it is the table of the runbook for rejected events.
    """
    prefix = f"C360-{environment}-"
    quarantine = f"c360_{environment}_quarantine"
    return (
        _allow(
            "kinesisanalytics:StartApplication kinesisanalytics:StopApplication kinesisanalytics:DescribeApplication",
            _arn("kinesisanalytics", "application/*"),
        ),
        _allow(
            "appflow:StartFlow appflow:StopFlow appflow:DescribeFlowExecutionRecords",
            _arn("appflow", f"flow/c360-{environment}-*"),
        ),
        _allow("quicksight:DescribeDashboardDefinition", _arn("quicksight", f"dashboard/c360-{environment}-*")),
        _allow(
            "quicksight:DescribeDataSet quicksight:CreateIngestion quicksight:DescribeIngestion",
            _arn("quicksight", f"dataset/c360-{environment}-*"),
        ),
        _allow("states:StartExecution", _arn("states", f"stateMachine:{prefix}*")),
        _allow(
            "secretsmanager:GetSecretValue secretsmanager:PutSecretValue",
            _arn("secretsmanager", f"secret:{prefix}Collection-*"),
        ),
        _allow("lambda:GetFunctionConfiguration", _arn("lambda", f"function:{prefix}*")),
        _allow("ses:CreateEmailIdentity", "*"),
        _allow(
            "athena:StartQueryExecution athena:GetQueryExecution athena:GetQueryResults athena:GetWorkGroup",
            _arn("athena", f"workgroup/c360-{environment}-stewards"),
        ),
        _allow(
            "glue:GetDatabase glue:GetTable glue:UpdateTable",
            _arn("glue", "catalog"),
            _arn("glue", "database/default"),
            _arn("glue", f"database/{quarantine}"),
            _arn("glue", f"table/{quarantine}/rejected"),
        ),
        _allow("lakeformation:GetDataAccess", "*"),
        _allow(
            "s3:GetObject s3:PutObject s3:AbortMultipartUpload s3:ListBucket s3:GetBucketLocation",
            _lake(environment, "results"),
        ),
        _allow("cloudformation:DescribeStacks", _arn("cloudformation", f"stack/{prefix}Collection/*")),
        _allow("kinesis:PutRecords", _arn("kinesis", f"stream/c360-{environment}-events")),
        _allow("lambda:InvokeFunction", _arn("lambda", f"function:{prefix}Collection-StreamRelay*")),
        _allow("kms:Decrypt kms:GenerateDataKey", _arn("kms", "key/*")),
    )


def _lake(environment: str, bucket: str) -> str:
    return f"arn:aws:s3:::c360-{environment}-foundation-lake{bucket}*"


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _allow(actions: str, *resources: str) -> Statement:
    return {"Effect": "Allow", "Action": actions.split(), "Resource": list(resources)}


def _make_role(principal: Principal, statements: tuple[Statement, ...]) -> None:
    from ministack.services import iam

    account = account_of(principal)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    role = {"RoleName": [principal.value], "AssumeRolePolicyDocument": [_document(trust)]}
    policy = {"RoleName": [principal.value], "PolicyName": ["Own"], "PolicyDocument": [_document(*statements)]}
    _done(iam._create_role(role))
    _done(iam._put_role_policy(policy))
    roles.register(RoleSession.of_principal(account, principal))


def _document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _done(response: tuple[int, Any, bytes]) -> None:
    """Take the answer of an operation.

    Raises:
        RuntimeError: MiniStack refused it; the message has its answer.
    """
    status, _, body = response
    if status >= 400:  # noqa: PLR2004  # HTTP's errors
        raise RuntimeError(f"a principal of the twin was not made: {body.decode(errors='replace')}")
