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
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from twin.emulator.calls import Call, Require, require_all
from twin.principals import RoleSession
from twin.settings import ACCOUNT, REGION

LOGGER: Final = logging.getLogger("twin.codebuild")

Document = dict[str, Any]
INSTALLED: Final = "install"
REQUIREMENTS: Final = "requirements.txt"
SUCCEEDED: Final = "SUCCEEDED"
_MESSAGE: Final = 2_000  # characters of a failed phase
_SAID_LAST: Final = 1_500  # of them what the command said last: its errors stand there


class BuildFailedError(RuntimeError):
    """A build that cannot start or whose command failed; the message says which."""


class Builds:
    """Runs builds.

    Args:
        home: folder of the environment that the builds' commands find first on their path.
        requirements: the requirement file that this environment was made from.
        scratch: folder for sources and logs.
        assume: opens a session of a project's role, by the role's ARN.
        require: checks a call that CodeBuild makes for the role; see `twin.emulator.roles.require`.
        client: gives a boto3 client of the emulator, by service name and the variables of a session.
        log_group: gives the log group that a deployed project's template names, by the project's name; or None.
        variables: environment variables that point AWS clients at the emulator, without credentials.
    """

    def __init__(
        self,
        *,
        home: Path,
        requirements: Path,
        scratch: Path,
        assume: Callable[[str], RoleSession],
        require: Require,
        client: Callable[[str, Mapping[str, str]], Any],
        log_group: Callable[[str], str | None],
        variables: Mapping[str, str],
    ) -> None:
        self._home = home
        self._requirements = requirements
        self._scratch = scratch
        self._assume = assume
        self._require = require
        self._client = client
        self._log_group = log_group
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
        session = self._assume(project["serviceRole"])
        require_all(session.arn, log_calls(self._log_group(project["name"])), self._require)
        source = self._fetch(folder / "source", project["source"], session)
        self._check_requirements(source)
        environment = self._environment(project, session)
        phases = json.loads(project["source"]["buildspec"])["phases"]
        for name, phase in phases.items():
            for command in phase["commands"] if name != INSTALLED else ():
                self._command(command, source, environment, folder / "build.log")

    def _fetch(self, target: Path, source: Document, session: RoleSession) -> Path:
        bucket, _, key = str(source["location"]).partition("/")
        target.mkdir(parents=True, exist_ok=True)
        archive = target.with_suffix(".zip")
        self._client("s3", session.variables()).download_file(bucket, key, str(archive))
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(target)
        return target

    def _check_requirements(self, source: Path) -> None:
        carried = (source / REQUIREMENTS).read_bytes()
        if hashlib.sha256(carried).digest() != hashlib.sha256(self._requirements.read_bytes()).digest():
            raise BuildFailedError(
                f"the source's {REQUIREMENTS} differs from {self._requirements.name}, which made the local environment"
            )

    def _environment(self, project: Document, session: RoleSession) -> dict[str, str]:
        stated = {v["name"]: v["value"] for v in project["environment"].get("environmentVariables", ())}
        path = f"{self._home / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **self._variables, **stated, **session.variables(), "PATH": path}

    def _command(self, command: str, source: Path, environment: Mapping[str, str], log_path: Path) -> None:
        with log_path.open("ab") as log:
            done = subprocess.run(
                ["bash", "-c", command], cwd=source, env=environment, stdout=log, stderr=log, check=False
            )
        if done.returncode != 0:
            said = log_path.read_text(encoding="utf-8", errors="replace")
            raise BuildFailedError(f"`{command}` ended with status {done.returncode}:\n{said[-_SAID_LAST:]}")


def log_calls(group: str | None) -> Iterator[Call]:
    """Yield the calls with which CodeBuild writes the log of a build to a group."""
    if group is not None:
        stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:build"
        yield Call(action="logs:CreateLogStream", resource=stream)
        yield Call(action="logs:PutLogEvents", resource=stream)


def _phase(kind: str, status: str, message: str) -> Document:
    contexts = [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": message[:_MESSAGE]}]
    return {"phaseType": kind, "phaseStatus": status, "contexts": contexts}
