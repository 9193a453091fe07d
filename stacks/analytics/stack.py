"""Analytics: workgroups with their queries, checks of tables, marts, warehouse, dashboards, preparation, studios."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import MARTS_PREFIX, Querier, Stream, Zone
from c360_core.personas import PERSONAS
from config.analytics import AnalyticsSettings
from stacks.analytics.dashboards.dashboards import Dashboards
from stacks.analytics.foresight.foresight import Foresight
from stacks.analytics.models import SOURCES, Models
from stacks.analytics.named_queries import NamedQueries
from stacks.analytics.preparation.preparation import Preparation
from stacks.analytics.prepared_statements import PreparedStatements
from stacks.analytics.shared_identities import SharedIdentities
from stacks.analytics.studio.domain import Studio
from stacks.analytics.studio.emr_studio import EmrStudio
from stacks.analytics.table_quality import TableQuality
from stacks.analytics.warehouse.warehouse import Warehouse
from stacks.constructs.data_stream import DataStream
from stacks.constructs.lake_tables import LakeTables
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform
from stacks.shared.query_places import QueryPlaces, Workbench
from stacks.shared.workplaces import Workplaces


class AnalyticsStack(cdk.Stack):
    """Owns a workgroup for each kind of queriers, the build of the marts, and the checks of the tables behind them.

    The marts go on into a warehouse where the settings ask for one.
    """

    workgroups: Mapping[Querier, Workgroup]
    models: Models
    quality: TableQuality | None
    warehouse: Warehouse | None
    places: QueryPlaces
    dashboards: Dashboards | None
    preparation: Preparation | None
    foresight: Foresight | None
    studio: Studio | None
    emr_studio: EmrStudio | None
    lake_access: Sequence[LakeAccess]

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        bus: events.IEventBus,
        workplaces: Workplaces,
        streams: Mapping[Stream, DataStream],
        single_view: dynamodb.ITableV2,
        settings: AnalyticsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: queries and marts")
        switched = {
            Querier.DASHBOARDS: settings.dashboards.deployed,
            Querier.PREPARATION: settings.databrew.deployed,
            Querier.FORESIGHT: settings.models.deployed,
            Querier.AUDIENCES: bool(lake.advertised),
        }
        self.workgroups = {
            querier: Workgroup(
                self,
                f"{pascal_case(querier)}Workgroup",
                querier=querier,
                results=lake.buckets[Zone.RESULTS],
                scan_limit_gigabytes=settings.scan_limit_gigabytes,
                platform=platform,
            )
            for querier in Querier
            if switched.get(querier, True)
        }
        for persona in PERSONAS:
            PreparedStatements(
                self,
                f"{persona.name}Statements",
                folder=Path(platform.assets.prepared_statements),
                workgroup=self.workgroups[persona.querier],
            )
        NamedQueries(
            self,
            "Queries",
            folder=Path(platform.assets.named_queries),
            workgroup=self.workgroups[Querier.MARKETING_ANALYST],
            platform=platform,
        )
        self.models = Models(
            self,
            "Models",
            lake=lake,
            workgroup=self.workgroups[Querier.MODELS],
            settings=settings,
            bus=bus,
            platform=platform,
        )
        stored = LakeTables(self, "Lake", zones=(Zone.PRODUCTS,), lake=lake, platform=platform)
        if lake.is_mapped:
            [identities] = lake.contracts.matching_tables()
            SharedIdentities(
                self,
                "SharedIdentities",
                table=identities,
                bucket=lake.buckets[Zone.PRODUCTS],
                prefix=MARTS_PREFIX,
                platform=platform,
            )
        self.quality = self._quality(lake, bus, settings, platform)
        self.warehouse = self._warehouse(streams[Stream.INTERACTIONS], workplaces.training, settings, platform)
        self.studio = self._studio(workplaces.homes, settings, platform)
        self.emr_studio = self._emr_studio(lake, workplaces.homes, settings, platform)
        self.places = QueryPlaces(
            workgroups=self.workgroups,
            warehouse_arn=self.warehouse.arn if self.warehouse else None,
            workbenches=[
                Workbench(roles=one.roles, let_open=one.let_open)
                for one in (self.studio, self.emr_studio)
                if one is not None
            ],
        )
        self.dashboards = self._dashboards(settings, platform)
        self.preparation = self._preparation(lake, settings, platform)
        self.foresight = self._foresight(workplaces, single_view, streams, settings, platform)
        self.lake_access = [
            *stored.lake_access,
            *(self.preparation.lake_access if self.preparation else ()),
            *(self.foresight.lake_access if self.foresight else ()),
            *(self.dashboards.lake_access if self.dashboards else ()),
            *(self.quality.lake_access if self.quality else ()),
            *(self.warehouse.lake_access if self.warehouse else ()),
            LakeAccess(name="ModelsRaw", role=self.models.role, zone=Zone.RAW, tables=SOURCES[Zone.RAW]),
            LakeAccess(
                name="ModelsCurated",
                role=self.models.role,
                zone=Zone.CURATED,
                creates=True,
                tables=SOURCES[Zone.CURATED],
            ),
            LakeAccess(name="ModelsProducts", role=self.models.role, zone=Zone.PRODUCTS, writes=True, creates=True),
        ]
        self._outputs()
        self._outputs_of_studios()

    def _quality(
        self, lake: Lake, bus: events.IEventBus, settings: AnalyticsSettings, platform: Platform
    ) -> TableQuality | None:
        if not settings.quality.deployed:
            return None
        return TableQuality(self, "TableQuality", lake=lake, bus=bus, settings=settings.quality, platform=platform)

    def _warehouse(
        self,
        interactions: DataStream,
        training: s3.IBucket | None,
        settings: AnalyticsSettings,
        platform: Platform,
    ) -> Warehouse | None:
        if not settings.warehouse.deployed:
            return None
        return Warehouse(
            self,
            "Warehouse",
            settings=settings.warehouse,
            row_rules=settings.dashboards.row_rules,
            interactions=interactions,
            training=training,
            built_by=self.models.machine,
            platform=platform,
        )

    def _studio(self, homes: s3.IBucket | None, settings: AnalyticsSettings, platform: Platform) -> Studio | None:
        if not settings.studio.deployed or homes is None:
            return None
        return Studio(
            self,
            "Studio",
            settings=settings.studio,
            workgroups=self.workgroups,
            homes=homes,
            platform=platform,
        )

    def _emr_studio(
        self, lake: Lake, homes: s3.IBucket | None, settings: AnalyticsSettings, platform: Platform
    ) -> EmrStudio | None:
        if not settings.emr_studio.deployed or homes is None:
            return None
        return EmrStudio(self, "EmrStudio", settings=settings.emr_studio, lake=lake, homes=homes, platform=platform)

    def _dashboards(self, settings: AnalyticsSettings, platform: Platform) -> Dashboards | None:
        if not settings.dashboards.deployed:
            return None
        return Dashboards(
            self,
            "Dashboards",
            workgroup=self.workgroups[Querier.DASHBOARDS],
            settings=settings.dashboards,
            platform=platform,
        )

    def _preparation(self, lake: Lake, settings: AnalyticsSettings, platform: Platform) -> Preparation | None:
        if not settings.databrew.deployed:
            return None
        return Preparation(
            self,
            "Preparation",
            buckets=lake.buckets,
            workgroup=self.workgroups[Querier.PREPARATION],
            settings=settings.databrew,
            platform=platform,
        )

    def _foresight(
        self,
        workplaces: Workplaces,
        single_view: dynamodb.ITableV2,
        streams: Mapping[Stream, DataStream],
        settings: AnalyticsSettings,
        platform: Platform,
    ) -> Foresight | None:
        if not settings.models.deployed or workplaces.training is None or workplaces.models is None:
            return None
        return Foresight(
            self,
            "Foresight",
            training=workplaces.training,
            models=workplaces.models,
            features=workplaces.features,
            workgroup=self.workgroups[Querier.FORESIGHT],
            single_view=single_view,
            events_stream=streams[Stream.EVENTS],
            profile_changes=streams[Stream.PROFILE_CHANGES],
            settings=settings.models,
            platform=platform,
        )

    def _outputs(self) -> None:
        for querier, workgroup in self.workgroups.items():
            cdk.CfnOutput(self, f"{pascal_case(querier)}WorkgroupName", value=workgroup.name)
        cdk.CfnOutput(self, "ModelsProjectName", value=self.models.project.ref)
        if self.quality is not None:
            cdk.CfnOutput(self, "CheckTablesStateMachineArn", value=self.quality.machine.state_machine_arn)
        if self.warehouse is not None:
            cdk.CfnOutput(self, "WarehouseWorkgroupName", value=self.warehouse.name)
            cdk.CfnOutput(self, "LoadWarehouseStateMachineArn", value=self.warehouse.machine.state_machine_arn)
            if self.warehouse.training is not None:
                machine = self.warehouse.training.machine
                cdk.CfnOutput(self, "TrainChurnStateMachineArn", value=machine.state_machine_arn)
        if self.dashboards is not None and self.dashboards.embedding is not None:
            cdk.CfnOutput(self, "EmbeddingUrl", value=self.dashboards.embedding.url)
        if self.preparation is not None:
            cdk.CfnOutput(self, "PrepareCustomersStateMachineArn", value=self.preparation.machine.state_machine_arn)
        for name, run in (self.foresight.machines if self.foresight else {}).items():
            cdk.CfnOutput(self, f"Foretell{pascal_case(name)}StateMachineArn", value=run.machine.state_machine_arn)
        cdk.CfnOutput(self, "BuildModelsStateMachineArn", value=self.models.machine.state_machine_arn)

    def _outputs_of_studios(self) -> None:
        if self.studio is not None:
            cdk.CfnOutput(self, "StudioDomainId", value=self.studio.domain.attr_domain_id)
            for persona in PERSONAS:
                if (role := self.studio.roles.get(persona.name)) is not None:
                    cdk.CfnOutput(self, persona.notebook_role_output, value=role.role_arn)
        if self.emr_studio is not None:
            cdk.CfnOutput(self, "EmrStudioUrl", value=self.emr_studio.studio.attr_url)
            application = self.emr_studio.application.application.attr_application_id
            cdk.CfnOutput(self, "NotebookApplicationId", value=application)
            for persona in PERSONAS:
                cdk.CfnOutput(self, persona.spark_role_output, value=self.emr_studio.roles[persona.name].role_arn)
