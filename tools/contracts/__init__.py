"""Checks the data contracts and compiles them into the JSON that every runtime carries.

`python -m tools.contracts` writes `c360_core/contracts.json`, and into the dbt project what the marts show of a profile
(see `marts`); `--check` only looks. Both end with exit code 1 and one line per problem when a contract is wrong.
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from c360_core.contracts import CONTRACTS_FILE, Contracts, from_document
from tools.contracts import marts
from tools.contracts.compiled import as_json, write_json
from tools.contracts.compiler import compile_contracts
from tools.contracts.licences import model_problems, today, use_problems
from tools.contracts.releases import read as read_release
from tools.contracts.releases import release_problems
from tools.contracts.rules import rule_problems
from tools.contracts.standard import SUFFIX, Problem, read_contract

CONTRACTS_DIRECTORY: Final = Path(__file__).resolve().parents[2] / "contracts"
_LOG = logging.getLogger("contracts")


class ContractsError(ValueError):
    """Some contracts are wrong; `problems` holds all of them, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractsDocument:
    """The compiled contracts: plain JSON values, and the same as objects."""

    document: Mapping[str, Any]

    @property
    def contracts(self) -> Contracts:
        """The contracts as the runtimes see them."""
        return from_document(self.document)

    def as_json(self) -> str:
        """Return the text of `contracts.json`; the same contracts always give the same bytes."""
        return as_json(self.document)

    def write_json(self, path: Path = CONTRACTS_FILE) -> None:
        """Write the compiled contracts."""
        write_json(self.document, path)


def load_and_check(
    directory: Path = CONTRACTS_DIRECTORY, *, as_released: bool = True, on: date | None = None
) -> ContractsDocument:
    """Read every contract of a directory.

    Args:
        directory: where the contracts are.
        on: the day on which licences must allow what contracts do with bought data; today by default.
        as_released: refuse what would spoil the tables of the last release, which `released.json` describes.

    Raises:
        ContractsError: with every problem found, each naming the file, the field and the fix.
    """
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    if not paths:
        raise ContractsError(
            [Problem(file=str(directory), field="-", message="holds no contract", fix=f"add files named *{SUFFIX}")]
        )
    problems: list[Problem] = []
    parsed: dict[str, dict[str, Any]] = {}
    for path in paths:
        contract, found = read_contract(path)
        problems += found
        if contract is not None:
            parsed[path.name] = contract
    problems += rule_problems(parsed)
    if problems:
        raise ContractsError(problems)
    document = ContractsDocument(document=compile_contracts(parsed))
    if problems := use_problems(document.contracts, on or today()):
        raise ContractsError(problems)
    if as_released and (problems := release_problems(read_release(directory), document.contracts)):
        raise ContractsError(problems)
    return document


def _refused(problems: Sequence[Problem]) -> int:
    for problem in problems:
        _LOG.error("%s", problem)
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile the contracts; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="look only, write nothing")
    parser.add_argument("--directory", type=Path, default=CONTRACTS_DIRECTORY, help="where the contracts are")
    parser.add_argument("--output", type=Path, default=CONTRACTS_FILE, help="the JSON file to write")
    parser.add_argument("--sql", type=Path, default=marts.SQL_DIRECTORY, help="the dbt project of the marts")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        document = load_and_check(options.directory)
    except ContractsError as error:
        return _refused(error.problems)
    if problems := model_problems(document.contracts, options.sql, today()):
        return _refused(problems)
    if options.check:
        if problems := marts.problems(document.contracts, options.sql):
            return _refused(problems)
    else:
        document.write_json(options.output)
        marts.write(document.contracts, options.sql)
    _LOG.info("%d contracts are right", 1 + len(document.document["sources"]) + len(document.document["products"]))
    return 0
