"""Stages what the templates ship: `build/assets/{lambda,glue_lib,dbt,flink}`. Unchanged work is skipped.

`python -m tools.build` builds everything; the `c360` command calls `stage_all` before it synthesises.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from c360_core.contracts import CONTRACTS_FILE
from tools import contracts
from tools.build import flink
from tools.contracts import segments
from twin.emulator.emulator import assembly_folder, synthesize

ROOT: Final = Path(__file__).resolve().parents[2]
ASSETS: Final = ROOT / "build" / "assets"
LOGGER: Final = logging.getLogger("tools.build")

LAMBDA_SOURCES: Final = ("lambdas", "c360_aws", "c360_core")
# tzdata, because the runtime may lack the zones of the system.
LAMBDA_WHEELS: Final = ("fastjsonschema", "phonenumberslite", "anyascii", "tzdata")
GLUE_SOURCES: Final = ("glue_jobs", "c360_aws", "c360_core")
GLUE_WHEELS: Final = ("phonenumberslite", "anyascii")
# What `app.py` reads beside the assets: its code, the compiled contracts, what ships as it is, the libraries' versions.
ASSEMBLED: Final = (
    "app.py",
    "cdk.json",
    "config",
    "stacks",
    "c360_core",
    "glue_jobs",
    "sql/named_queries",
    "requirements/twin.txt",
)
_DBT_FOLDERS: Final = ("target", "logs", "dbt_packages", ".user.yml")
_DBT_OUTPUT: Final = shutil.ignore_patterns(*_DBT_FOLDERS)
_IGNORED: Final = shutil.ignore_patterns("__pycache__", "*.pyc", "*.md", ".*")


class BuildError(RuntimeError):
    """An asset cannot be built; the message names what is missing and how to get it."""


def stage_all(*, release: bool = False) -> None:
    """Build every asset; for a release to AWS, fail when the Flink jar cannot carry the Kinesis connector."""
    stage_contracts()
    stage_lambda()
    stage_glue_library()
    stage_dbt()
    flink.stage(require_kinesis=release)


def stage_contracts() -> None:
    """Compile the contracts and the segments into the JSON that the runtimes carry."""
    inputs = [ROOT / "contracts", ROOT / "tools" / "contracts", ROOT / "c360_core" / "contracts.py"]
    _when_changed(_stamp("contracts"), inputs, lambda: contracts.load_and_check().write_json(), CONTRACTS_FILE)
    segments.write(segments.load_segments())


def stage_lambda() -> Path:
    """Lay out the folder that every function runs from."""
    return _stage_python("lambda", LAMBDA_SOURCES, LAMBDA_WHEELS)


def stage_glue_library() -> Path:
    """Lay out the folder that every Spark job imports from."""
    return _stage_python("glue_lib", GLUE_SOURCES, GLUE_WHEELS)


def stage_dbt() -> Path:
    """Lay out the dbt project and its pinned requirements, as CodeBuild gets them."""
    target = ASSETS / "dbt"
    project, requirements = ROOT / "sql", ROOT / "requirements" / "dbt.txt"

    def build() -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(project, target / "sql", ignore=_DBT_OUTPUT)
        shutil.copyfile(requirements, target / "requirements.txt")

    inputs = [*(path for path in sorted(project.iterdir()) if path.name not in _DBT_FOLDERS), requirements]
    _when_changed(_stamp("dbt"), inputs, build, target)
    return target


def assemble(environment: str, *, force: bool = False) -> Path:
    """Write the cloud assembly of an environment, unless all that `app.py` reads is as it was; return its folder.

    Args:
        environment: `dev`, `staging` or `prod`.
        force: write it in any case.
    """
    folder = assembly_folder(environment)
    stamp = folder.with_suffix(".inputs")
    if force:
        stamp.unlink(missing_ok=True)
    inputs = [*(ROOT / name for name in ASSEMBLED), *sorted(ASSETS.glob("*.inputs"))]
    _when_changed(stamp, inputs, lambda: synthesize(environment), folder / "manifest.json")
    return folder


def _stage_python(name: str, sources: Sequence[str], wheels: Sequence[str]) -> Path:
    target = ASSETS / name
    inputs = [ROOT / source for source in sources] + [_metadata(wheel) for wheel in wheels]

    def build() -> None:
        shutil.rmtree(target, ignore_errors=True)
        for source in sources:
            shutil.copytree(ROOT / source, target / source, ignore=_IGNORED)
        for wheel in wheels:
            _copy_wheel(wheel, target)

    _when_changed(_stamp(name), inputs, build, target)
    return target


def _stamp(asset: str) -> Path:
    """Return the file that says what an asset was made from."""
    return ASSETS / f"{asset}.inputs"


def _when_changed(stamp: Path, inputs: Iterable[Path], build: Callable[[], object], output: Path | None = None) -> None:
    digest = _digest(inputs)
    if (output is None or output.exists()) and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        LOGGER.debug("%s is up to date", stamp.stem)
        return
    LOGGER.info("building %s", stamp.stem)
    stamp.unlink(missing_ok=True)  # what is half built must not pass for what the old stamp says
    build()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest, encoding="utf-8")


def _digest(inputs: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in inputs:
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            if "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(path.parent)}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _metadata(wheel: str) -> Path:
    """Return the file that names a distribution's version and every file's hash."""
    record = next((file for file in _files(wheel) if file.name == "RECORD"), None)
    if record is None:
        raise BuildError(f"{wheel} was not installed from a wheel: it has no RECORD; install it again with uv")
    return record


def _copy_wheel(wheel: str, target: Path) -> None:
    """Copy a pure Python distribution out of the running environment: what the tests import is what ships."""
    if "Root-Is-Purelib: true" not in (distribution(wheel).read_text("WHEEL") or ""):
        raise BuildError(f"{wheel} is not pure Python; it would not run on another architecture")
    root = Path(str(distribution(wheel).locate_file("")))
    for file in _files(wheel):
        relative = file.relative_to(root)
        if ".." not in relative.parts and "__pycache__" not in relative.parts and file.suffix != ".pyc":
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / relative)


def _files(wheel: str) -> list[Path]:
    try:
        found = distribution(wheel)
    except PackageNotFoundError:
        raise BuildError(
            f"{wheel} is not installed in this environment; run `make demo` or `make test` first"
        ) from None
    root = Path(str(found.locate_file("")))
    return [root / file for file in found.files or () if ".." not in file.parts]
