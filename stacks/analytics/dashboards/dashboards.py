"""QuickSight's dashboards with their theme, on data sets of the marts, made from the metrics of the dbt project."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_quicksight as quicksight
from constructs import Construct

from c360_core.names import quicksight_id
from c360_metrics.reader import read
from config.analytics import DashboardsSettings
from stacks.analytics.dashboards import boards, topic
from stacks.analytics.dashboards.data import DataSets
from stacks.analytics.dashboards.definition import Dashboard, definition
from stacks.analytics.dashboards.embedding import Embedding
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform

_USD_AUTHOR: Final = 24.0
_USD_READER: Final = 3.0
_USD_QUESTIONS: Final = 250.0
_LOOK: Final = ("quicksight:DescribeDashboard", "quicksight:ListDashboardVersions", "quicksight:QueryDashboard")
_OWN: Final = (
    *_LOOK,
    "quicksight:UpdateDashboardPermissions",
    "quicksight:UpdateDashboard",
    "quicksight:DeleteDashboard",
    "quicksight:DescribeDashboardPermissions",
    "quicksight:UpdateDashboardPublishedVersion",
)
_OWN_FOLDER: Final = (
    "quicksight:DescribeFolder",
    "quicksight:CreateFolder",
    "quicksight:CreateFolderMembership",
    "quicksight:DeleteFolderMembership",
    "quicksight:DescribeFolderPermissions",
    "quicksight:UpdateFolder",
    "quicksight:UpdateFolderPermissions",
    "quicksight:DeleteFolder",
)
_USE_THEME: Final = (
    "quicksight:DescribeTheme",
    "quicksight:DescribeThemeAlias",
    "quicksight:ListThemeAliases",
    "quicksight:ListThemeVersions",
)
COLORS: Final = ("#2F6FDB", "#D97706", "#0F766E", "#9333EA", "#BE123C", "#4D7C0F")
_INK, _PAPER, _ACCENT, _GREY = "#1F2A44", "#FFFFFF", "#2F6FDB", "#E5E7EB"


class Dashboards(Construct):
    """The dashboards of one environment. Switched off, nothing of them is left."""

    lake_access: Sequence[LakeAccess]
    embedding: Embedding | None

    def __init__(
        self, scope: Construct, id_: str, *, workgroup: Workgroup, settings: DashboardsSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._platform = settings, platform
        metrics = read(Path(platform.assets.metrics))
        dashboards = boards.all_dashboards(metrics)
        models = {model.name: model for dashboard in dashboards for model in dashboard.models}
        self.data = DataSets(
            self,
            "Data",
            models=tuple(models.values()),
            workgroup=workgroup,
            settings=settings,
            platform=platform,
        )
        self.lake_access = self.data.lake_access
        theme, folder = self._theme(), self._folder()
        addresses = {dashboard.id: self._address(dashboard) for dashboard in dashboards}
        made = {dashboard.id: self._dashboard(dashboard, theme, folder, addresses) for dashboard in dashboards}
        self.embedding = (
            Embedding(
                self,
                "Embedding",
                dashboards={name: one.attr_arn for name, one in made.items()},
                settings=settings.embedding,
                platform=platform,
            )
            if settings.embedding.domains
            else None
        )
        if settings.topic:
            self._topic(topic.data_sets(metrics, tuple(models.values()), self.data.arns))

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of one author, and of one reader for each ARN that the settings name."""
        readers = len(self._settings.readers)
        people = StandingCost(part="QuickSight, an author and its readers", usd=_USD_AUTHOR + readers * _USD_READER)
        words = StandingCost(part="QuickSight, questions in words", usd=_USD_QUESTIONS)
        return (people, words) if self._settings.topic else (people,)

    def _address(self, dashboard: Dashboard) -> str:
        name = quicksight_id(self._platform.environment, dashboard.id)
        return f"https://{cdk.Aws.REGION}.quicksight.aws.amazon.com/sn/dashboards/{name}"

    def _theme(self) -> quicksight.CfnTheme:
        return quicksight.CfnTheme(
            self,
            "Theme",
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            theme_id=quicksight_id(self._platform.environment, "theme"),
            base_theme_id="CLASSIC",
            name=f"Customer 360, {self._platform.environment}",
            configuration=quicksight.CfnTheme.ThemeConfigurationProperty(
                data_color_palette=quicksight.CfnTheme.DataColorPaletteProperty(
                    colors=list(COLORS), empty_fill_color=_GREY, min_max_gradient=["#DBEAFE", "#1E3A8A"]
                ),
                ui_color_palette=quicksight.CfnTheme.UIColorPaletteProperty(
                    primary_foreground=_INK, primary_background=_PAPER, accent=_ACCENT, accent_foreground=_PAPER
                ),
            ),
            permissions=[
                quicksight.CfnTheme.ResourcePermissionProperty(principal=one, actions=list(_USE_THEME))
                for one in self._settings.people
            ],
        )

    def _folder(self) -> quicksight.CfnFolder:
        kind = quicksight.CfnFolder
        looks: tuple[str, ...] = ("quicksight:DescribeFolder",)
        rights = dict.fromkeys(self._settings.readers, looks) | {str(self._settings.owner): _OWN_FOLDER}
        return kind(
            self,
            "Folder",
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            folder_id=quicksight_id(self._platform.environment, "folder"),
            folder_type="SHARED",
            name=f"Customer 360, {self._platform.environment}",
            permissions=[
                kind.ResourcePermissionProperty(principal=one, actions=list(actions)) for one, actions in rights.items()
            ],
        )

    def _topic(self, data_sets: Sequence[Mapping[str, object]]) -> None:
        made = quicksight.CfnTopic(
            self,
            "Topic",
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            topic_id=quicksight_id(self._platform.environment, "topic"),
            name=f"Customer 360, {self._platform.environment}",
            description="Customers, their orders, segments and service",
            user_experience_version="NEW_READER_EXPERIENCE",
        )
        made.add_property_override("DataSets", data_sets)
        made.node.add_dependency(self.data)

    def _dashboard(
        self,
        dashboard: Dashboard,
        theme: quicksight.CfnTheme,
        folder: quicksight.CfnFolder,
        addresses: Mapping[str, str],
    ) -> quicksight.CfnDashboard:
        kind = quicksight.CfnDashboard
        rights = dict.fromkeys(self._settings.readers, _LOOK) | {str(self._settings.owner): _OWN}
        made = kind(
            self,
            pascal_case(dashboard.id),
            aws_account_id=cdk.Aws.ACCOUNT_ID,
            dashboard_id=quicksight_id(self._platform.environment, dashboard.id),
            name=f"Customer 360 {dashboard.name.lower()}, {self._platform.environment}",
            theme_arn=theme.attr_arn,
            version_description=dashboard.about,
            folder_arns=[folder.attr_arn],
            permissions=[
                kind.ResourcePermissionProperty(principal=one, actions=list(actions)) for one, actions in rights.items()
            ],
        )
        # The CDK does not check nested names; the schema that AWS publishes is checked by the tests and by the twin.
        made.add_property_override("Definition", definition(dashboard, data_sets=self.data.arns, addresses=addresses))
        made.add_property_override("ValidationStrategy", {"Mode": "STRICT"})
        made.node.add_dependency(self.data)
        return made
