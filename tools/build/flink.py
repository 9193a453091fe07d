"""Builds what Managed Flink takes: one jar, and one folder that the CDK zips.

`build_jar` makes `build/java/flink/pyflink-dependencies.jar` from `flink_apps/java`. `stage` lays out the folder:

    clean/main.py, unify/main.py       the entry points that the run options name
    lib/pyflink-dependencies.jar       every Java library, with the Kinesis connector where it resolves
    dep/                               our packages and the pure Python libraries that they import

Work whose inputs are unchanged is skipped.
"""

import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from twin.engines import jars
from twin.engines.jars import JarsMissingError

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ROOT / "flink_apps" / "java"
POM: Final = SOURCES / "pom.xml"
OUTPUT: Final = ROOT / "build" / "java" / "flink"
JAR: Final = OUTPUT / "pyflink-dependencies.jar"
STAMP: Final = OUTPUT / "inputs.json"
ASSET: Final = ROOT / "build" / "assets" / "flink"
BUILD_THERE: Final = f"-DbuildDirectory={OUTPUT}"
KINESIS_PROFILE: Final = "-Pkinesis"
KINESIS_ARTIFACT: Final = "flink-connector-aws-kinesis-streams"
KINESIS_FACTORY: Final = "org/apache/flink/connector/kinesis/table/KinesisDynamicTableFactory.class"
# Flink's classes are on the service already; a copy of another version does not fit them. Iceberg brings this one.
TABLE_CLASSES: Final = "org/apache/flink/table/"
OWN_TABLE_CLASSES: Final = frozenset({"org/apache/flink/table/api/runtime/types/FlinkScalaKryoInstantiator.class"})
LARGEST_JAR: Final = 200 * 10**6  # 140 without the connector; the service takes 512 of everything

PACKAGES: Final = ("flink_apps", "c360_core")
# The Python of Managed Flink has PyFlink and what that needs, but no AWS client: boto3 fetches the hashing secret.
LIBRARIES: Final = (
    "fastjsonschema",
    "phonenumberslite",
    "anyascii",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "python-dateutil",
    "six",
    "urllib3",
)
# Of botocore's 400 service descriptions the applications use two; the others make up nine tenths of the folder.
BOTOCORE_SERVICES: Final = frozenset({"secretsmanager", "sts"})
IGNORED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "java", ".*")
LOGGER: Final = logging.getLogger("tools.build.flink")


class FlinkBuildError(RuntimeError):
    """The asset cannot be built; the message names the library or the class, and the reason."""


def build_jar(*, force: bool = False, require_kinesis: bool = False) -> Path:
    """Build the jar unless it is there and its sources are unchanged; return it.

    Args:
        force: build in any case.
        require_kinesis: fail where the Kinesis connector does not resolve; for releases to AWS. Otherwise the jar
            is built without it there, and reads Kafka only.

    Raises:
        JarsMissingError: Maven failed.
        FlinkBuildError: the jar has what it must not have, and is gone again.
    """
    digest = _digest([POM, SOURCES / "src"])
    if not force and _is_current(digest, require_kinesis=require_kinesis):
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
    STAMP.write_text(json.dumps({"sources": digest, "kinesis": with_kinesis}), encoding="utf-8")
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


def stage(destination: Path = ASSET, *, require_kinesis: bool = False) -> Path:
    """Lay out the folder of the asset, and return it.

    Raises:
        JarsMissingError: Maven failed.
        FlinkBuildError: a library is not pure Python, or the jar has what it must not have.
    """
    jar = build_jar(require_kinesis=require_kinesis)
    stamp = destination.with_name(f"{destination.name}.inputs")
    records = [_record(library) for library in LIBRARIES]
    digest = _digest([*(ROOT / package for package in PACKAGES), *records, STAMP, Path(__file__)])
    if destination.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return destination
    LOGGER.info("building the Flink asset")
    shutil.rmtree(destination, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, destination / "dep" / package, ignore=IGNORED)
    for library in LIBRARIES:
        _copy_library(library, destination / "dep")
    for main in sorted((ROOT / "flink_apps").glob("*/main.py")):
        (destination / main.parent.name).mkdir()
        shutil.copyfile(main, destination / main.parent.name / "main.py")
    (destination / "lib").mkdir()
    _link_or_copy(jar, destination / "lib" / jar.name)
    stamp.write_text(digest, encoding="utf-8")
    return destination


def _is_current(digest: str, *, require_kinesis: bool) -> bool:
    if not (JAR.exists() and STAMP.exists()):
        return False
    built = json.loads(STAMP.read_text(encoding="utf-8"))
    return built["sources"] == digest and (built["kinesis"] or not require_kinesis)


def _record(library: str) -> Path:
    """Return the file that names a library's version and every file's hash."""
    return Path(str(distribution(library).locate_file(_dist_info(library) + "/RECORD")))


def _dist_info(library: str) -> str:
    files = distribution(library).files or []
    return next(file.parts[0] for file in files if file.name == "RECORD" and file.parts[0].endswith(".dist-info"))


def _copy_library(library: str, target: Path) -> None:
    """Copy a pure Python library out of the running environment: what the tests import is what ships."""
    found = distribution(library)
    if "Root-Is-Purelib: true" not in (found.read_text("WHEEL") or ""):
        raise FlinkBuildError(f"{library} is not pure Python; Managed Flink may run another Python and processor")
    for file in found.files or []:
        if ".." in file.parts or "__pycache__" in file.parts or _is_unused_service(file.parts):
            continue
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(found.locate_file(file)), target / file)


def _is_unused_service(parts: tuple[str, ...]) -> bool:
    return parts[:2] == ("botocore", "data") and len(parts) > 3 and parts[2] not in BOTOCORE_SERVICES  # noqa: PLR2004


def _link_or_copy(source: Path, target: Path) -> None:
    """Put a big file in place; a second name for it where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _digest(inputs: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in inputs:
        for file in [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file()):
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(path.parent)}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stage()
