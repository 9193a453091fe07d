"""`c360 synth`: a release to AWS must carry what the laptop can do without."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.build import flink, staging
from tools.cli import APP
from tools.environments import groups
from twin.engines import jars


@pytest.fixture
def _nothing_else_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("stage_contracts", "stage_functions", "stage_glue_library", "stage_dbt"):
        monkeypatch.setattr(staging, name, lambda: None)
    monkeypatch.setattr(staging, "assemble", lambda environment, *, force: tmp_path / f"{environment}-{force}")
    monkeypatch.setattr(groups, "sync_all", lambda *_: None)
    for name in ("JAR", "STAMP"):
        monkeypatch.setattr(flink, name, tmp_path / name)


@pytest.mark.usefixtures("_nothing_else_is_built")
def test_a_release_fails_where_the_kinesis_connector_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def maven(_pom: Path, *arguments: str) -> None:
        if flink.KINESIS_PROFILE in arguments:
            raise jars.JarsMissingError(f"Maven cannot get {flink.KINESIS_ARTIFACT}")

    monkeypatch.setattr(jars, "maven", maven)

    done = CliRunner().invoke(APP, ["synth", "--env", "prod", "--for", "aws"])

    assert isinstance(done.exception, jars.JarsMissingError)
    assert flink.KINESIS_ARTIFACT in str(done.exception)


@pytest.mark.parametrize(("place", "insists"), [("aws", True), ("local", False), (None, False)])
@pytest.mark.usefixtures("_nothing_else_is_built")
def test_only_a_release_insists_on_the_connector(
    monkeypatch: pytest.MonkeyPatch, place: str | None, insists: bool
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(flink, "stage", lambda *, require_kinesis: asked.append(require_kinesis))

    done = CliRunner().invoke(APP, ["synth", *(["--for", place] if place else [])])

    assert done.exit_code == 0, done.output
    assert asked == [insists]


@pytest.mark.usefixtures("_nothing_else_is_built")
def test_a_request_for_an_assembly_makes_a_new_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flink, "stage", lambda *, require_kinesis: None)  # noqa: ARG005  # the real signature

    done = CliRunner().invoke(APP, ["synth", "--env", "prod", "--json"])

    assert json.loads(done.stdout) == {"assembly": str(tmp_path / "prod-True")}
