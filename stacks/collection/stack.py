"""Collection: events over HTTP, files in the lake, and the application that cleans both."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.names import Stream, TableName, Zone, reference_table
from config.collection import CollectionSettings, StreamSettings
from stacks.collection.backfill import Backfill
from stacks.collection.clean_application import CleanApplication
from stacks.collection.collector import Collector
from stacks.collection.data_exchange import DataExchange
from stacks.collection.databases import Databases
from stacks.collection.file_ingestion import FileIngestion
from stacks.collection.saas.flows import SaasFlows
from stacks.collection.stream_relay import StreamRelay
from stacks.collection.text_removal import TextRemoval
from stacks.constructs.data_stream import DataStream, data_stream
from stacks.constructs.lake_table import LakeTable
from stacks.constructs.lake_tables import LakeTables
from stacks.constructs.stream_cluster import StreamCluster
from stacks.constructs.topic_maker import TopicMaker
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class CollectionStack(cdk.Stack):
    """Owns the events and interactions streams and everything that writes to them."""

    topics: TopicMaker | None
    streams: Mapping[Stream, DataStream]
    tables: Sequence[LakeTable]
    lake_access: list[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        hash_secret: secretsmanager.ISecret,
        settings: CollectionSettings,
        remembered_days: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: collector, file ingestion, cleaning")
        self.topics = _topics(self, settings.streams, platform)
        self.streams = {
            name: data_stream(
                self,
                f"{pascal_case(name)}Stream",
                name=name,
                settings=settings.streams,
                topics=self.topics,
                platform=platform,
            )
            for name in (Stream.EVENTS, Stream.INTERACTIONS)
        }
        self.relay = (
            StreamRelay(self, "StreamRelay", streams=self.streams, cluster=self.topics.cluster, platform=platform)
            if self.topics is not None
            else None
        )
        stored = LakeTables(self, "Lake", zones=[Zone.RAW, Zone.QUARANTINE], lake=lake, platform=platform)
        self.tables = stored.tables
        self.collector = Collector(
            self,
            "Collector",
            events=self.streams[Stream.EVENTS],
            contracts=lake.contracts,
            settings=settings.collector,
            edge=settings.edge,
            platform=platform,
        )
        self.ingestion = FileIngestion(
            self,
            "FileIngestion",
            lake=lake,
            tables=self.tables,
            events_stream=self.streams[Stream.EVENTS],
            settings=settings,
            platform=platform,
        )
        self.databases = Databases(self, "Databases", lake=lake, databases=settings.databases, platform=platform)
        self.data_exchange = DataExchange(
            self, "DataExchange", lake=lake, settings=settings.data_exchange, platform=platform
        )
        self.saas = SaasFlows(
            self,
            "Saas",
            lake=lake,
            connections=settings.saas,
            failed_runs=settings.failed_flow_runs,
            platform=platform,
        )
        self.clean = CleanApplication(
            self,
            "Clean",
            streams=self.streams,
            buckets=lake.buckets,
            hash_secret=hash_secret,
            settings=settings.clean,
            platform=platform,
        )
        self.lake_access = [
            *stored.lake_access,
            LakeAccess(name="CleanRaw", role=self.clean.role, zone=Zone.RAW, writes=True),
            LakeAccess(name="CleanQuarantine", role=self.clean.role, zone=Zone.QUARANTINE, writes=True),
            LakeAccess(name="IngestRaw", role=self.ingestion.job.role, zone=Zone.RAW, writes=True),
            LakeAccess(name="IngestQuarantine", role=self.ingestion.job.role, zone=Zone.QUARANTINE, writes=True),
            LakeAccess(
                name="IngestCurated",
                role=self.ingestion.job.role,
                zone=Zone.CURATED,
                tables=[reference_table(source.name) for source, _ in lake.contracts.reference_sources()],
                writes=True,
            ),
            *self.databases.lake_access,
        ]
        self.text_removal = (
            TextRemoval(self, "TextRemoval", lake=lake, settings=settings.texts, platform=platform)
            if settings.texts.removed
            else None
        )
        if self.text_removal is not None:
            role = self.text_removal.job.role
            self.lake_access.append(LakeAccess(name="RemoveTextsRaw", role=role, zone=Zone.RAW, writes=True))
        self.backfill = (
            Backfill(
                self,
                "Backfill",
                lake=lake,
                interactions=self.streams[Stream.INTERACTIONS],
                settings=settings.backfill,
                remembered_days=remembered_days,
                platform=platform,
            )
            if settings.backfill.deployed
            else None
        )
        if self.backfill is not None:
            role, tables = self.backfill.job.role, (TableName.INTERACTIONS,)
            self.lake_access.append(LakeAccess(name="BackfillRaw", role=role, zone=Zone.RAW, tables=tables))
        self._export(remembered_days)

    def _export(self, remembered_days: int) -> None:
        cdk.CfnOutput(self, "CollectorUrl", value=self.collector.url)
        if self.collector.edge_secret is not None:
            cdk.CfnOutput(self, "EdgeSecretArn", value=self.collector.edge_secret.secret_arn)
        if self.collector.closed_url is not None:
            cdk.CfnOutput(self, "CollectorApiUrl", value=self.collector.closed_url)
        for source, secret in self.collector.api_keys.items():
            cdk.CfnOutput(self, f"ApiKeySecretArn{pascal_case(source)}", value=secret.secret_arn)
        cdk.CfnOutput(self, "EventsStreamName", value=self.streams[Stream.EVENTS].name)
        cdk.CfnOutput(self, "InteractionsStreamName", value=self.streams[Stream.INTERACTIONS].name)
        if self.relay is not None:
            cdk.CfnOutput(self, "StreamBrokers", value=self.streams[Stream.EVENTS].variables["STREAM_BROKERS"])
            cdk.CfnOutput(self, "StreamRelayFunctionName", value=self.relay.function_name)
        cdk.CfnOutput(self, "IngestFileStateMachineArn", value=self.ingestion.machine.state_machine_arn)
        cdk.CfnOutput(self, "LandedFilesQueueArn", value=self.ingestion.landed.queue_arn)
        cdk.CfnOutput(self, "UndeliveredFilesQueueArn", value=self.ingestion.undelivered.queue.queue_arn)
        cdk.CfnOutput(self, "IngestFilesJobName", value=self.ingestion.job.job.ref)
        for product, machine in self.data_exchange.machines.items():
            cdk.CfnOutput(self, f"ExportStateMachineArn{pascal_case(product)}", value=machine.state_machine_arn)
        for source, machine in self.databases.machines.items():
            cdk.CfnOutput(self, f"ExtractStateMachineArn{pascal_case(source)}", value=machine.state_machine_arn)
        if self.text_removal is not None:
            cdk.CfnOutput(self, "RemoveTextsStateMachineArn", value=self.text_removal.machine.state_machine_arn)
        if self.backfill is not None:
            cdk.CfnOutput(self, "BackfillStateMachineArn", value=self.backfill.machine.state_machine_arn)
            cdk.CfnOutput(self, "BackfillProgressTableName", value=self.backfill.progress.table_name)
            cdk.CfnOutput(self, "BackfillRememberedDays", value=str(remembered_days))
        if self.clean.application is not None:
            cdk.CfnOutput(self, "CleanApplicationName", value=self.clean.application.ref)


def _topics(scope: Construct, settings: StreamSettings, platform: Platform) -> TopicMaker | None:
    """Create the cluster of the streams and what makes topics on it, if they are on MSK."""
    if settings.provider != "msk" or platform.network is None:  # settings refuse MSK without a network
        return None
    # Lambda puts what it gives up into a queue, and the endpoint for it must be where the cluster is.
    platform.network.reach(ec2.InterfaceVpcEndpointAwsService.SQS)
    cluster = StreamCluster(scope, "StreamCluster", network=platform.network, platform=platform)
    return TopicMaker(scope, "Topics", cluster=cluster, platform=platform)
