"""Objects of vendors' systems: a connection and flows of Amazon AppFlow, which land records as files.

A flow follows its own schedule and reads what changed since its last successful run. The file ingestion takes what it
lands like any other file. A state machine is told of runs that failed, and reports a source that fails again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_appflow as appflow
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.contracts import Contracts, SaasObject, Source
from c360_core.names import Connector, Zone, connection_name, flow_name
from config.collection import SaasSettings
from stacks.collection.saas.connections import CUSTOM, connection
from stacks.collection.saas.tasks import flow_tasks
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import RUNBOOKS, StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform

_SERVICE: Final = "appflow.amazonaws.com"
_WATCH: Final = "WatchFlows"
_RUNBOOK: Final = "a-vendor-is-not-read.md"
_SUCCEEDED: Final = "Execution Successful"
_FAILED: Final = "Error"
_DEACTIVATION_RUNS: Final = 100  # the most that AppFlow allows: a source that is down for long is read when it is back
_USD_PER_RUN: Final = 0.001
_SECONDS_PER_MONTH: Final = 730 * 3600
_WRITE_OBJECTS: Final = ("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_SEE_BUCKET: Final = ("s3:GetBucketAcl", "s3:ListBucketMultipartUploads")
_USE_KEY: Final = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey")
_GOOGLE_VERSION: Final = "v1beta"
_UNITS: Final = ((86400, "days"), (3600, "hours"), (60, "minutes"))


class UnusedConnectionError(ValueError):
    """The settings name a connection or a source that no contract reads by AppFlow."""


class SaasFlows(Construct):
    """Reads sources from the vendors of the settings. Without any, it has no resources."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        connections: Mapping[str, SaasSettings],
        failed_runs: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._cadences: list[int] = []
        if not connections:
            return
        self._let_appflow_land(lake, platform)
        names: list[str] = []
        for name, settings in connections.items():
            read = _sources(lake.contracts, name, settings)
            vendor = _Vendor(
                self, pascal_case(name), name=name, settings=settings, read=read, lake=lake, platform=platform
            )
            names += vendor.flows
            self._cadences += [source.cadence_seconds for source, _ in read]
        self._watch(names, failed_runs, platform)

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return what the runs cost; AppFlow charges those that find nothing, too. Data comes on top."""
        if not self._cadences:
            return ()
        usd = sum(_SECONDS_PER_MONTH / seconds for seconds in self._cadences) * _USD_PER_RUN
        return (StandingCost(part="sources read from vendors", usd=usd, pieces=len(self._cadences)),)

    def _let_appflow_land(self, lake: Lake, platform: Platform) -> None:
        """Let AppFlow write to the landing bucket, and use its key.

        AppFlow has no role: the bucket and the key let the service in. Its documentation gives it the account as
        context, and names no ARN that would say which flow writes.
        """
        landing, account = lake.buckets[Zone.LANDING], cdk.Stack.of(self).account
        conditions = {"StringEquals": {"aws:SourceAccount": account}}
        read = sorted(source.name for source, _ in lake.contracts.saas_sources())
        for sid, actions, resources in (
            ("FlowsLandFiles", _WRITE_OBJECTS, [landing.arn_for_objects(f"{source}/*") for source in read]),
            ("FlowsSeeTheBucket", _SEE_BUCKET, [landing.bucket_arn]),
        ):
            landing.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(_SERVICE)],
                    actions=list(actions),
                    resources=resources,
                    conditions=conditions,
                )
            )
        platform.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Flows",
                principals=[iam.ServicePrincipal(_SERVICE)],
                actions=list(_USE_KEY),
                resources=["*"],
                conditions=conditions,
            )
        )

    # ---- runs that fail

    def _watch(self, flows: Sequence[str], failed_runs: int, platform: Platform) -> None:
        machine = StateMachine(
            self,
            "Watch",
            name=_WATCH,
            platform=platform,
            steps=self._steps(flows, failed_runs),
            subject="a vendor's system could not be read",
            runbook=_RUNBOOK,
        )
        rules = StartRules(self, machine=machine, platform=platform)
        detail = {"flow-name": list(flows)}
        path = events.EventField.from_path
        for id_, what, kind, more, deactivated in (
            ("RunFailed", "A run of a flow failed", "End Flow Run Report",
             {"status": [{"anything-but": [_SUCCEEDED]}]}, "no"),
            ("Deactivated", "AppFlow has deactivated a flow", "Scheduled Flow Deactivated", {}, "yes"),
        ):  # fmt: skip
            rules.on_event(
                id_,
                description=f"{what}: is its source to be reported?",
                pattern=events.EventPattern(
                    source=["aws.appflow"], detail_type=[f"AppFlow {kind}"], detail={**detail, **more}
                ),
                execution_input=events.RuleTargetInput.from_object(
                    {"flow": path("$.detail.flow-name"), "deactivated": deactivated}
                ),
            )

    def _steps(self, flows: Sequence[str], failed_runs: int) -> sfn.IChainable:
        """Fail once, when a flow has failed so many times in a row; the run before those did not, or was none."""
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:appflow:{stack.region}:{stack.account}:flow"
        asked = tasks.CallAwsService(
            self,
            "AskForRuns",
            service="appflow",
            action="describeFlowExecutionRecords",
            parameters={"FlowName": sfn.JsonPath.string_at("$.flow"), "MaxResults": failed_runs + 1},
            iam_resources=[f"{prefix}/{name}" for name in flows],
            result_selector={"statuses": sfn.JsonPath.object_at("$.FlowExecutions[*].ExecutionStatus")},
            result_path="$.runs",
        )
        retry_when_busy(asked, "Appflow")
        failed = [_is_failed(number) for number in range(failed_runs)]
        again = sfn.Condition.and_(*failed, sfn.Condition.not_(_is_failed(failed_runs)))
        told = sfn.Choice(self, "FailedTooOften").when(again, self._report("Failed", f"failed {failed_runs} times"))
        rest = asked.next(told.otherwise(sfn.Succeed(self, "NextRunReadsIt", comment="or it was reported before")))
        return (
            sfn.Choice(self, "WasDeactivated")
            .when(
                sfn.Condition.string_equals("$.deactivated", "yes"),
                self._report("Deactivated", "was deactivated by AppFlow"),
            )
            .otherwise(rest)
        )

    def _report(self, id_: str, what: str) -> sfn.Chain:
        text = f"the flow {{}} {what}, and its source is not read; see {RUNBOOKS}{_RUNBOOK}"
        told = sfn.Pass(
            self,
            f"{id_}Source",
            parameters={"cause": sfn.JsonPath.format(text, sfn.JsonPath.string_at("$.flow"))},
        )
        return told.next(sfn.Fail(self, f"{id_}Flow", error=f"Flow{id_}", cause_path="$.cause"))


class _Vendor(Construct):
    """One vendor's system: its connection, and a flow for each of its sources."""

    flows: Sequence[str]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: SaasSettings,
        read: Sequence[tuple[Source, SaasObject]],
        lake: Lake,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        connector = read[0][1].connector  # the check of the contracts: all say the same of a connection
        profile = None
        if settings.secret is not None:
            profile = connection(self, "Profile", name=name, connector=connector, settings=settings, platform=platform)
        self.flows = [
            self._flow(source, saas, settings.profile or connection_name(platform.environment, name), lake, platform)
            for source, saas in _with_reports(read, settings)
        ]
        if profile is not None:
            for flow in self.node.find_all():
                if isinstance(flow, appflow.CfnFlow):
                    flow.add_resource_dependency(profile)

    def _flow(self, source: Source, saas: SaasObject, profile: str, lake: Lake, platform: Platform) -> str:
        kind = appflow.CfnFlow
        name = flow_name(platform.environment, source.name)
        is_custom = saas.connector is Connector.GOOGLE_ANALYTICS_4
        kind(
            self,
            pascal_case(source.name),
            flow_name=name,
            description=f"{source.name}, contract version {source.version}",
            flow_status="Active",
            kms_arn=platform.key.key_arn,
            source_flow_config=kind.SourceFlowConfigProperty(
                connector_type=CUSTOM if is_custom else saas.connector.value,
                api_version=_GOOGLE_VERSION if is_custom else None,
                connector_profile_name=profile,
                source_connector_properties=kind.SourceConnectorPropertiesProperty(**_object(saas)),
                incremental_pull_config=_increment(saas),
            ),
            destination_flow_config_list=[_destination(source, lake)],
            trigger_config=kind.TriggerConfigProperty(
                trigger_type="Scheduled", trigger_properties=_schedule(source, saas)
            ),
            tasks=list(flow_tasks(saas)),
        )
        return name


def _destination(source: Source, lake: Lake) -> appflow.CfnFlow.DestinationFlowConfigProperty:
    """Land one file a run, in the source's folder, under the flow's name and the id of the run."""
    kind = appflow.CfnFlow
    return kind.DestinationFlowConfigProperty(
        connector_type="S3",
        destination_connector_properties=kind.DestinationConnectorPropertiesProperty(
            s3=kind.S3DestinationPropertiesProperty(
                bucket_name=lake.buckets[Zone.LANDING].bucket_name,
                bucket_prefix=source.name,
                s3_output_format_config=kind.S3OutputFormatConfigProperty(
                    file_type="JSON",
                    aggregation_config=kind.AggregationConfigProperty(aggregation_type="SingleFile"),
                    prefix_config=kind.PrefixConfigProperty(path_prefix_hierarchy=["EXECUTION_ID"]),
                ),
            )
        ),
    )


def _schedule(source: Source, saas: SaasObject) -> appflow.CfnFlow.ScheduledTriggerPropertiesProperty:
    return appflow.CfnFlow.ScheduledTriggerPropertiesProperty(
        schedule_expression=rate(source.cadence_seconds),
        data_pull_mode="Incremental" if saas.incremental_field else "Complete",
        first_execution_from=_seconds(saas.history_from) if saas.history_from else None,
        flow_error_deactivation_threshold=_DEACTIVATION_RUNS,
        time_zone="UTC",
    )


def rate(seconds: int) -> str:
    """Return a schedule as AppFlow writes it, without a space: `rate(15minutes)`."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"rate({seconds // size}{unit})"


def _seconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def _increment(saas: SaasObject) -> appflow.CfnFlow.IncrementalPullConfigProperty | None:
    if saas.incremental_field is None:
        return None
    return appflow.CfnFlow.IncrementalPullConfigProperty(datetime_type_field_name=saas.incremental_field)


def _object(saas: SaasObject) -> Mapping[str, Any]:
    kind = appflow.CfnFlow
    if saas.connector is Connector.SALESFORCE:
        return {"salesforce": kind.SalesforceSourcePropertiesProperty(object=saas.object)}
    if saas.connector is Connector.SAP_ODATA:
        return {"sapo_data": kind.SAPODataSourcePropertiesProperty(object_path=saas.object)}
    if saas.connector is Connector.MARKETO:
        return {"marketo": kind.MarketoSourcePropertiesProperty(object=saas.object)}
    return {"custom_connector": kind.CustomConnectorSourcePropertiesProperty(entity_name=saas.object)}


# ---- what the settings name


def _sources(contracts: Contracts, name: str, settings: SaasSettings) -> Sequence[tuple[Source, SaasObject]]:
    known = {source.name: (source, saas) for source, saas in contracts.saas_sources() if source.server.name == name}
    for source in settings.sources:
        if source not in known:
            raise UnusedConnectionError(
                f"collection.saas.{name}.sources: no contract `{source}` has a server of this name that AppFlow reads; "
                f"known: {', '.join(known) or 'none'}"
            )
    found = [known[source] for source in dict.fromkeys(settings.sources)]
    connector = found[0][1].connector
    if settings.secret is not None and settings.address is None and connector is not Connector.GOOGLE_ANALYTICS_4:
        raise UnusedConnectionError(f"collection.saas.{name}.address: is missing; a connection of {connector} needs it")
    return found


def _with_reports(
    read: Sequence[tuple[Source, SaasObject]], settings: SaasSettings
) -> Sequence[tuple[Source, SaasObject]]:
    """Put the environment's report in the place of the contract's variable."""
    named: list[tuple[Source, SaasObject]] = []
    for source, saas in read:
        if saas.object.startswith("${"):
            if settings.report is None:
                raise UnusedConnectionError(
                    f"collection.saas.{source.server.name}.report: is missing; {source.name} reads it"
                )
            named.append((source, replace(saas, object=settings.report)))
        else:
            named.append((source, saas))
    return named


def _is_failed(number: int) -> sfn.Condition:
    run = f"$.runs.statuses[{number}]"
    return sfn.Condition.and_(sfn.Condition.is_present(run), sfn.Condition.string_equals(run, _FAILED))
