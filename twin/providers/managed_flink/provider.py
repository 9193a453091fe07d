"""Managed Flink: the emulator keeps the applications; they run on Flink, and Kafka carries their streams."""

from collections.abc import Mapping

from twin.bridge.process import BridgeEngine
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.engines.kafka import KafkaEngine
from twin.providers.managed_flink import data_plane
from twin.providers.managed_flink.data_plane import ManagedFlink
from twin.providers.managed_flink.streams import deployed_streams
from twin.settings import python_of

APPLICATION = ResourceType(name="AWS::KinesisAnalyticsV2::Application")


class ManagedFlinkProvider(Provider):
    """Managed Flink."""

    types = (APPLICATION,)
    engines = (KafkaEngine, BridgeEngine)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._plane = ManagedFlink(
            python=python_of("flink"),
            scratch=twin.settings.home / "flink",
            client=twin.client,
            streams=self._streams,
            variables=twin.settings.client_environment(),
        )

    def install(self) -> None:
        """Give the emulator's control plane a data plane."""
        data_plane.install(self._plane)

    def close(self) -> None:
        """End every application."""
        self._plane.reset()

    def _streams(self) -> Mapping[str, str]:
        """Carry the streams of all deployed applications; return the properties that lead one to them on Kafka."""
        servers = self.twin.engines.get(KafkaEngine).bootstrap_servers
        streams = deployed_streams(self.twin.registry.of_type(APPLICATION.name))
        self.twin.engines.get(BridgeEngine).carry(reads=streams.reads, writes=streams.writes)
        return {"provider": "kafka", "bootstrap.servers": servers}


PROVIDER = ManagedFlinkProvider
