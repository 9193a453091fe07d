"""Builds what Managed Flink takes: one jar, and a folder for each application, which the CDK zips.

`build_jar` makes `build/java/flink/pyflink-dependencies.jar` from `flink_apps/java`. `stage` lays out the folders:

    <application>/main.py              the entry point that the run options name
    lib/pyflink-dependencies.jar       every Java library, with the Kinesis connector where it resolves
    dep/                               what the application imports: our modules, pure Python libraries

Work whose inputs are unchanged is skipped.
"""

import json
import logging
import os
import shutil
import zipfile
from pathlib import Path, PurePath
from typing import Final

from tools.build.code import Code
from tools.build.stamps import digest, when_changed
from tools.build.wheels import BuildError
from tools.imports import ImportGraph, python_files
from twin.engines import jars
from twin.engines.jars import JarsMissingError

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "flink_apps" / "java"
POM: Final = SOURCES / "pom.xml"
OUTPUT: Final = ROOT / "build" / "java" / "flink"
JAR: Final = OUTPUT / "pyflink-dependencies.jar"
STAMP: Final = OUTPUT / "inputs.json"
ASSETS: Final = ROOT / "build" / "assets" / "flink"
BUILD_THERE: Final = f"-DbuildDirectory={OUTPUT}"
KINESIS_PROFILE: Final = "-Pkinesis"
KINESIS_ARTIFACT: Final = "flink-connector-aws-kinesis-streams"
KINESIS_FACTORY: Final = "org/apache/flink/connector/kinesis/table/KinesisDynamicTableFactory.class"
# Flink's classes are on the service already; a copy of another version does not fit them. Iceberg brings this one.
TABLE_CLASSES: Final = "org/apache/flink/table/"
OWN_TABLE_CLASSES: Final = frozenset({"org/apache/flink/table/api/runtime/types/FlinkScalaKryoInstantiator.class"})
LARGEST_JAR: Final = 200 * 10**6  # 140 without the connector; the service takes 512 of everything

APPLICATIONS: Final = "flink_apps"
SHARED: Final = ("c360_aws", "c360_core")
# The Python of Managed Flink has PyFlink and what that needs, but no AWS client.
FLINK_HAS: Final = frozenset({"pyflink", "zoneinfo"})
# Of botocore's 400 service descriptions the applications use two; the others make up nine tenths of the folder.
BOTOCORE_SERVICES: Final = frozenset({"secretsmanager", "sts"})
LOGGER: Final = logging.getLogger("tools.build")


class FlinkBuildError(BuildError):
    """The asset cannot be built; the message names the library or the class, and the reason."""


def build_jar(*, force: bool = False, require_kinesis: bool = False) -> Path:
    """Build the jar unless it is there and its sources are unchanged; return it.

    Args:
        force: build in any case.
        require_kinesis: fail where the Kinesis connector does not resolve; for releases to AWS. Otherwise the jar
            is built without it there, and reads Kafka only.

    Raises:
        JarsMissingError: Maven failed.
        FlinkBuildError: the jar has what it must not have, and has been deleted.
    """
    sources = digest(ROOT, [POM, SOURCES / "src"])
    if not force and _is_current(sources, require_kinesis=require_kinesis):
        return JAR
    with_kinesis = require_kinesis or kinesis_resolves()
    if not with_kinesis:
        LOGGER.warning("the Kinesis connector does not resolve here: the jar is built without it and reads Kafka only")
    jars.maven(POM, "package", BUILD_THERE, *([KINESIS_PROFILE] if with_kinesis else []))
    try:
        check_jar(JAR)
    except FlinkBuildError:
        JAR.unlink()
        raise
    STAMP.write_text(json.dumps({"sources": sources, "kinesis": with_kinesis}), encoding="utf-8")
    return JAR


def kinesis_resolves() -> bool:
    """Say whether Maven can get the Kinesis connector from here."""
    try:
        jars.maven(POM, "--update-snapshots", "dependency:resolve", BUILD_THERE, KINESIS_PROFILE)
    except JarsMissingError as error:
        if KINESIS_ARTIFACT not in str(error):
            raise
        return False
    return True


def has_kinesis(jar: Path = JAR) -> bool:
    """Say whether a jar is there and carries the Kinesis connector."""
    if not jar.exists():
        return False
    with zipfile.ZipFile(jar) as archive:
        return KINESIS_FACTORY in archive.NameToInfo


def check_jar(jar: Path) -> None:
    """See that a library brought no class of Flink's own tables, and no heap of others.

    Only a build with the Kinesis connector can tell what that brings, and few networks have it.

    Raises:
        FlinkBuildError: it did.
    """
    with zipfile.ZipFile(jar) as archive:
        classes = {name for name in archive.namelist() if name.startswith(TABLE_CLASSES) and name.endswith(".class")}
    if more := sorted(classes - OWN_TABLE_CLASSES):
        raise FlinkBuildError(f"{jar.name} has {len(more)} of Flink's own classes, such as {more[0]}: exclude them")
    if (size := jar.stat().st_size) > LARGEST_JAR:
        raise FlinkBuildError(f"{jar.name} has {size} bytes, more than {LARGEST_JAR}: see which library is new in it")


def applications() -> tuple[str, ...]:
    """Return the names of the applications: of the folders that have an entry point."""
    return tuple(path.parent.name for path in sorted((ROOT / APPLICATIONS).glob("*/main.py")))


def stage(*, require_kinesis: bool = False) -> None:
    """Lay out a folder for each application.

    Raises:
        JarsMissingError: Maven failed.
        BuildError: a library is missing, has native code or collides with another, or the jar is wrong.
    """
    for application in applications():
        stage_application(application, require_kinesis=require_kinesis)


def stage_application(name: str, *, require_kinesis: bool = False) -> Path:
    """Lay out the folder of one application, and return it; see `stage`."""
    jar = build_jar(require_kinesis=require_kinesis)
    graph = ImportGraph.read(ROOT, python_files(ROOT, (APPLICATIONS, *SHARED)))
    code = Code.used_by(ROOT, graph, (f"{APPLICATIONS}/{name}",), present=FLINK_HAS)
    target = ASSETS / name

    def build() -> None:
        shutil.rmtree(target, ignore_errors=True)
        code.copy(target / "dep", unused=_is_unused_service)
        (target / name).mkdir()
        shutil.copyfile(ROOT / APPLICATIONS / name / "main.py", target / name / "main.py")
        (target / "lib").mkdir()
        _link_or_copy(jar, target / "lib" / jar.name)

    made_from = digest(ROOT, [*code.inputs(), STAMP, Path(__file__)])
    when_changed(ASSETS / f"{name}.inputs", made_from, build, target)
    return target


def _is_current(sources: str, *, require_kinesis: bool) -> bool:
    if not (JAR.exists() and STAMP.exists()):
        return False
    built = json.loads(STAMP.read_text(encoding="utf-8"))
    return built["sources"] == sources and (built["kinesis"] or not require_kinesis)


def _is_unused_service(file: PurePath) -> bool:
    parts = file.parts
    return parts[:2] == ("botocore", "data") and len(parts) > 3 and parts[2] not in BOTOCORE_SERVICES  # noqa: PLR2004


def _link_or_copy(source: Path, target: Path) -> None:
    """Put a big file in place; a second name for it where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stage()
