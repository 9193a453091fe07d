"""What those may do who take part: the jobs, the pipelines that start them, the machines, and what releases a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct, IConstruct

from c360_core.names import METRIC_NAMESPACE, Zone, foretold_name
from stacks.analytics.foresight.images import ImageRegistry
from stacks.analytics.foresight.model import Foretold
from stacks.constructs.grants import (
    allow,
    arn_of_versions,
    arn_seen_from,
    catalog_arns,
    keep_objects,
    put_metrics,
    query_in,
    query_lake,
    read_objects,
    use_key,
    write_objects,
)
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.workgroup import Workgroup
from stacks.shared.platform import Platform

SERVICE: Final = "sagemaker.amazonaws.com"
_PULL: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_LOG: Final = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
_GROUPS: Final = ("Endpoints", "ProcessingJobs", "TrainingJobs", "TransformJobs")
# SageMaker makes a grant for the disks of a job, with the rights of whoever starts it and of the job's role.
_DISKS: Final = ("CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext")
_NAMED_BY_PIPELINES: Final = "pipelines-*"
_PIPELINE_JOBS: Final = {
    "processing-job": ("CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob"),
    "training-job": ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"),
}
_REGISTER: Final = ("CreateModelPackage", "DescribeModelPackage")
# A kind of job, as its ARN says it and as its actions do.
PROCESSING: Final = {"processing-job": "Processing"}
_RELEASED: Final = {
    "endpoint": ("CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint"),
    "endpoint-config": (
        "CreateEndpoint",
        "CreateEndpointConfig",
        "DeleteEndpointConfig",
        "DescribeEndpointConfig",
        "UpdateEndpoint",
    ),
    "model": ("CreateModel", "DeleteModel", "DescribeModel"),
    "model-package": ("DescribeModelPackage",),
}


def sagemaker_arn(scope: IConstruct, path: str) -> str:
    """Return the ARN of something in SageMaker."""
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:sagemaker:{stack.region}:{stack.account}:{path}"


class JobRole(Construct):
    """The role of the jobs and of the endpoints: it reads and writes under a prefix, and reaches nothing else.

    Attributes:
        role: the role.
    """

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: s3_assets.Asset,
        training: s3.IBucket,
        prefix: str,
        models: s3.IBucket,
        registry: ImageRegistry,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.role = _assumed_by_sagemaker(self)
        role, stack = self.role, cdk.Stack.of(self)
        allow(role, ("s3:GetObject",), code.bucket.arn_for_objects(code.s3_object_key))
        # SageMaker lists what lies under a place before it reads it.
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[code.bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{code.s3_object_key}*"}},
            )
        )
        keep_objects(role, training, prefix)
        write_objects(role, models, "")
        use_key(role, platform.key, through="sagemaker", actions=_DISKS)
        allow(role, _PULL, registry.arn)
        allow(role, ("ecr:GetAuthorizationToken",), "*")
        for group in _GROUPS:
            put_metrics(role, f"/aws/sagemaker/{group}")
        groups = [
            f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws/sagemaker/{group}*"
            for group in _GROUPS
        ]
        allow(role, _LOG, *groups)
        acknowledge(
            role,
            {
                **{wildcard(role, one): "SageMaker names the log groups and the streams of its jobs" for one in groups},
                "IAM5[Resource::*]": "neither GetAuthorizationToken nor PutMetricData accepts a resource",
            },
        )


class PipelineRole(Construct):
    """The role of the pipelines: it starts jobs that have the jobs' role, and registers what they made.

    Attributes:
        role: the role.
    """

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        jobs: iam.IRole,
        groups: Sequence[str],
        models: s3.IBucket,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.role = _assumed_by_sagemaker(self)
        seen: dict[str, str] = {}
        for kind, actions in _PIPELINE_JOBS.items():
            jobs_of_kind = sagemaker_arn(self, f"{kind}/{_NAMED_BY_PIPELINES}")
            allow(self.role, (f"sagemaker:{action}" for action in actions), jobs_of_kind)
            allow(self.role, ("sagemaker:AddTags",), jobs_of_kind)
            seen[wildcard(self.role, jobs_of_kind)] = "a pipeline names its jobs itself, and begins each name alike"
        for group in groups:
            packages = sagemaker_arn(self, f"model-package/{group}/*")
            allow(self.role, (f"sagemaker:{action}" for action in _REGISTER), packages)
            allow(self.role, ("sagemaker:CreateModelPackage",), sagemaker_arn(self, f"model-package-group/{group}"))
            seen[wildcard(self.role, packages)] = "SageMaker numbers the versions of a model"
        pass_to_sagemaker(self.role, jobs)
        # The condition reads the report that the evaluation has left.
        read_objects(self.role, models, "")
        use_key(self.role, platform.key, through="sagemaker", actions=_DISKS)
        acknowledge(self.role, seen)


def release_models(role: iam.IRole, names: Iterable[str], jobs: iam.IRole, platform: Platform) -> None:
    """Let a role put versions of models behind endpoints that have their names."""
    seen: dict[str, str] = {}
    for name in names:
        endpoint = sagemaker_arn(role, f"endpoint/{name}")
        allow(role, (f"sagemaker:{action}" for action in _RELEASED["endpoint"]), endpoint)
        for kind, path in (("endpoint-config", f"{name}-*"), ("model", f"{name}-*"), ("model-package", f"{name}/*")):
            versions = sagemaker_arn(role, f"{kind}/{path}")
            allow(role, (f"sagemaker:{action}" for action in _RELEASED[kind]), versions)
            seen[wildcard(role, versions)] = "what belongs to a version has its number in its name"
    allow(role, ("sagemaker:ListEndpointConfigs", "sagemaker:ListModelPackages"), "*")
    pass_to_sagemaker(role, jobs)
    use_key(role, platform.key, through="sagemaker", actions=_DISKS)
    seen["IAM5[Resource::*]"] = "neither the lists of SageMaker nor the actions of X-Ray accept a resource"
    acknowledge(role, seen)


def foretell(  # noqa: PLR0913  # each thing that it uses has a name
    role: iam.IRole,
    model: Foretold,
    *,
    jobs: iam.IRole,
    workgroup: Workgroup,
    training: s3.IBucket,
    prefix: str,
    models: s3.IBucket,
    functions: Sequence[lambda_.IFunction],
    platform: Platform,
) -> None:
    """Let the role of a state machine copy the mart, run the pipeline and the jobs of a model, and measure."""
    name = foretold_name(platform.environment, model.name)
    packages = sagemaker_arn(role, f"model-package/{name}/*")
    allow(role, ("sagemaker:ListModelPackages",), "*")
    allow(role, ("sagemaker:DescribeModelPackage",), packages)
    pipeline = sagemaker_arn(role, f"pipeline/{name}")
    allow(role, ("sagemaker:StartPipelineExecution",), pipeline)
    executions = f"{pipeline}/execution/*"
    allow(role, ("sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps"), executions)
    acknowledge(
        role,
        {
            wildcard(role, packages): "SageMaker numbers the versions of a model",
            wildcard(role, executions): "SageMaker names the executions of a pipeline",
        },
    )
    run_jobs(
        role,
        model,
        kinds={"transform-job": "Transform", **PROCESSING},
        jobs=jobs,
        workgroup=workgroup,
        training=training,
        prefix=prefix,
        models=models,
        functions=functions,
        platform=platform,
    )


def run_jobs(  # noqa: PLR0913  # each thing that it uses has a name
    role: iam.IRole,
    model: Foretold,
    *,
    kinds: Mapping[str, str],
    jobs: iam.IRole,
    workgroup: Workgroup,
    training: s3.IBucket,
    prefix: str,
    models: s3.IBucket,
    functions: Sequence[lambda_.IFunction],
    platform: Platform,
) -> None:
    """Let the role of a state machine copy the mart of a model, run jobs of some kinds, and measure."""
    name = foretold_name(platform.environment, model.name)
    _copy_mart(role, model.mart, workgroup, training, prefix, platform)
    seen: dict[str, str] = {}
    for kind, word in kinds.items():
        own = sagemaker_arn(role, f"{kind}/{name}-*")
        actions = [f"sagemaker:{verb}{word}Job" for verb in ("Create", "Describe")]
        allow(role, actions, own)
        seen[wildcard(role, own)] = "each run names its jobs after itself"
    pass_to_sagemaker(role, jobs)
    use_key(role, platform.key, through="sagemaker", actions=_DISKS)
    read_objects(role, models, f"{model.name}/")
    put_metrics(role, METRIC_NAMESPACE)
    for function in functions:
        seen[wildcard(role, arn_of_versions(function))] = "CDK grants the call of all versions of a function"
    seen["IAM5[Resource::*]"] = "neither ListModelPackages, PutMetricData, GetDataAccess nor X-Ray's actions accept one"
    acknowledge(role, seen)


def pass_to_sagemaker(role: iam.IRole, passed: iam.IRole) -> None:
    """Let a role give SageMaker another one, and nobody else."""
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[passed.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": SERVICE}},
        )
    )


def _copy_mart(
    role: iam.IRole, mart: str, workgroup: Workgroup, training: s3.IBucket, prefix: str, platform: Platform
) -> None:
    """Let a role unload the mart, which Athena does with its caller's rights."""
    stack = cdk.Stack.of(role)
    query_in(role, workgroup)
    allow(
        role,
        ("athena:GetDataCatalog",),
        f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:datacatalog/AwsDataCatalog",
    )
    query_lake(role)
    allow(role, ("glue:GetDatabase", "glue:GetTable"), *catalog_arns(role, platform, Zone.PRODUCTS, [mart]))
    objects = training.arn_for_objects(f"{prefix}*")
    allow(role, ("s3:PutObject", "s3:AbortMultipartUpload"), objects)
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[training.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
        )
    )
    use_key(role, training.encryption_key, through="s3", actions=("Decrypt", "GenerateDataKey"))
    seen = f"{arn_seen_from(role, training)}/{prefix}*"
    acknowledge(role, {wildcard(role, seen): "Athena names the files of the copy itself"})


def _assumed_by_sagemaker(scope: Construct) -> iam.Role:
    here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    return iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal(SERVICE, conditions=here))
