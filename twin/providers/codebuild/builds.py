"""CodeBuild's builds: the commands of the project's own build specification, on the project's own source.

Source, build specification and variables come from the deployed project. One phase is not executed: `install`. The
environment that it would create exists already, made from the same requirement file that the source carries; a build
whose source carries another one fails.
"""

import hashlib
import json
import logging
import os
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

LOGGER: Final = logging.getLogger("twin.codebuild")

Document = dict[str, Any]
INSTALLED: Final = "install"
REQUIREMENTS: Final = "requirements.txt"
SUCCEEDED: Final = "SUCCEEDED"


class BuildFailedError(RuntimeError):
    """A build that cannot start or whose command failed; the message says which."""


class Builds:
    """Runs builds.

    Args:
        home: folder of the environment that the builds' commands find first on their path.
        requirements: the requirement file that this environment was made from.
        scratch: folder for sources and logs.
        client: gives a boto3 client of the emulator.
        variables: environment variables that point AWS clients at the emulator.
    """

    def __init__(
        self,
        *,
        home: Path,
        requirements: Path,
        scratch: Path,
        client: Callable[[str], Any],
        variables: Mapping[str, str],
    ) -> None:
        self._home = home
        self._requirements = requirements
        self._scratch = scratch
        self._client = client
        self._variables = variables

    def install(self) -> None:
        """Take the place of the emulator's own execution, which needs Docker."""
        from ministack.services import codebuild

        codebuild.EXECUTE_BUILDS = True
        codebuild._execute_build = lambda build_id, project: self.execute(codebuild._builds[build_id], project)

    def execute(self, build: Document, project: Document) -> None:
        """Run a build to its end and record how it ended in the build's record."""
        folder = self._scratch / str(build["id"]).replace(":", "-")
        try:
            self._run(folder, project)
            status = SUCCEEDED
        except Exception as error:  # a build must end in a status, whatever went wrong
            LOGGER.exception("build %s failed", build["id"])
            build["phases"].append(_phase("BUILD", "FAILED", str(error)))
            status = "FAILED"
        build.update({"buildStatus": status, "endTime": int(time.time()), "currentPhase": "COMPLETED"})

    def _run(self, folder: Path, project: Document) -> None:
        source = self._fetch(folder / "source", project["source"])
        self._check_requirements(source)
        environment = self._environment(project)
        phases = json.loads(project["source"]["buildspec"])["phases"]
        for name, phase in phases.items():
            for command in phase["commands"] if name != INSTALLED else ():
                self._command(command, source, environment, folder / "build.log")

    def _fetch(self, target: Path, source: Document) -> Path:
        bucket, _, key = str(source["location"]).partition("/")
        target.mkdir(parents=True, exist_ok=True)
        archive = target.with_suffix(".zip")
        self._client("s3").download_file(bucket, key, str(archive))
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
        return target

    def _check_requirements(self, source: Path) -> None:
        carried = (source / REQUIREMENTS).read_bytes()
        if hashlib.sha256(carried).digest() != hashlib.sha256(self._requirements.read_bytes()).digest():
            raise BuildFailedError(
                f"the source's {REQUIREMENTS} differs from {self._requirements.name}, which made the local environment"
            )

    def _environment(self, project: Document) -> dict[str, str]:
        stated = {v["name"]: v["value"] for v in project["environment"].get("environmentVariables", ())}
        path = f"{self._home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **self._variables, **stated, "PATH": path}

    def _command(self, command: str, source: Path, environment: Mapping[str, str], log_path: Path) -> None:
        with log_path.open("ab") as log:
            done = subprocess.run(
                ["bash", "-c", command], cwd=source, env=environment, stdout=log, stderr=log, check=False
            )
        if done.returncode != 0:
            tail = "\n".join(log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
            raise BuildFailedError(f"`{command}` ended with status {done.returncode}:\n{tail}")


def _phase(kind: str, status: str, message: str) -> Document:
    contexts = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": message[:2000]}]
    return {"phaseType": kind, "phaseStatus": status, "contexts": contexts}
