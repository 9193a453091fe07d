"""What the provider knows of a project that the emulator's own record lacks."""

from pathlib import Path
from typing import Any

import pytest

from twin.emulator.provider import Twin
from twin.emulator.stand_ins import Resource
from twin.providers.codebuild.provider import PROJECT, CodeBuildProvider
from twin.settings import TwinSettings


@pytest.mark.parametrize(
    ("logs", "group"),
    [
        ({"CloudWatchLogs": {"Status": "ENABLED", "GroupName": "builds"}}, "builds"),
        ({"CloudWatchLogs": {"Status": "DISABLED", "GroupName": "builds"}}, None),
        ({}, None),
    ],
)
def test_the_log_group_is_the_one_of_the_template(tmp_path: Path, logs: dict[str, Any], group: str | None) -> None:
    twin = Twin(TwinSettings(home=tmp_path, port=1), [CodeBuildProvider])
    project = Resource(
        type_name=PROJECT.name,
        physical_id="models",
        logical_id="Project",
        stack="analytics",
        properties={"LogsConfig": logs},
        attributes={},
    )
    twin.registry.put(project)
    provider = twin.provider(CodeBuildProvider)
    assert provider._log_group("models") == group
    assert provider._log_group("another") is None
