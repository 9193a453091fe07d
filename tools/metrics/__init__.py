"""Checks the metrics of the dbt project, and what is made of them: `python -m tools.metrics`.

It ends with exit code 1 and one line per problem when a metric is wrong, when a dashboard names a metric, a dimension
or a column that is not there, when a statement reads a column that its mart has no more, or a model a field that no
event has.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from c360_metrics.definitions import Metrics
from c360_metrics.reader import MetricsError, Problem, read
from stacks.analytics.dashboards import boards
from stacks.analytics.dashboards.definition import DashboardError, named
from tools.metrics.payloads import check_payloads
from tools.metrics.statements import check_statements

SQL_DIRECTORY: Final = Path(__file__).resolve().parents[2] / "sql"
_BOARDS_FILE: Final = "stacks/analytics/dashboards/boards.py"
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
        return _refuse(error.problems)
    project: Path = options.project
    if problems := [*check_dashboards(metrics), *check_statements(project), *check_payloads(project)]:
        return _refuse(problems)
    _LOG.info("%d metrics of %d semantic models are right", len(metrics.metrics), len(metrics.models))
    return 0


def check_dashboards(metrics: Metrics) -> Iterator[Problem]:
    """Yield what is wrong with each dashboard: the first thing, because it is made in one go."""
    known = named(metrics)
    for name, make in boards.BOARDS.items():
        try:
            make(known)
        except DashboardError as error:
            message, _, fix = str(error).rpartition("; ")
            yield Problem(file=_BOARDS_FILE, field=name, message=message, fix=fix)


def _refuse(problems: Sequence[Problem]) -> int:
    for problem in problems:
        _LOG.error("%s", problem)
    return 1
