import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from c360_core import contracts
from tests.infrastructure.assembly import Assembly, placeholder_assets, synthesize
from tools import build

ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture(scope="session", autouse=True)
def _contracts() -> None:
    build.stage_contracts()


@pytest.fixture(scope="session")
def assemblies(_contracts, tmp_path_factory) -> dict[str, Assembly]:
    """All environments, synthesised once: each takes seconds, most of them for validation."""
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return {name: synthesize(name, assets, tmp_path_factory.mktemp(name)) for name in ENVIRONMENTS}


@pytest.fixture(params=ENVIRONMENTS)
def assembly(request, assemblies) -> Assembly:
    return assemblies[request.param]


@pytest.fixture
def dev(assemblies) -> Assembly:
    return assemblies["dev"]


@pytest.fixture
def prod(assemblies) -> Assembly:
    return assemblies["prod"]


@pytest.fixture(scope="session")
def agreed(_contracts) -> contracts.Contracts:
    return contracts.load()


@pytest.fixture
def snapshot_json(snapshot):
    return snapshot.use_extension(JSONSnapshotExtension)
