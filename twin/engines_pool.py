"""The engines of one emulator: each starts when the first request needs it, and all end with the emulator."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

import boto3

from c360_core.names import Zone, database_name
from twin.bridge_process import BridgeProcess
from twin.engines import kafka, spark, trino
from twin.jars import folder as jars_of
from twin.services.codebuild import Builds
from twin.services.glue_jobs import GlueJobs
from twin.services.managed_flink import ManagedFlink
from twin.settings import REGION, ROOT, TwinSettings, python_of

LOGGER: Final = logging.getLogger("twin.engines")
Engine = TypeVar("Engine")


class Lazily(Generic[Engine]):
    """Starts an engine once, on first use, whoever asks first; others wait for it."""

    def __init__(self, start: Callable[[], Engine]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def get(self) -> Engine:
        """Return the engine, started."""
        with self._lock:
            if self._engine is None:
                self._engine = self._start()
            return self._engine

    def stop(self) -> None:
        """Stop the engine when it was ever started."""
        with self._lock:
            if self._engine is not None:
                self._engine.stop()  # type: ignore[attr-defined]
                self._engine = None


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
        self._kafka = Lazily(self._start_kafka)
        self._bridge = Lazily(self._start_bridge)
        self._trino = Lazily(self._start_trino)
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

    def client(self, service: str) -> Any:
        """Return a boto3 client of this emulator."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._settings.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # the emulator's fixed pair
        )

    def close(self) -> None:
        """Stop every engine that was started."""
        for stop in (self.managed_flink.reset, self._bridge.stop, self._kafka.stop, self._spark.stop, self._trino.stop):
            try:
                stop()
            except Exception:  # one engine that does not stop must not keep the others running
                LOGGER.exception("an engine did not stop cleanly")

    def _streams_for_flink(self) -> Mapping[str, str]:
        """Start Kafka and the bridge; return the properties that point an application's streams at them."""
        servers = self._kafka.get().bootstrap_servers
        self._bridge.get()
        return {"provider": "kafka", "bootstrap.servers": servers}

    def _start_kafka(self) -> kafka.Kafka:
        return kafka.start(self._settings.home / "kafka")

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
