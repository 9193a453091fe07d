"""The hashed requirement files are those of pyproject.toml, and name no address."""

from pathlib import Path

import pytest

from tools import locks


def test_the_committed_files_are_current() -> None:
    assert locks.problems() == []


def test_a_file_that_is_missing_old_or_names_an_address_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.txt").write_text("# Locked from pyproject.toml, group old; digest 0000000000000000.\n")
    current = locks.HEADER.format(group="twin", digest=locks.digest("twin"))
    (tmp_path / "twin.txt").write_text(f"{current}a @ https://example.com/a.whl\n")
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    monkeypatch.setattr(locks, "requirements_of", lambda group: tmp_path / f"{group}.txt")
    monkeypatch.setattr(locks, "groups", lambda: {"old": [], "twin": [], "gone": []})
    monkeypatch.setattr(locks, "digest", lambda group: "1111" if group == "old" else locks_digest[group])
    locks_digest = {"twin": current.split("digest ")[1].split(".")[0], "gone": ""}

    assert locks.problems() == [
        "old.txt: older than group old in pyproject.toml; run ./c360 lock",
        "twin.txt: names an address; run ./c360 lock",
        "gone.txt: missing; run ./c360 lock",
    ]
