"""Checks the metrics of the dbt project: `python -m tools.metrics`.

It ends with exit code 1 and one line per problem when a metric is wrong.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from c360_metrics.reader import MetricsError, read

SQL_DIRECTORY: Final = Path(__file__).resolve().parents[2] / "sql"
_LOG = logging.getLogger("metrics")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the metrics; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.metrics", description=__doc__)
    parser.add_argument("--project", type=Path, default=SQL_DIRECTORY, help="the dbt project")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        metrics = read(options.project)
    except MetricsError as error:
        for problem in error.problems:
            _LOG.error("%s", problem)
        return 1
    _LOG.info("%d metrics of %d semantic models are right", len(metrics.metrics), len(metrics.models))
    return 0
