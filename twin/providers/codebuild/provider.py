"""CodeBuild: the emulator keeps projects and builds; the builds' commands run in the environment of dbt."""

from collections.abc import Mapping
from typing import Any

from twin.emulator.provider import Document, Provider, Task, Twin
from twin.emulator.state_machines import answer_of, camel_case, pascal_case, poll, task_failed
from twin.providers.codebuild.builds import SUCCEEDED, Builds
from twin.settings import ROOT, python_of

RUNNING = "IN_PROGRESS"


class CodeBuildProvider(Provider):
    """CodeBuild."""

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._builds = Builds(
            home=python_of("dbt").parents[1],
            requirements=ROOT / "requirements" / "dbt.txt",
            scratch=twin.settings.home / "builds",
            client=twin.client,
            variables=twin.settings.client_environment(),
        )

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
