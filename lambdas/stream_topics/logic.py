"""Makes the topic of a stream, and brings one that is there to what the template says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from c360_aws.kafka_streams import IAM, PLAIN, Brokers

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

_MILLISECONDS_PER_HOUR: Final = 3_600_000
# A record of the size that Kinesis takes does not fit into Kafka's default, with what a batch needs around it.
LARGEST_MESSAGE: Final = 2 * 1_048_576


class UnreachableClusterError(RuntimeError):
    """The cluster has no address at which one may log in with IAM; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as the template wants it.

    Attributes:
        name: the stream's.
        partitions: Kafka can add some, and take none away.
        retention_hours: how long records are kept.
    """

    name: str
    partitions: int
    retention_hours: int

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """Return the topic that a custom resource names."""
        return cls(
            name=str(properties["Topic"]),
            partitions=int(properties["Partitions"]),
            retention_hours=int(properties["RetentionHours"]),
        )

    @property
    def configuration(self) -> dict[str, str]:
        """What is set of the topic; MSK Serverless lets nobody set much more."""
        return {
            "retention.ms": str(self.retention_hours * _MILLISECONDS_PER_HOUR),
            "max.message.bytes": str(LARGEST_MESSAGE),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster as MSK describes it.

    Attributes:
        brokers: where it is.
        created_at: when it was made, in epoch milliseconds. No topic on it is older.
    """

    brokers: Brokers
    created_at: int

    @classmethod
    def described(cls, msk: Any, arn: str) -> Self:
        """Ask MSK for a cluster.

        Raises:
            UnreachableClusterError: it has neither an address for IAM nor one without a login.
        """
        found = msk.get_bootstrap_brokers(ClusterArn=arn)
        created: datetime = msk.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["CreationTime"]
        # A serverless cluster has the first only. What has no login at all runs on the machine of whoever tries it.
        for name, security in (("BootstrapBrokerStringSaslIam", IAM), ("BootstrapBrokerString", PLAIN)):
            if servers := found.get(name):
                brokers = Brokers.of(servers, security)
                return cls(brokers=brokers, created_at=int(created.timestamp() * 1000))
        raise UnreachableClusterError(f"{arn} has no address for clients that log in with IAM; is it active?")

    def attributes(self) -> dict[str, str]:
        """Return what the template hands to those who read and write."""
        return {
            "Brokers": self.brokers.servers,
            "Security": self.brokers.security,
            "CreatedAt": str(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicKeeper:
    """Keeps topics as templates want them.

    Attributes:
        connect: opens a client for the administration of a cluster.
    """

    connect: Callable[[Brokers], "KafkaAdminClient"]

    def keep(self, brokers: Brokers, topic: Topic) -> None:
        """Make a topic, or give one that is there its partitions and its configuration.

        Raises:
            KafkaError: the cluster refused it, for example to have fewer partitions than there are.
        """
        from kafka.errors import TopicAlreadyExistsError

        admin = self.connect(brokers)
        wanted = {"num_partitions": topic.partitions, "configs": topic.configuration}
        try:
            admin.create_topics({topic.name: wanted}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            self._change(admin, topic)
        finally:
            admin.close()

    def drop(self, brokers: Brokers, name: str) -> None:
        """Delete a topic with its records; one that is not there is none to delete."""
        from kafka.errors import UnknownTopicOrPartitionError

        admin = self.connect(brokers)
        try:
            admin.delete_topics([name])
        except UnknownTopicOrPartitionError:
            return
        finally:
            admin.close()

    def _change(self, admin: "KafkaAdminClient", topic: Topic) -> None:
        from kafka.admin import ConfigResource, ConfigResourceType

        (there,) = admin.describe_topics([topic.name])
        if len(there["partitions"]) != topic.partitions:
            admin.create_partitions({topic.name: topic.partitions})
        # Without a look whether the names are known, which asks for a further permission.
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configuration)
        admin.alter_configs([resource], raise_on_unknown=False, incremental=True)
