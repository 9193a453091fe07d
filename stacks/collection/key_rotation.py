"""The rotation of the sources' API keys."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE
from config.operations import OperationsSettings
from stacks.constructs.grants import rotate_secret
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec
from stacks.shared.platform import Platform

_FUNCTION: Final = "key_rotation"


class KeyRotation(Construct):
    """A schedule for each source's key, and the function that Secrets Manager calls to rotate it.

    The first rotation comes with the schedule, not with the deployment.
    """

    function: PythonFunction

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        keys: Mapping[str, secretsmanager.ISecret],
        days: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self, "Function", name=_FUNCTION, platform=platform, variables={}, caller=Caller.SECRETS_MANAGER
        )
        self.function.function.add_permission(
            "SecretsManager",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=cdk.Stack.of(self).account,
        )
        for source, secret in keys.items():
            rotate_secret(self.function.role, secret)
            schedule = secretsmanager.CfnRotationSchedule(
                self,
                pascal_case(source),
                secret_id=secret.secret_arn,
                rotation_lambda_arn=self.function.function.function_arn,
                rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(automatically_after_days=days),
                rotate_immediately_on_update=False,
            )
            # Secrets Manager tries the function out when it gets the schedule.
            schedule.node.add_dependency(self.function)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # somebody must hand over each
        """Return the alarm that asks for a new key to be handed over."""
        return (
            AlarmSpec(
                name="KeysRotated",
                metric=cloudwatch.Metric(
                    namespace=METRIC_NAMESPACE,
                    metric_name="KeysRotated",
                    dimensions_map={"service": _FUNCTION},
                    period=METRIC_PERIOD,
                    statistic="Sum",
                ),
                threshold=1,
                text="an API key was rotated: its source needs the new one before the next rotation",
            ),
        )
