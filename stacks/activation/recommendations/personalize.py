"""Amazon Personalize: what CloudFormation can make of it, and the role with which it works."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_personalize as personalize
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import PERSONALIZE_PREFIX, personalize_name
from c360_core.recommendation.columns import DataSet
from c360_core.recommendation.named_filters import ORDERED, VIEWED, filter_names
from config.activation import RecommendationSettings
from stacks.activation.recommendations.events import RecommendationEvents
from stacks.activation.recommendations.training import Training
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow, keep_objects, put_metrics
from stacks.constructs.nag import acknowledge
from stacks.constructs.spark_job import SparkJob
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform

Made = TypeVar("Made", bound=cdk.CfnResource)

SERVICE: Final = "personalize.amazonaws.com"
RECIPE: Final = "aws-user-personalization"
# What Personalize asks of the role for a data set group under a key of ours.
_KEY: Final = ("Decrypt", "DescribeKey", "GenerateDataKey", "ListGrants")
_METRICS: Final = "/aws/personalize/"
_TPS_USD: Final = 146.0  # a month: 0.0556 for 1,000 requests, of which each second has one


class Personalize(Construct):
    """Schemas, data sets, a solution, filters, an event tracker and a metric attribution in one data set group.

    Solution versions and campaigns are not CloudFormation's to make: the training makes them.
    """

    training: Training
    events: RecommendationEvents

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        runbook: str,
        export: SparkJob,
        single_view: dynamodb.ITableV2,
        interactions: DataStream,
        bucket: s3.IBucket,
        settings: RecommendationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment, self._settings = platform.environment, settings
        self.role = self._role(bucket, platform)
        self.group = personalize.CfnDatasetGroup(
            self,
            "Group",
            name=personalize_name(platform.environment, "articles"),
            kms_key_arn=platform.key.key_arn,
            role_arn=self.role.role_arn,
        )
        # Personalize tries the key with the role at once.
        self.group.node.add_dependency(self.role)
        self.data_sets = {kind: self._data_set(kind) for kind in DataSet}
        self.solution = self._after_data(
            personalize.CfnSolution(
                self,
                "Solution",
                name=personalize_name(platform.environment, "articles"),
                dataset_group_arn=self.group.attr_dataset_group_arn,
                recipe_arn=f"arn:{cdk.Stack.of(self).partition}:personalize:::recipe/{RECIPE}",
            )
        )
        self.tracker = self._after_data(
            personalize.CfnEventTracker(
                self,
                "Tracker",
                name=personalize_name(platform.environment, "interactions"),
                dataset_group_arn=self.group.attr_dataset_group_arn,
            )
        )
        for label, (physical, expression) in filter_names(platform.environment).items():
            self._after_data(
                personalize.CfnFilter(
                    self,
                    f"Filter{pascal_case(label)}",
                    name=physical,
                    dataset_group_arn=self.group.attr_dataset_group_arn,
                    filter_expression=expression,
                )
            )
        self._count_what_comes_of_it()
        self.training = Training(
            self,
            "Training",
            name=name,
            runbook=runbook,
            export=export,
            solution=self.solution,
            data_sets=self.data_sets,
            role=self.role,
            bucket=bucket,
            settings=settings,
            platform=platform,
        )
        self.events = RecommendationEvents(
            self,
            "Events",
            single_view=single_view,
            interactions=interactions,
            tracking_id=self.tracker.attr_tracking_id,
            tracker_arn=self.tracker.attr_event_tracker_arn,
            platform=platform,
        )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the campaign, which the training makes."""
        return (StandingCost(part="Personalize campaign", usd=_TPS_USD * self._settings.campaign_tps),)

    def _data_set(self, kind: DataSet) -> personalize.CfnDataset:
        schema = personalize.CfnSchema(
            self,
            f"{kind.value}Schema",
            name=personalize_name(self._environment, kind.value.lower()),
            schema=kind.schema(),
        )
        return personalize.CfnDataset(
            self,
            kind.value,
            name=personalize_name(self._environment, kind.value.lower()),
            dataset_type=kind.value,
            dataset_group_arn=self.group.attr_dataset_group_arn,
            schema_arn=schema.attr_schema_arn,
        )

    def _after_data(self, made: Made) -> Made:
        """Let a resource wait for the data sets: Personalize looks for the fields that it names."""
        for data_set in self.data_sets.values():
            made.add_resource_dependency(data_set)
        return made

    def _count_what_comes_of_it(self) -> None:
        """Count orders and views that name the recommendation which led to them, as metrics of CloudWatch."""
        attribution = personalize.CfnMetricAttribution
        self._after_data(
            attribution(
                self,
                "Attribution",
                name=personalize_name(self._environment, "outcomes"),
                dataset_group_arn=self.group.attr_dataset_group_arn,
                metrics=[
                    attribution.MetricAttributeProperty(
                        event_type=event, metric_name=f"{label}Recommended", expression="SAMPLECOUNT()"
                    )
                    for label, event in (("Ordered", ORDERED), ("Viewed", VIEWED))
                ],
                metrics_output_config=attribution.MetricsOutputConfigProperty(role_arn=self.role.role_arn),
            )
        )

    def _role(self, bucket: s3.IBucket, platform: Platform) -> iam.Role:
        """Return the role with which Personalize reads the export, writes batches, and uses the key."""
        stack = cdk.Stack.of(self)
        conditions: Mapping[str, Mapping[str, str]] = {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": f"arn:{stack.partition}:personalize:{stack.region}:{stack.account}:*"},
        }
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal(SERVICE, conditions=conditions))
        keep_objects(role, bucket, PERSONALIZE_PREFIX)
        allow(role, (f"kms:{action}" for action in _KEY), platform.key.key_arn)
        put_metrics(role, _METRICS)
        acknowledge(role, {"IAM5[Resource::*]": "PutMetricData accepts no resource; a condition names the namespace"})
        return role
