import pytest

from c360_core.contracts import Contracts
from tools.contracts import ContractsDocument, load_and_check


@pytest.fixture(scope="session")
def document() -> ContractsDocument:
    return load_and_check()


@pytest.fixture(scope="session")
def contracts(document) -> Contracts:
    return document.contracts
