"""Spark for jobs: one session process on real Spark 3.5.6 with Iceberg, S3A and Deequ, started by the first job.

This module knows no job: the script, arguments, libraries and configuration come with each request. What is
added is only what makes the same job reach the emulator in place of AWS (endpoints, path-style addresses).
"""

import http.client
import json
import logging
import os
import re
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from twin.engines.engine import Engine
from twin.engines.jars import folder, resolve
from twin.processes.process import LOOPBACK, Child, free_port, port_is_open, short_lived_jvm, spawn, wait_until
from twin.settings import REGION, ROOT

LOG = logging.getLogger(__name__)

SUPPORTED_GLUE_VERSIONS: Final = {"5.1": "3.5.6"}
SUPPORTED_EMR_RELEASES: Final = {"emr-7.13.0": "3.5.6"}
HEAP: Final = "1536m"
START_SECONDS: Final = 90.0
SERVER: Final = Path(__file__).with_name("spark_server.py")
POM: Final = Path(__file__).with_name("java") / "spark" / "pom.xml"
ICEBERG_EXTENSIONS: Final = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
# Reads the credentials at each request, so that a file system that Hadoop keeps acts as the job that runs.
CREDENTIALS_PROVIDER: Final = "com.amazonaws.auth.SystemPropertiesCredentialsProvider"
CATALOG: Final = re.compile(r"spark\.sql\.catalog\.(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkRun:
    """One script to run.

    Attributes:
        name: for logs, usually job name and run id.
        script: local path of the script.
        credentials: variables of a session of the job's role, with which the process acts while it runs the script.
        arguments: what follows the script's name in `sys.argv`.
        libraries: local archives for the Python path of the driver and the workers.
        conf: Spark properties of this job.
    """

    name: str
    script: Path
    credentials: Mapping[str, str]
    arguments: Sequence[str] = ()
    libraries: Sequence[Path] = ()
    conf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a notebook's session.

    Attributes:
        session: its id.
        code: Python.
        first: it opens the session.
        credentials: variables of a session of the notebook's role, with which its code acts.
        reader: variables with which tables are read for it.
        conf: Spark properties of the session.
        views: the query of each view that the session sees, by the view's database and name.
    """

    session: str
    code: str
    first: bool
    credentials: Mapping[str, str]
    reader: Mapping[str, str]
    conf: Mapping[str, str]
    views: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How a job ended: state SUCCEEDED, FAILED or TIMEOUT, and for the last two the error and its traceback's end."""

    state: str
    error: str = ""
    traceback: str = ""


def jars() -> Path:
    """Return the folder with the engine's jars; Maven copies them there once."""
    return resolve(POM, folder("spark"))


def base_conf(*, libraries: Path, endpoint: str, region: str, scratch: Path) -> dict[str, str]:
    """Return the configuration of the shared session: sizes, jars, and S3 paths that lead to the emulator.

    Compiling costs more than it saves on a laptop's data: the quick compiler alone, no generated stages and no adaptive
    re-planning take half the processor time of the defaults, and generated code is kept for the jobs to come. Results
    are the same. Generating no code at all would save more, but Spark fails without it on some queries.
    """
    return {
        "spark.master": "local[2]",
        "spark.driver.memory": HEAP,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.host": LOOPBACK,
        "spark.driver.extraClassPath": str(libraries / "*"),
        "spark.driver.extraJavaOptions": shlex.join((*short_lived_jvm(scratch / "tmp"), "-Duser.timezone=UTC")),
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.cache.maxEntries": "2000",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": ICEBERG_EXTENSIONS,
        "spark.hadoop.hadoop.tmp.dir": str(scratch / "hadoop"),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(urlsplit(endpoint).scheme == "https").lower(),
        "spark.hadoop.fs.s3a.aws.credentials.provider": CREDENTIALS_PROVIDER,
    }


def catalog_conf(conf: Mapping[str, str], *, endpoint: str, region: str) -> dict[str, str]:
    """Return the properties that lead a job's configured catalogs to the emulator."""
    added: dict[str, str] = {}
    for name in {match[1] for key in conf if (match := CATALOG.match(key))}:
        prefix = f"spark.sql.catalog.{name}"
        added |= {
            f"{prefix}.glue.endpoint": endpoint,
            f"{prefix}.s3.endpoint": endpoint,
            f"{prefix}.s3.path-style-access": "true",
            f"{prefix}.client.region": region,
        }
    return added


class SparkEngine:
    """The session process: started by the first job, started again by the job after a death, ended by `stop`."""

    def __init__(
        self,
        *,
        root: Path,
        endpoint: str,
        region: str,
        environment: Mapping[str, str],
        build: Path | None = None,
    ) -> None:
        """Keep the settings; nothing starts yet.

        Args:
            root: the project's folder, with `.venvs/spark`.
            endpoint: URL of the emulator.
            region: AWS region of the emulator.
            environment: variables that all jobs see beside PATH, HOME and the endpoint; no credentials, which each job
                brings.
            build: folder for logs and scratch files; `build` in the project when omitted.
        """
        self._root = root
        self._endpoint = endpoint
        self._region = region
        self._environment = environment
        self._build = build or root / "build"
        self._child: Child | None = None
        self._port = 0
        self._turn = threading.Lock()

    def run(self, job: SparkRun, *, timeout: float, on_start: Any = None) -> JobOutcome:
        """Run a job when its turn comes and return how it ended; a failure of the job is an outcome, not an exception.

        Args:
            job: the script and what belongs to it.
            timeout: seconds from its start; after that the session is ended and the state is TIMEOUT.
            on_start: called without arguments when the job's turn has come.
        """
        with self._turn:
            if on_start is not None:
                on_start()
            child = self._ensure_started()
            added = catalog_conf(job.conf, endpoint=self._endpoint, region=self._region)
            request = {
                "name": job.name,
                "script": str(job.script),
                "credentials": dict(job.credentials),
                "arguments": list(job.arguments),
                "libraries": [str(path) for path in job.libraries],
                "conf": {**job.conf, **added},
            }
            try:
                return JobOutcome(**self._post("/jobs", request, timeout))
            except TimeoutError:
                self._end()
                return JobOutcome(state="TIMEOUT", error=f"Job run exceeded its timeout of {timeout:.0f} s.")
            except (OSError, http.client.HTTPException) as error:
                LOG.warning("the Spark session process died: %s", error)
                message = (
                    "The Spark session process died while the job ran "
                    f"(exit status {self._exit_status(child)}, heap {HEAP}; log: {child.log_path}). "
                    "The next run starts a new one."
                )
                tail = child.tail()
                self._end()
                return JobOutcome(state="FAILED", error=message, traceback=tail)

    def interact(self, statement: Statement, *, timeout: float) -> dict[str, Any]:
        """Run a statement when its turn comes, and return its output as Livy shows it; a failure of it is an output."""
        with self._turn:
            child = self._ensure_started()
            added = catalog_conf(statement.conf, endpoint=self._endpoint, region=self._region)
            request = {
                "session": statement.session,
                "code": statement.code,
                "first": statement.first,
                "credentials": dict(statement.credentials),
                "reader": dict(statement.reader),
                "conf": {**statement.conf, **added},
                "views": dict(statement.views),
            }
            try:
                return self._post("/statements", request, timeout)
            except (OSError, http.client.HTTPException) as error:
                LOG.warning("the Spark session process died: %s", error)
                said = f"The Spark session process died or took longer than {timeout:.0f} s (log: {child.log_path})."
                self._end()
                return {"status": "error", "ename": type(error).__name__, "evalue": said, "traceback": []}

    def end_session(self, session: str) -> None:
        """Forget the session of a notebook; without a process there is none."""
        with self._turn:
            if self.pid is not None:
                self._post("/ended", {"session": session}, START_SECONDS)

    def start(self) -> None:
        """Start the session before the first job asks for it; a running one stays."""
        with self._turn:
            self._ensure_started()

    @property
    def pid(self) -> int | None:
        """Process id of the session process, or None while none runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def stop(self) -> None:
        """End the session process; a job that runs fails."""
        self._end()

    def _ensure_started(self) -> Child:
        if self._child is not None and self._child.poll() is None:
            return self._child
        libraries, scratch = jars(), self._build / "spark"
        scratch.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        conf = base_conf(libraries=libraries, endpoint=self._endpoint, region=self._region, scratch=scratch)
        environment = {
            **{
                name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "LANG", "TMPDIR") if name in os.environ
            },
            **self._environment,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "PYTHONUNBUFFERED": "1",
            "SPARK_VERSION": "3.5",  # pydeequ reads it when it is imported
            "TZ": "UTC",
        }
        python = str(self._root / ".venvs/spark/bin/python")
        environment["PYSPARK_PYTHON"] = environment["PYSPARK_DRIVER_PYTHON"] = python
        child = spawn(
            "Spark session",
            [python, str(SERVER), json.dumps({"port": self._port, "conf": conf})],
            env=environment,
            log_path=self._build / "logs/spark.log",
            cwd=scratch,
        )
        self._child = child
        wait_until(lambda: port_is_open(self._port), child=child, seconds=START_SECONDS)
        return child

    def _post(self, path: str, request: dict[str, Any], timeout: float) -> dict[str, Any]:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=timeout)
        try:
            connection.request("POST", path, json.dumps(request), {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    @staticmethod
    def _exit_status(child: Child) -> int | None:
        try:
            return child.guard.wait(10)
        except subprocess.TimeoutExpired:
            return child.poll()

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class SparkSession(Engine[SparkEngine]):
    """The session of Spark jobs. It starts its own process with the first job, and again after a death."""

    name = "Spark"
    used_by_every_run = True

    def start(self) -> SparkEngine:
        """Return the engine; its process starts with the first job or with `warm`."""
        return SparkEngine(
            root=ROOT,
            endpoint=self.settings.endpoint,
            region=REGION,
            environment=self.settings.connection(),
            build=self.settings.home / "spark",
        )

    def warm(self, running: SparkEngine) -> None:
        """Start the session's process."""
        running.start()
