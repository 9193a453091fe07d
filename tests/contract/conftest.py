import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_core.contracts import Contracts
from tools.contracts import CONTRACTS_DIRECTORY, ContractsDocument, load_and_check


def change_contract(directory: Path, file: str, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / file
    contract = yaml.safe_load(path.read_text())
    change(contract)
    path.write_text(yaml.safe_dump(contract, sort_keys=False))


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
