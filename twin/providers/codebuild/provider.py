"""CodeBuild: the emulator keeps projects and builds; the builds' commands run in the environment of dbt."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from twin.emulator.provider import Document, Provider, ResourceType, Task, Twin
from twin.emulator.roles import assume, require
from twin.emulator.state_machines import answer_of, camel_case, pascal_case, poll, task_failed
from twin.providers.codebuild.builds import SUCCEEDED, Builds
from twin.settings import ROOT, python_of

SERVICE: Final = "codebuild.amazonaws.com"
SESSION: Final = "build"
PROJECT: Final = ResourceType(name="AWS::CodeBuild::Project")
RUNNING = "IN_PROGRESS"


class CodeBuildProvider(Provider):
    """CodeBuild."""

    types = (PROJECT,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._builds = Builds(
            home=python_of("dbt").parents[1],
            requirements=ROOT / "requirements" / "dbt.txt",
            scratch=twin.settings.home / "builds",
            assume=partial(assume, service=SERVICE, session=SESSION),
            require=require,
            client=twin.settings.client,
            log_group=self._log_group,
            variables=twin.settings.connection(),
        )

    def _log_group(self, project: str) -> str | None:
        """Return the log group of a project's template, which the emulator's own record lacks."""
        deployed = self.twin.registry.of_type(PROJECT.name)
        stated = next((one.properties for one in deployed if one.physical_id == project), {})
        logs = stated.get("LogsConfig", {}).get("CloudWatchLogs", {})
        return logs.get("GroupName") if logs.get("Status") == "ENABLED" else None

    def install(self) -> None:
        """Run builds without Docker."""
        self._builds.install()

    def tasks(self) -> Mapping[str, Task]:
        """Let state machines start builds."""
        return {"codebuild:startBuild": _start_build}


def _start_build(resource: str, request: Document) -> Any:
    """Start a build and, for `.sync`, wait for its end, as the optimized integration does."""
    from ministack.services import codebuild

    build = answer_of("CodeBuild", codebuild._start_build(camel_case(request)))["build"]
    if resource.endswith(".sync"):
        ids = {"ids": [build["id"]]}
        build = poll(
            lambda: dict(answer_of("CodeBuild", codebuild._batch_get_builds(ids))["builds"][0]),
            lambda asked: asked["buildStatus"] != RUNNING,
        )
    if build["buildStatus"] not in {SUCCEEDED, RUNNING}:
        raise task_failed(build)
    return {"Build": pascal_case(build)}


PROVIDER = CodeBuildProvider
