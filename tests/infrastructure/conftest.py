import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from c360_core import contracts
from c360_core.names import ENVIRONMENTS
from config.settings import load
from tests.infrastructure.assembly import (
    Assembly,
    placeholder_assets,
    sleeping_dev,
    synthesize,
    with_mapped_ids,
    with_msk,
)
from tests.infrastructure.estate import Estate
from tools.build import staging


@pytest.fixture(scope="session", autouse=True)
def _contracts() -> None:
    staging.stage_contracts()


@pytest.fixture(scope="session")
def assemblies(_contracts, tmp_path_factory) -> dict[str, Assembly]:
    """All environments, synthesised once: each takes seconds, most of them for validation."""
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return {name: synthesize(load(name), assets, tmp_path_factory.mktemp(name)) for name in ENVIRONMENTS}


@pytest.fixture(scope="session")
def shop(_contracts, tmp_path_factory) -> Assembly:
    """A small environment that takes events from the browsers of a shop's visitors."""
    folder = tmp_path_factory.mktemp("settings")
    origins = "[https://shop.example.com, http://localhost:3000]"
    (folder / "dev.yaml").write_text(
        f"collection: {{collector: {{allowed_origins: {origins}, reserved_concurrency: 40}}}}\n"
        "unification: {api_reserved_concurrency: 20}",
        encoding="utf-8",
    )
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def still_keys(_contracts, tmp_path_factory) -> Assembly:
    """A small environment whose API keys do not rotate."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "dev.yaml").write_text("collection: {collector: {key_rotation_days: 0}}", encoding="utf-8")
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("still_keys"))


@pytest.fixture(scope="session")
def asleep(_contracts, tmp_path_factory) -> Assembly:
    """The environment `dev` without its streams."""
    settings = sleeping_dev(tmp_path_factory.mktemp("settings"))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(settings, assets, tmp_path_factory.mktemp("asleep"))


@pytest.fixture(scope="session")
def msk(_contracts, tmp_path_factory) -> Assembly:
    """Every switch on, and the streams on MSK."""
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(with_msk("everything"), assets, tmp_path_factory.mktemp("msk"))


@pytest.fixture(scope="session")
def estate_on_msk(msk) -> Estate:
    return Estate(msk)


@pytest.fixture(scope="session")
def mapped(_contracts, tmp_path_factory) -> Assembly:
    """Every switch on, and a partner whose ids are mapped to ours."""
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(with_mapped_ids("everything"), assets, tmp_path_factory.mktemp("mapped"))


@pytest.fixture(scope="session")
def estate_mapped(mapped) -> Estate:
    return Estate(mapped)


@pytest.fixture(params=ENVIRONMENTS)
def assembly(request, assemblies) -> Assembly:
    return assemblies[request.param]


@pytest.fixture(params=[name for name in ENVIRONMENTS if name != "everything"])
def customary(request, assemblies) -> Assembly:
    """An environment as a platform team would choose it."""
    return assemblies[request.param]


@pytest.fixture(scope="session")
def estates(assemblies) -> dict[str, Estate]:
    """All environments with their references resolved."""
    return {name: Estate(assembly) for name, assembly in assemblies.items()}


@pytest.fixture
def estate(assembly, estates) -> Estate:
    return estates[assembly.settings.environment]


@pytest.fixture
def dev(assemblies) -> Assembly:
    return assemblies["dev"]


@pytest.fixture
def everything(assemblies) -> Assembly:
    """Every switch on."""
    return assemblies["everything"]


@pytest.fixture
def prod(assemblies) -> Assembly:
    return assemblies["prod"]


@pytest.fixture(scope="session")
def agreed(_contracts) -> contracts.Contracts:
    return contracts.load()


@pytest.fixture
def snapshot_json(snapshot):
    return snapshot.use_extension(JSONSnapshotExtension)
