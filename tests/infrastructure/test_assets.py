"""Assets are built once, again when their sources change, and missed by name."""

import pytest

from stacks.shared.assets import AssetMissingError, Assets
from tools.build import staging


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "ROOT", tmp_path)
    monkeypatch.setattr(staging, "ASSETS", tmp_path / "build")
    for package in ("lambdas", "c360_aws", "c360_core"):
        (tmp_path / package / "__pycache__").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text(f"# {package}")
        (tmp_path / package / "__pycache__" / "x.pyc").write_text("")
    (tmp_path / "c360_core" / "contracts.json").write_text("{}")
    return tmp_path


def test_lambda_asset_holds_our_code_its_data_and_pure_libraries(repository):
    folder = staging.stage_lambda()
    for name in (
        "lambdas/__init__.py",
        "c360_aws/__init__.py",
        "c360_core/contracts.json",
        "fastjsonschema/__init__.py",
        "anyascii/__init__.py",
    ):
        assert (folder / name).is_file(), name
    assert not list(folder.rglob("__pycache__"))


def test_unchanged_sources_are_not_built_again(repository):
    marker = staging.stage_lambda() / "marker"
    marker.write_text("still here")
    staging.stage_lambda()
    assert marker.exists()


def test_changed_sources_are_built_again(repository):
    folder = staging.stage_lambda()
    (repository / "lambdas" / "__init__.py").write_text("# changed")
    staging.stage_lambda()
    assert (folder / "lambdas" / "__init__.py").read_text() == "# changed"


def test_a_lost_asset_is_built_again(repository):
    folder = staging.stage_lambda()
    (folder / "lambdas" / "__init__.py").unlink()
    folder.rename(folder.with_name("elsewhere"))
    assert (staging.stage_lambda() / "lambdas" / "__init__.py").exists()


def test_a_library_that_is_not_installed_is_named(repository, monkeypatch):
    monkeypatch.setattr(staging, "LAMBDA_WHEELS", ("not-a-library",))
    with pytest.raises(staging.BuildError, match="not-a-library is not installed"):
        staging.stage_lambda()


def test_a_library_with_native_code_is_refused(repository, monkeypatch):
    monkeypatch.setattr(staging, "LAMBDA_WHEELS", ("pydantic-core",))
    with pytest.raises(staging.BuildError, match="pydantic-core is not pure Python"):
        staging.stage_lambda()


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
        AssetMissingError, match=r"lambda does not exist; build the assets first: python -m tools\.build"
    ):
        _ = Assets(root=tmp_path).lambda_code


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
    staging.stage_lambda()
    return made


def test_an_assembly_of_the_same_is_kept(repository, assembled):
    folder = staging.assemble("dev")
    assert staging.assemble("dev") == folder == repository / "dev"
    staging.assemble("prod")
    assert assembled == ["dev", "prod"]


@pytest.mark.parametrize("source", ["app.py", "stacks/stack.py", "c360_core/contracts.json", "lambdas/__init__.py"])
def test_an_assembly_of_something_else_is_made_anew(repository, assembled, source):
    staging.assemble("dev")
    (repository / source).parent.mkdir(exist_ok=True)
    (repository / source).write_text("# changed")
    staging.stage_lambda()
    staging.assemble("dev")
    assert assembled == ["dev", "dev"]


def test_an_assembly_is_made_anew_where_one_asks_for_it_or_has_lost_it(repository, assembled):
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
