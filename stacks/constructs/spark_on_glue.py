"""A Spark job on Glue: its resource, what its role needs, and the step that runs it."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.grants import allow, put_metrics
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import wait_for_capacity
from stacks.constructs.spark_size import SparkSize
from stacks.constructs.stream_cluster import StreamCluster

GLUE_VERSION: Final = "5.1"
PRINCIPAL: Final = "glue.amazonaws.com"
# What a run calls in any case. Inside a network it needs an endpoint for each; S3 and DynamoDB have gateways.
_CALLED: Final = (
    ec2.InterfaceVpcEndpointAwsService.GLUE,
    ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
)


def glue_job(  # noqa: PLR0913  # each thing that it uses has a name
    scope: Construct,
    *,
    name: str,
    role: iam.IRole,
    script: s3_assets.Asset,
    library: s3_assets.Asset,
    configuration: Mapping[str, str],
    arguments: Mapping[str, str],
    size: SparkSize,
    security: glue.CfnSecurityConfiguration,
) -> glue.CfnJob:
    """Create the job.

    Args:
        scope: what the job belongs to.
        name: for its description.
        role: of its runs.
        script: what it runs.
        library: the modules that the script imports.
        configuration: of Spark.
        arguments: of the script, of every run.
        size: of a run.
        security: encrypts its logs.
    """
    job = glue.CfnJob(
        scope,
        "Job",
        role=role.role_arn,
        description=f"Spark job {name}",
        command=glue.CfnJob.JobCommandProperty(
            name="glueetl", python_version="3", script_location=script.s3_object_url
        ),
        glue_version=GLUE_VERSION,
        worker_type=size.worker_type,
        number_of_workers=size.workers,
        timeout=size.minutes,
        max_retries=0,
        execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=size.concurrent_runs),
        security_configuration=security.ref,
        default_arguments={
            "--job-language": "python",
            "--extra-py-files": library.s3_object_url,
            "--datalake-formats": "iceberg",
            "--conf": _conf_argument(configuration),
            "--enable-metrics": "true",
            "--enable-continuous-cloudwatch-log": "true",
            "--enable-job-insights": "true",
            **arguments,
        },
    )
    elsewhere = "the security configuration of the foundation stack encrypts both; the rule looks in one template"
    acknowledge(job, {"GL1": elsewhere, "GL3": elsewhere})
    return job


def place(job: glue.CfnJob, cluster: StreamCluster) -> None:
    """Place the runs of a job with the clients of a cluster, from where they reach what every job calls."""
    cluster.network.reach(*_CALLED)
    job.connections = glue.CfnJob.ConnectionsListProperty(connections=[cluster.connection])
    job.node.add_dependency(cluster)


def let_run_on_glue(role: iam.Role) -> None:
    """Let a role write what Glue writes about a run: logs and metrics."""
    stack = cdk.Stack.of(role)
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
            wildcard(role, log_groups): "Glue names its log groups and streams itself",
            "IAM5[Resource::*]": "PutMetricData accepts no resource; a condition limits it to the job's namespaces",
        },
    )


def run_on_glue(scope: Construct, id_: str, job: glue.CfnJob, arguments: Mapping[str, str]) -> tasks.GlueStartJobRun:
    """Return a step that runs the job and waits for its end."""
    step = tasks.GlueStartJobRun(
        scope,
        id_,
        glue_job_name=job.ref,
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        arguments=sfn.TaskInput.from_object(dict(arguments)) if arguments else None,
        result_path=sfn.JsonPath.DISCARD,
    )
    wait_for_capacity(step, "Glue")
    return step


def _conf_argument(configuration: Mapping[str, str]) -> str:
    """Return the value of Glue's only --conf argument: more settings follow inside it, each after another --conf."""
    return " --conf ".join(f"{key}={value}" for key, value in configuration.items())
