"""One Flink application on one machine: the application's own zip, run as Managed Flink runs it.

`flink run` starts a mini-cluster in its own process, submits the application's `main` to it, and ends when the job
ends. What the service configures (parallelism, checkpoints, restarts, libraries) comes from a configuration folder
made here; the application's code sets none of it. Everything else is asked of Flink's REST interface.
"""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from twin.processes.process import CLOSE_HEAP, LOOPBACK, Child, ProcessFailedError, free_port, short_lived_jvm, spawn

CLI: Final = "org.apache.flink.client.cli.CliFrontend"
# A large young generation, and a heap at its full size from the beginning: otherwise a year of events would cause
# hundreds of garbage collections, and a full one whenever the heap grows.
HEAP: Final = ("-Xms640m", "-Xmn288m", "-Xmx1536m", *CLOSE_HEAP)
# Flink cuts long generated code into methods that the compiler takes, for which it must parse that code: a second and a
# half of an application's start. Here the compiler takes long methods, too; Java's own limit is 64 KB.
LONG_METHODS: Final = "-XX:-DontCompileHugeMethods"
LONGEST_CODE: Final = 60_000
START_SECONDS: Final = 180.0
SAVEPOINT_SECONDS: Final = 120.0
REQUEST_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.25
# A process that a signal ended has this much above the signal's number as its status.
KILLED: Final = 128
RESTARTS_IN_PLACE: Final = 3
# A proxy of the machine is not used for the loopback interface.
DIRECTLY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


# Flink's own file truncates its log while it shuts down, just when the reason matters.
LOGGING: Final = """\
rootLogger.level = {level}
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = FILE
appender.file.append = true
appender.file.fileName = {path}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %-5p %c{{1}} - %m%n
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
logger.hadoop.name = org.apache.hadoop
logger.hadoop.level = WARN
"""
# These exceptions wrap every failure and say nothing about it.
WRAPPERS: Final = ("Python process exits with code", "ProgramAbortException")


class FlinkError(RuntimeError):
    """Flink could not be started, or refused a request; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """How often the job's state is saved: the interval and the minimum pause, in milliseconds."""

    interval_ms: int
    min_pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What is to run.

    Attributes:
        name: for messages and file names.
        code: the unpacked zip.
        main: the Python file to run, relative to `code`.
        jar: the one jar, relative to `code`.
        python_files: further Python folders and files, relative to `code`.
        parallelism: how many tasks of each kind.
        checkpoints: how often the state is saved; never when None.
        allow_non_restored_state: start even when a snapshot holds state that no operator uses.
        log_level: of Flink and of the application.
    """

    name: str
    code: Path
    main: str
    jar: str
    python_files: tuple[str, ...]
    parallelism: int
    checkpoints: Checkpoints | None
    allow_non_restored_state: bool = False
    log_level: str = "INFO"


@dataclass(slots=True, kw_only=True)
class FlinkJob:
    """One run of an application.

    Attributes:
        application: what runs.
        child: the process: mini-cluster and client together.
        port: loopback port of the REST interface.
        log_path: what Flink writes about itself.
    """

    application: Application
    child: Child
    port: int
    log_path: Path
    _job_id: str | None = field(default=None)

    @property
    def url(self) -> str:
        """Where the REST interface and the dashboard are."""
        return f"http://{LOOPBACK}:{self.port}"

    def wait_until_running(self, seconds: float = START_SECONDS) -> None:
        """Return when every task runs.

        Raises:
            FlinkError: the job ended or was not running in time; the message says why.
        """
        deadline = time.monotonic() + seconds
        while not self.is_running():
            if self.child.poll() is not None:
                raise FlinkError(self.cause_of_end())
            if time.monotonic() > deadline:
                raise FlinkError(f"{self.application.name} did not run after {seconds:.0f} s; see {self.log_path}")
            time.sleep(POLL_SECONDS)

    def is_running(self) -> bool:
        """Say whether the job and all of its tasks run."""
        try:
            job = self._get(f"/jobs/{self.job_id()}")
        except FlinkError:
            return False
        return job["state"] == "RUNNING" and all(vertex["status"] == "RUNNING" for vertex in job["vertices"])

    def job_id(self) -> str:
        """Return Flink's id of the job, or raise FlinkError while there is none."""
        if self._job_id is None:
            jobs = self._get("/jobs")["jobs"]
            if not jobs:
                raise FlinkError(f"{self.application.name} has not submitted its job yet")
            self._job_id = str(jobs[0]["id"])
        return self._job_id

    def savepoint(self, folder: Path) -> str:
        """Save the state while the job goes on; return its location."""
        return self._saved(self._post(f"/jobs/{self.job_id()}/savepoints", {"target-directory": folder.as_uri()}))

    def stop_with_savepoint(self, folder: Path) -> str:
        """Stop reading, save the state, end the job; return its location."""
        answer = self._post(f"/jobs/{self.job_id()}/stop", {"targetDirectory": folder.as_uri(), "drain": False})
        location = self._saved(answer)
        self.end()
        return location

    def end(self) -> None:
        """End the process, whatever the job is doing."""
        self.child.kill()

    def cause_of_end(self) -> str:
        """Say why the process ended, in one line."""
        status = self.child.poll() or 0
        how = f"was killed by signal {status - KILLED}" if status > KILLED else f"ended with status {status}"
        return f"{self.application.name} {how}{self._cause() if status <= KILLED else ''}; see {self.log_path}"

    def _cause(self) -> str:
        log = self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""
        lines = f"{log}\n{self.child.tail(200)}".splitlines()
        causes = [line.strip() for line in lines if line.lstrip().startswith("Caused by: ")]
        telling = [cause for cause in causes if not any(wrapper in cause for wrapper in WRAPPERS)]
        return f": {telling[-1][:800]}" if telling else ""

    def _saved(self, answer: Mapping[str, Any]) -> str:
        deadline = time.monotonic() + SAVEPOINT_SECONDS
        while time.monotonic() < deadline:
            outcome = self._get(f"/jobs/{self.job_id()}/savepoints/{answer['request-id']}")
            if outcome["status"]["id"] == "COMPLETED":
                operation = outcome["operation"]
                if "location" in operation:
                    return str(operation["location"])
                cause = str(operation.get("failure-cause", {}).get("stack-trace", "no reason")).splitlines()[0]
                raise FlinkError(f"{self.application.name}: the snapshot failed: {cause}")
            time.sleep(POLL_SECONDS)
        raise FlinkError(f"{self.application.name}: the snapshot was not done after {SAVEPOINT_SECONDS:.0f} s")

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask(urllib.request.Request(f"http://{LOOPBACK}:{self.port}{path}"))

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        data = json.dumps(body).encode()
        return self._ask(urllib.request.Request(f"http://{LOOPBACK}:{self.port}{path}", data=data, headers=headers))

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with DIRECTLY.open(request, timeout=REQUEST_SECONDS) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except (OSError, ValueError) as error:
            detail = error.read().decode(errors="replace")[:500] if isinstance(error, urllib.error.HTTPError) else error
            raise FlinkError(f"{self.application.name}: Flink did not answer {request.selector}: {detail}") from error


def start(
    application: Application,
    *,
    python: Path,
    folder: Path,
    checkpoint_folder: Path,
    environment: Mapping[str, str],
    restore_from: str | None = None,
) -> FlinkJob:
    """Start an application and return at once; `wait_until_running` tells when it runs.

    Args:
        application: what to run.
        python: an interpreter whose environment holds PyFlink.
        folder: configuration and logs of this run; made here.
        checkpoint_folder: where the job's state is saved; shared by the runs of one start.
        environment: variables for the application, beside what PyFlink needs.
        restore_from: a savepoint or checkpoint to begin with.

    Raises:
        FlinkError: there is no Java or no PyFlink.
        ProcessFailedError: the process could not be started.
    """
    java = shutil.which("java")
    if java is None:
        raise FlinkError("Flink needs Java 17: no `java` is on the PATH; install a JDK, see `make help`")
    home = flink_home(python)
    port = free_port()
    temporary = folder / "tmp"
    for needed in (checkpoint_folder, folder / "conf"):
        needed.mkdir(parents=True, exist_ok=True)
    configuration = options(application, port=port, checkpoint_folder=checkpoint_folder, temporary=temporary)
    (folder / "conf" / "config.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    log_path = folder / "flink.log"
    (folder / "conf" / "log4j.properties").write_text(
        LOGGING.format(level=application.log_level, path=log_path), encoding="utf-8"
    )
    command = [
        java,
        *HEAP,
        LONG_METHODS,
        *short_lived_jvm(temporary),
        "-XX:+ExitOnOutOfMemoryError",
        *java_options(home),
        f"-Dlog4j.configurationFile={folder / 'conf' / 'log4j.properties'}",
        "-classpath",
        f"{home / 'lib'}/*",
        CLI,
        *run_arguments(application, python=python, restore_from=restore_from),
    ]
    variables = {
        **environment,
        **flink_variables(home, python, folder / "conf", application),
        "TMPDIR": str(temporary),
    }
    child = spawn(
        f"Flink application {application.name}", command, env=variables, log_path=folder / "output.log", cwd=folder
    )
    return FlinkJob(application=application, child=child, port=port, log_path=log_path)


def run_arguments(application: Application, *, python: Path, restore_from: str | None) -> list[str]:
    """Return the arguments of `flink run`, which are the service's run options under other names.

    The jar is named by its address: the same class loader reads it as `--jarfile` would. That would first send its
    140 MB from this process to itself, and compute their digest at both ends.
    """
    arguments = ["run", "--target", "local", "--parallelism", str(application.parallelism)]
    arguments += ["--python", str(application.code / application.main)]
    arguments += ["--classpath", (application.code / application.jar).as_uri()]
    arguments += ["--pyExecutable", str(python), "--pyClientExecutable", str(python)]
    if application.python_files:
        arguments += ["--pyFiles", ",".join(str(application.code / name) for name in application.python_files)]
    if restore_from is not None:
        arguments += ["--fromSavepoint", restore_from]
        arguments += ["--allowNonRestoredState"] if application.allow_non_restored_state else []
    return arguments


def options(application: Application, *, port: int, checkpoint_folder: Path, temporary: Path) -> dict[str, Any]:
    """Return the configuration that the service sets; an application's own code must not set it."""
    configuration: dict[str, Any] = {
        "rest.address": LOOPBACK,
        "rest.bind-address": LOOPBACK,
        "rest.port": port,
        "rest.bind-port": str(port),
        "jobmanager.bind-host": LOOPBACK,
        "jobmanager.rpc.address": LOOPBACK,
        "taskmanager.bind-host": LOOPBACK,
        "taskmanager.host": LOOPBACK,
        "taskmanager.numberOfTaskSlots": application.parallelism,
        "taskmanager.memory.network.min": "64m",
        "taskmanager.memory.network.max": "64m",
        "io.tmp.dirs": str(temporary),
        "state.backend.type": "hashmap",
        "table.generated-code.max-length": LONGEST_CODE,
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": RESTARTS_IN_PLACE,
        "restart-strategy.fixed-delay.delay": "1 s",
        "execution.checkpointing.dir": checkpoint_folder.as_uri(),
    }
    if application.checkpoints is not None:
        configuration |= {
            "execution.checkpointing.interval": f"{application.checkpoints.interval_ms} ms",
            "execution.checkpointing.min-pause": f"{application.checkpoints.min_pause_ms} ms",
            "execution.checkpointing.mode": "EXACTLY_ONCE",
            "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        }
    return configuration


def latest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint below a folder, or None.

    Metadata is written last, so a checkpoint that has it is complete. Numbers go on counting in a restored job.
    """
    complete = [path.parent for path in folder.glob("*/chk-*/_metadata")]
    return max(complete, key=lambda path: int(path.name.removeprefix("chk-")), default=None)


def flink_home(python: Path) -> Path:
    """Return where PyFlink keeps Flink in the environment of an interpreter, or raise FlinkError."""
    found = next(python.parent.parent.glob("lib/python3*/site-packages/pyflink"), None)
    if found is None:
        raise FlinkError(f"{python} has no PyFlink; run `make demo` once, which installs the engines' environments")
    return found


def flink_variables(home: Path, python: Path, configuration: Path, application: Application) -> dict[str, str]:
    """Return the environment variables by which Flink finds its installation and its Python."""
    # In thread mode Python runs inside the JVM, which knows nothing of the virtual environment.
    paths = [application.code / name for name in application.python_files] + [home.parent]
    return {
        # Without this PyFlink opens a server for Python workers on every interface; none is used in thread mode.
        "_python_worker_execution_mode": "process",
        "FLINK_CONF_DIR": str(configuration),
        "FLINK_LIB_DIR": str(home / "lib"),
        "FLINK_OPT_DIR": str(home / "opt"),
        "FLINK_PLUGINS_DIR": str(home / "plugins"),
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths),
    }


def java_options(home: Path) -> list[str]:
    """Return the JVM options that Flink's own configuration requires."""
    configuration = yaml.safe_load((home / "conf" / "config.yaml").read_text(encoding="utf-8"))
    return str(configuration["env"]["java"]["opts"]["all"]).split()


__all__ = ["Application", "Checkpoints", "FlinkError", "FlinkJob", "ProcessFailedError", "latest_checkpoint", "start"]
