"""Workers of the emulator share the code that one of them has unpacked."""

import zipfile
from pathlib import Path

import pytest
from ministack.core import lambda_runtime

from twin.patches import lambda_code
from twin.settings import TwinSettings


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lambda_runtime, "zipfile", lambda_runtime.zipfile)
    lambda_code.install(TwinSettings(home=tmp_path, port=1))
    return tmp_path / "code"


def archive(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("lambdas/handler.py", text)
    return path


def unpack(path: Path) -> Path:
    """Do as the emulator does for a worker."""
    target = path.parent / "code"
    target.mkdir()
    with lambda_runtime.zipfile.ZipFile(str(path)) as opened:
        opened.extractall(str(target))
    return target / "lambdas" / "handler.py"


def test_the_same_code_is_unpacked_once(shared: Path, tmp_path: Path) -> None:
    first = unpack(archive(tmp_path / "a" / "code.zip", "one = 1"))
    second = unpack(archive(tmp_path / "b" / "code.zip", "one = 1"))

    assert first.read_text() == "one = 1"
    assert first.samefile(second)
    assert len(list(shared.iterdir())) == 1


def test_other_code_is_unpacked_beside_it(shared: Path, tmp_path: Path) -> None:
    first = unpack(archive(tmp_path / "a" / "code.zip", "one = 1"))
    second = unpack(archive(tmp_path / "b" / "code.zip", "one = 2"))

    assert (first.read_text(), second.read_text()) == ("one = 1", "one = 2")
    assert len(list(shared.iterdir())) == 2
