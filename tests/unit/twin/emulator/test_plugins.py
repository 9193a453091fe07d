"""Every folder of a provider and every module of a patch keeps the interface by which the launcher finds it."""

import ast
import inspect
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import twin.patches
import twin.providers
from twin.emulator import plugins
from twin.emulator.plugins import PluginError
from twin.emulator.provider import MissingProviderError, Provider, Twin
from twin.emulator.wire import PROTOCOLS, Wire
from twin.engines.engine import Engine
from twin.settings import REGION, ROOT, TwinSettings

FOLDERS = sorted(path.parent.name for path in Path(twin.providers.__path__[0]).glob("*/__init__.py"))
PATCHES = sorted(path.stem for path in Path(twin.patches.__path__[0]).glob("*.py") if path.stem != "__init__")
PROVIDERS = list(plugins.providers())


@pytest.fixture
def twin_of(tmp_path: Path) -> Twin:
    return Twin(TwinSettings(home=tmp_path, port=1), PROVIDERS)


def takes_a_request(method: Any) -> bool:
    parameters = [name.lstrip("_") for name in inspect.signature(method).parameters]
    return parameters == ["request"] and not method.__name__.startswith("_")


def in_place(monkeypatch: pytest.MonkeyPatch, package: object, folder: Path) -> None:
    monkeypatch.setattr(package, "__path__", [str(folder)])


def test_every_folder_is_found() -> None:
    assert [kind.__module__.split(".")[2] for kind in PROVIDERS] == FOLDERS
    assert len(FOLDERS) > 5


@pytest.mark.parametrize("kind", PROVIDERS, ids=FOLDERS)
def test_a_provider_declares_what_exists(kind: type[Provider], twin_of: Twin) -> None:
    known = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION))
    provider = twin_of.provider(kind)

    assert (kind.__doc__ or "").strip()
    assert {declared.name for declared in kind.types} <= known
    assert {declared.fixed_while_used_by for declared in kind.types} - {None} <= known
    assert all(issubclass(engine, Engine) for engine in kind.engines)
    assert all(len(action.split(":")) == 2 for action in provider.tasks())


@pytest.mark.parametrize("kind", PROVIDERS, ids=FOLDERS)
def test_an_api_has_only_operations_of_its_service(kind: type[Provider], twin_of: Twin) -> None:
    for service, stand_in in twin_of.provider(kind).api().items():
        model = botocore.session.get_session().get_service_model(service)
        operations = {xform_name(name) for name in model.operation_names}
        served = {name for name, method in inspect.getmembers(stand_in, inspect.ismethod) if takes_a_request(method)}
        assert served
        assert served <= operations
        assert model.metadata["protocol"] in PROTOCOLS


def test_no_type_belongs_to_two_providers() -> None:
    names = [declared.name for kind in PROVIDERS for declared in kind.types]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_names_the_defect_and_can_be_installed(name: str) -> None:
    module = __import__(f"twin.patches.{name}", fromlist=["install"])

    assert len((module.__doc__ or "").split()) > 15
    assert list(inspect.signature(module.install).parameters) in (["settings"], ["_settings"])


def test_all_patches_are_found() -> None:
    assert len(list(plugins.patches())) == len(PATCHES) > 4


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"lonely.py": ""}, "a provider is a folder with a module `provider`"),
        ({"hollow/__init__.py": ""}, "the folder has no provider.py"),
        ({"nameless/__init__.py": "", "nameless/provider.py": ""}, "set PROVIDER to the subclass"),
        ({"wrong/__init__.py": "", "wrong/provider.py": "PROVIDER = dict"}, "set PROVIDER to the subclass"),
    ],
)
def test_a_folder_that_lacks_something_is_refused(
    files: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    in_place(monkeypatch, twin.providers, tmp_path)

    with pytest.raises(PluginError, match=message):
        list(plugins.providers())


def test_a_patch_without_a_function_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty_patch.py").write_text('"""Mends nothing."""\n', encoding="utf-8")
    in_place(monkeypatch, twin.patches, tmp_path)

    with pytest.raises(PluginError, match=r"empty_patch: a patch has a function `install\(settings\)`; add it"):
        list(plugins.patches())


def test_a_provider_that_is_not_there_is_named(tmp_path: Path) -> None:
    class Elsewhere(Provider):
        """Not one of the twin's."""

    with pytest.raises(MissingProviderError, match="the twin runs without"):
        Twin(TwinSettings(home=tmp_path, port=1), []).provider(Elsewhere)


def test_a_protocol_that_the_wire_does_not_speak_is_refused() -> None:
    with pytest.raises(ValueError, match="rds speaks query; the wire speaks json and rest-json"):
        Wire("rds", object())


def imported(folder: str) -> set[str]:
    """Return the modules that the modules of a folder import, wherever in them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "twin" / folder).glob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("folder", ["emulator", "engines", "processes", "bridge"])
def test_no_service_and_no_patch_is_known_by_name(folder: str) -> None:
    found = imported(folder)

    assert "typing" in found
    assert {name for name in found if name.startswith(("twin.providers.", "twin.patches."))} == set()


def test_engines_do_not_know_the_emulator() -> None:
    assert {name for name in imported("engines") if name.startswith("twin.emulator")} == set()
