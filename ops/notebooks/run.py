"""Runs a notebook in the environment of the notebooks, as the role of a persona's notebooks in a deployment."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from c360_core.personas import PersonaDefinition
from ops.notebooks.execute import PYSPARK
from ops.persona_session import persona_session

# The output of the analytics stack that has the id of the application of notebooks on Spark.
APPLICATION: Final = "NotebookApplicationId"
ANSWER: Final = "answer"  # the tag of the cell that prints a notebook's figures
ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "notebooks"
# A notebook acts as the role alone: nothing else of the caller's session reaches it.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "AWS_CA_BUNDLE")


class NoStudioError(LookupError):
    """The environment has no studio for a notebook; the message names the switch."""


class NotebookFailedError(RuntimeError):
    """A cell of a notebook failed; the message names the notebook and says why."""


def is_on_spark(notebook: Path) -> bool:
    """Say whether a notebook has the kernel of PySpark."""
    document = json.loads(notebook.read_text(encoding="utf-8"))
    return bool(document["metadata"]["kernelspec"]["name"] == PYSPARK)


def variables(
    session: Any,
    said: Mapping[str, str],
    environment: str,
    persona: PersonaDefinition,
    *,
    on_spark: bool,
    endpoint: str,
) -> dict[str, str]:
    """Return the variables of a process in which a notebook of a persona runs.

    It acts as the role of the persona's notebooks; for a notebook on Spark as the persona, who may begin a session.

    Args:
        session: the caller's, of boto3, with a Region.
        said: the outputs of the deployed stacks.
        environment: the deployed environment.
        persona: whose notebook it is.
        on_spark: the notebook has the kernel of PySpark.
        endpoint: of the emulator that stands for AWS; else empty.

    Raises:
        NoStudioError: the environment has no studio for it.
        ClientError: the caller may not take the role.
    """
    needed, switch = (
        (persona.spark_role_output, "analytics.emr_studio.deployed")
        if on_spark
        else (persona.notebook_role_output, "analytics.studio.deployed")
    )
    if needed not in said:
        raise NoStudioError(f"{environment} has no such studio in this account and Region: deploy it with {switch}")
    acting = said[persona.role_output] if on_spark else said[needed]
    role: Any = persona_session(session, acting, endpoint=endpoint or None)
    keys = role.get_credentials().get_frozen_credentials()
    return {
        **{variable: os.environ[variable] for variable in _PASSED_ON if variable in os.environ},
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_SESSION_TOKEN": keys.token,
        "AWS_REGION": session.region_name,
        "AWS_DEFAULT_REGION": session.region_name,
        **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {}),
        "C360_ENVIRONMENT": environment,
        "C360_WORKGROUP": said[persona.workgroup_output],
        **({"C360_APPLICATION": said[APPLICATION], "C360_SPARK_ROLE": said[needed]} if on_spark else {}),
    }


def run(notebook: Path, output: Path, acting: Mapping[str, str], *, python: Path) -> None:
    """Run a notebook from its first cell to its last, and write it down with its outputs.

    Args:
        notebook: the file.
        output: where it is written.
        acting: the variables of its process, and no others.
        python: the interpreter of the environment of the notebooks.

    Raises:
        NotebookFailedError: a cell failed.
    """
    done = subprocess.run(  # our own module
        [str(python), "-m", "ops.notebooks.execute", str(notebook.absolute()), str(output.absolute())],
        cwd=ROOT,
        env={**acting, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise NotebookFailedError(said[-1] if said else f"{notebook.name} failed")


def answer(output: Path) -> dict[str, Any]:
    """Return the figures that the cell with the tag `answer` of an executed notebook has printed."""
    cells = json.loads(output.read_text(encoding="utf-8"))["cells"]
    [cell] = [one for one in cells if ANSWER in one["metadata"].get("tags", ())]
    [printed] = [one["text"] for one in cell["outputs"] if one["output_type"] == "stream"]
    found: dict[str, Any] = json.loads("".join(printed))
    return found
