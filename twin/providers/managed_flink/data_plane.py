"""Managed Flink's data plane: runs the applications that the emulator's control plane keeps.

The control plane hands over an application as DescribeApplication would show it. From that, and from nothing else,
comes what runs: the code's place in S3, the property groups, the parallelism, the checkpoints. One documented
difference: for streams of Kinesis, the properties that say where the streams are (`streams.provider` and Kafka's
address) are replaced, because on a laptop the streams under Flink are Kafka topics of the same names.
"""

import itertools
import json
import logging
import secrets
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from c360_core.names import Property
from flink_apps.shared.properties import PROPERTIES_FILE_VARIABLE
from twin.emulator.wire import ServiceError
from twin.engines import flink
from twin.engines.flink import Application, Checkpoints, FlinkError, FlinkJob
from twin.principals import RoleSession
from twin.processes.process import ProcessFailedError

LOGGER: Final = logging.getLogger("twin.managed_flink")

RUNTIME: Final = "FLINK-2_3"
RESTARTS: Final = 5
# A job that ran this long was well: its next crash begins a new count.
STEADY_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.5
THREAD_SECONDS: Final = 30.0
LONGEST_SESSION_NAME: Final = 64

Record = Mapping[str, Any]
OnStatus = Callable[..., None]
Key = tuple[str, str, str]


class ManagedFlinkError(ValueError):
    """The application's record lacks what Managed Flink needs; the message names it."""


@dataclass(slots=True)
class Running:
    """An application that was started and not stopped.

    Attributes:
        folder: its configuration, logs, checkpoints.
        on_status: how the control plane learns of RUNNING, or of the end with a message.
        credentials: variables of a session of its role, with which its processes act.
        job: the present run; None while it is being prepared.
        wanted: cleared when the application is to end.
    """

    name: str
    folder: Path
    on_status: OnStatus
    credentials: Mapping[str, str] = field(default_factory=dict)
    job: FlinkJob | None = None
    wanted: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)
    thread: threading.Thread | None = None

    @property
    def checkpoints(self) -> Path:
        """Where the state is saved; of this start only, so that an earlier one cannot leak into it."""
        return self.folder / "checkpoints"

    def end(self) -> None:
        """End the run and whatever would start another."""
        with self.lock:
            self.wanted.clear()
            if self.job is not None:
                self.job.end()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(THREAD_SECONDS)


class ManagedFlink:
    """The data plane, with the methods that the emulator's control plane calls.

    Args:
        python: interpreter whose environment holds PyFlink.
        scratch: folder for code, logs, checkpoints and snapshots.
        client: makes an AWS client of the emulator, by service name and the variables of a role's session.
        assume: opens a session of an application's role, by the role's ARN and the session's name.
        streams: returns the properties that replace those of the group `streams`, for an application and its session;
            called at each start, so that Kafka may be started then.
        variables: environment of the applications: the emulator's address.
    """

    def __init__(
        self,
        *,
        python: Path,
        scratch: Path,
        client: Callable[[str, Mapping[str, str]], Any],
        assume: Callable[[str, str], RoleSession],
        streams: Callable[[Record, RoleSession], Mapping[str, str]],
        variables: Mapping[str, str],
    ) -> None:
        self._python = python
        self._scratch = scratch
        self._client = client
        self._assume = assume
        self._streams = streams
        self._variables = variables
        self._running: dict[Key, Running] = {}
        self._lock = threading.Lock()
        self._unpacking = threading.Lock()

    def supports(self, runtime: str) -> bool:
        """Say whether applications of this runtime run here."""
        return runtime == RUNTIME

    def available(self) -> bool:
        """Say whether applications can run at all: PyFlink and Java are there."""
        return self._python.exists() and shutil.which("java") is not None

    def start(self, app: Record, savepoint_path: str | None, on_status: OnStatus) -> None:
        """Start an application in the background; `on_status` hears RUNNING, or FAILED and why."""
        name = str(app["ApplicationName"])
        folder = self._scratch / name / f"run-{time.strftime('%Y%m%dT%H%M%S')}-{time.monotonic_ns() % 1000:03d}"
        running = Running(name=name, folder=folder, on_status=on_status)
        running.wanted.set()
        with self._lock:
            previous = self._running.get(_key(app))
            self._running[_key(app)] = running
        if previous is not None:
            previous.end()
        running.thread = threading.Thread(
            target=self._keep_running, args=(app, savepoint_path, running), name=f"flink-{name}", daemon=True
        )
        running.thread.start()

    def stop(self, app: Record, force: bool, take_snapshot: bool) -> str | None:  # noqa: FBT001  # the caller's order
        """End an application; return where its state was saved, or None."""
        with self._lock:
            running = self._running.pop(_key(app), None)
        if running is None:
            return None
        location = None
        with running.lock:
            running.wanted.clear()
            if take_snapshot and not force and running.job is not None:
                try:
                    location = running.job.stop_with_savepoint(self._snapshot_folder(app))
                except FlinkError:
                    LOGGER.exception("%s: stopped without a snapshot", running.name)
        running.end()
        LOGGER.info("%s stopped", running.name)
        return location

    def snapshot(self, app: Record, snapshot_name: str) -> str | None:
        """Save an application's state while it runs; return where, or None when that failed."""
        with self._lock:
            running = self._running.get(_key(app))
        if running is None or running.job is None:
            return None
        try:
            return running.job.savepoint(self._snapshot_folder(app))
        except FlinkError:
            LOGGER.exception("%s: the snapshot %s failed", running.name, snapshot_name)
            return None

    def dashboard(self, app: Record) -> str:
        """Return the address of a running application's Flink dashboard.

        Raises:
            ManagedFlinkError: it does not run.
        """
        return self._job(app).url

    def process_id(self, app: Record) -> int:
        """Return the process of a running application, for who wants to look at it or kill it.

        Raises:
            ManagedFlinkError: it does not run.
        """
        return self._job(app).child.pid

    def _job(self, app: Record) -> flink.FlinkJob:
        with self._lock:
            running = self._running.get(_key(app))
        if running is None or running.job is None:
            raise ManagedFlinkError(f"{app['ApplicationName']} does not run")
        return running.job

    def delete(self, app: Record) -> None:
        """End an application and remove all that it left."""
        self.stop(app, force=True, take_snapshot=False)
        shutil.rmtree(self._scratch / str(app["ApplicationName"]), ignore_errors=True)

    def reset(self) -> None:
        """End every application."""
        with self._lock:
            everyone = list(self._running.values())
            self._running.clear()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Running.end, everyone))

    def _keep_running(self, app: Record, savepoint_path: str | None, running: Running) -> None:
        """Run the application until it is to end, starting it again from its last checkpoint when it crashes."""
        try:
            application = self._prepare(app, running)
            self._run_again_and_again(application, savepoint_path, running)
        except (ManagedFlinkError, FlinkError, ProcessFailedError, ServiceError) as error:
            self._give_up(running, str(error))
        except Exception as error:  # the control plane must hear of it, whatever it is
            LOGGER.exception("%s failed", running.name)
            self._give_up(running, repr(error))

    def _run_again_and_again(self, application: Application, savepoint_path: str | None, running: Running) -> None:
        restore_from, crashes = savepoint_path, 0
        for attempt in itertools.count():
            began = time.monotonic()
            job = self._launch(application, restore_from, running, attempt=attempt)
            if job is None:
                return
            cause = self._watch(job, running)
            if not running.wanted.is_set():
                return
            crashes = 1 if time.monotonic() - began > STEADY_SECONDS else crashes + 1
            if crashes > RESTARTS:
                raise FlinkError(f"gave up after {RESTARTS} restarts: {cause}")
            checkpoint = flink.latest_checkpoint(running.checkpoints)
            restore_from = str(checkpoint) if checkpoint is not None else restore_from
            LOGGER.warning(
                "%s crashed (%s); restart %d of %d from %s",
                running.name,
                cause,
                crashes,
                RESTARTS,
                restore_from or "the beginning",
            )
            time.sleep(PAUSE_SECONDS * crashes)

    def _launch(
        self, application: Application, restore_from: str | None, running: Running, *, attempt: int
    ) -> FlinkJob | None:
        with running.lock:
            if not running.wanted.is_set():
                return None
            running.job = flink.start(
                application,
                python=self._python,
                folder=running.folder / f"attempt-{attempt}",
                checkpoint_folder=running.checkpoints,
                environment={
                    **self._variables,
                    **running.credentials,
                    PROPERTIES_FILE_VARIABLE: str(running.folder / "application_properties.json"),
                },
                restore_from=restore_from,
            )
            return running.job

    def _watch(self, job: FlinkJob, running: Running) -> str:
        """Report RUNNING, wait for the end of the process, and say why it ended."""
        try:
            job.wait_until_running()
        except FlinkError as error:
            job.end()
            return str(error)
        LOGGER.info("%s runs; its log is %s", running.name, job.log_path)
        running.on_status("RUNNING")
        while job.child.poll() is None:
            time.sleep(POLL_SECONDS)
        return job.cause_of_end()

    def _give_up(self, running: Running, message: str) -> None:
        LOGGER.error("%s: %s", running.name, message)
        running.wanted.clear()
        if running.job is not None:
            running.job.end()
        running.on_status("FAILED", message)

    def _prepare(self, app: Record, running: Running) -> Application:
        running.folder.mkdir(parents=True, exist_ok=True)
        session = self._assume(str(app["ServiceExecutionRole"]), running.name[:LONGEST_SESSION_NAME])
        running.credentials = session.variables()
        groups = property_groups(app)
        code = self._code(app, running.credentials)
        groups[Property.STREAMS] = {**groups.get(Property.STREAMS, {}), **self._streams(app, session)}
        document = [{"PropertyGroupId": name, "PropertyMap": values} for name, values in groups.items()]
        path = running.folder / "application_properties.json"
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")
        return application_of(app, code)

    def _code(self, app: Record, credentials: Mapping[str, str]) -> Path:
        """Unpack the application's zip, once for each content of it; the application's role reads it."""
        content = _configuration(app)["ApplicationCodeConfigurationDescription"]["CodeContentDescription"]
        location = content.get("S3ApplicationCodeLocationDescription")
        if not location:
            raise ManagedFlinkError(f"{app['ApplicationName']}: the code is not in S3; give S3ContentLocation")
        bucket = str(location["BucketARN"]).rpartition(":")[2]
        key = str(location["FileKey"])
        version = {"VersionId": location["ObjectVersion"]} if location.get("ObjectVersion") else {}
        store = self._client("s3", credentials)
        etag = str(store.head_object(Bucket=bucket, Key=key, **version)["ETag"]).strip('"')
        folder = self._scratch / "code" / etag
        with self._unpacking:
            if not folder.exists():
                archive = folder.with_suffix(".zip")
                archive.parent.mkdir(parents=True, exist_ok=True)
                store.download_file(bucket, key, str(archive), ExtraArgs=version)
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                with zipfile.ZipFile(archive) as content_of_zip:
                    content_of_zip.extractall(partial)
                archive.unlink()
                partial.rename(folder)
        return folder

    def _snapshot_folder(self, app: Record) -> Path:
        return self._scratch / str(app["ApplicationName"]) / "snapshots"


def install(plane: ManagedFlink) -> None:
    """Let MiniStack's control plane use a data plane, and sign addresses of dashboards, which it cannot."""
    from ministack.services import kinesisanalyticsv2 as control

    def presigned_url(request: Mapping[str, Any]) -> Any:
        name = str(request.get("ApplicationName"))
        record = control._get(name)
        if record is None:
            return control._not_found(name)
        if request.get("UrlType") != "FLINK_DASHBOARD_URL":
            return control._error("InvalidArgumentException", "UrlType: only FLINK_DASHBOARD_URL is known here")
        try:
            url = plane.dashboard(control._dataplane_view(record))
        except ManagedFlinkError as error:
            return control._error("ResourceInUseException", str(error))
        return control.json_response({"AuthorizedUrl": f"{url}/?authToken={secrets.token_urlsafe()}"})

    control._dataplane = plane
    control._HANDLERS["CreateApplicationPresignedUrl"] = presigned_url


def property_groups(app: Record) -> dict[str, dict[str, str]]:
    """Return the property groups of an application's record."""
    described = _configuration(app).get("EnvironmentPropertyDescriptions") or {}
    return {
        str(group["PropertyGroupId"]): dict(group["PropertyMap"])
        for group in described.get("PropertyGroupDescriptions") or []
    }


def application_of(app: Record, code: Path) -> Application:
    """Return what is to run, from an application's record and its unpacked code.

    Raises:
        ManagedFlinkError: the run options or a file that they name are missing.
    """
    name = str(app["ApplicationName"])
    run_options = property_groups(app).get(Property.RUN_OPTIONS, {})
    for key in ("python", "jarfile"):
        if not run_options.get(key):
            raise ManagedFlinkError(f"{name}: property group `{Property.RUN_OPTIONS}` lacks `{key}`")
        if not (code / run_options[key]).is_file():
            raise ManagedFlinkError(f"{name}: the code has no `{run_options[key]}`, which `{key}` names")
    python_files = tuple(part.strip().rstrip("/") for part in run_options.get("pyFiles", "").split(",") if part.strip())
    missing = [part for part in python_files if not (code / part).exists()]
    if missing:
        raise ManagedFlinkError(f"{name}: the code has no {', '.join(missing)}, which `pyFiles` names")
    settings = _configuration(app)["FlinkApplicationConfigurationDescription"]
    parallelism = settings["ParallelismConfigurationDescription"]
    restore = _configuration(app).get("RunConfigurationDescription") or {}
    return Application(
        name=name,
        code=code,
        main=run_options["python"],
        jar=run_options["jarfile"],
        python_files=python_files,
        parallelism=int(parallelism.get("Parallelism", 1)),
        checkpoints=_checkpoints(settings["CheckpointConfigurationDescription"]),
        allow_non_restored_state=bool(
            restore.get("FlinkRunConfigurationDescription", {}).get("AllowNonRestoredState", False)
        ),
        log_level=str(settings["MonitoringConfigurationDescription"].get("LogLevel", "INFO")),
    )


def _checkpoints(described: Mapping[str, Any]) -> Checkpoints | None:
    if not described.get("CheckpointingEnabled", True):
        return None
    return Checkpoints(
        interval_ms=int(described.get("CheckpointInterval", 60_000)),
        min_pause_ms=int(described.get("MinPauseBetweenCheckpoints", 5_000)),
    )


def _configuration(app: Record) -> Mapping[str, Any]:
    configuration: Mapping[str, Any] = app["ApplicationConfigurationDescription"]
    return configuration


def _key(app: Record) -> Key:
    return str(app.get("AccountId", "")), str(app.get("Region", "")), str(app["ApplicationName"])
