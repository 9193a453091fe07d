"""A limit on what a workgroup computes in a day, which CloudFormation has no resource for."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from stacks.constructs.grants import allow
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform

_SECONDS: Final = 60
_ANSWER: Final = cdk.Duration.seconds(5 * _SECONDS)
_ACTIONS: Final = ("CreateUsageLimit", "DeleteUsageLimit", "ListUsageLimits", "UpdateUsageLimit")


class UsageLimit(Construct):
    """After so many RPU-hours the workgroup begins no query until the next day (UTC).

    The custom resource makes the limit after the workgroup, changes it with the settings, and removes it before the
    workgroup goes.
    """

    limit_id: str
    resource: cdk.CustomResource

    def __init__(
        self, scope: Construct, id_: str, *, workgroup: redshift.CfnWorkgroup, daily_hours: int, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        worker = PythonFunction(
            self,
            "Limiter",
            name="warehouse_limits",
            platform=platform,
            variables={},
            caller=Caller.CLOUDFORMATION,
            timeout_seconds=_SECONDS,
        )
        allow(worker.role, (f"redshift-serverless:{action}" for action in _ACTIONS), "*")
        reason = "a usage limit has no ARN, and AWS documents these actions without a resource"
        acknowledge(worker.role, {"IAM5[Resource::*]": reason})
        self.resource = cdk.CustomResource(
            self,
            "Limit",
            service_token=worker.function.function_arn,
            resource_type="Custom::WarehouseLimit",
            service_timeout=_ANSWER,
            properties={"Workgroup": workgroup.attr_workgroup_workgroup_arn, "DailyHours": str(daily_hours)},
        )
        self.resource.node.add_dependency(worker.role)
        self.limit_id = self.resource.get_att_string("LimitId")
