"""Who recommends: the job that both providers share, and what each has beside it."""

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import MARTS_PREFIX, PERSONALIZE_PREFIX, Zone
from config.activation import RecommendationSettings
from stacks.activation.recommendations.personalize import Personalize
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import add_objects, read_objects, read_tables, use_items
from stacks.constructs.nightly_job import run_nightly
from stacks.constructs.spark_job import SparkJob
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform

NAME: Final = "Recommend"
MARTS: Final = ("product_interactions", "products_sold")
_RUNBOOK: Final = "README.md#there-are-no-recommendations"


class Recommendations(Construct):
    """Trains models on what people bought who agreed to it.

    For `lake` the job writes the single view every night. For `personalize` it writes files, and a state machine
    imports them, trains, and lets the campaign answer by the new model.

    Args:
        training: the bucket of the trainings; only for `personalize`.
    """

    personalize: Personalize | None
    lake_access: Sequence[LakeAccess]

    def __init__(  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        single_view: dynamodb.ITableV2,
        interactions: DataStream,
        training: s3.IBucket | None,
        settings: RecommendationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        target = self._target(single_view, training)
        self.job = SparkJob(
            self,
            "Job",
            name="recommend",
            platform=platform,
            lake=lake,
            arguments={
                "--provider": settings.provider,
                "--recent_days": str(settings.recent_days),
                "--offered_days": str(settings.offered_days),
                "--age_restricted": ",".join(settings.age_restricted_departments),
                **target,
            },
            workers=2,
        )
        role = self.job.role
        read_tables(role, platform, Zone.PRODUCTS, MARTS)
        read_objects(role, lake.buckets[Zone.PRODUCTS], MARTS_PREFIX)
        self.lake_access = [LakeAccess(name="RecommendProducts", role=role, zone=Zone.PRODUCTS, tables=MARTS)]
        self.personalize = None
        if training is None:
            use_items(role, single_view, platform.key, ("PutItem",))
            self.machine = run_nightly(
                self,
                self.job,
                name=NAME,
                step="Compute",
                platform=platform,
                description="Compute recommendations every night",
                subject="the recommendations could not be computed",
                hour_utc=settings.hour_utc,
                repeats=1,
                runbook=_RUNBOOK,
            )
            return
        add_objects(role, training, PERSONALIZE_PREFIX)
        self.personalize = Personalize(
            self,
            "Personalize",
            name=NAME,
            runbook=_RUNBOOK,
            export=self.job,
            single_view=single_view,
            interactions=interactions,
            bucket=training,
            settings=settings,
            platform=platform,
        )
        self.machine = self.personalize.training.machine

    @staticmethod
    def _target(single_view: dynamodb.ITableV2, training: s3.IBucket | None) -> Mapping[str, str]:
        if training is None:
            return {"--single_view_table": single_view.table_name}
        return {"--bucket": training.bucket_name, "--prefix": PERSONALIZE_PREFIX}
