"""Models of customers on SageMaker: a pipeline, a group of versions, an endpoint and a monthly run for each."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE, Zone, foretold_name
from config.analytics import ModelsSettings
from config.operations import OperationsSettings
from stacks.analytics.foresight.containers import Sizes
from stacks.analytics.foresight.feature_store import FeatureStore
from stacks.analytics.foresight.foretelling import Foretelling
from stacks.analytics.foresight.hours import HourLearning
from stacks.analytics.foresight.images import ImageRegistry
from stacks.analytics.foresight.model import MODELS, SEND_HOURS, Foretold, offers
from stacks.analytics.foresight.pipeline import Surroundings, definition
from stacks.analytics.foresight.rights import PROCESSING, JobRole, PipelineRole, foretell, release_models, run_jobs
from stacks.analytics.foresight.run import DRIFT, PREFIX, SKILL, Means
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import put_records, read_objects, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_DISK_GIGABYTES: Final = 30
_MINUTE: Final = 60
_PUBLISH_SECONDS: Final = 600
_RELEASE_SECONDS: Final = 60


class Foresight(Construct):
    """The models, and what they share: the code, the roles of the jobs and of the pipelines, and two functions.

    Attributes:
        machines: the state machine of each model, by its name.
        features: what the models were told, where the settings ask to keep it.
    """

    machines: Mapping[str, StateMachine]
    features: FeatureStore | None
    lake_access: Sequence[LakeAccess]

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        training: s3.IBucket,
        models: s3.IBucket,
        features: s3.IBucket | None,
        workgroup: Workgroup,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        profile_changes: DataStream,
        settings: ModelsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._platform, self._workgroup = settings, platform, workgroup
        self._training, self._models = training, models
        self._versioned = (*MODELS, *offers(settings.offers))
        self._names = {model.name: foretold_name(platform.environment, model.name) for model in self._versioned}
        self._code = s3_assets.Asset(self, "Code", path=platform.assets.models)
        self._registry = ImageRegistry(self, "Registry")
        self._sizes = Sizes(
            instance=settings.instance,
            disk=_DISK_GIGABYTES,
            seconds=settings.max_minutes * _MINUTE,
            key=platform.key.key_arn,
        )
        self._jobs = JobRole(
            self,
            "Jobs",
            code=self._code,
            training=training,
            prefix=PREFIX,
            models=models,
            registry=self._registry,
            platform=platform,
        )
        self._pipelines = PipelineRole(
            self,
            "Pipelines",
            jobs=self._jobs.role,
            groups=list(self._names.values()),
            models=models,
            platform=platform,
        )
        release, publish = self._releases(), self._scores(single_view, events_stream)
        self.features = None
        if features is not None:
            self.features = FeatureStore(
                self,
                "Features",
                bucket=features,
                training=training,
                single_view=single_view,
                profile_changes=profile_changes,
                platform=platform,
            )
        self._foretold = (*self._versioned, *((SEND_HOURS,) if settings.send_hours else ()))
        self.machines = {model.name: self._machine(model, release, publish) for model in self._foretold}
        self.lake_access = [
            LakeAccess(
                name=f"Foretell{pascal_case(model.name)}",
                role=self.machines[model.name].machine.role,
                zone=Zone.PRODUCTS,
                tables=(model.mart,),
            )
            for model in self._foretold
        ]

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # the threshold is the models'
        """Return alarms on customers who have become unlike those that a model knows, and on one that knows nothing."""
        drifts = [
            AlarmSpec(
                name=f"{pascal_case(model.name)}ModelDrifts",
                metric=self._metric(DRIFT, model, "Maximum"),
                threshold=self._settings.drift_threshold,
                text=f"the customers are not any more as the model of {model.name} knows them",
            )
            for model in self._versioned
        ]
        fails = [
            AlarmSpec(
                name=f"{pascal_case(model.name)}ModelIsNoUse",
                metric=self._metric(SKILL, model, "Minimum"),
                threshold=0,
                text=f"the newest model of {model.name} is no better than one that says the same of everybody",
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
            )
            for model in self._foretold
        ]
        return [*drifts, *fails]

    def graphs(self) -> Sequence[Graph]:
        """Return how far the customers are from those that each model knows."""
        lines = {model.name: self._metric(DRIFT, model, "Maximum") for model in self._versioned}
        return [Graph(title="Drift of models", position=60, lines=lines)]

    def _metric(self, name: str, model: Foretold, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={"Environment": self._platform.environment, "Model": model.name},
            statistic=statistic,
            period=METRIC_PERIOD,
        )

    def _machine(self, model: Foretold, release: PythonFunction, publish: PythonFunction) -> StateMachine:
        scope = Construct(self, pascal_case(model.name))
        means = Means(
            name=foretold_name(self._platform.environment, model.name),
            image=self._registry.image,
            code=self._code.s3_object_url,
            role=self._jobs.role.role_arn,
            training=self._training,
            models=self._models,
            sizes=self._sizes,
            release=release.function,
            publish=publish.function,
            # All models are told the same, so that one run keeps it.
            keep=self.features.records.function if self.features and model is MODELS[0] else None,
        )
        return self._hours(scope, means) if model is SEND_HOURS else self._model(scope, model, means)

    def _hours(self, scope: Construct, means: Means) -> StateMachine:
        machine = HourLearning(
            scope,
            "Foretelling",
            means=means,
            workgroup=self._workgroup,
            settings=self._settings,
            platform=self._platform,
        ).run
        run_jobs(
            machine.machine.role,
            SEND_HOURS,
            kinds=PROCESSING,
            jobs=self._jobs.role,
            workgroup=self._workgroup,
            training=self._training,
            prefix=f"{PREFIX}{SEND_HOURS.name}/",
            models=self._models,
            functions=(means.publish,),
            platform=self._platform,
        )
        return machine

    def _model(self, scope: Construct, model: Foretold, means: Means) -> StateMachine:
        name = means.name
        group = sagemaker.CfnModelPackageGroup(
            scope,
            "Versions",
            model_package_group_name=name,
            model_package_group_description=f"Versions of a model that foretells {model.text}",
        )
        around = Surroundings(
            image=self._registry.image,
            code=self._code.s3_object_url,
            archive=self._code.s3_object_key.rpartition("/")[2],
            role=self._jobs.role.role_arn,
            models=f"s3://{self._models.bucket_name}",
            sizes=self._sizes,
            approved=self._settings.approval == "automatic",
        )
        pipeline = sagemaker.CfnPipeline(
            scope,
            "Pipeline",
            pipeline_name=name,
            pipeline_description=f"Trains a model that foretells {model.text}, and registers it if it is better",
            role_arn=self._pipelines.role.role_arn,
            pipeline_definition={
                "PipelineDefinitionBody": cdk.Stack.of(self).to_json_string(definition(model, name, around))
            },
        )
        pipeline.node.add_dependency(group, self._pipelines, self._jobs)
        machine = Foretelling(
            scope,
            "Foretelling",
            model=model,
            means=means,
            workgroup=self._workgroup,
            settings=self._settings,
            platform=self._platform,
        ).run
        foretell(
            machine.machine.role,
            model,
            jobs=self._jobs.role,
            workgroup=self._workgroup,
            training=self._training,
            prefix=f"{PREFIX}{model.name}/",
            models=self._models,
            functions=[one for one in (means.release, means.publish, means.keep) if one is not None],
            platform=self._platform,
        )
        return machine

    def _releases(self) -> PythonFunction:
        release = PythonFunction(
            self,
            "Releases",
            name="model_releases",
            platform=self._platform,
            variables={
                "EXECUTION_ROLE_ARN": self._jobs.role.role_arn,
                "KEY_ARN": self._platform.key.key_arn,
                "ENDPOINT_MEMORY_MEGABYTES": self._settings.endpoint_memory_megabytes,
                "ENDPOINT_CONCURRENCY": self._settings.endpoint_concurrency,
            },
            caller=Caller.STATE_MACHINE,
            timeout_seconds=_RELEASE_SECONDS,
        )
        release_models(release.role, self._names.values(), self._jobs.role, self._platform)
        return release

    def _scores(self, single_view: dynamodb.ITableV2, events_stream: DataStream) -> PythonFunction:
        publish = PythonFunction(
            self,
            "Scores",
            name="score_events",
            platform=self._platform,
            variables={"SINGLE_VIEW_TABLE": single_view.table_name, "EVENTS_STREAM_NAME": events_stream.name},
            caller=Caller.STATE_MACHINE,
            timeout_seconds=_PUBLISH_SECONDS,
            memory_megabytes=1024,
            writes=events_stream,
        )
        read_objects(publish.role, self._training, PREFIX)
        use_items(publish.role, single_view, self._platform.key, ("BatchGetItem",))
        put_records(publish.role, events_stream)
        return publish
