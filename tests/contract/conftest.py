import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_core.contracts import Contracts
from tools.contracts import CONTRACTS_DIRECTORY, ContractsDocument, ContractsError, load_and_check


def change_contract(directory: Path, file: str, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / file
    contract = yaml.safe_load(path.read_text())
    change(contract)
    path.write_text(yaml.safe_dump(contract, sort_keys=False))


def assert_names_problem(
    directory: Path, file: str, change: Callable[[dict[str, Any]], object], field: str, message: str, fix: str
) -> None:
    """Change a contract, and assert that the check names the file, the field and the fix."""
    change_contract(directory, file, change)

    with pytest.raises(ContractsError) as caught:
        load_and_check(directory)

    matching = [problem for problem in caught.value.problems if problem.file == file and problem.field == field]
    assert matching, str(caught.value)
    assert message in matching[0].message
    assert fix in matching[0].fix


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of all contracts, to be changed."""
    shutil.copytree(CONTRACTS_DIRECTORY, tmp_path / "contracts")
    return tmp_path / "contracts"


@pytest.fixture(scope="session")
def document() -> ContractsDocument:
    return load_and_check()


@pytest.fixture(scope="session")
def contracts(document) -> Contracts:
    return document.contracts
