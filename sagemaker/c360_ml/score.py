"""Scores rows without a server, with the function that the server uses.

python -m c360_ml.score --model FOLDER --input FOLDER --output FOLDER
"""

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Final

from c360_ml import rows, script
from c360_ml.model import load
from c360_ml.serving import scores

PARQUET: Final = "scores.parquet"
LINES: Final = "scores.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("score", __doc__)
    given = script.PROCESSING / "input"
    script.add_folder(options, "model", default=given / "model", about="the model, packed or not")
    script.add_folder(options, "input", default=given / "rows", about="rows with the features")
    script.add_folder(options, "output", default=script.PROCESSING / "output" / "scores", about="gets the scores")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    scored = scores(load(options.model), rows.read(options.input))
    rows.write(scored, options.output / PARQUET)
    rows.write_lines(scored, options.output / LINES)
    script.LOG.info("%d scores", len(scored))


if __name__ == "__main__":
    sys.exit(main())
