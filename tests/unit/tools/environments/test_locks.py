"""The hashed requirement files are those of pyproject.toml, and name no address."""

import subprocess
from pathlib import Path

import pytest

from tools.console import Steps
from tools.environments import bootstrap, locks


def test_the_committed_files_are_current() -> None:
    assert locks.problems() == []


def test_a_file_that_is_missing_outdated_or_contains_an_address_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old.txt").write_text("# Locked from pyproject.toml, group old; digest 0000000000000000.\n")
    current = locks.header("twin")
    (tmp_path / "untried.txt").write_text("# Locked from pyproject.toml, group untried; digest 2222. Anything.\n")
    (tmp_path / "twin.txt").write_text(f"{current}a @ https://example.com/a.whl\n")
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    monkeypatch.setattr(locks, "requirements_of", lambda group: tmp_path / f"{group}.txt")
    monkeypatch.setattr(locks, "groups", lambda: {"old": [], "twin": [], "untried": [], "gone": []})
    monkeypatch.setattr(locks, "digest", lambda group: "1111" if group == "old" else locks_digest[group])
    locks_digest = {"twin": current.split("digest ")[1].split(".")[0], "untried": "2222", "gone": ""}

    assert locks.problems() == [
        "old.txt: older than group old in pyproject.toml; run ./c360 lock",
        "twin.txt: names an address; run ./c360 lock",
        "untried.txt: not tried on Python 3.11, Python 3.12; run ./c360 lock",
        "gone.txt: missing; run ./c360 lock",
    ]


def test_the_requirements_of_codebuild_are_resolved_for_its_platform() -> None:
    assert locks.CODEBUILD in locks.targets("dbt")
    assert {target.python for target in locks.targets("flink")} == set(bootstrap.PYTHON_NAMES)


def test_a_pin_without_a_wheel_is_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group resolves, but something that it has to be installed on has no wheel of a package."""
    said = subprocess.CompletedProcess([], 1, "", "Because mmh3==4.1.0 has no usable wheels")
    fine = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr(locks, "_uv", lambda command: said if "--dry-run" in command else fine)

    with pytest.raises(locks.LockFailedError, match=r"group test on Python 3\.11: Because mmh3==4\.1\.0 has no usable"):
        locks.write(Steps(machine=True))


def test_a_group_holds_what_it_includes_and_the_tests_are_resolved_first() -> None:
    groups = locks.groups()

    assert next(iter(groups)) == "test"
    assert "contracts" not in groups
    assert {*groups["cdk"], *groups["twin"]} < set(groups["test"])
    assert set(groups["cdk"]) & set(groups["twin"])


def test_what_a_service_needs_is_not_in_the_environment_of_the_cdk() -> None:
    pins = locks.requirements_of("cdk").read_text(encoding="utf-8")

    assert "\naws-cdk-lib==" in pins
    assert not [name for name in ("boto3", "ministack", "awswrangler", "pytest") if f"\n{name}==" in pins]


def test_a_pin_that_is_not_the_tests_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for group, pins in (("test", "a==1\nb==2 \\\n"), ("cdk", "a==1 \\\n"), ("twin", "b==3\n")):
        (tmp_path / f"{group}.txt").write_text(f"{locks.header(group)}{pins}")
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    monkeypatch.setattr(locks, "requirements_of", lambda group: tmp_path / f"{group}.txt")
    monkeypatch.setattr(locks, "groups", lambda: {"test": [], "cdk": [], "twin": []})
    monkeypatch.setattr(locks, "digest", lambda _: "1")
    monkeypatch.setattr(locks, "header", lambda _: (tmp_path / "test.txt").read_text().partition("\n")[0])

    assert "twin.txt: b==3 is not what test pins; run ./c360 lock" in locks.problems()
    assert not [problem for problem in locks.problems() if "a==1" in problem]
