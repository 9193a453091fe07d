"""What the dashboards read: data sets in QuickSight's memory, filled from the marts through Athena every day."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from c360_core.names import Zone, database_name, quicksight_id
from c360_core.personas import CONTACT_COLUMNS
from c360_metrics.definitions import Kind, SemanticModel
from config.analytics import DashboardsSettings
from config.operations import OperationsSettings
from stacks.analytics.dashboards.definition import data_columns
from stacks.analytics.dashboards.row_rules import GROUP, USER, Rules, require_effect, rules_of
from stacks.constructs.grants import allow, browse_tables, catalog_arns, query_in, query_lake
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec
from stacks.shared.platform import Platform

SERVICE: Final = "quicksight.amazonaws.com"
_TYPES: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.TEXT: {"Type": "STRING"},
    Kind.WHOLE: {"Type": "INTEGER"},
    # Money has two places, and this type four that are exact.
    Kind.DECIMAL: {"Type": "DECIMAL", "SubType": "FIXED"},
    Kind.DATE: {"Type": "DATETIME"},
    Kind.TIME: {"Type": "DATETIME"},
    Kind.BOOLEAN: {"Type": "BOOLEAN"},
}
_OWN_SOURCE: Final = (
    "quicksight:DescribeDataSource",
    "quicksight:DescribeDataSourcePermissions",
    "quicksight:PassDataSource",
    "quicksight:UpdateDataSource",
    "quicksight:DeleteDataSource",
    "quicksight:UpdateDataSourcePermissions",
)
_OWN_DATA_SET: Final = (
    "quicksight:DescribeDataSet",
    "quicksight:DescribeDataSetPermissions",
    "quicksight:PassDataSet",
    "quicksight:DescribeIngestion",
    "quicksight:ListIngestions",
    "quicksight:UpdateDataSet",
    "quicksight:DeleteDataSet",
    "quicksight:CreateIngestion",
    "quicksight:CancelIngestion",
    "quicksight:UpdateDataSetPermissions",
)
# Masked, and still nobody's business who only looks at sums.
_PHYSICAL: Final = "mart"
_RULES: Final = "rules"
_RULES_PROPERTY: Final = "CloudFormation-Validate::W9009"
_LEGACY: Final = (
    "the data set is one statement without steps of preparation; rules stand at its semantic model only where it has "
    "such steps, and here for the preparation that QuickSight calls legacy and goes on taking"
)


class DataSets(Construct):
    """A data source with a role of its own, and a data set for each semantic model that a dashboard shows."""

    role: iam.Role
    arns: Mapping[str, str]
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        models: Sequence[SemanticModel],
        workgroup: Workgroup,
        settings: DashboardsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._platform = settings, platform
        self.role = self._role(workgroup)
        self.lake_access = [LakeAccess(name="DashboardsProducts", role=self.role, zone=Zone.PRODUCTS)]
        require_effect(models, settings)
        source = self._source(workgroup)
        self._data_sets = {model.name: self._data_set(model, source) for model in models}
        self.arns = {name: data_set.attr_arn for name, data_set in self._data_sets.items()}
        self._limit_rows(models, source)
        for name in self._data_sets:
            self._refresh(name)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one failure is too many
        """Return an alarm for each data set, on a refresh that failed."""
        return [
            AlarmSpec(
                name=f"{pascal_case(model)}Refresh",
                metric=cloudwatch.Metric(
                    namespace="AWS/QuickSight",
                    metric_name="IngestionErrorCount",
                    dimensions_map={"DataSetId": quicksight_id(self._platform.environment, model)},
                    statistic="Sum",
                    period=METRIC_PERIOD,
                ),
                threshold=1,
                text=f"the data set {model} of the dashboards was not refreshed; they show what it had before",
            )
            for model in self._data_sets
        ]

    def _role(self, workgroup: Workgroup) -> iam.Role:
        """The role under which QuickSight asks Athena, in place of the one that the whole account shares."""
        account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal(SERVICE, conditions=account))
        query_in(role, workgroup)
        allow(role, ("athena:GetQueryResultsStream",), workgroup.arn)
        query_lake(role)
        browse_tables(role, self._platform, Zone.PRODUCTS)
        seen = wildcard(role, catalog_arns(role, self._platform, Zone.PRODUCTS, ["*"])[-1])
        acknowledge(role, {seen: "which marts there are is for dbt to say; Lake Formation decides who reads them"})
        return role

    def _source(self, workgroup: Workgroup) -> quicksight.CfnDataSource:
        kind = quicksight.CfnDataSource
        source = kind(
            self,
            "Source",
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            data_source_id=quicksight_id(self._platform.environment, "marts"),
            name=f"Customer 360 marts, {self._platform.environment}",
            type="ATHENA",
            data_source_parameters=kind.DataSourceParametersProperty(
                athena_parameters=kind.AthenaParametersProperty(work_group=workgroup.name, role_arn=self.role.role_arn)
            ),
            permissions=[self._owner(kind.ResourcePermissionProperty, _OWN_SOURCE)],
        )
        source.node.add_dependency(self.role)
        source.add_resource_dependency(workgroup.resource)
        return source

    def _owner(self, permission: Any, actions: Sequence[str]) -> Any:
        return permission(principal=self._settings.owner, actions=list(actions))

    def _data_set(self, model: SemanticModel, source: quicksight.CfnDataSource) -> quicksight.CfnDataSet:
        data_set = self._in_memory(model.name, _PHYSICAL, self._query(model, source))
        if contact := [column.name for column in data_columns(model) if column.name in CONTACT_COLUMNS]:
            who = [self._settings.owner, *self._settings.contact_readers]
            rules = [{"ColumnNames": contact, "Principals": who}]
            data_set.add_property_override("ColumnLevelPermissionRules", rules)
        return data_set

    def _limit_rows(self, models: Sequence[SemanticModel], source: quicksight.CfnDataSource) -> None:
        """Make the data sets of rules, and name them in those that they hold for."""
        for model in models:
            rules = rules_of(model, self._settings)
            if rules is None:
                continue
            if rules.name not in self._data_sets:
                self._data_sets[rules.name] = self._rules(rules, source)
            limits = {
                "Arn": self._data_sets[rules.name].attr_arn,
                "FormatVersion": "VERSION_2",
                "PermissionPolicy": "GRANT_ACCESS",
                "Status": "ENABLED",
            }
            data_set = self._data_sets[model.name]
            data_set.add_property_override("RowLevelPermissionDataSet", limits)
            cdk.Validations.of(data_set).acknowledge(cdk.Acknowledgment(id=_RULES_PROPERTY, reason=_LEGACY))

    def _rules(self, rules: Rules, source: quicksight.CfnDataSource) -> quicksight.CfnDataSet:
        query = {
            "DataSourceArn": source.attr_arn,
            "Name": rules.name,
            "SqlQuery": rules.query,
            "Columns": [{"Name": name, "Type": "STRING"} for name in (USER, GROUP, *rules.columns)],
        }
        data_set = self._in_memory(rules.name, _RULES, query)
        data_set.add_property_override("UseAs", "RLS_RULES")
        return data_set

    def _in_memory(self, name: str, table: str, query: Mapping[str, Any]) -> quicksight.CfnDataSet:
        """Make a data set of one statement in QuickSight's memory, which the owner keeps."""
        kind = quicksight.CfnDataSet
        data_set = kind(
            self,
            pascal_case(name),
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            data_set_id=quicksight_id(self._platform.environment, name),
            name=f"{name.replace('_', ' ').capitalize()}, {self._platform.environment}",
            import_mode="SPICE",
            permissions=[self._owner(kind.ResourcePermissionProperty, _OWN_DATA_SET)],
        )
        # CDK's own types leave out what is new in AWS's schema; this is what the service takes.
        data_set.add_property_override("PhysicalTableMap", {table: {"CustomSql": query}})
        return data_set

    def _query(self, model: SemanticModel, source: quicksight.CfnDataSource) -> dict[str, Any]:
        columns = data_columns(model)
        named = ", ".join(f'"{column.name}"' for column in columns)
        database = database_name(self._platform.environment, Zone.PRODUCTS)
        return {
            "DataSourceArn": source.attr_arn,
            "Name": model.mart,
            "SqlQuery": f'SELECT {named} FROM "{database}"."{model.mart}"',  # noqa: S608  # names of our own models
            "Columns": [{"Name": column.name, **_TYPES[column.kind]} for column in columns],
        }

    def _refresh(self, name: str) -> None:
        data_set = self._data_sets[name]
        schedule = quicksight.CfnRefreshSchedule(self, f"{pascal_case(name)}Refresh")
        schedule.add_property_override("AwsAccountId", cdk.Aws.ACCOUNT_ID)
        schedule.add_property_override("DataSetId", quicksight_id(self._platform.environment, name))
        schedule.add_property_override(
            "Schedule",
            {
                "ScheduleId": "daily",
                "RefreshType": "FULL_REFRESH",
                "ScheduleFrequency": {
                    "Interval": "DAILY",
                    "TimeZone": "UTC",
                    "TimeOfTheDay": f"{self._settings.refresh_hour_utc:02}:00",
                },
            },
        )
        schedule.add_resource_dependency(data_set)
