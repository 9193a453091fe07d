"""States that send statements to the warehouse through Redshift's Data API, and wait until they have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import WAREHOUSE_DATABASE
from stacks.constructs.grants import allow, use_key
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import retry_when_busy
from stacks.shared.platform import Platform

FAILED: Final = "StatementFailed"
_LOOKED_UP: Final = "$.found.secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where statements run.

    Attributes:
        poll_seconds: how often the states ask whether a statement has ended.
    """

    namespace: redshift.CfnNamespace
    workgroup: redshift.CfnWorkgroup
    poll_seconds: int


class DataApi:
    """Makes the states of one state machine, in a scope.

    A state sends a statement as the administrator, whose secret `find_secret` has looked up: CloudFormation does not
    return its ARN.
    """

    def __init__(self, scope: Construct, place: Place) -> None:
        self._scope, self._poll_seconds = scope, place.poll_seconds
        self._namespace, self._workgroup = place.namespace, place.workgroup

    def find_secret(self) -> tasks.CallAwsService:
        """Return the state that looks up the administrator's secret, for all that send statements."""
        look_up = tasks.CallAwsService(
            self._scope,
            "FindSecret",
            service="redshiftserverless",
            action="getNamespace",
            iam_action="redshift-serverless:GetNamespace",
            iam_resources=[self._namespace.attr_namespace_namespace_arn],
            parameters={"NamespaceName": self._namespace.namespace_name},
            result_selector={"secret": sfn.JsonPath.string_at("$.Namespace.AdminPasswordSecretArn")},
            result_path="$.found",
        )
        retry_when_busy(look_up, "RedshiftServerless")
        return look_up

    def send(self, id_: str, statement: str) -> tasks.CallAwsService:
        """Return the state that sends one statement, which is not part of a transaction."""
        return self._submit(
            id_, "executeStatement", {"SecretArn": sfn.JsonPath.string_at(_LOOKED_UP), "Sql": statement}
        )

    def send_batch(
        self, id_: str, statements: Sequence[str] | str, *, known_as: str = _LOOKED_UP
    ) -> tasks.CallAwsService:
        """Return the state that sends statements that are one transaction: a list, or the path of one."""
        sent = sfn.JsonPath.object_at(statements) if isinstance(statements, str) else list(statements)
        return self._submit(id_, "batchExecuteStatement", {"SecretArn": sfn.JsonPath.string_at(known_as), "Sqls": sent})

    def wait(self, name: str, seconds: int | None = None) -> tuple[sfn.Wait, tasks.CallAwsService]:
        """Return the states that wait and then look at a statement; the first leads nowhere yet."""
        wait = sfn.Wait(
            self._scope,
            f"Wait{name}",
            time=sfn.WaitTime.duration(cdk.Duration.seconds(seconds or self._poll_seconds)),
        )
        look = self._call(
            f"Look{name}",
            "describeStatement",
            {"Id": sfn.JsonPath.string_at("$.statement.Id")},
            resources=["*"],
            result_path="$.statement",
        )
        return wait, look

    def ended(self, name: str, wait: sfn.Wait, *, finished: sfn.IChainable) -> sfn.Choice:
        """Return the choice after a look: on when it has ended well, back to the wait while it runs."""
        ends = sfn.Condition.or_(
            *(sfn.Condition.string_equals("$.statement.Status", status) for status in ("FAILED", "ABORTED"))
        )
        return (
            sfn.Choice(self._scope, f"Ended{name}")
            .when(sfn.Condition.string_equals("$.statement.Status", "FINISHED"), finished)
            .when(sfn.Condition.not_(ends), wait)
        )

    def read(self, id_: str, *, result_path: str) -> tasks.CallAwsService:
        """Return the state that reads what a statement gave."""
        parameters = {"Id": sfn.JsonPath.string_at("$.statement.Id")}
        return self._call(id_, "getStatementResult", parameters, resources=["*"], result_path=result_path)

    def let_act(self, role: iam.IRole, platform: Platform) -> None:
        """The Data API reads the administrator's secret with its caller's rights. Redshift named and keeps it."""
        stack = cdk.Stack.of(self._scope)
        prefix = f"arn:{stack.partition}:secretsmanager:{stack.region}:{stack.account}:secret"
        secret = f"{prefix}:redshift!{self._namespace.namespace_name}-*"
        allow(role, ("secretsmanager:GetSecretValue",), secret)
        use_key(role, platform.key, through="secretsmanager", actions=("Decrypt",))
        acknowledge(
            role,
            {
                wildcard(role, secret): "Secrets Manager ends the secret's name with characters of its own",
                "IAM5[Resource::*]": "a statement has no ARN: the Data API shows each only to whoever ran it",
            },
        )

    def _submit(self, id_: str, action: str, parameters: Mapping[str, object]) -> tasks.CallAwsService:
        return self._call(
            id_,
            action,
            {"WorkgroupName": self._workgroup.workgroup_name, "Database": WAREHOUSE_DATABASE, **parameters},
            resources=[self._workgroup.attr_workgroup_workgroup_arn],
            result_path="$.statement",
        )

    def _call(
        self, id_: str, action: str, parameters: Mapping[str, object], *, resources: Sequence[str], result_path: str
    ) -> tasks.CallAwsService:
        named = f"{action[:1].upper()}{action[1:]}"
        call = tasks.CallAwsService(
            self._scope,
            id_,
            service="redshiftdata",
            action=action,
            parameters=dict(parameters),
            iam_action=f"redshift-data:{named}",
            iam_resources=list(resources),
            result_path=result_path,
        )
        retry_when_busy(call, "RedshiftData")
        return call
