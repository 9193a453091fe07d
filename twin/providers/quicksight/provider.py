"""QuickSight: keeps what the template deploys, and fills data sets through Athena under the role of their source."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from twin.emulator.provider import Provider, ResourceType
from twin.emulator.roles import assume
from twin.providers.quicksight.service import QuickSight

SERVICE: Final = "quicksight.amazonaws.com"
SESSION: Final = "ingestion"
# Where the demonstration draws the dashboards, under the twin's home.
PAGES: Final = "dashboards"
DATA_SOURCE = ResourceType(name="AWS::QuickSight::DataSource")
DATA_SET = ResourceType(name="AWS::QuickSight::DataSet")
DASHBOARD = ResourceType(name="AWS::QuickSight::Dashboard")


class QuickSightProvider(Provider):
    """QuickSight."""

    types = (DATA_SOURCE, DATA_SET, DASHBOARD)

    def api(self) -> Mapping[str, object]:
        """Serve descriptions and refreshes."""
        registry = self.twin.registry
        service = QuickSight(
            dashboards=lambda: registry.of_type(DASHBOARD.name),
            data_sets=lambda: registry.of_type(DATA_SET.name),
            data_sources=lambda: registry.of_type(DATA_SOURCE.name),
            athena=self._athena,
            pages=self.twin.settings.home / PAGES,
        )
        return {"quicksight": service}

    def _athena(self, role_arn: str) -> Any:
        session = partial(assume, service=SERVICE, session=SESSION)(role_arn)
        return self.twin.settings.client("athena", session.variables())


PROVIDER = QuickSightProvider
