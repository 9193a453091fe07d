"""What the services share that run Spark scripts: fetching them, and the one session that runs them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from twin.engines.spark import JobOutcome, SparkEngine, SparkRun


class JobDefinitionError(ValueError):
    """The definition requires what this engine does not have; the message names the field and the fix."""


class ScriptEngine(Protocol):
    """What runs a script: `twin.engines.spark.SparkEngine`."""

    def run(self, job: SparkRun, *, timeout: float, on_start: Callable[[], None] | None = None) -> JobOutcome:
        """Run a job and return how it ended."""
        ...


class ObjectStore(Protocol):
    """The part of boto3's S3 client that fetches scripts and libraries."""

    def download_file(self, Bucket: str, Key: str, Filename: str) -> None:  # noqa: N803  # boto3's names
        """Copy an object to a file."""
        ...


class SharedSession:
    """The session of all services; its process starts with the first script.

    Args:
        engine: gives the running engine.
    """

    def __init__(self, engine: Callable[[], SparkEngine]) -> None:
        self._engine = engine

    def run(self, job: SparkRun, *, timeout: float, on_start: Callable[[], None] | None = None) -> JobOutcome:
        """Run a job on the session; see `SparkEngine.run`."""
        return self._engine().run(job, timeout=timeout, on_start=on_start)


class Scripts:
    """Local copies of scripts and libraries.

    Args:
        scratch: folder for the copies.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._fetching = threading.Lock()

    def fetch(self, store: ObjectStore, location: str, where: str) -> Path:
        """Copy an object to a file.

        Args:
            store: S3, as the role of the run reads it.
            location: `s3://bucket/key`.
            where: the field that names it.

        Raises:
            JobDefinitionError: there is no such object, or the role may not read it.
        """
        parts = urlsplit(location)
        target = self._scratch / parts.netloc / parts.path.lstrip("/")
        with self._fetching:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                store.download_file(parts.netloc, parts.path.lstrip("/"), str(target))
            except Exception as error:
                raise JobDefinitionError(f"{where}: cannot fetch {location}: {error}") from error
        return target
