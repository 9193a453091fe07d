"""A data set is made once, and again when what it is made of has changed."""

from pathlib import Path

import pytest

from twin.shoppers import kept
from twin.shoppers.manifest import MANIFEST_NAME, Manifest


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    calls: list[tuple[str, int]] = []
    real = kept.generate

    def generate(scale: str, seed: int, out_dir: Path) -> Manifest:
        calls.append((scale, seed))
        return real(scale, seed, out_dir)

    monkeypatch.setattr(kept, "generate", generate)
    return calls


def test_the_same_data_is_made_once(made: list[tuple[str, int]], tmp_path: Path) -> None:
    first, second = (kept.generate_once("tiny", 1, tmp_path) for _ in range(2))

    assert made == [("tiny", 1)]
    assert first == second


def test_another_seed_or_a_missing_manifest_makes_it_again(made: list[tuple[str, int]], tmp_path: Path) -> None:
    kept.generate_once("tiny", 1, tmp_path)
    kept.generate_once("tiny", 2, tmp_path)
    (tmp_path / MANIFEST_NAME).unlink()
    kept.generate_once("tiny", 2, tmp_path)

    assert made == [("tiny", 1), ("tiny", 2), ("tiny", 2)]


def test_changed_code_makes_it_again(
    made: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.generate_once("tiny", 1, tmp_path)
    monkeypatch.setattr(kept, "_recipe", lambda scale, seed: f"another recipe for {scale} {seed}")
    kept.generate_once("tiny", 1, tmp_path)

    assert len(made) == 2
