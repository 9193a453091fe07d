"""The environments beside `twin`: one for each engine whose pins clash with the others'."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tools import bootstrap

ENGINES: Final = ("flink", "spark", "dbt")
BENCHMARKS: Final = ("bench",)


def sync_all(names: tuple[str, ...] = ENGINES) -> None:
    """Make the environments hold what their requirement files say, two at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for outcome in [pool.submit(bootstrap.sync, name) for name in names]:
            outcome.result()
