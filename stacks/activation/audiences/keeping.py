"""The daily run of an audience: ask the lake who is in it, tell the platform, and wait for what becomes of it."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import TableName, Zone, database_name
from config.activation import ActivationSettings, AudienceSettings
from stacks.constructs.retries import retry_when_busy, wait_for_capacity
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

RUNBOOK: Final = "an-audience-is-not-right.md"
# Errors of the function after which it goes on from where it was.
_AGAIN: Final = ("PlatformBusyError", "StoreBusyError", "BusRefusedError", "Lambda.Unknown", "Sandbox.Timedout")
_LOOKS: Final = 36  # with the default pause three hours
_TIMEOUT: Final = cdk.Duration.hours(12)  # a run ends before the next one begins
_NOTHING: Final = {"calls": 0, "added": 0, "removed": 0, "refused": 0}


class Keeping(Construct):
    """The state machine of an audience, which a rule starts each day. A run may be repeated: it goes on."""

    run: StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        audience: AudienceSettings,
        function: lambda_.IFunction,
        workgroup: Workgroup,
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._audience, self._settings, self._platform = audience, settings, platform
        self.run = StateMachine(
            self,
            "Run",
            name=f"Audience{pascal_case(audience.name)}",
            platform=platform,
            steps=self._ask(workgroup).next(self._tell(function)),
            subject=f"the audience {audience.name} could not be brought up to date",
            timeout=_TIMEOUT,
            runbook=RUNBOOK,
        )
        StartRules(self, machine=self.run, platform=platform).nightly(
            "Daily",
            description=f"The marts are built: bring the audience {audience.name} up to date",
            hour_utc=settings.audiences_hour_utc,
        )

    def _ask(self, workgroup: Workgroup) -> sfn.CustomState:
        """Ask the lake; the CDK's class for it would grant more than it needs."""
        database = database_name(self._platform.environment, Zone.PRODUCTS)
        ask = sfn.CustomState(
            self,
            "Ask",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::athena:startQueryExecution.sync",
                "Parameters": {
                    "QueryString": (
                        f"SELECT kind, {self._audience.platform}_sha256 AS sha256 "  # noqa: S608  # our own names
                        f'FROM "{database}"."{TableName.SHARED_AUDIENCES}" '
                        f"WHERE segment = '{self._audience.segment}'"
                    ),
                    "WorkGroup": workgroup.name,
                },
                "ResultSelector": {
                    "wanted.$": "$.QueryExecution.ResultConfiguration.OutputLocation",
                    "progress": _NOTHING,
                },
            },
        )
        wait_for_capacity(ask, "Athena")
        return ask

    def _tell(self, function: lambda_.IFunction) -> sfn.IChainable:
        """Call the function until there is nothing to tell and nothing to wait for."""
        audience = self._audience
        tell = tasks.LambdaInvoke(
            self,
            "Tell",
            lambda_function=function,
            payload=sfn.TaskInput.from_object(
                {
                    "audience": {
                        "name": audience.name,
                        "segment": audience.segment,
                        "platform": audience.platform,
                        "account": audience.account,
                        "audience_id": audience.audience_id,
                        "secret": audience.secret,
                        "url": audience.address,
                        "ended": audience.ended,
                    },
                    "wanted": sfn.JsonPath.string_at("$.wanted"),
                    "run": sfn.JsonPath.string_at("$$.Execution.Name"),
                    "most_calls": _LOOKS,
                    "progress": sfn.JsonPath.object_at("$.progress"),
                }
            ),
            payload_response_only=True,
            result_path="$.progress",
            retry_on_service_exceptions=False,
        )
        retry_when_busy(tell, "Lambda")
        # About an hour; then somebody is told, and the next run goes on.
        tell.add_retry(
            errors=list(_AGAIN),
            interval=cdk.Duration.seconds(30),
            max_attempts=10,
            backoff_rate=2,
            max_delay=cdk.Duration.minutes(10),
            jitter_strategy=sfn.JitterType.FULL,
        )
        wait = sfn.Wait(
            self,
            "WaitForPlatform",
            time=sfn.WaitTime.duration(cdk.Duration.seconds(self._settings.audiences_poll_seconds)),
        )
        wait.next(tell)
        left = sfn.Fail(
            self,
            "SomebodyIsLeft",
            error="RemovalsLeft",
            cause="the platform has not confirmed that everybody left who must; the next run tells it again",
        )
        tell.next(
            sfn.Choice(self, "IsDone")
            .when(sfn.Condition.boolean_equals("$.progress.again", value=True), wait)
            .when(sfn.Condition.number_greater_than("$.progress.removals_left", 0), left)
            .otherwise(sfn.Succeed(self, "UpToDate"))
        )
        return tell
