"""The jar of the Flink applications: what a build must not put into it, whichever connector it had."""

import zipfile
from pathlib import Path

import pytest

from tools.build import flink
from tools.build.flink import FlinkBuildError, build_jar, check_jar
from twin.engines import jars

ICEBERGS = "org/apache/flink/table/api/runtime/types/FlinkScalaKryoInstantiator.class"
CONNECTORS = flink.KINESIS_FACTORY
FLINKS = "org/apache/flink/table/data/RowData.class"


def jar_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("org/apache/flink/table/", *names):
            archive.writestr(name, b"")
    return path


def test_the_connector_and_icebergs_one_class_may_be_there(tmp_path: Path) -> None:
    check_jar(jar_of(tmp_path / "a.jar", ICEBERGS, CONNECTORS))


def test_a_class_of_flinks_own_tables_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FlinkBuildError, match=r"a\.jar has 1 of Flink's own classes, such as .*/RowData\.class"):
        check_jar(jar_of(tmp_path / "a.jar", ICEBERGS, CONNECTORS, FLINKS))


def test_a_jar_that_has_grown_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = jar_of(tmp_path / "a.jar", ICEBERGS)
    monkeypatch.setattr(flink, "LARGEST_JAR", jar.stat().st_size)
    check_jar(jar)
    monkeypatch.setattr(flink, "LARGEST_JAR", jar.stat().st_size - 1)
    with pytest.raises(FlinkBuildError, match="see which library is new"):
        check_jar(jar)


def test_a_build_with_the_connector_is_looked_at_and_a_bad_one_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = [FLINKS]

    def maven(_pom: Path, goal: str, *_: str) -> None:
        assert goal == "package"
        jar_of(flink.JAR, ICEBERGS, CONNECTORS, *brought)

    monkeypatch.setattr(flink, "JAR", tmp_path / "a.jar")
    monkeypatch.setattr(flink, "STAMP", tmp_path / "inputs.json")
    monkeypatch.setattr(jars, "maven", maven)

    with pytest.raises(FlinkBuildError):
        build_jar(require_kinesis=True)
    assert list(tmp_path.iterdir()) == []
    brought.clear()
    assert flink.has_kinesis(build_jar(require_kinesis=True))
