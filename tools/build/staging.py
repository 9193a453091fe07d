"""Stages what the templates ship: `build/assets/{lambdas,glue_lib,dbt,flink,models.tar.gz}`. Unchanged work is skipped.

`python -m tools.build` builds everything; the `c360` command calls `stage_all` before it synthesises.
"""

import gzip
import shutil
import tarfile
from pathlib import Path
from typing import Final

from c360_core.contracts import CONTRACTS_FILE
from tools import contracts
from tools.build import flink
from tools.build.code import NOT_SHIPPED, Code
from tools.build.stamps import digest, when_changed
from tools.contracts import audiences, journeys, plays, segments, templates
from tools.imports import ImportGraph, python_files
from twin.emulator.emulator import assembly_folder, synthesize

ROOT: Final = Path(__file__).resolve().parents[2]
ASSETS: Final = ROOT / "build" / "assets"

LAMBDAS: Final = "lambdas"
GLUE_JOBS: Final = "glue_jobs"
MODELS: Final = "sagemaker"
SHARED: Final = ("c360_aws", "c360_core")
# What the runtime, and the Powertools layer with it, have.
LAMBDA_HAS: Final = frozenset({"aws_lambda_powertools", "boto3", "botocore", "pydantic"})
GLUE_HAS: Final = frozenset(
    {"awsglue", "awsgluedq", "boto3", "botocore", "numpy", "py4j", "pyarrow", "pydeequ", "pyspark", "zoneinfo"}
)
# What `app.py` reads beside the assets: its code, the compiled contracts, what ships as it is, the libraries' versions.
ASSEMBLED: Final = (
    "app.py",
    "cdk.json",
    "config",
    "stacks",
    "c360_core",
    "c360_metrics",
    "glue_jobs",
    "notebooks",
    "sql/models",
    "sql/named_queries",
    "sql/prepared_statements",
    "sql/warehouse",
    "requirements/cdk.txt",
)
_DBT_FOLDERS: Final = ("target", "logs", "dbt_packages", ".user.yml")
_DBT_OUTPUT: Final = shutil.ignore_patterns(*_DBT_FOLDERS)


def stage_all(*, release: bool = False) -> None:
    """Build every asset; for a release to AWS, fail when the Flink jar cannot carry the Kinesis connector."""
    stage_contracts()
    stage_functions()
    stage_glue_library()
    stage_dbt()
    stage_models()
    flink.stage(require_kinesis=release)


def stage_contracts() -> None:
    """Compile what people write in `contracts` into the JSON that runtimes and templates are made from."""
    inputs = [ROOT / "contracts", ROOT / "tools" / "contracts", ROOT / "c360_core" / "contracts.py"]
    made_from = digest(ROOT, inputs)
    when_changed(_stamp("contracts"), made_from, lambda: contracts.load_and_check().write_json(), CONTRACTS_FILE)
    known = segments.load_segments()
    audiences.check(known)
    segments.write(known)
    journeys.write(journeys.load_journeys()[1])
    plays.write(plays.load_plays()[1])
    templates.write(templates.load_templates())


def functions() -> tuple[str, ...]:
    """Return the names of the functions: of the folders that have a handler."""
    return tuple(path.parent.name for path in sorted((ROOT / LAMBDAS).glob("*/handler.py")))


def stage_functions() -> None:
    """Lay out a folder for each function: what it imports, and nothing else.

    Raises:
        BuildError: a library is missing, has native code, or collides with another.
    """
    names = functions()
    graph = ImportGraph.read(ROOT, python_files(ROOT, (LAMBDAS, *SHARED)))
    for name in names:
        _stage(f"{LAMBDAS}/{name}", Code.used_by(ROOT, graph, (f"{LAMBDAS}/{name}",), present=LAMBDA_HAS))
    for folder in (ASSETS / LAMBDAS).iterdir():
        if folder.is_dir() and folder.name not in names:
            shutil.rmtree(folder)  # a function that was removed


def stage_glue_library() -> Path:
    """Lay out the folder that every Spark job imports from.

    Raises:
        BuildError: a library is missing, has native code, or collides with another.
    """
    graph = ImportGraph.read(ROOT, python_files(ROOT, (GLUE_JOBS, *SHARED)))
    return _stage("glue_lib", Code.used_by(ROOT, graph, (GLUE_JOBS,), present=GLUE_HAS))


def stage_dbt() -> Path:
    """Lay out the dbt project and its pinned requirements, as CodeBuild gets them."""
    target = ASSETS / "dbt"
    project, requirements = ROOT / "sql", ROOT / "requirements" / "dbt.txt"

    def build() -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(project, target / "sql", ignore=_DBT_OUTPUT)
        shutil.copyfile(requirements, target / "requirements.txt")

    inputs = [*(path for path in sorted(project.iterdir()) if path.name not in _DBT_FOLDERS), requirements]
    when_changed(_stamp("dbt"), digest(ROOT, inputs), build, target)
    return target


def stage_models() -> Path:
    """Pack the code of the models as SageMaker's containers take it: one archive, the same for the same code."""
    target, folder = ASSETS / "models.tar.gz", ROOT / MODELS
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and _is_code(path.relative_to(folder))]

    def build() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with gzip.GzipFile(target, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for path in files:
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size, member.mode = path.stat().st_size, 0o644
                with path.open("rb") as opened:
                    archive.addfile(member, opened)

    when_changed(_stamp("models"), digest(ROOT, files), build, target)
    return target


def _is_code(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.suffix not in NOT_SHIPPED


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
    inputs = [
        *(ROOT / name for name in ASSEMBLED),
        *sorted(ASSETS.glob("*.inputs")),
        *sorted(ASSETS.glob("*/*.inputs")),
    ]
    when_changed(stamp, digest(ROOT, inputs), lambda: synthesize(environment), folder / "manifest.json")
    return folder


def _stage(asset: str, code: Code) -> Path:
    target = ASSETS / asset

    def build() -> None:
        shutil.rmtree(target, ignore_errors=True)
        code.copy(target)

    when_changed(_stamp(asset), digest(ROOT, code.inputs()), build, target)
    return target


def _stamp(asset: str) -> Path:
    """Return the file that says what an asset was made from."""
    return ASSETS / f"{asset}.inputs"
