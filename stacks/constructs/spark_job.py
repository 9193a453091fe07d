"""A Spark job on Glue."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from c360_core.names import Zone
from stacks.constructs.grants import allow, put_metrics
from stacks.constructs.nag import acknowledge, wildcard
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

GLUE_VERSION: Final = "5.1"
_ICEBERG = {
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.glue_catalog": "org.apache.iceberg.spark.SparkCatalog",
    "spark.sql.catalog.glue_catalog.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    "spark.sql.catalog.glue_catalog.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
    "spark.sql.session.timeZone": "UTC",
}


class SparkJob(Construct):
    """A Glue job whose script and library are assets, writing Iceberg through the Glue catalog.

    `name` is the folder under `glue_jobs/`.
    """

    job: glue.CfnJob
    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        platform: Platform,
        lake: Lake,
        arguments: Mapping[str, str],
        workers: int,
        concurrent_runs: int = 1,
    ) -> None:
        super().__init__(scope, id_)
        script = s3_assets.Asset(self, "Script", path=platform.assets.glue_script(name))
        library = s3_assets.Asset(self, "Library", path=platform.assets.glue_library)
        self.role = self._role(script, library)
        self.job = glue.CfnJob(
            self,
            "Job",
            role=self.role.role_arn,
            description=f"Spark job {name}",
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            glue_version=GLUE_VERSION,
            worker_type="G.1X",
            number_of_workers=workers,
            timeout=60,
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=concurrent_runs),
            security_configuration=lake.job_security.ref,
            default_arguments={
                "--job-language": "python",
                "--extra-py-files": library.s3_object_url,
                "--datalake-formats": "iceberg",
                "--conf": _spark_configuration(f"s3://{lake.buckets[Zone.CURATED].bucket_name}/warehouse"),
                "--environment": platform.environment,
                "--region": cdk.Stack.of(self).region,  # executors have no default
                "--enable-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--enable-job-insights": "true",
                **arguments,
            },
        )
        elsewhere = "the security configuration of the foundation stack encrypts both; the rule looks in one template"
        acknowledge(self.job, {"GL1": elsewhere, "GL3": elsewhere})

    def _role(self, *assets: s3_assets.Asset) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("glue.amazonaws.com"))
        for asset in assets:
            allow(role, ("s3:GetObject",), asset.bucket.arn_for_objects(asset.s3_object_key))
        stack = cdk.Stack.of(self)
        log_groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws-glue/*"
        allow(
            role,
            ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"),
            log_groups,
        )
        put_metrics(role, "Glue")
        acknowledge(
            role,
            {
                wildcard(self, log_groups): "Glue names its log groups and streams itself",
                "IAM5[Resource::*]": "PutMetricData accepts no resource; a condition limits it to the job's namespaces",
            },
        )
        return role


def _spark_configuration(warehouse: str) -> str:
    """Return the value of Glue's only --conf argument: more settings follow inside it, each after another --conf."""
    settings = {**_ICEBERG, "spark.sql.catalog.glue_catalog.warehouse": warehouse}
    return " --conf ".join(f"{key}={value}" for key, value in settings.items())
