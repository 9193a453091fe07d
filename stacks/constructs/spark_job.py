"""A Spark job: the same script, library, arguments and rights on Glue or on EMR Serverless, as the settings say."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import Zone
from config.unification import WorkerType
from stacks.constructs import spark_on_emr, spark_on_glue
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow
from stacks.constructs.spark_size import SparkSize
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

SparkStep = sfn.TaskStateBase | sfn.CustomState

_MINUTES: Final = 60
_ICEBERG: Final = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.glue_catalog": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.glue_catalog.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    "spark.sql.catalog.glue_catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    "spark.sql.session.timeZone": "UTC",
}


class SparkJob(Construct):
    """A job whose script and library are assets, writing Iceberg through the Glue catalog.

    Args:
        name: the folder under `glue_jobs/`; `runtime.spark.services` says by it which service runs the job.
        arguments: of the script, of every run.
        workers: the driver and the executors of a run.
        worker_type: of each of them, as Glue names it.
        minutes: a run that takes longer is ended.
        concurrent_runs: at the same time; others wait.
        beyond: the AWS services that the job calls beside S3, Glue, Lake Formation, DynamoDB, CloudWatch Logs, KMS, STS
            and Secrets Manager. EMR Serverless reaches them only from inside a network.
        writes: a stream that it puts records on.
    """

    role: iam.Role

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        platform: Platform,
        lake: Lake,
        arguments: Mapping[str, str],
        workers: int,
        worker_type: WorkerType = "G.1X",
        minutes: int = _MINUTES,
        concurrent_runs: int = 1,
        beyond: Sequence[ec2.InterfaceVpcEndpointAwsService] = (),
        writes: DataStream | None = None,
    ) -> None:
        super().__init__(scope, id_)
        cluster = None if writes is None else writes.cluster
        self._name = name
        self._script = s3_assets.Asset(self, "Script", path=platform.assets.glue_script(name))
        self._library = s3_assets.Asset(self, "Library", path=platform.assets.glue_library)
        self._arguments = {
            "--environment": platform.environment,
            "--region": cdk.Stack.of(self).region,  # executors have no default
            **arguments,
            **({} if writes is None else writes.arguments),
        }
        size = SparkSize(workers=workers, worker_type=worker_type, minutes=minutes, concurrent_runs=concurrent_runs)
        configuration = {
            **_ICEBERG,
            "spark.sql.catalog.glue_catalog.warehouse": f"s3://{lake.buckets[Zone.CURATED].bucket_name}/warehouse",
        }
        self._job: glue.CfnJob | None = None
        self._application: spark_on_emr.SparkApplication | None = None
        if platform.runtime.spark.service(name) == "glue":
            self.role = self._role(iam.ServicePrincipal(spark_on_glue.PRINCIPAL))
            spark_on_glue.let_run_on_glue(self.role)
            self._job = spark_on_glue.glue_job(
                self,
                name=name,
                role=self.role,
                script=self._script,
                library=self._library,
                configuration=configuration,
                arguments=self._arguments,
                size=size,
                security=lake.job_security,
            )
            if cluster is not None:
                spark_on_glue.place(self._job, cluster)
                cluster.let_job_in(self.role)
        else:
            here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
            self.role = self._role(iam.ServicePrincipal(spark_on_emr.PRINCIPAL, conditions=here))
            self._application = spark_on_emr.SparkApplication(
                self,
                "Emr",
                name=name,
                configuration=configuration,
                size=size,
                beyond=beyond,
                platform=platform,
                cluster=cluster,
            )
            self._application.let_run(self.role)

    @property
    def job(self) -> glue.CfnJob:
        """The job of Glue.

        Raises:
            LookupError: the settings let EMR Serverless run it.
        """
        if self._job is None:
            raise LookupError(f"{self._name} is no job of Glue: runtime.spark.services says emr_serverless")
        return self._job

    def step(self, scope: Construct, id_: str, *, arguments: Mapping[str, str] | None = None) -> SparkStep:
        """Return a step of a state machine that runs the job and waits for its end; its input stays as it is.

        The role of the machine also needs `let_start`.

        Args:
            scope: what the step belongs to.
            id_: of the step.
            arguments: of this run, beside those of every run; a value may be a path of the state machine.
        """
        if self._application is None:
            return spark_on_glue.run_on_glue(scope, id_, self.job, arguments or {})
        return self._application.step(
            scope,
            id_,
            role=self.role,
            script=self._script,
            library=self._library,
            arguments={**self._arguments, **(arguments or {})},
        )

    def let_start(self, starter: iam.IRole) -> None:
        """Let the role of a state machine start runs; on Glue the step has brought the permission already."""
        if self._application is not None:
            self._application.let_start(starter, self.role)

    def _role(self, principal: iam.ServicePrincipal) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=principal)
        for asset in (self._script, self._library):
            allow(role, ("s3:GetObject",), asset.bucket.arn_for_objects(asset.s3_object_key))
        return role
