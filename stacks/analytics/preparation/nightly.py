"""The nightly run: empty the place of the copy, copy the mart, run the jobs one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_databrew as databrew
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import Zone, database_name
from config.analytics import DataBrewSettings
from stacks.analytics.preparation.data_set import DataSet
from stacks.constructs.grants import (
    allow,
    arn_seen_from,
    catalog_arns,
    query_in,
    query_lake,
    use_key,
)
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import retry_when_busy, wait_for_capacity
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

NAME: Final = "PrepareCustomers"
_PARALLEL_DELETES: Final = 10
# Of a statement, beside those of whoever queries: Step Functions looks the catalog up before it waits.
_FIND_CATALOG: Final = ("athena:GetDataCatalog",)


class Nightly(Construct):
    """A state machine that a rule starts every night; a run begins from the start and may be repeated."""

    machine: sfn.StateMachine

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        data: DataSet,
        place: s3.IBucket,
        prefix: str,
        jobs: Sequence[databrew.CfnJob],
        workgroup: Workgroup,
        settings: DataBrewSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._place, self._prefix, self._workgroup = place, prefix, workgroup
        self._data, self._platform = data, platform
        steps: Any = self._empty(then=self._copy())
        last = self._copied
        for job in jobs:
            last = last.next(self._run(job))
        run = StateMachine(
            self,
            "Run",
            name=NAME,
            platform=platform,
            steps=steps,
            subject="the customers could not be prepared",
            runbook="README.md#customers-are-not-prepared",
        )
        self.machine = run.machine
        self._allow()
        StartRules(self, machine=run, platform=platform).nightly(
            "Rule", description="Prepare the customers every night", hour_utc=settings.hour_utc
        )

    # ---- the steps

    def _empty(self, *, then: sfn.IChainable) -> sfn.IChainable:
        """Delete what the last run has copied, a page at a time: UNLOAD writes to an empty place only."""
        bucket = self._place.bucket_name
        look = self._call("ListOldCopy", "listObjectsV2", {"Bucket": bucket, "Prefix": self._prefix}, result="$.old")
        delete = self._call("DeleteOldFile", "deleteObject", {"Bucket": bucket, "Key.$": "$.Key"})
        each = sfn.Map(
            self,
            "DeleteOldCopy",
            items_path="$.old.Contents",
            max_concurrency=_PARALLEL_DELETES,
            result_path=sfn.JsonPath.DISCARD,
        )
        each.item_processor(delete)
        old = sfn.Choice(self, "IsThereAnOldCopy")
        old.when(sfn.Condition.is_present("$.old.Contents[0]"), each.next(look)).otherwise(then)
        return look.next(old)

    def _copy(self) -> sfn.IChainable:
        """Copy the mart by a statement of Athena; the CDK's class for it would grant more than it needs."""
        database = database_name(self._platform.environment, Zone.PRODUCTS)
        self._copied: Any = sfn.CustomState(
            self,
            "Copy",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::athena:startQueryExecution.sync",
                "Parameters": {
                    "QueryString": self._data.unload(database, f"s3://{self._place.bucket_name}/{self._prefix}"),
                    "WorkGroup": self._workgroup.name,
                },
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )
        wait_for_capacity(self._copied, "Athena")
        return self._copied

    def _call(
        self, id_: str, action: str, parameters: Mapping[str, str], *, result: str = sfn.JsonPath.DISCARD
    ) -> sfn.CustomState:
        """Call S3; the CDK's class for it would let the machine list what lies beside the copy, too."""
        step = sfn.CustomState(
            self,
            id_,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::aws-sdk:s3:{action}",
                "Parameters": dict(parameters),
                "ResultPath": result,
            },
        )
        retry_when_busy(step, "S3")
        return step

    def _run(self, job: databrew.CfnJob) -> tasks.GlueDataBrewStartJobRun:
        step = tasks.GlueDataBrewStartJobRun(
            self,
            pascal_case(job.name.partition(f"{self._platform.environment}-")[2].replace("-", "_")),
            name=job.ref,
            integration_pattern=sfn.IntegrationPattern.RUN_JOB,
            result_path=sfn.JsonPath.DISCARD,
        )
        wait_for_capacity(step, "DataBrew")
        return step

    # ---- rights

    def _allow(self) -> None:
        """Let the machine query the mart and write the copy, which Athena does with its caller's rights."""
        role, stack = self.machine.role, cdk.Stack.of(self)
        query_in(role, self._workgroup)
        catalog = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:datacatalog/AwsDataCatalog"
        allow(role, _FIND_CATALOG, catalog)
        query_lake(role)
        tables = catalog_arns(role, self._platform, Zone.PRODUCTS, [self._data.mart])
        allow(role, ("glue:GetDatabase", "glue:GetTable"), *tables)
        objects = self._place.arn_for_objects(f"{self._prefix}*")
        allow(role, ("s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"), objects)
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self._place.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{self._prefix}*"}},
            )
        )
        use_key(
            role,
            self._place.encryption_key,
            through="s3",
            actions=("Decrypt", "GenerateDataKey"),
            objects=objects,
        )
        seen = f"{arn_seen_from(role, self._place)}/{self._prefix}*"
        acknowledge(role, {wildcard(role, seen): "Athena names the files of the copy itself"})
