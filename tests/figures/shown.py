# the statements are made from the definitions
"""What the dashboards show: Athena's answers to the questions of the deployed definitions, in parts that add up.

A share is no number that a person can add to. So each number of a visual is here as what is divided and by what, which
DuckDB computes from the second engine's rows of the mart by the metric's own measures, and nothing of the dashboards
is in that. Athena's answer has to be the quotient, for every row of every visual.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from c360_metrics.definitions import Aggregation, Measure, Metric
from c360_metrics.reader import read
from ops.report.deployed import DeployedDashboard, DeployedVisual
from ops.report.questions import MOST_ROWS, Question, ask, question
from tests.engines.trino import lake
from tests.engines.trino.stack import Stack
from tests.factories.dashboards import PREFIX, deployed
from tests.figures.second_engine import SecondEngine
from twin.settings import ROOT

METRICS: Final = read(ROOT / "sql")
DASHBOARDS: Final = {name.removeprefix(PREFIX): one for name, one in deployed(lake.PRODUCTS).items()}
# What a person is worth among all others: joining two may move anybody.
RANKS: Final = frozenset({"rfm_cell"})
AT_ONCE: Final = 4

Key = tuple[str | None, ...]
Part = int | Decimal
# Of a number: what is divided, and by what; 0 for what is not divided.
Parts = tuple[Part, Part]
Place = tuple[str, str]


# The numbers of a visual by its groups and choices, and then by metric; of a table of rows, how often each is there.
Numbers = Mapping[Key, Mapping[str, Parts]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that the dashboards show, by dashboard and visual."""

    numbers: Mapping[Place, Numbers]


def visuals() -> dict[Place, tuple[DeployedDashboard, DeployedVisual]]:
    """Return every visual, by its dashboard and its id."""
    return {(name, one.id): (dashboard, one) for name, dashboard in DASHBOARDS.items() for one in dashboard.visuals}


def look(stack: Stack) -> Shown:
    """Return what is shown now; every number of Athena's must be that of the second engine.

    Raises:
        AssertionError: a visual shows something else; with the visual and the rows.
    """
    engine = SecondEngine(stack)
    asked = {place: question(*pair) for place, pair in visuals().items()}
    athena = stack.client("athena")

    def answer(one: Question) -> list[Key]:
        return ask(athena, lake.WORKGROUP, one.statement)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        rows = dict(zip(asked, pool.map(answer, asked.values()), strict=True))
    wrong = {place: _wrong(engine, visual, rows[place]) for place, (_, visual) in visuals().items()}
    assert {place: found[:3] for place, found in wrong.items() if found} == {}
    return Shown(numbers={place: _numbers(engine, visual) for place, (_, visual) in visuals().items()})


def moved(before: Shown, after: Shown) -> dict[Place, dict[Any, Any]]:
    """Return by how much each number moved, of the visuals in which one did.

    A visual of one metric has the difference at the key of its row: one number, or two for a share, of what is divided
    and by what. A visual of several has them by metric. A table of rows has 1 for each row that came, and -1 for each
    that went.
    """
    found: dict[Place, dict[Any, Any]] = {}
    for place, (_, visual) in visuals().items():
        old, new = before.numbers[place], after.numbers[place]
        changes = {key: _by_metric(old.get(key, {}), new.get(key, {})) for key in {*old, *new}}
        kept = {key: change for key, change in changes.items() if change}
        if kept:
            single = len(visual.values) < 2
            found[place] = {key: next(iter(one.values())) if single else one for key, one in kept.items()}
    return found


def _by_metric(old: Mapping[str, Parts], new: Mapping[str, Parts]) -> dict[str, Any]:
    nothing: Parts = (0, 0)
    changes = {}
    for metric in dict.fromkeys((*old, *new)):
        (above, below), (after, beneath) = old.get(metric, nothing), new.get(metric, nothing)
        if (above, below) != (after, beneath):
            is_share = below or beneath
            changes[metric] = (after - above, beneath - below) if is_share else after - above
    return changes


# ---- the second engine's numbers


def _numbers(engine: SecondEngine, visual: DeployedVisual) -> Numbers:
    mart = METRICS.models[visual.data_set].mart
    if not visual.values:
        unranked = [field.column for field in visual.groups if field.column not in RANKS]
        counts = Counter(_rows(engine, mart, unranked))
        return {row: {"rows": (count, 0)} for row, count in counts.items()}
    shown = {field.column for field in visual.groups}
    groups = [_group(field.column, field.granularity) for field in visual.groups]
    groups += [f'CAST("{column}" AS VARCHAR)' for column in visual.filters if column not in shown]
    metrics = _metrics(visual)
    asked = ", ".join([*groups, *(part for metric in metrics for part in _parts(metric))])
    divided = f"GROUP BY {', '.join(map(str, range(1, len(groups) + 1)))}" if groups else ""
    width = len(groups)
    return {
        tuple(row[:width]): {
            metric.name: (row[width + 2 * place] or 0, row[width + 2 * place + 1] or 0)
            for place, metric in enumerate(metrics)
        }
        for row in engine.ask(f"SELECT {asked} FROM {engine.keep(mart)} {divided}")
    }


def _metrics(visual: DeployedVisual) -> list[Metric]:
    return [METRICS.metrics[field.column.removeprefix("metric_")] for field in visual.values]


def _rows(engine: SecondEngine, mart: str, columns: Sequence[str]) -> list[Key]:
    texts = ", ".join(f'CAST("{column}" AS VARCHAR)' for column in columns)
    return engine.ask(f"SELECT {texts} FROM {engine.keep(mart)}")


def _group(column: str, granularity: str | None) -> str:
    """Return a group as text: the first day of a period, found in another way than by the report."""
    if granularity == "WEEK":
        return f'CAST(CAST("{column}" AS DATE) - (isodow("{column}") - 1)::INTEGER AS VARCHAR)'
    if granularity == "MONTH":
        return f'CAST(make_date(year("{column}"), month("{column}"), 1) AS VARCHAR)'
    return f'CAST(CAST("{column}" AS DATE) AS VARCHAR)' if granularity else f'CAST("{column}" AS VARCHAR)'


def _parts(metric: Metric) -> tuple[str, str]:
    above, below = metric.numerator, metric.denominator
    if below is not None:
        return _aggregated(above), _aggregated(below)
    if above.aggregation is Aggregation.AVERAGE:
        return f"sum({above.expression})", f"count({above.expression})"
    return _aggregated(above), "0"


def _aggregated(measure: Measure) -> str:
    of = f"DISTINCT {measure.expression}" if measure.aggregation is Aggregation.COUNT_DISTINCT else measure.expression
    return f"{measure.aggregation.removesuffix('_distinct')}({of})"


# ---- whether Athena's are the same


def _wrong(engine: SecondEngine, visual: DeployedVisual, rows: Sequence[Key]) -> list[Any]:
    """Return what Athena answers that the second engine does not, and the other way round."""
    if not visual.values:
        right = Counter(_rows(engine, METRICS.models[visual.data_set].mart, [one.column for one in visual.groups]))
        given = Counter(tuple(map(_plain, row[: len(visual.groups)])) for row in rows)
        # The page takes so many rows and no more; which of the others are left out is not said.
        missing = right - given if len(rows) < MOST_ROWS else Counter()
        return [*(given - right), *missing]
    numbers = _numbers(engine, visual)
    metrics, width = _metrics(visual), len(rows[0]) - len(visual.values) if rows else 0
    found = {tuple(row[:width]): row[width:] for row in rows}
    wrong: list[Any] = [*(found.keys() ^ numbers.keys())]
    for key, values in found.items():
        for metric, value in zip(metrics, values, strict=True):
            if key in numbers and not _is(value, numbers[key][metric.name], metric):
                wrong.append((key, metric.name, value, numbers[key][metric.name]))
    return wrong


def _plain(text: str | None) -> str | None:
    return text.removesuffix(".000000") if text else text


def _is(value: str | None, parts: Parts, metric: Metric) -> bool:
    above, below = parts
    divided = metric.denominator is not None or metric.numerator.aggregation is Aggregation.AVERAGE
    if not divided:
        return Decimal(value or 0) == above
    if not below:
        return value is None
    return value is not None and math.isclose(float(value), float(above) / float(below), rel_tol=1e-9, abs_tol=1e-12)
