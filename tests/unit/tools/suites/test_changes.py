"""What `./c360 test --changed` runs: small invented repositories, and the files that a change in them can reach."""

import subprocess
from pathlib import Path

import pytest

from tools.environments.bootstrap import ROOT
from tools.errors import WrongUsageError
from tools.suites.changes import ALSO_USES, COMPILED, change, changed_files

FILES = {
    "lambdas/orders/handler.py": "from c360_core.money import add",
    "lambdas/orders/prices.json": "{}",
    "c360_core/__init__.py": "",
    "c360_core/money.py": "def add(): ...",
    "c360_core/unused.py": "",
    "c360_core/contracts.py": "",
    "contracts/orders.odcs.yaml": "",
    "sql/models/orders.sql": "select 1",
    "docs/orders.md": "# Orders",
    "README.md": "# Shop",
    "pyproject.toml": "",
    "tests/unit/test_money.py": "from c360_core.money import add",
    "tests/unit/test_orders.py": "from lambdas.orders import handler",
    "tests/unit/test_by_name.py": 'import importlib\nimportlib.import_module("c360_core.unused")',
    "tests/unit/test_contracts.py": "from c360_core import contracts",
    "tests/unit/sql/test_models.py": "",
    "tests/unit/people/conftest.py": "from tests.factories import people",
    "tests/unit/people/test_people.py": "",
    "tests/factories/people.py": "",
    "tests/docs/test_documents.py": "",
    "tests/twin/test_story.py": "",
    "tests/infrastructure/test_templates.py": "",
    "tests/infrastructure/__snapshots__/dev.json": "{}",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words], cwd=folder, check=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Change")


def reached(repository: Path, *files: str) -> list[str]:
    found = change(repository, files)
    folders = ("tests/unit", "tests/docs", "tests/twin", "tests/infrastructure")
    return [test for folder in folders for test in found.tests(repository, folder)]


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("c360_core/money.py", ["tests/unit/test_money.py", "tests/unit/test_orders.py", "tests/twin"]),
        ("c360_core/unused.py", ["tests/unit/test_by_name.py", "tests/twin"]),
        ("lambdas/orders/prices.json", ["tests/unit/test_orders.py", "tests/twin"]),
        ("contracts/orders.odcs.yaml", ["tests/unit/test_contracts.py", "tests/docs", "tests/twin"]),
        ("sql/models/orders.sql", ["tests/unit/sql/test_models.py", "tests/twin", "tests/infrastructure"]),
        ("docs/orders.md", ["tests/docs"]),
        ("README.md", ["tests/docs"]),
        ("tests/factories/people.py", ["tests/unit/people/test_people.py"]),
        ("tests/unit/test_money.py", ["tests/unit/test_money.py"]),
        ("tests/infrastructure/__snapshots__/dev.json", ["tests/docs", "tests/infrastructure"]),
        ("pyproject.toml", ["tests/unit", "tests/docs", "tests/twin", "tests/infrastructure"]),
    ],
)
def test_a_change_reaches_those_who_use_it(repository: Path, changed: str, tests: list[str]) -> None:
    assert reached(repository, changed) == tests


def test_who_used_a_deleted_file_is_reached(repository: Path) -> None:
    (repository / "c360_core" / "money.py").unlink()

    assert changed_files(repository) == {"c360_core/money.py"}
    assert "tests/unit/test_money.py" in reached(repository, *changed_files(repository))


def test_nothing_changed_reaches_nothing(repository: Path) -> None:
    assert changed_files(repository) == frozenset()
    assert reached(repository) == []


def test_a_branch_is_compared_with_what_it_shares_with_main(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "topic")
    (repository / "lambdas" / "orders" / "handler.py").write_text("# committed")
    commit(repository)
    (repository / "c360_core" / "money.py").rename(repository / "c360_core" / "cash.py")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "restore", "c360_core/money.py")
    (repository / "README.md").write_text("# Another shop")
    git(repository, "commit", "--quiet", "--all", "--message", "Not of the branch")
    git(repository, "checkout", "--quiet", "topic")

    assert changed_files(repository) == {"lambdas/orders/handler.py", "c360_core/cash.py"}
    assert changed_files(repository, "HEAD") == {"c360_core/cash.py"}


def test_a_renamed_file_is_a_deleted_one_and_a_new_one(repository: Path) -> None:
    git(repository, "mv", "c360_core/money.py", "c360_core/cash.py")

    assert changed_files(repository) == {"c360_core/money.py", "c360_core/cash.py"}


def test_an_unknown_commit_is_wrong_usage(repository: Path) -> None:
    with pytest.raises(WrongUsageError, match=r"nowhere.*--base"):
        changed_files(repository, "nowhere")


def test_the_rules_name_places_that_exist() -> None:
    """A folder that moves takes its rule with it."""
    places = {place for used in ALSO_USES.values() for place in used if "*" not in place}
    modules = {module for read in COMPILED.values() for module in read}
    assert [place for place in sorted(places | modules | set(ALSO_USES)) if not (ROOT / place).exists()] == []
