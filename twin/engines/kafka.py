"""One Kafka broker in KRaft mode on the loopback interface: what carries the streams under Flink on a laptop."""

import shutil
import subprocess
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from twin.engines import jars
from twin.engines.engine import Engine
from twin.processes.process import LOOPBACK, Child, free_port, short_lived_jvm, spawn, wait_until

POM: Final = Path(__file__).with_name("java") / "kafka" / "pom.xml"
HEAP: Final = ("-Xms96m", "-Xmx384m")
READY_SECONDS: Final = 90.0
FORMAT_SECONDS: Final = 90.0
REQUEST_SECONDS: Final = 20.0

# Small and patient: one node, nothing deleted while the twin lives, and buffers that fit the heap.
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
log.retention.ms=-1
log.segment.bytes=134217728
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class KafkaError(RuntimeError):
    """The broker could not be prepared, or refused a topic; the message quotes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kafka:
    """A running broker.

    Attributes:
        bootstrap_servers: `host:port` for clients.
        child: the broker's process.
    """

    bootstrap_servers: str
    child: Child

    @property
    def alive(self) -> bool:
        """Say whether the broker's process runs."""
        return self.child.poll() is None

    def create_topics(self, names: Iterable[str], *, partitions: int = 1) -> None:
        """Create the topics that do not exist yet, and return when they can be written.

        Raises:
            KafkaError: the broker refused one of them, or did not answer.
        """
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        known = admin.list_topics(timeout=REQUEST_SECONDS).topics
        missing = [NewTopic(name, num_partitions=partitions) for name in names if name not in known]
        if not missing:
            return
        for name, answer in admin.create_topics(missing, operation_timeout=REQUEST_SECONDS).items():
            try:
                answer.result(REQUEST_SECONDS)
            except KafkaException as error:
                raise KafkaError(f"Kafka refused the topic {name}: {error}") from error

    def stop(self) -> None:
        """Shut the broker down; its data stays and can be started again."""
        self.child.kill()


class KafkaEngine(Engine[Kafka]):
    """The broker under Flink. It comes back on its data and on its port: Flink and the bridge hold its address."""

    name = "Kafka"
    watched = True
    used_by_every_run = True

    _port: int | None = None

    def start(self) -> Kafka:
        """Start the broker."""
        broker = start(self.settings.home / "kafka", port=self._port)
        self._port = int(broker.bootstrap_servers.rpartition(":")[2])
        return broker

    def alive(self, running: Kafka) -> bool:
        """Tell whether the broker's process runs."""
        return running.alive


def start(folder: Path, *, port: int | None = None) -> Kafka:
    """Start a broker and return when it answers.

    Args:
        folder: its data, configuration and log; made when missing, reused when it holds a stopped broker's data.
        port: loopback port for clients; a free one when omitted. Give the old one when clients must find it again.

    Raises:
        JarsMissingError: Maven could not resolve the broker.
        KafkaError: there is no Java, or the data folder could not be prepared.
        ProcessFailedError: the broker ended, or did not answer in time; the message quotes its log.
    """
    java = _java()
    port = port or free_port()
    configuration = _configure(folder, port)
    class_path = str(jars.resolve(POM, jars.folder("kafka")) / "*")
    program = [java, *HEAP, *short_lived_jvm(folder / "tmp"), "-Djava.awt.headless=true", "-cp", class_path]
    _format(program, configuration, folder / "data")
    log_path = folder / "kafka.log"
    child = spawn("Kafka", [*program, "kafka.Kafka", str(configuration)], log_path=log_path)
    kafka = Kafka(bootstrap_servers=f"{LOOPBACK}:{port}", child=child)
    try:
        wait_until(lambda: _answers(kafka.bootstrap_servers), child=child, seconds=READY_SECONDS)
    except BaseException:
        child.terminate()
        raise
    return kafka


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise KafkaError("Kafka needs Java 17: no `java` is on the PATH; install a JDK, see `make help`")
    return java


def _configure(folder: Path, port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "server.properties"
    configuration.write_text(
        PROPERTIES.format(host=LOOPBACK, port=port, controller_port=free_port(), data=folder / "data"),
        encoding="utf-8",
    )
    return configuration


def _format(program: Sequence[str], configuration: Path, data: Path) -> None:
    """Give a new data folder its cluster id; a folder that has one stays as it is."""
    if (data / "meta.properties").exists():
        return
    words = ["kafka.tools.StorageTool", "format", "--cluster-id", uuid.uuid4().hex[:22], "--config", str(configuration)]
    done = subprocess.run(
        [*program, *words],
        capture_output=True,
        text=True,
        timeout=FORMAT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise KafkaError(f"{data} could not be prepared for Kafka:\n{done.stdout}{done.stderr}")


def _answers(bootstrap_servers: str) -> bool:
    # The client would write every refused connection to the terminal while the broker starts.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return False
