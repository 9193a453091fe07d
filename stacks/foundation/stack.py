"""The foundation: key, lake, catalog, event bus, alarm topic, hash secret; network and log of data events by switch."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from c360_core.contracts import Contracts
from c360_core.names import PROJECT, Zone
from config.settings import Settings
from stacks.foundation.alarm_topic import AlarmTopic, alarm_publishers
from stacks.foundation.data_event_log import DataEventLog
from stacks.foundation.encryption_key import EncryptionKey
from stacks.foundation.feature_bucket import FeatureBucket
from stacks.foundation.hash_secret import HashSecret
from stacks.foundation.lake.administration import LakeAdministration
from stacks.foundation.lake.buckets import LakeBuckets
from stacks.foundation.lake.catalog import Catalog
from stacks.foundation.lake.job_security import JobSecurity
from stacks.foundation.model_store import ModelStore
from stacks.foundation.network import Network
from stacks.foundation.notebook_homes import NotebookHomes
from stacks.foundation.training_bucket import TrainingBucket
from stacks.shared.workplaces import Workplaces

_REMOVAL = {"retain": cdk.RemovalPolicy.RETAIN, "destroy": cdk.RemovalPolicy.DESTROY}


class FoundationStack(cdk.Stack):
    """Owns what outlives every other stack."""

    key: kms.IKey
    buckets: Mapping[Zone, s3.IBucket]
    databases: Mapping[Zone, glue.CfnDatabase]
    bus: events.IEventBus
    alarm_topic: sns.ITopic
    hash_secret: secretsmanager.ISecret
    job_security: glue.CfnSecurityConfiguration
    removal: cdk.RemovalPolicy
    network: Network | None
    data_event_log: s3.IBucket | None
    workplaces: Workplaces

    def __init__(self, scope: Construct, id_: str, *, contracts: Contracts, settings: Settings) -> None:
        super().__init__(scope, id_, description="Customer 360: key, lake, catalog, event bus")
        self.removal = _REMOVAL[settings.foundation.removal]
        publishers = alarm_publishers(settings.operations)
        self.key = EncryptionKey(
            self,
            "EncryptionKey",
            alias=f"{PROJECT}-{settings.environment}",
            publishers=publishers,
            removal=self.removal,
            recommends=settings.activation.recommendations.uses_personalize,
        ).key
        lake = LakeBuckets(
            self,
            "Lake",
            key=self.key,
            contracts=contracts,
            settings=settings.foundation,
            exported=list(settings.collection.data_exchange.products),
            removal=self.removal,
        )
        self.buckets = lake.by_zone
        catalog = Catalog(self, "Catalog", environment=settings.environment, buckets=self.buckets)
        if settings.governance.manage_lake_formation:
            catalog.node.add_dependency(
                LakeAdministration(self, "LakeAdministration", admin_role_arns=settings.governance.admin_role_arns)
            )
        self.databases = catalog.by_zone
        self.bus = events.EventBus(self, "Bus", description="Notifications between the stacks", kms_key=self.key)
        self.alarm_topic = AlarmTopic(
            self, "Alarms", key=self.key, publishers=publishers, email=settings.foundation.alarm_email
        ).topic
        self.hash_secret = HashSecret(self, "HashSecret", key=self.key, removal=self.removal).secret
        self.job_security = JobSecurity(
            self, "JobSecurity", environment=settings.environment, key=self.key
        ).configuration
        self.network = None
        if settings.foundation.network.deployed:
            self.network = Network(
                self, "Network", settings=settings.foundation.network, runtime=settings.runtime, key=self.key
            )
        self.data_event_log = None
        if settings.governance.data_events.deployed:
            self.data_event_log = DataEventLog(
                self,
                "DataEvents",
                environment=settings.environment,
                key=self.key,
                access_logs=lake.access_logs,
                settings=settings.governance.data_events,
                removal=self.removal,
            ).bucket
        self.workplaces = self._workplaces(lake, settings)
        self._export()

    def _workplaces(self, lake: LakeBuckets, settings: Settings) -> Workplaces:
        homes = training = models = features = None
        if settings.analytics.keeps_homes:
            homes = NotebookHomes(
                self,
                "NotebookHomes",
                key=self.key,
                access_logs=lake.access_logs,
                noncurrent_days=settings.foundation.noncurrent_expire_days,
                removal=self.removal,
            ).bucket
        recommends = settings.activation.recommendations.uses_personalize
        if settings.analytics.trains_models or recommends:
            training = TrainingBucket(
                self, "Training", key=self.key, access_logs=lake.access_logs, recommends=recommends
            ).bucket
        if settings.analytics.models.deployed:
            models = ModelStore(
                self,
                "Models",
                key=self.key,
                access_logs=lake.access_logs,
                noncurrent_days=settings.foundation.noncurrent_expire_days,
                removal=self.removal,
            ).bucket
        if settings.analytics.models.feature_store:
            features = FeatureBucket(
                self,
                "Features",
                key=self.key,
                access_logs=lake.access_logs,
                expire_days=settings.analytics.models.features_expire_days,
                removal=self.removal,
            ).bucket
        return Workplaces(homes=homes, training=training, models=models, features=features)

    def _export(self) -> None:
        for zone, bucket in self.buckets.items():
            cdk.CfnOutput(self, f"{zone.title()}BucketName", value=bucket.bucket_name)
        if self.data_event_log is not None:
            cdk.CfnOutput(self, "DataEventsBucketName", value=self.data_event_log.bucket_name)
        if self.workplaces.homes is not None:
            cdk.CfnOutput(self, "NotebookHomesBucketName", value=self.workplaces.homes.bucket_name)
        cdk.CfnOutput(self, "KeyArn", value=self.key.key_arn)
        cdk.CfnOutput(self, "HashSecretArn", value=self.hash_secret.secret_arn)
        cdk.CfnOutput(self, "EventBusName", value=self.bus.event_bus_name)
        cdk.CfnOutput(self, "AlarmTopicArn", value=self.alarm_topic.topic_arn)
