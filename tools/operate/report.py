"""`c360 report`: what `ops.report` draws, with the terminal around it."""

from pathlib import Path

from ops.report.report import There, draw
from tools.console import Steps
from tools.operate.persona import Analyst


def run(steps: Steps, environment: str, folder: Path) -> list[Path]:
    """Draw the dashboards of a deployed environment as the marketing analyst sees them; return the pages.

    Raises:
        WrongUsageError: nothing of the environment is deployed there.
        NoDashboardsError: it has no dashboards.
        NotDrawnError: a dashboard has something that cannot be drawn.
        QuestionFailedError: Athena did not answer.
    """
    analyst = Analyst.of(environment)
    there = There(
        environment=environment,
        account=analyst.session.client("sts").get_caller_identity()["Account"],
        quicksight=analyst.session.client("quicksight"),
        athena=analyst.athena,
        workgroup=analyst.workgroup,
    )
    pages = []
    with steps.step("Draw the dashboards"):
        for path, told in draw(there, folder):
            pages.append(path)
            steps.note(f"{told.dashboard.name}: {path}")
    steps.result({"pages": [str(path) for path in pages]})
    return pages
