"""Managed Flink: the emulator keeps the applications; they run on Flink, and Kafka carries their streams."""

from collections.abc import Mapping
from typing import Final

from c360_core.names import READS, WRITES, Property
from flink_apps.shared.properties import StreamProvider
from twin.bridge.process import BridgeEngine
from twin.emulator import roles
from twin.emulator.calls import require_all
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.engines.kafka import KafkaEngine
from twin.principals import RoleSession
from twin.providers.managed_flink import data_plane
from twin.providers.managed_flink.data_plane import ManagedFlink, Record, property_groups
from twin.providers.managed_flink.rights import log_calls, stream_calls, topic_calls
from twin.providers.managed_flink.streams import deployed_streams, named_streams
from twin.settings import python_of

SERVICE: Final = "kinesisanalytics.amazonaws.com"
BRIDGE_SESSION: Final = "bridge"
APPLICATION = ResourceType(name="AWS::KinesisAnalyticsV2::Application")
CLUSTER: Final = "AWS::MSK::ServerlessCluster"


class ManagedFlinkProvider(Provider):
    """Managed Flink."""

    types = (APPLICATION,)
    engines = (KafkaEngine, BridgeEngine)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._plane = ManagedFlink(
            python=python_of("flink"),
            scratch=twin.settings.home / "flink",
            client=twin.settings.client,
            assume=_assume,
            streams=self._streams,
            variables=twin.settings.connection(),
        )

    def install(self) -> None:
        """Give the emulator's control plane a data plane."""
        data_plane.install(self._plane)

    def close(self) -> None:
        """End every application."""
        self._plane.reset()

    def _streams(self, app: Record, session: RoleSession) -> Mapping[str, str]:
        """Return the properties that lead an application to its streams on Kafka.

        Topics are where its template says, and nothing is changed. Streams of Kinesis are carried from and to topics,
        of all deployed applications.

        Raises:
            ServiceError: the application's role lacks a permission that it would need on AWS.
        """
        stated = property_groups(app).get(Property.STREAMS, {})
        reads, writes = (tuple(named_streams(stated.get(key, ""))) for key in (READS, WRITES))
        if stated.get("provider") == StreamProvider.KAFKA:
            clusters = self.twin.registry.of_type(CLUSTER)
            calls = [
                call
                for cluster in clusters
                for call in topic_calls(cluster=str(cluster.attributes["Arn"]), reads=reads, writes=writes)
            ]
            require_all(session.arn, (*calls, *log_calls(app)))
            return {}
        calls_to_kinesis = stream_calls(reads=reads, writes=writes, key_of=self._key_of_stream)
        require_all(session.arn, (*calls_to_kinesis, *log_calls(app)))
        servers = self.twin.engines.get(KafkaEngine).bootstrap_servers
        streams = deployed_streams(self.twin.registry.of_type(APPLICATION.name))
        self.twin.engines.get(BridgeEngine).carry(reads=_sessions(streams.reads), writes=_sessions(streams.writes))
        return {"provider": "kafka", "bootstrap.servers": servers}

    def _key_of_stream(self, name: str) -> str | None:
        summary = self.twin.client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        key = summary.get("KeyId")
        return str(key) if key else None


def _assume(role_arn: str, name: str) -> RoleSession:
    return roles.assume(role_arn, service=SERVICE, session=name)


def _sessions(users: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return, by stream, the credentials with which the bridge does the application's part."""
    return {stream: _assume(role_arn, BRIDGE_SESSION).variables() for stream, role_arn in users.items()}


PROVIDER = ManagedFlinkProvider
