"""Runs one notebook from its first cell to its last, and writes it down with its outputs.

`python -m ops.notebooks.execute NOTEBOOK OUTPUT`, in the environment of the notebooks. It acts as whoever the AWS
variables of the process say. A notebook of Python gets a kernel here; one of PySpark gets a session on the application
that C360_APPLICATION names, with the role of C360_SPARK_ROLE. It fails with the message of the cell that fails, and
writes down what was run until then.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

from ops.notebooks.livy import LivySession, endpoint_of

CELL_SECONDS: Final = 600
PYSPARK: Final = "pysparkkernel"


def execute(notebook: Path, output: Path) -> str:
    """Run a notebook; return the message of the cell that failed, or nothing."""
    import nbformat

    document: Any = nbformat.read(notebook, as_version=nbformat.NO_CONVERT)
    on_spark = document.metadata.kernelspec.name == PYSPARK
    try:
        return _on_spark(document, _session()) if on_spark else _here(document, notebook.parent)
    finally:
        output.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(document, output)


def _here(document: Any, folder: Path) -> str:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    client = NotebookClient(
        document, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return ""


def _on_spark(document: Any, session: LivySession) -> str:
    from nbformat.v4 import new_output

    session.open()
    try:
        for number, cell in enumerate(one for one in document.cells if one.cell_type == "code"):
            found = session.run(cell.source)
            cell.execution_count = number + 1
            if found.error:
                name, _, message = found.error.partition(": ")
                cell.outputs = [new_output("error", ename=name, evalue=message, traceback=[])]
                return found.error
            cell.outputs = [new_output("stream", name="stdout", text=found.text)] if found.text else []
    finally:
        session.close()
    return ""


def _session() -> LivySession:
    import boto3

    mine: Any = boto3.Session()
    region = str(mine.region_name)
    return LivySession(
        endpoint=endpoint_of(os.environ["C360_APPLICATION"], region, os.environ.get("AWS_ENDPOINT_URL", "")),
        region=region,
        role=os.environ["C360_SPARK_ROLE"],
        credentials=mine.get_credentials(),
    )


def main() -> None:
    """Run the notebook that the arguments name."""
    failure = execute(Path(sys.argv[1]), Path(sys.argv[2]))
    if failure:
        sys.exit(f"{sys.argv[1]}: {failure}")


if __name__ == "__main__":
    main()
