"""How the warehouse is loaded: a state machine that runs statements through Redshift's Data API."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import WAREHOUSE_SCHEMA, Zone, database_name
from config.analytics import RowRule
from stacks.analytics.warehouse.access import access_batches
from stacks.analytics.warehouse.data_api import FAILED, DataApi, Place
from stacks.analytics.warehouse.relations import relations_of
from stacks.analytics.warehouse.statements import Batch, read_batches
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform

_NAME: Final = "LoadWarehouse"
_CHECK: Final = "differences"
_REPEATS: Final = 2
# A transaction that another one has overtaken, or that ran while the warehouse was resized, succeeds when repeated.
_ANY_TASK: Final = "States.TaskFailed"


class Loads(Construct):
    """Prepares the warehouse, loads what is new in the lake, and holds the result against the mart of Athena.

    Each file of `sql/warehouse` is a transaction, so that a load that fails leaves the day before. It begins when the
    marts have been built. With `{"rebuild": "yes"}` everything is dropped first and loaded anew.

    Args:
        more: batches of what is switched on beside, which run after the shipped ones.
    """

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        place: Place,
        row_rules: Sequence[RowRule],
        more: Sequence[Batch],
        built_by: sfn.IStateMachine,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._row_rules, self._more = row_rules, more
        self._api = DataApi(self, place)
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
        self._api.let_act(self.machine.role, platform)
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
        look_up = self._api.find_secret()
        prepared = [*(batch for batch in batches if batch.name != _CHECK), *self._more]
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
        submit = self._api.send_batch("Submit", "$.statements", known_as="$.secret")
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
        failed = tell.next(sfn.Fail(self, "BatchFailed", error=FAILED, cause_path="$.cause"))
        done = sfn.Succeed(self, "BatchDone")
        wait, look = self._api.wait("Batch")
        ended = self._api.ended("Batch", wait, finished=done)
        ended.when(there, sfn.Succeed(self, "WasThere")).otherwise(failed)
        submit.next(wait).next(look).next(ended)
        each.item_processor(submit)
        each.add_retry(
            errors=[FAILED, _ANY_TASK],
            interval=cdk.Duration.seconds(30),
            backoff_rate=2,
            max_attempts=_REPEATS,
            jitter_strategy=sfn.JitterType.FULL,
        )
        return each

    def _agree(self, check: Batch) -> sfn.IChainable:
        """Ask in how many rows the warehouse differs from the mart, and fail unless in none."""
        [statement] = check.statements
        ask = self._api.send("Compare", statement)
        wait, look = self._api.wait("Comparison")
        read = self._api.read("ReadComparison", result_path="$.compared")
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
        ended = self._api.ended("Comparison", wait, finished=read)
        ended.otherwise(
            sfn.Fail(self, "ComparisonFailed", error=FAILED, cause="the comparison with the mart has failed")
        )
        read.next(agreed)
        return ask.next(wait).next(look).next(ended)


def _item(batch: Batch) -> Mapping[str, object]:
    return {"once": "yes" if batch.once else "no", "statements": list(batch.statements)}
