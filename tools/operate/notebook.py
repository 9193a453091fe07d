"""`c360 notebook`: runs a notebook of the repository against a deployment, as a persona's notebooks run there."""

import os
from pathlib import Path
from typing import Any, Final

import boto3

from c360_core.names import stack_name
from c360_core.personas import MARKETING_ANALYST
from ops.deployed_stacks import outputs, stacks
from ops.notebooks import run as running
from tools.console import Steps
from tools.environments import bootstrap, groups
from tools.errors import WrongUsageError
from tools.notebooks import notebooks

_ENDPOINT: Final = "AWS_ENDPOINT_URL"


def run(steps: Steps, environment: str, name: str, folder: Path) -> Path:
    """Run a notebook from its first cell to its last as the marketing analyst, and return what was written.

    Raises:
        WrongUsageError: there is no such notebook, or the environment has no studio for it.
        NotebookFailedError: a cell failed; the message is that of the cell.
    """
    known = {path.stem: path for path in notebooks()}
    if name not in known:
        raise WrongUsageError(f"there is no notebook {name} in notebooks/: write one of {', '.join(known)}")
    session: Any = boto3.Session()
    found = stacks(session.client("cloudformation"))
    names = [stack_name(environment, one) for one in ("analytics", "governance")]
    said = outputs(found[one] for one in names if one in found)
    try:
        acting = running.variables(
            session,
            said,
            environment,
            MARKETING_ANALYST,
            on_spark=running.is_on_spark(known[name]),
            endpoint=os.environ.get(_ENDPOINT, ""),
        )
    except running.NoStudioError as error:
        raise WrongUsageError(str(error)) from error
    bootstrap.sync(groups.NOTEBOOKS)
    output = folder / f"{name}.ipynb"
    with steps.step(f"Run {name}"):
        python = bootstrap.ENVIRONMENTS / groups.NOTEBOOKS / "bin" / "python"
        running.run(known[name], output, acting, python=python)
    steps.note(str(output))
    steps.result({"notebook": name, "output": str(output), "answer": running.answer(output)})
    return output
