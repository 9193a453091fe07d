"""The environments beside `twin`: one per engine whose pins clash, one for the AWS CLI, one for the site of docs/."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

from tools.environments import bootstrap

ENGINES: Final = ("flink", "spark", "dbt")
BENCHMARKS: Final = ("bench",)
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
