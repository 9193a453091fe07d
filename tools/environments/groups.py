"""The environments beside `twin`, in which the tool itself runs. Each is a dependency group of pyproject.toml."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

from tools.environments import bootstrap

# Runs the tool and the emulator.
TWIN: Final = bootstrap.TOOL
# Compiles the contracts and synthesizes. A change of what functions or tools need leaves it alone.
CDK: Final = "cdk"
# What `cdk` and `twin` hold, and what tests and checks need.
TEST: Final = "test"
# Included by other groups; no environment of its own.
CONTRACTS: Final = "contracts"
ENGINES: Final = ("flink", "spark", "dbt")
# Runs the notebooks; the engines' suites need it, too.
NOTEBOOKS: Final = "notebooks"
# That of the tests: the marts are measured on the lake of their tests.
BENCHMARKS: Final = ("bench", TEST)
DOCUMENTS: Final = ("aws",)
SITE: Final = "docs"


def sync_all(names: Sequence[str], done: Callable[[], None]) -> None:
    """Make the environments hold what their requirement files say, two at a time.

    Args:
        names: of the environments.
        done: called when one of them is ready.

    Raises:
        UnfitMachineError: something could not be installed.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        for outcome in as_completed([pool.submit(bootstrap.sync, name) for name in names]):
            outcome.result()
            done()
