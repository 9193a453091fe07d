"""The notebooks of the repository: one asks Athena and one Spark, and both say what the marts say."""

from pathlib import Path
from typing import Any, Final

from c360_core.names import Zone, database_name
from c360_core.personas import MARKETING_ANALYST
from ops.notebooks import run as running
from twin.scenario.deployment import Deployment
from twin.scenario.result import Check
from twin.settings import python_of

ON_ATHENA, ON_SPARK = "explore", "explore_spark"
COMPARED: Final = ("interactions", "orders", "net_amount")


def checks(deployment: Deployment, folder: Path) -> list[Check]:
    """Run both as the marketing analyst's notebooks run, and compare what they count with what the marts are made of.

    Raises:
        NotebookFailedError: a cell failed; the message is that of the cell.
    """
    athena, spark = (_answer(deployment, name, folder) for name in (ON_ATHENA, ON_SPARK))
    products = database_name(deployment.emulator.settings.environment, Zone.PRODUCTS)
    orders = deployment.query(f"SELECT sum(orders) FROM {products}.interactions_by_key_day")[0][0]  # noqa: S608
    differing = [name for name in COMPARED if athena[name] != spark[name]]
    return [
        Check(name="orders that a notebook counts on Spark", expected=int(orders or 0), actual=spark["orders"]),
        Check(name="figures of notebooks that differ on Athena and Spark", expected="", actual=", ".join(differing)),
    ]


def _answer(deployment: Deployment, name: str, folder: Path) -> dict[str, Any]:
    settings, notebook = deployment.emulator.settings, running.FOLDER / f"{name}.ipynb"
    acting = running.variables(
        settings.session(),
        deployment.outputs,
        settings.environment,
        MARKETING_ANALYST,
        on_spark=running.is_on_spark(notebook),
        endpoint=settings.endpoint,
    )
    output = folder / f"{name}.ipynb"
    running.run(notebook, output, acting, python=python_of("notebooks"))
    return running.answer(output)
