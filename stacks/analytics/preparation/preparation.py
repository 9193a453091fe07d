"""DataBrew: a data set, a recipe that is published, a project to work on it, and two jobs that run every night."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_databrew as databrew
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import TableName, Zone, databrew_name
from config.analytics import DataBrewSettings
from stacks.analytics.preparation.data_set import NOT_PROFILED, DataSet, customers
from stacks.analytics.preparation.nightly import Nightly
from stacks.analytics.preparation.publication import Publication
from stacks.analytics.preparation.recipe import Step, columns_after, read_recipe
from stacks.analytics.preparation.tables import ParquetTable
from stacks.constructs.grants import (
    allow,
    arn_seen_from,
    catalog_arns,
    query_lake,
    use_key,
    write_objects,
)
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.workgroup import Workgroup
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform

SERVICE: Final = "databrew.amazonaws.com"
RECIPE: Final = Path(__file__).parent / "customers.recipe.yml"
# Below the bucket of results, which forgets what is old and which no persona reads.
INPUT_PREFIX: Final = "preparation/customers/"
OUTPUT_PREFIX: Final = "prepared/customers/"
PROFILE_PREFIX: Final = "prepared/profile/"
_LOOK: Final = ("glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions")
_LOG: Final = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_SAMPLE_ROWS: Final = 1000  # that the project shows
# Numbers whose meaning DataBrew documents, and none of a single customer: no list of values, no outliers.
_OF_COLUMNS: Final = (
    "DISTINCT_VALUES_COUNT",
    "UNIQUE_VALUES_COUNT",
    "MISSING_VALUES_COUNT",
    "MIN",
    "MAX",
    "MEAN",
    "MEDIAN",
    "STANDARD_DEVIATION",
    "PERCENTILES",
    "SUM",
    "ZEROS_COUNT",
)
_OF_DATA_SET: Final = ("DUPLICATE_ROWS_COUNT",)


class Preparation(Construct):
    """What an analyst prepares: customers, without contact data.

    A state machine copies the mart to plain Parquet every night, because DataBrew reads no Iceberg, runs the published
    recipe, whose outcome the marketing analyst may read, and profiles the data set.
    """

    role: iam.Role
    machine: sfn.StateMachine
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        buckets: Mapping[Zone, s3.IBucket],
        workgroup: Workgroup,
        settings: DataBrewSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._platform = settings, platform
        self._buckets = buckets
        data = customers(Path(platform.assets.metrics))
        steps = read_recipe(RECIPE)
        source = self._table("Input", data, f"s3://{buckets[Zone.RESULTS].bucket_name}/{INPUT_PREFIX}")
        self._outcome(steps, data)
        self.role = self._role(source)
        data_set = self._data_set(source)
        recipe = self._recipe(steps)
        published = Publication(
            self, "Published", recipe=recipe, steps=[step.as_property() for step in steps], platform=platform
        )
        self._project(data_set, recipe)
        jobs = [self._recipe_job(data_set, recipe, published), self._profile_job(data_set, data)]
        nightly = Nightly(
            self,
            "Nightly",
            data=data,
            place=buckets[Zone.RESULTS],
            prefix=INPUT_PREFIX,
            jobs=jobs,
            workgroup=workgroup,
            settings=settings,
            platform=platform,
        )
        self.machine = nightly.machine
        self.lake_access = [
            LakeAccess(name="PreparationCurated", role=self.role, zone=Zone.CURATED, tables=[data.table]),
            # dbt makes the mart after this stack, so that it has no table of its own to grant.
            LakeAccess(name="PreparationProducts", role=self.machine.role, zone=Zone.PRODUCTS),
        ]

    # ---- tables

    def _table(self, id_: str, data: DataSet, location: str) -> ParquetTable:
        return ParquetTable(
            self,
            id_,
            name=data.table,
            zone=Zone.CURATED,
            columns=data.columns,
            location=location,
            description=f"The mart {data.mart} as DataBrew reads it, without contact data; written anew every night",
            platform=self._platform,
        )

    def _outcome(self, steps: Sequence[Step], data: DataSet) -> ParquetTable:
        """The table of the outcome has the columns that the recipe leaves."""
        return ParquetTable(
            self,
            "Outcome",
            name=TableName.PREPARED_CUSTOMERS,
            zone=Zone.PRODUCTS,
            columns=columns_after(steps, data.columns),
            location=f"s3://{self._buckets[Zone.PRODUCTS].bucket_name}/{OUTPUT_PREFIX}",
            description="Customers as analysts prepare them in DataBrew; written anew every night",
            platform=self._platform,
        )

    # ---- rights

    def _role(self, source: ParquetTable) -> iam.Role:
        """The role of the jobs and of the project: it reads one table, and writes below two prefixes."""
        # AWS documents no condition key that DataBrew states; nobody outside can give it the role.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal(SERVICE))
        self._let_read_copy(role)
        for prefix in (OUTPUT_PREFIX, PROFILE_PREFIX):
            write_objects(role, self._buckets[Zone.PRODUCTS], prefix)
        allow(role, _LOOK, *catalog_arns(role, self._platform, Zone.CURATED, [source.name]))
        query_lake(role)
        stack = cdk.Stack.of(self)
        logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws-glue-databrew/*"
        allow(role, _LOG, logs)
        acknowledge(role, {wildcard(role, logs): "DataBrew names the groups and the streams of its runs itself"})
        return role

    def _let_read_copy(self, role: iam.Role) -> None:
        """Let the role read the copy and no results of queries, which lie beside it under the same key."""
        place = self._buckets[Zone.RESULTS]
        objects = place.arn_for_objects(f"{INPUT_PREFIX}*")
        allow(role, ("s3:ListBucket",), place.bucket_arn)
        allow(role, ("s3:GetObject",), objects)
        use_key(role, place.encryption_key, through="s3", actions=("Decrypt",), objects=objects)
        seen = f"{arn_seen_from(role, place)}/{INPUT_PREFIX}*"
        acknowledge(role, {wildcard(role, seen): "Athena names the files of the copy itself"})

    # ---- what DataBrew has

    def _name(self, name: str) -> str:
        return databrew_name(self._platform.environment, name)

    def _data_set(self, source: ParquetTable) -> databrew.CfnDataset:
        kind = databrew.CfnDataset
        data_set = kind(
            self,
            "DataSet",
            name=self._name("customers"),
            input=kind.InputProperty(
                data_catalog_input_definition=kind.DataCatalogInputDefinitionProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID,
                    database_name=source.resource.database_name,
                    table_name=source.name,
                )
            ),
        )
        data_set.add_resource_dependency(source.resource)
        return data_set

    def _recipe(self, steps: Sequence[Step]) -> databrew.CfnRecipe:
        recipe = databrew.CfnRecipe(
            self,
            "Recipe",
            name=self._name("customers"),
            description="How customers are prepared; from the repository",
            steps=[],
        )
        # CDK's own types know the parameters of some actions only; this is what the service takes.
        recipe.add_property_override("Steps", [step.as_property() for step in steps])
        return recipe

    def _project(self, data_set: databrew.CfnDataset, recipe: databrew.CfnRecipe) -> None:
        project = databrew.CfnProject(
            self,
            "Project",
            name=self._name("customers"),
            dataset_name=data_set.name,
            recipe_name=recipe.name,
            role_arn=self.role.role_arn,
            sample=databrew.CfnProject.SampleProperty(type="RANDOM", size=_SAMPLE_ROWS),
        )
        # A project keeps the working version of its recipe from being deleted.
        project.add_resource_dependency(recipe)
        project.add_resource_dependency(data_set)
        project.node.add_dependency(self.role)

    def _recipe_job(
        self, data_set: databrew.CfnDataset, recipe: databrew.CfnRecipe, published: Publication
    ) -> databrew.CfnJob:
        kind = databrew.CfnJob
        job = kind(
            self,
            "Prepare",
            name=self._name("prepare-customers"),
            type="RECIPE",
            recipe=kind.RecipeProperty(name=recipe.name, version=published.version),
            outputs=[
                kind.OutputProperty(
                    location=kind.S3LocationProperty(
                        bucket=self._buckets[Zone.PRODUCTS].bucket_name, key=OUTPUT_PREFIX
                    ),
                    format="PARQUET",
                    compression_format="SNAPPY",
                    overwrite=True,
                )
            ],
            **self._of_every_job(data_set),
        )
        # A version that a job uses is not deleted: the job goes first.
        job.node.add_dependency(published.resource, self.role)
        return job

    def _profile_job(self, data_set: databrew.CfnDataset, data: DataSet) -> databrew.CfnJob:
        kind = databrew.CfnJob
        job = kind(
            self,
            "Profile",
            name=self._name("profile-customers"),
            type="PROFILE",
            output_location=kind.OutputLocationProperty(
                bucket=self._buckets[Zone.PRODUCTS].bucket_name, key=PROFILE_PREFIX
            ),
            job_sample=kind.JobSampleProperty(mode="FULL_DATASET"),
            profile_configuration=kind.ProfileConfigurationProperty(
                profile_columns=[
                    kind.ColumnSelectorProperty(name=name) for name in data.columns if name not in NOT_PROFILED
                ],
                dataset_statistics_configuration=kind.StatisticsConfigurationProperty(
                    included_statistics=list(_OF_DATA_SET)
                ),
                column_statistics_configurations=[
                    kind.ColumnStatisticsConfigurationProperty(
                        statistics=kind.StatisticsConfigurationProperty(included_statistics=list(_OF_COLUMNS))
                    )
                ],
            ),
            **self._of_every_job(data_set),
        )
        job.node.add_dependency(self.role)
        return job

    def _of_every_job(self, data_set: databrew.CfnDataset) -> dict[str, Any]:
        return {
            "dataset_name": data_set.ref,
            "role_arn": self.role.role_arn,
            "encryption_mode": "SSE-KMS",
            "encryption_key_arn": self._platform.key.key_arn,
            "log_subscription": "ENABLE",
            "max_capacity": self._settings.nodes,
            "max_retries": 0,  # the state machine reports a failure at once
            "timeout": self._settings.timeout_minutes,
        }
