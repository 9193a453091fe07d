"""How the warehouse is loaded: a state machine that runs statements through Redshift's Data API."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import WAREHOUSE_DATABASE, WAREHOUSE_SCHEMA, Zone, database_name
from config.analytics import RowRule, WarehouseSettings
from stacks.analytics.warehouse.access import access_batches
from stacks.analytics.warehouse.relations import relations_of
from stacks.analytics.warehouse.statements import Batch, read_batches
from stacks.constructs.grants import allow, use_key
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform

_NAME: Final = "LoadWarehouse"
_CHECK: Final = "differences"
_FAILED: Final = "StatementFailed"
_REPEATS: Final = 2
# A transaction that another one has overtaken, or that ran while the warehouse was resized, succeeds when repeated.
_ANY_TASK: Final = "States.TaskFailed"


class Loads(Construct):
    """Prepares the warehouse, loads what is new in the lake, and holds the result against the mart of Athena.

    Each file of `sql/warehouse` is a transaction, so that a load that fails leaves the day before. It begins when the
    marts have been built. With `{"rebuild": "yes"}` everything is dropped first and loaded anew.
    """

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        namespace: redshift.CfnNamespace,
        workgroup: redshift.CfnWorkgroup,
        settings: WarehouseSettings,
        row_rules: Sequence[RowRule],
        built_by: sfn.IStateMachine,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._row_rules = row_rules
        self._namespace, self._workgroup, self._settings = namespace, workgroup, settings
        databases = {str(zone): database_name(platform.environment, zone) for zone in (Zone.PRODUCTS, Zone.CURATED)}
        batches = read_batches(Path(platform.assets.warehouse_statements), databases)
        run = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=platform,
            steps=self._steps(batches),
            subject="the warehouse could not be loaded",
            runbook="the-warehouse-is-not-loaded.md",
        )
        self.machine = run.machine
        self._let_read_secret(platform)
        rules = StartRules(self, machine=run, platform=platform)
        rules.on_event(
            "Built",
            description="The marts have been built: load the warehouse from them",
            pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [built_by.state_machine_arn], "status": ["SUCCEEDED"]},
            ),
            execution_input=events.RuleTargetInput.from_object({"rebuild": "no"}),
        )

    # ---- the steps

    def _steps(self, batches: Sequence[Batch]) -> sfn.IChainable:
        """Look up the administrator's secret, run each batch, and fail where the figures do not agree."""
        look_up = tasks.CallAwsService(
            self,
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
        prepared = [batch for batch in batches if batch.name != _CHECK]
        access = access_batches(relations_of(prepared), self._row_rules)
        loads = [_item(batch) for batch in (*prepared, *access)]
        [check] = [batch for batch in batches if batch.name == _CHECK]
        drop = _item(Batch(name="drop", once=False, statements=[f"DROP SCHEMA IF EXISTS {WAREHOUSE_SCHEMA} CASCADE"]))
        plans = {"Load": loads, "Rebuild": [drop, *loads]}
        load, rebuild = (
            sfn.Pass(self, name, result=sfn.Result.from_array(list(items)), result_path="$.batches")
            for name, items in plans.items()
        )
        each = self._run_each()
        anew = sfn.Condition.and_(
            sfn.Condition.is_present("$.rebuild"), sfn.Condition.string_equals("$.rebuild", "yes")
        )
        chosen = sfn.Choice(self, "IsRebuilt").when(anew, rebuild).otherwise(load)
        rebuild.next(each)
        load.next(each)
        each.next(self._agree(check))
        return look_up.next(chosen)

    def _run_each(self) -> sfn.Map:
        """Run one batch after the other; what failed is repeated."""
        each = sfn.Map(
            self,
            "EachBatch",
            items_path="$.batches",
            item_selector={
                "secret": sfn.JsonPath.string_at("$.found.secret"),
                "once": sfn.JsonPath.string_at("$$.Map.Item.Value.once"),
                "statements": sfn.JsonPath.object_at("$$.Map.Item.Value.statements"),
            },
            max_concurrency=1,
            result_path=sfn.JsonPath.DISCARD,
        )
        submit = self._call(
            "Submit",
            "batchExecuteStatement",
            {
                "WorkgroupName": self._workgroup.workgroup_name,
                "Database": WAREHOUSE_DATABASE,
                "SecretArn": sfn.JsonPath.string_at("$.secret"),
                "Sqls": sfn.JsonPath.object_at("$.statements"),
            },
            resources=[self._workgroup.attr_workgroup_workgroup_arn],
            result_path="$.statement",
        )
        there = sfn.Condition.and_(
            sfn.Condition.string_equals("$.once", "yes"),
            sfn.Condition.is_present("$.statement.Error"),
            sfn.Condition.string_matches("$.statement.Error", "*already *"),
        )
        tell = sfn.Pass(
            self,
            "TellError",
            parameters={
                "cause": sfn.JsonPath.format(
                    "statement {} has ended as {}; ask redshift-data describe-statement for it",
                    sfn.JsonPath.string_at("$.statement.Id"),
                    sfn.JsonPath.string_at("$.statement.Status"),
                )
            },
        )
        failed = tell.next(sfn.Fail(self, "BatchFailed", error=_FAILED, cause_path="$.cause"))
        done = sfn.Succeed(self, "BatchDone")
        wait, look = self._await("Batch")
        ended = self._ended("Batch", wait, finished=done)
        ended.when(there, sfn.Succeed(self, "WasThere")).otherwise(failed)
        submit.next(wait).next(look).next(ended)
        each.item_processor(submit)
        each.add_retry(
            errors=[_FAILED, _ANY_TASK],
            interval=cdk.Duration.seconds(30),
            backoff_rate=2,
            max_attempts=_REPEATS,
            jitter_strategy=sfn.JitterType.FULL,
        )
        return each

    def _agree(self, check: Batch) -> sfn.IChainable:
        """Ask in how many rows the warehouse differs from the mart, and fail unless in none."""
        [statement] = check.statements
        ask = self._call(
            "Compare",
            "executeStatement",
            {
                "WorkgroupName": self._workgroup.workgroup_name,
                "Database": WAREHOUSE_DATABASE,
                "SecretArn": sfn.JsonPath.string_at("$.found.secret"),
                "Sql": statement,
            },
            resources=[self._workgroup.attr_workgroup_workgroup_arn],
            result_path="$.statement",
        )
        wait, look = self._await("Comparison")
        read = self._call(
            "ReadComparison",
            "getStatementResult",
            {"Id": sfn.JsonPath.string_at("$.statement.Id")},
            resources=["*"],
            result_path="$.compared",
        )
        same = sfn.Condition.number_equals("$.compared.Records[0][0].LongValue", 0)
        agreed = (
            sfn.Choice(self, "Agree")
            .when(same, sfn.Succeed(self, "Loaded"))
            .otherwise(
                sfn.Fail(
                    self,
                    "Differ",
                    error="WarehouseDiffers",
                    cause="the warehouse's spend is not that of the mart spend_by_currency",
                )
            )
        )
        ended = self._ended("Comparison", wait, finished=read)
        ended.otherwise(
            sfn.Fail(self, "ComparisonFailed", error=_FAILED, cause="the comparison with the mart has failed")
        )
        read.next(agreed)
        return ask.next(wait).next(look).next(ended)

    def _await(self, name: str) -> tuple[sfn.Wait, tasks.CallAwsService]:
        wait = sfn.Wait(
            self, f"Wait{name}", time=sfn.WaitTime.duration(cdk.Duration.seconds(self._settings.poll_seconds))
        )
        look = self._call(
            f"Look{name}",
            "describeStatement",
            {"Id": sfn.JsonPath.string_at("$.statement.Id")},
            resources=["*"],
            result_path="$.statement",
        )
        return wait, look

    def _ended(self, name: str, wait: sfn.Wait, *, finished: sfn.IChainable) -> sfn.Choice:
        ends = sfn.Condition.or_(
            *(sfn.Condition.string_equals("$.statement.Status", status) for status in ("FAILED", "ABORTED"))
        )
        return (
            sfn.Choice(self, f"Ended{name}")
            .when(sfn.Condition.string_equals("$.statement.Status", "FINISHED"), finished)
            .when(sfn.Condition.not_(ends), wait)
        )

    def _call(
        self, id_: str, action: str, parameters: Mapping[str, object], *, resources: Sequence[str], result_path: str
    ) -> tasks.CallAwsService:
        named = f"{action[:1].upper()}{action[1:]}"
        call = tasks.CallAwsService(
            self,
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

    # ---- rights

    def _let_read_secret(self, platform: Platform) -> None:
        """The Data API reads the administrator's secret with its caller's rights. Redshift named and keeps it."""
        role, stack = self.machine.role, cdk.Stack.of(self)
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


def _item(batch: Batch) -> Mapping[str, object]:
    return {"once": "yes" if batch.once else "no", "statements": list(batch.statements)}
