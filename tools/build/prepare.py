"""What must be there before anything runs: environments, Java libraries, contracts, staged assets, the assembly."""

import shutil
from collections.abc import Callable
from pathlib import Path

from c360_core.contracts import CONTRACTS_FILE
from c360_core.mails import MAILS_FILE
from c360_core.message_templates import TEMPLATES_FILE
from c360_core.play import PLAYS_FILE
from c360_core.segment import SEGMENTS_FILE
from tools.build import flink, staging
from tools.console import Steps
from tools.environments import groups
from tools.environments.bootstrap import ENVIRONMENTS, ROOT
from twin.engines import jars


def machine(steps: Steps, *, engines: bool = True) -> None:
    """Install the environments of the CDK and the engines, and the engines' Java libraries; quick when all is there."""
    if not engines:
        return
    from twin.engines import kafka, spark, trino

    environments = (groups.CDK, *groups.ENGINES, groups.NOTEBOOKS)
    with steps.progress("Environments of the CDK and the engines", len(environments)) as done:
        groups.sync_all(environments, done)
    libraries: tuple[Callable[[], Path], ...] = (
        lambda: jars.resolve(kafka.POM, jars.folder("kafka")),
        spark.jars,
        lambda: trino.ensure_jars(jars.folder("trino")),
        flink.build_jar,
    )
    with steps.progress("Engines' Java libraries", len(libraries)) as done:
        for resolve in libraries:
            resolve()
            done()


def contracts() -> None:
    """Turn the contracts into the JSON that every runtime reads."""
    staging.stage_contracts()


def assets(steps: Steps, *, release: bool = False) -> None:
    """Lay out what the templates ship: Lambda code, Glue library, the Flink application.

    Raises:
        JarsMissingError: a release needs the Kinesis connector, and Maven cannot get it.
    """
    with steps.step("Assets"):
        staging.stage_all(release=release)


def assembly(steps: Steps, environment: str, *, force: bool = False) -> Path:
    """Write the cloud assembly; one that was made from the same is kept, unless `force` is set."""
    with steps.step(f"Cloud assembly for {environment}"):
        groups.sync_all((groups.CDK,), lambda: None)
        return staging.assemble(environment, force=force)


def clean() -> list[Path]:
    """Remove everything that was built, and the environments; return what was there."""
    compiled = (CONTRACTS_FILE, SEGMENTS_FILE, PLAYS_FILE, TEMPLATES_FILE, MAILS_FILE)
    removed = [path for path in (ROOT / "build", *compiled, ENVIRONMENTS) if path.exists()]
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return removed
