"""The engines of one emulator: each starts when the first request needs it, and all end with the emulator."""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, Protocol, TypeVar

import boto3

from c360_core.names import Zone, database_name
from twin.bridge.process import BridgeProcess
from twin.engines import kafka, spark, trino
from twin.engines.jars import folder as jars_of
from twin.providers.codebuild.builds import Builds
from twin.providers.glue.jobs import GlueJobs
from twin.providers.managed_flink.data_plane import ManagedFlink
from twin.settings import REGION, ROOT, TwinSettings, python_of

LOGGER: Final = logging.getLogger("twin.engines")
WATCH_SECONDS: Final = 0.5


class Started(Protocol):
    """What a started engine lets others do."""

    def stop(self) -> None:
        """End it."""


Engine = TypeVar("Engine", bound=Started)


def _always(_engine: Any) -> bool:
    return True


class Lazily(Generic[Engine]):
    """Starts an engine on first use, whoever asks first; others wait for it. One that has died is started anew.

    Args:
        name: for the log.
        start: starts the engine.
        alive: tells whether a started engine still runs; what looks after itself needs none.
    """

    def __init__(self, name: str, start: Callable[[], Engine], *, alive: Callable[[Engine], bool] = _always) -> None:
        self._name = name
        self._start = start
        self._alive = alive
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._wanted = False

    def get(self) -> Engine:
        """Return the engine, started and alive."""
        with self._lock:
            return self._living()

    def revive(self) -> None:
        """Start the engine anew when it was started and has died."""
        with self._lock:
            if self._wanted:
                self._living()

    def stop(self) -> None:
        """Stop the engine when it was ever started."""
        with self._lock:
            self._wanted = False
            self._end()

    def _living(self) -> Engine:
        if self._engine is not None and not self._alive(self._engine):
            LOGGER.warning("%s died; starting it again", self._name)
            self._end()
        if self._engine is None:
            self._engine = self._start()
            self._wanted = True
        return self._engine

    def _end(self) -> None:
        # Forgotten first: what cannot be ended cleanly must not be ended twice.
        ending, self._engine = self._engine, None
        if ending is not None:
            ending.stop()


class Watch:
    """Looks every now and then after something that nobody asks for again: others hold its address."""

    def __init__(self, look: Callable[[], None], *, pause: float = WATCH_SECONDS) -> None:
        self._look = look
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watch")
        self._thread.start()

    def stop(self) -> None:
        """Look no more; return when the last look is over."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            try:
                self._look()
            except Exception:  # whatever it is: the next look may find it mended
                LOGGER.exception("an engine that died could not be started again")


class LazyTrino:
    """Trino as the Athena stand-in knows it, started by the first query."""

    def __init__(self, engine: Lazily[trino.Trino]) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine.get(), name)


class EnginesPool:
    """All engines of one emulator, and what starts them.

    Attributes:
        trino: for the Athena stand-in.
        managed_flink: the data plane of Managed Flink, on Kafka.
        glue_jobs: job runs, on Spark.
    """

    def __init__(self, settings: TwinSettings) -> None:
        self._settings = settings
        self._kafka = Lazily("Kafka", self._start_kafka, alive=lambda broker: broker.alive)
        self._kafka_port: int | None = None
        self._bridge = Lazily("the bridge", self._start_bridge)
        self._trino = Lazily("Trino", self._start_trino, alive=lambda server: server.alive)
        self._spark = spark.SparkEngine(
            root=ROOT,
            endpoint=settings.endpoint,
            region=REGION,
            environment=settings.client_environment(),
            build=settings.home / "spark",
        )
        self.trino: Any = LazyTrino(self._trino)
        self.rules_path = settings.home / "trino" / "access-rules.json"
        self.glue_jobs = GlueJobs(engine=self._spark, store=self.client("s3"), scratch=settings.home / "glue")
        self.builds = Builds(
            home=python_of("dbt").parents[1],
            requirements=ROOT / "requirements" / "dbt.txt",
            scratch=settings.home / "builds",
            client=self.client,
            variables=settings.client_environment(),
        )
        self.managed_flink = ManagedFlink(
            python=python_of("flink"),
            scratch=settings.home / "flink",
            client=self.client,
            streams=self._streams_for_flink,
            variables=settings.client_environment(),
        )
        self._kafka_watch = Watch(self._kafka.revive)

    def client(self, service: str) -> Any:
        """Return a boto3 client of this emulator."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._settings.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # the emulator's fixed pair
        )

    def warm(self) -> None:
        """Start in the background what every run needs: meanwhile the templates are deployed, which takes one core."""
        for start in (self._kafka.get, self._spark.start):
            threading.Thread(target=_quietly, args=(start,), daemon=True).start()

    def close(self) -> None:
        """Stop every engine that was started; those that have nothing to do with each other side by side."""
        streaming = (self._kafka_watch.stop, self.managed_flink.reset, self._bridge.stop, self._kafka.stop)
        with ThreadPoolExecutor() as pool:
            for stops in (streaming, (self._spark.stop,), (self._trino.stop,)):
                pool.submit(_quietly, *stops)

    def _streams_for_flink(self) -> Mapping[str, str]:
        """Start Kafka and the bridge; return the properties that point an application's streams at them."""
        servers = self._kafka.get().bootstrap_servers
        self._bridge.get()
        return {"provider": "kafka", "bootstrap.servers": servers}

    def _start_kafka(self) -> kafka.Kafka:
        """Start the broker; again: on its data, and on the port that Flink and the bridge know."""
        broker = kafka.start(self._settings.home / "kafka", port=self._kafka_port)
        self._kafka_port = int(broker.bootstrap_servers.rpartition(":")[2])
        return broker

    def _start_bridge(self) -> BridgeProcess:
        return BridgeProcess.start(
            settings=self._settings,
            broker=self._kafka.get(),
            kinesis=self.client("kinesis"),
            aws_lambda=self.client("lambda"),
        )

    def _start_trino(self) -> trino.Trino:
        return trino.start(
            trino.TrinoSettings(
                endpoint=self._settings.endpoint,
                warehouse=self._warehouse(),
                folder=self.rules_path.parent,
                jars=jars_of("trino"),
                region=REGION,
            )
        )

    def _warehouse(self) -> str:
        name = database_name(self._settings.environment, Zone.PRODUCTS)
        database = self.client("glue").get_database(Name=name)["Database"]
        return str(database["LocationUri"]).rstrip("/")


def _quietly(*steps: Callable[[], Any]) -> None:
    """Do one thing after the other; one that fails is logged and must not keep the others from being done."""
    for step in steps:
        try:
            step()
        except Exception:
            LOGGER.exception("an engine did not start or stop cleanly")
