"""The dashboards: their data sets are filled, and their pages show the numbers of the metrics."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from c360_core.names import Zone, database_name, quicksight_id
from c360_metrics.reader import read
from c360_metrics.statements import statement
from ops.report.deployed import DeployedVisual
from ops.report.page import Answered
from ops.report.report import There, dashboards, draw
from twin.principals import Principal
from twin.scenario.analysis import as_role
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.result import Check
from twin.scenario.waiting import until
from twin.settings import ACCOUNT, ROOT

FOLDER: Final = "dashboards"
_REFRESH_SECONDS: Final = 120.0
_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_NUMBER: Final = "KPIVisual"


def there(deployment: Deployment) -> There:
    """Return the dashboards as an operator sees their definitions and the marketing analyst their numbers."""
    return There(
        environment=deployment.emulator.settings.environment,
        account=ACCOUNT,
        quicksight=deployment.client("quicksight"),
        athena=as_role(deployment, deployment.outputs["MarketingAnalystRoleArn"]),
        workgroup=deployment.outputs["MarketingAnalystWorkgroupName"],
    )


def checks(deployment: Deployment, folder: Path) -> list[Check]:
    """Fill the data sets and draw the pages into a folder; compare both with what Athena says by other statements.

    Raises:
        StepFailedError: a refresh failed; the message quotes the reason.
    """
    known, at = read(ROOT / "sql"), there(deployment)
    rows, expected, bare = 0, 0, set[str]()
    # All at once, as the schedules do in the morning.
    begun = [_refresh(deployment, model) for model in sorted({n for one in dashboards(at) for n in one.queries})]
    for model, ingestion in begun:
        rows += _filled(deployment, model, ingestion)
        count = deployment.count(f"{_products(deployment)}.{known.models[model].mart}")
        expected += count
        bare |= set() if count else {model}
    drawn = [told for _, told in draw(at, folder)]
    visuals = [(told, visual) for told in drawn for visual in told.dashboard.visuals]
    shown = [(told, one) for told, one in visuals if one.kind == _NUMBER and one.data_set not in bare]
    differing = [visual.id for told, visual in shown if _shown(told, visual) != _by_metric(deployment, told, visual)]
    empty = [visual.id for told, visual in visuals if not told.rows[visual.id]]
    without = [visual.id for _, visual in visuals if visual.data_set in bare]
    return [
        Check(name="rows in the dashboards' data sets", expected=expected, actual=rows),
        Check(name="visuals of the dashboards without data", expected=", ".join(without), actual=", ".join(empty)),
        Check(name="numbers of the dashboards that differ from their metric", expected="", actual=", ".join(differing)),
    ]


def _products(deployment: Deployment) -> str:
    return database_name(deployment.emulator.settings.environment, Zone.PRODUCTS)


def _refresh(deployment: Deployment, model: str) -> tuple[str, Mapping[str, str]]:
    """Begin to fill a data set; return its model, and the names of what has begun."""
    names = {
        "AwsAccountId": ACCOUNT,
        "DataSetId": quicksight_id(deployment.emulator.settings.environment, model),
        "IngestionId": uuid.uuid4().hex,
    }
    _operator(deployment).create_ingestion(**names)
    return model, names


def _filled(deployment: Deployment, model: str, names: Mapping[str, str]) -> int:
    """Wait until a data set is filled; return how many rows it has then."""
    quicksight = _operator(deployment)
    ended = until(
        f"the data set {model} is filled",
        lambda: quicksight.describe_ingestion(**names)["Ingestion"],
        lambda seen: seen["IngestionStatus"] in _ENDED,
        seconds=_REFRESH_SECONDS,
        pause=0.1,
    )
    if ended["IngestionStatus"] != "COMPLETED":
        raise StepFailedError(f"the data set {model} was not filled: {ended['ErrorInfo']}")
    return int(ended["RowInfo"]["RowsIngested"])


def _operator(deployment: Deployment) -> Any:
    return deployment.client("quicksight", Principal.OPERATOR)


def _choice(told: Answered) -> dict[str, str]:
    return {one.name: one.default for one in told.dashboard.parameters if one.default is not None}


def _shown(told: Answered, visual: DeployedVisual) -> str | None:
    """Return the number that a reader of the page sees first."""
    chosen = {f"choice_{column}": _choice(told)[name] for column, name in visual.filters.items()}
    [row] = [one for one in told.rows[visual.id] if all(one[key] == value for key, value in chosen.items())]
    found: str | None = row[visual.values[0].id]
    return found


def _by_metric(deployment: Deployment, told: Answered, visual: DeployedVisual) -> str | None:
    """Return the same number by the metric's own statement, which nothing of QuickSight is in."""
    metric = read(ROOT / "sql").metrics[visual.values[0].column.removeprefix("metric_")]
    names = {one.column.name: one.name for one in metric.model.dimensions}
    where = {names[column]: _choice(told)[name] for column, name in visual.filters.items()}
    asked = statement([metric], where=where).replace(
        f'"{metric.model.mart}"', f"{_products(deployment)}.{metric.model.mart}"
    )
    return deployment.query(asked)[0][0]
