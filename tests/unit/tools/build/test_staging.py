"""Assets are built once, again when their sources change, hold what they use, and are missed by name."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from stacks.shared.assets import AssetMissingError, Assets
from tools.build import staging, wheels
from tools.build.stamps import digest

SOURCES = {
    "lambdas/__init__.py": "",
    "lambdas/orders/__init__.py": "",
    "lambdas/orders/handler.py": "from c360_core import contracts\nfrom lambdas.orders.steps import STEPS",
    # A registry loads what is in its folder: nothing imports these by name.
    "lambdas/orders/steps/__init__.py": "import pkgutil\n\nSTEPS = [*pkgutil.iter_modules(__path__)]",
    "lambdas/orders/steps/first.py": "import anyascii",
    "lambdas/orders/wording.txt": "Thank you",
    "lambdas/stock/__init__.py": "",
    "lambdas/stock/handler.py": "import boto3\nfrom lambdas.shared import clock",
    "lambdas/shared/__init__.py": "",
    "lambdas/shared/clock.py": "from zoneinfo import ZoneInfo",
    "c360_aws/__init__.py": "",
    "c360_aws/unused.py": "import fastjsonschema",
    "c360_core/__init__.py": "",
    "c360_core/contracts.py": 'FILE = "contracts.json"\nfrom typing import TYPE_CHECKING\n'
    "if TYPE_CHECKING:\n    from c360_core import segment",
    "c360_core/contracts.json": "{}",
    "c360_core/segment.py": 'FILE = "segments.json"',
    "c360_core/segments.json": "[]",
    "glue_jobs/__init__.py": "",
    "glue_jobs/load/__init__.py": "",
    "glue_jobs/load/main.py": "import pyspark\nfrom c360_core import segment",
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "ROOT", tmp_path)
    monkeypatch.setattr(staging, "ASSETS", tmp_path / "build")
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "lambdas" / "orders" / "__pycache__").mkdir()
    (tmp_path / "lambdas" / "orders" / "__pycache__" / "handler.pyc").write_text("")
    return tmp_path


def held(folder: Path) -> set[str]:
    """The files of an asset that are ours."""
    ours = ("lambdas", "c360_aws", "c360_core", "glue_jobs")
    return {path.relative_to(folder).as_posix() for top in ours for path in (folder / top).rglob("*") if path.is_file()}


def digests(repository: Path) -> dict[str, str]:
    """The digest of what each asset holds, as the CDK takes one."""
    staging.stage_functions()
    staging.stage_glue_library()
    assets = [*(repository / "build" / "lambdas").iterdir(), repository / "build" / "glue_lib"]
    return {path.name: digest(repository, [path]) for path in assets if path.is_dir()}


def test_a_function_holds_what_it_uses_and_nothing_else(repository):
    staging.stage_functions()

    orders, stock = repository / "build" / "lambdas" / "orders", repository / "build" / "lambdas" / "stock"
    assert held(orders) == {
        "lambdas/__init__.py",
        "lambdas/orders/__init__.py",
        "lambdas/orders/handler.py",
        "lambdas/orders/steps/__init__.py",
        "lambdas/orders/steps/first.py",
        "lambdas/orders/wording.txt",
        "c360_core/__init__.py",
        "c360_core/contracts.py",
        "c360_core/contracts.json",
    }
    assert held(stock) == {
        "lambdas/__init__.py",
        "lambdas/stock/__init__.py",
        "lambdas/stock/handler.py",
        "lambdas/shared/__init__.py",
        "lambdas/shared/clock.py",
    }
    assert (orders / "anyascii" / "__init__.py").is_file()
    assert not (orders / "tzdata").exists()
    assert (stock / "tzdata" / "__init__.py").is_file()
    assert not [path for path in orders.rglob("*") if path.name in {"__pycache__", "boto3", "fastjsonschema"}]


@pytest.mark.parametrize(
    ("changed", "assets"),
    [
        ("lambdas/orders/handler.py", {"orders"}),
        ("lambdas/orders/steps/first.py", {"orders"}),
        ("lambdas/shared/clock.py", {"stock"}),
        ("c360_core/contracts.json", {"orders"}),
        ("c360_core/segments.json", {"glue_lib"}),
        ("c360_aws/unused.py", set()),
    ],
)
def test_a_change_alters_the_digest_of_those_alone_that_use_it(repository, changed, assets):
    before = digests(repository)
    (repository / changed).write_text((repository / changed).read_text() + "\n")

    after = digests(repository)

    assert {name for name in before if before[name] != after[name]} == assets


def test_every_function_and_application_of_the_project_is_found_and_can_be_shipped():
    """What the project's functions import is on their runtime, or ships."""
    graph = staging.ImportGraph.read(staging.ROOT, staging.python_files(staging.ROOT, ("lambdas", *staging.SHARED)))
    for name in staging.functions():
        folder = f"lambdas/{name}"
        code = staging.Code.used_by(staging.ROOT, graph, (folder,), present=staging.LAMBDA_HAS)
        others = [other for other in staging.functions() if other != name]
        assert f"{folder}/handler.py" in code.files
        assert not [file for file in code.files for other in others if file.startswith(f"lambdas/{other}/")]
    assert {"clean", "unify"} <= set(staging.flink.applications())
    assert {"collector", "decision", "profile_writer"} <= set(staging.functions())


def test_unchanged_sources_are_not_built_again(repository):
    staging.stage_functions()
    marker = repository / "build" / "lambdas" / "orders" / "marker"
    marker.write_text("still here")
    staging.stage_functions()
    assert marker.exists()


def test_a_lost_asset_is_built_again_and_one_of_a_removed_function_goes(repository):
    staging.stage_functions()
    folder = repository / "build" / "lambdas"
    (folder / "orders").rename(repository / "elsewhere")
    (repository / "lambdas" / "stock" / "handler.py").unlink()

    staging.stage_functions()

    assert (folder / "orders" / "lambdas" / "orders" / "handler.py").exists()
    assert not (folder / "stock").exists()


def test_a_library_that_neither_ships_nor_is_there_is_named_with_who_imports_it(repository):
    (repository / "lambdas" / "orders" / "handler.py").write_text("import rich")
    with pytest.raises(wheels.BuildError, match=r"lambdas/orders/handler\.py imports rich, which .* WHEELS"):
        staging.stage_functions()


@pytest.mark.parametrize(
    ("wheel", "complaint"),
    [
        ("not-a-library", "not-a-library is not installed"),
        ("pydantic-core", "pydantic-core is not pure Python"),
    ],
)
def test_a_library_that_cannot_ship_is_refused(repository, monkeypatch, wheel, complaint):
    monkeypatch.setattr("tools.build.code.WHEELS", {"anyascii": (wheel,), "zoneinfo": ("tzdata",)})
    with pytest.raises(wheels.BuildError, match=complaint):
        staging.stage_functions()


def test_two_libraries_that_bring_the_same_file_are_refused(tmp_path, monkeypatch):
    bring = {
        "one": ["shared/data.txt", "../../bin/one"],
        "two": ["shared/data.txt"],
    }
    (tmp_path / "data.txt").write_text("x")

    def installed(name):
        files = [wheels.PurePath(file) for file in bring[name]]
        return SimpleNamespace(
            files=files, read_text=lambda _: "Root-Is-Purelib: true", locate_file=lambda _: tmp_path / "data.txt"
        )

    monkeypatch.setattr(wheels, "distribution", installed)
    wheels.copy_wheel("one", tmp_path / "asset")
    with pytest.raises(wheels.BuildError, match=r"two brings shared/data\.txt, which asset already has"):
        wheels.copy_wheel("two", tmp_path / "asset")
    assert [path.name for path in (tmp_path / "asset").rglob("*") if path.is_file()] == ["data.txt"]


def test_the_dbt_project_ships_with_its_pins_and_without_what_dbt_wrote(repository):
    (repository / "sql" / "target").mkdir(parents=True)
    (repository / "sql" / "dbt_project.yml").write_text("name: x")
    (repository / "requirements").mkdir()
    (repository / "requirements" / "dbt.txt").write_text("dbt-core==1.12.6")
    folder = staging.stage_dbt()
    assert (folder / "requirements.txt").read_text() == "dbt-core==1.12.6"
    assert [path.name for path in (folder / "sql").iterdir()] == ["dbt_project.yml"]


def test_a_missing_asset_says_how_to_build_it(tmp_path):
    with pytest.raises(
        AssetMissingError, match=r"orders does not exist; build the assets first: python -m tools\.build"
    ):
        Assets(root=tmp_path).function_code("orders")


@pytest.fixture
def assembled(repository, monkeypatch):
    """A repository whose assembly takes no CDK; returns the environments that were synthesised."""
    made = []

    def synthesize(environment):
        made.append(environment)
        folder = repository / environment
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_text("{}")

    monkeypatch.setattr(staging, "assembly_folder", lambda environment: repository / environment)
    monkeypatch.setattr(staging, "synthesize", synthesize)
    staging.stage_functions()
    return made


def test_an_assembly_of_the_same_is_kept(repository, assembled):
    folder = staging.assemble("dev")
    assert staging.assemble("dev") == folder == repository / "dev"
    staging.assemble("prod")
    assert assembled == ["dev", "prod"]


@pytest.mark.parametrize(
    "source", ["app.py", "stacks/stack.py", "c360_core/contracts.json", "lambdas/stock/handler.py"]
)
def test_an_assembly_of_something_else_is_made_again(repository, assembled, source):
    staging.assemble("dev")
    (repository / source).parent.mkdir(exist_ok=True)
    (repository / source).write_text("# changed")
    staging.stage_functions()
    staging.assemble("dev")
    assert assembled == ["dev", "dev"]


def test_an_assembly_is_made_again_where_one_asks_for_it_or_has_lost_it(repository, assembled):
    staging.assemble("dev")
    staging.assemble("dev", force=True)
    (repository / "dev" / "manifest.json").unlink()
    staging.assemble("dev")
    assert assembled == ["dev"] * 3


def test_an_assembly_that_failed_half_way_is_not_kept(repository, assembled, monkeypatch):
    staging.assemble("dev")
    (repository / "app.py").write_text("raise SystemExit")
    with monkeypatch.context() as patched:
        patched.setattr(staging, "synthesize", lambda _environment: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            staging.assemble("dev")
    (repository / "app.py").unlink()
    staging.assemble("dev")
    assert assembled == ["dev"] * 2
