"""How each script starts and ends: arguments in, one line for people when it fails."""

import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from c360_ml.errors import InputError
from c360_ml.targets import TARGETS

OPT: Final = Path("/opt/ml")
PROCESSING: Final = OPT / "processing"
LOG: Final = logging.getLogger("c360_ml")
# SageMaker shows what a training job writes into the one and a processing job into the other.
_SHOWN: Final = ("failure", "message")
_LONGEST: Final = 1000  # SageMaker cuts a reason off there
_DEFAULT_SEED: Final = 7


def parser(module: str, description: str | None) -> ArgumentParser:
    """Return a parser that takes an option with dashes or, as hyperparameters have them, with underscores."""
    return _Parser(prog=f"python -m c360_ml.{module}", description=description, allow_abbrev=False)


def add_target(to: ArgumentParser) -> None:
    """Add the option that says which of the models it is about."""
    to.add_argument("--target", required=True, choices=sorted(TARGETS), help="the model")


def add_seed(to: ArgumentParser) -> None:
    """Add the option that makes chance repeatable."""
    to.add_argument("--seed", type=int, default=_DEFAULT_SEED, help="the same seed and rows give the same result")


def add_folder(to: ArgumentParser, name: str, *, default: Path, variable: str | None = None, about: str) -> None:
    """Add an option for a folder: the variable's, if the container sets it, else the container's usual one."""
    found = os.environ.get(variable) if variable else None
    to.add_argument(f"--{name}", type=Path, default=Path(found) if found else default, help=about)


def run(body: Callable[[Namespace], None], parsed: Namespace, *, shown_in: Path = OPT / "output") -> int:
    """Run a script and return its exit status; explain what it was given that cannot be used."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    try:
        body(parsed)
    except InputError as error:
        line = f"error: {error}"
        LOG.error("%s", line)  # noqa: TRY400  # the line says it all; a traceback would hide it
        if shown_in.is_dir():
            for name in _SHOWN:
                (shown_in / name).write_text(line[:_LONGEST], encoding="utf-8")
        return 1
    return 0


class _Parser(ArgumentParser):
    def parse_args(  # type: ignore[override]  # one of its two forms is enough here
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> Namespace:
        given = sys.argv[1:] if args is None else args
        dashed = [_with_dashes(one) if one.startswith("--") else one for one in given]
        return super().parse_args(dashed, namespace)


def _with_dashes(option: str) -> str:
    name, equals, value = option.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}"
