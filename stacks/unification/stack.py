"""Unification: identity resolution, profiles, the single view and its API."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.names import Stream, Zone
from config.activation import RecommendationSettings
from config.analytics import ModelsSettings
from config.collection import StreamSettings
from config.unification import UnificationSettings
from stacks.constructs.data_stream import DataStream, data_stream
from stacks.constructs.lake_table import LakeTable
from stacks.constructs.lake_tables import LakeTables
from stacks.constructs.topic_maker import TopicMaker
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform
from stacks.unification.identity_resolution.resolution import IdentityResolution, tables_with_identities
from stacks.unification.single_view.profile_api import ProfileApi
from stacks.unification.single_view.profile_writer import ProfileWriter
from stacks.unification.single_view.table import SingleView
from stacks.unification.unify_application import PAST, UnifyApplication


class UnificationStack(cdk.Stack):
    """Owns the identity and profile change streams, the curated tables and the single view."""

    single_view: dynamodb.ITableV2
    idempotency: dynamodb.ITableV2
    tables: Sequence[LakeTable]
    lake_access: Sequence[LakeAccess]

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        streams: Mapping[Stream, DataStream],
        hash_secret: secretsmanager.ISecret,
        settings: UnificationSettings,
        recommendations: RecommendationSettings,
        models: ModelsSettings,
        stream_settings: StreamSettings,
        topics: TopicMaker | None,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: identity, profiles, single view")
        self.streams = {
            name: data_stream(
                self,
                f"{pascal_case(name)}Stream",
                name=name,
                settings=stream_settings,
                topics=topics,
                platform=platform,
            )
            for name in (Stream.IDENTITY_CHANGES, Stream.PROFILE_CHANGES)
        }
        stored = LakeTables(self, "Lake", zones=[Zone.CURATED], lake=lake, platform=platform)
        self.tables = stored.tables
        view = SingleView(self, "SingleView", platform=platform)
        self.single_view, self.idempotency = view.table, view.idempotency
        self.identity = IdentityResolution(
            self,
            "Identity",
            lake=lake,
            identity_changes=self.streams[Stream.IDENTITY_CHANGES],
            single_view=self.single_view,
            hash_secret=hash_secret,
            settings=settings,
            platform=platform,
        )
        self.unify = UnifyApplication(
            self,
            "Unify",
            streams={Stream.INTERACTIONS: streams[Stream.INTERACTIONS], **self.streams},
            buckets=lake.buckets,
            settings=settings.unify,
            timeline_ttl_days=settings.timeline_ttl_days,
            platform=platform,
        )
        self.writer = ProfileWriter(
            self,
            "ProfileWriter",
            profile_changes=self.streams[Stream.PROFILE_CHANGES],
            single_view=self.single_view,
            timeline_ttl_days=settings.timeline_ttl_days,
            platform=platform,
        )
        self.api = ProfileApi(
            self,
            "ProfileApi",
            single_view=self.single_view,
            events=streams[Stream.EVENTS],
            hash_secret=hash_secret,
            settings=settings,
            recommendations=recommendations,
            models=models,
            platform=platform,
        )
        self.lake_access = [
            *stored.lake_access,
            LakeAccess(
                name="PrepareRaw",
                role=self.identity.prepare.role,
                zone=Zone.RAW,
                tables=tables_with_identities(lake.contracts),
            ),
            LakeAccess(name="PrepareCurated", role=self.identity.prepare.role, zone=Zone.CURATED, writes=True),
            LakeAccess(name="ResolveCurated", role=self.identity.resolve.role, zone=Zone.CURATED, writes=True),
            LakeAccess(name="UnifyRaw", role=self.unify.role, zone=Zone.RAW, tables=[PAST[Zone.RAW]]),
            LakeAccess(name="UnifyCurated", role=self.unify.role, zone=Zone.CURATED, writes=True),
            LakeAccess(name="UnifyQuarantine", role=self.unify.role, zone=Zone.QUARANTINE, writes=True),
        ]
        self._export()

    def _export(self) -> None:
        cdk.CfnOutput(self, "ProfileApiUrl", value=self.api.url)
        cdk.CfnOutput(self, "SingleViewTableName", value=self.single_view.table_name)
        cdk.CfnOutput(self, "IdempotencyTableName", value=self.idempotency.table_name)
        cdk.CfnOutput(self, "IdentityChangesStreamName", value=self.streams[Stream.IDENTITY_CHANGES].name)
        cdk.CfnOutput(self, "ProfileChangesStreamName", value=self.streams[Stream.PROFILE_CHANGES].name)
        cdk.CfnOutput(self, "ResolveIdentityStateMachineArn", value=self.identity.machine.state_machine_arn)
        cdk.CfnOutput(self, "MatchingWorkflowName", value=self.identity.matching.name)
        if self.writer.reader.mapping is not None:
            cdk.CfnOutput(self, "ProfileWriterMappingId", value=self.writer.reader.mapping.ref)
        if self.unify.application is not None:
            cdk.CfnOutput(self, "UnifyApplicationName", value=self.unify.application.ref)
