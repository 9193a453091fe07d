"""Kafka as what carries a stream: a topic of the stream's name, on a cluster of MSK or any other broker."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from c360_aws.stream_writer import StreamRecord

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaProducer

logger = logging.getLogger(__name__)

BROKERS_VARIABLE: Final = "STREAM_BROKERS"
SECURITY_VARIABLE: Final = "STREAM_SECURITY"
PLAIN: Final = "PLAINTEXT"
IAM: Final = "SASL_SSL"  # of the protocols with a login, ours is always IAM's

# How long a record may take to be acknowledged, with the producer's own retries; the writer then sends it again.
DELIVERY_MILLISECONDS: Final = 5_000
REQUEST_MILLISECONDS: Final = 4_000
READ_MILLISECONDS: Final = 10_000
# As much as Kinesis takes in a record. Our topics take more, because Kafka counts what it writes around it.
LARGEST_RECORD: Final = 1_048_576
# Errors after which another attempt would be refused as well: the names of kafka-python's classes.
PERMANENT: Final = frozenset(
    {
        "ClusterAuthorizationFailedError",
        "InvalidTopicError",
        "MessageSizeTooLargeError",
        "RecordListTooLargeError",
        "SaslAuthenticationFailedError",
        "TopicAuthorizationFailedError",
        "UnknownTopicOrPartitionError",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brokers:
    """Where a cluster is, and how one connects to it.

    Attributes:
        servers: `host:port`, comma-separated.
        security: `SASL_SSL`, which means IAM, or `PLAINTEXT`.
    """

    servers: str
    security: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self | None:
        """Return the brokers that a function is given, or None if its streams are not on Kafka.

        Raises:
            ValueError: the connection is to be of a kind that is not known here.
        """
        servers = environment.get(BROKERS_VARIABLE)
        return None if not servers else cls.of(servers, environment.get(SECURITY_VARIABLE, IAM))

    @classmethod
    def of(cls, servers: str, security: str) -> Self:
        """Return brokers; raises ValueError for a connection of a kind that is not known here."""
        if security not in {IAM, PLAIN}:
            raise ValueError(f"{SECURITY_VARIABLE} is `{security}`; write {IAM} or {PLAIN}")
        return cls(servers=servers, security=security)

    def connection(self) -> dict[str, Any]:
        """Return what every client of kafka-python needs to connect; IAM takes the credentials of the process."""
        login = {"sasl_mechanism": "AWS_MSK_IAM"} if self.security == IAM else {}
        return {"bootstrap_servers": self.servers.split(","), "security_protocol": self.security, **login}


def producer(brokers: Brokers) -> "KafkaProducer":
    """Return a producer; it may be shared between threads, and holds its connections open.

    It is idempotent: what it repeats after a lost answer is on the topic once, and a partition keeps the order. It
    chooses a key's partition as Java's clients do, and so does Flink.
    """
    from kafka import KafkaProducer  # most functions have no stream on Kafka, and need not load it

    return KafkaProducer(
        **brokers.connection(),
        enable_idempotence=True,
        acks="all",
        allow_auto_create_topics=False,
        max_request_size=LARGEST_RECORD + 1024,
        request_timeout_ms=REQUEST_MILLISECONDS,
        delivery_timeout_ms=DELIVERY_MILLISECONDS,
        max_block_ms=DELIVERY_MILLISECONDS,
    )


def administrator(brokers: Brokers) -> "KafkaAdminClient":
    """Return a client that makes and changes topics; whoever asks for it closes it."""
    from kafka import KafkaAdminClient

    return KafkaAdminClient(**brokers.connection())


def read_one(brokers: Brokers, stream: str, *, partition: int, offset: int) -> StreamRecord | None:
    """Return the record at a position of a topic, or None if it is not there (any more). Joins no group."""
    from kafka import KafkaConsumer, TopicPartition

    place = TopicPartition(stream, partition)
    with closing(KafkaConsumer(**brokers.connection(), enable_auto_commit=False, max_poll_records=1)) as consumer:
        consumer.assign([place])
        first, end = consumer.beginning_offsets([place])[place], consumer.end_offsets([place])[place]
        if not first <= offset < end:
            return None
        consumer.seek(place, offset)
        found = consumer.poll(timeout_ms=READ_MILLISECONDS).get(place, ())
    # The broker may have taken it away meanwhile, and then gives the next one.
    record = next((each for each in found if each.offset == offset), None)
    return None if record is None else StreamRecord(key=(record.key or b"").decode(), data=record.value or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSender:
    """Sends records to a topic.

    Attributes:
        producer: of kafka-python.
        stream: name of the topic.
        partition: where all records go; None, where the key of each leads.
    """

    producer: "KafkaProducer"
    stream: str
    partition: int | None = None

    @property
    def permanent(self) -> frozenset[str]:
        """Errors after which another attempt would be refused as well."""
        return PERMANENT

    def send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        """Send records and wait until each is acknowledged by all replicas, or refused; return the errors' names."""
        from kafka.errors import KafkaError

        try:
            self.producer.partitions_for(self.stream)  # waits once; without it, each record would wait for itself
        except KafkaError as error:
            logger.warning("stream %s is not reached: %s", self.stream, error)
            return [type(error).__name__] * len(records)
        waiting: list[Any] = []
        place = {} if self.partition is None else {"partition": self.partition}
        for record in records:
            try:
                waiting.append(self.producer.send(self.stream, key=record.key.encode(), value=record.data, **place))
            except KafkaError as error:  # the record is too big
                waiting.append(error)
        self.producer.flush()
        codes = [_code(each) for each in waiting]
        refused = [code for code in codes if code]
        if refused:
            logger.warning("stream %s refused %d records: %s", self.stream, len(refused), refused[0])
        return codes


def _code(sent: Any) -> str:
    """Return the name of the error of a record, or nothing if it was acknowledged."""
    error = sent if isinstance(sent, Exception) else sent.exception
    return "" if error is None else type(error).__name__
