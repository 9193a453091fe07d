"""What a demonstration does beside the story: it keeps the engines' classes, and goes on when that fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tools.console import Steps
from tools.laptop import demonstrate
from twin import class_archives

ARCHIVES = {Path("flink-1.jsa"): 11, Path("spark-2.jsa"): 12}


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(console=Console(file=(tmp_path / "shown").open("w"), width=200))


def shown(steps: Steps) -> str:
    steps.console.file.flush()
    return Path(steps.console.file.name).read_text()


def test_every_archive_that_is_wanted_is_written(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[dict[Path, int]] = []
    monkeypatch.setattr(class_archives, "wanted", lambda _commands: ARCHIVES)
    monkeypatch.setattr(class_archives, "record", lambda archives, _done: written.append(archives))

    demonstrate.keep_classes(steps)

    assert written == [ARCHIVES]
    assert "the next run starts faster" in shown(steps)


def test_a_run_from_archives_says_nothing_of_them(steps: Steps) -> None:
    demonstrate.keep_classes(steps)

    assert shown(steps) == ""


def test_an_archive_that_is_not_written_fails_nothing(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_archives: dict[Path, int], _done: Callable[[], None]) -> None:
        raise class_archives.ArchiveError("no room on the disk")

    monkeypatch.setattr(class_archives, "wanted", lambda _commands: ARCHIVES)
    monkeypatch.setattr(class_archives, "record", refuse)

    demonstrate.keep_classes(steps)

    assert "the next run starts no faster: no room on the disk" in shown(steps)
