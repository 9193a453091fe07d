"""What a change can reach: by imports for Python, by folders for everything else.

A test file runs when it changed, when it uses a changed file, directly or through others, or when a change reaches what
`ALSO_USES` says that it uses without importing it: what is deployed, started as a program, or read as data.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Final

from tools.environments.bootstrap import ROOT
from tools.errors import WrongUsageError
from tools.imports import ImportGraph

DEPLOYED: Final = (
    "app.py",
    "cdk.json",
    "c360_aws",
    "c360_core",
    "c360_metrics",
    "config",
    "flink_apps",
    "glue_jobs",
    "lambdas",
)
TOOLS: Final = ("tools/build", "tools/contracts", "tools/laptop", "tools/operate")
WHOLE: Final = (*DEPLOYED, *TOOLS, "contracts", "notebooks", "ops", "sql", "stacks", "twin")
DOCUMENTS: Final = ("*.md", "docs")
# What tests use that they do not import. A folder stands for everything in it.
ALSO_USES: Final[Mapping[str, tuple[str, ...]]] = {
    "tests/deployments": WHOLE,
    "tests/docs": (
        *DOCUMENTS,
        "Makefile",
        "c360",
        "config",
        "contracts",
        "tests/infrastructure/__snapshots__",
        "tests/slow",
    ),
    # Follows lists in a copy of the tree.
    "tests/docs/test_contributing.py": WHOLE,
    "tests/engines/browser": ("ops/report", "sql/models"),
    "tests/engines/flink": ("flink_apps",),
    "tests/engines/kafka": ("twin/bridge", "twin/engines"),
    "tests/engines/postgresql": ("sql/warehouse", "stacks/analytics/warehouse", "twin/engines", "twin/providers"),
    "tests/engines/senders": ("contracts", "lambdas"),
    "tests/engines/spark": ("glue_jobs",),
    "tests/engines/trino": ("flink_apps", "glue_jobs", "sql", "stacks/analytics/preparation", "twin/engines"),
    "tests/figures": ("notebooks", "ops/notebooks", "sql", "twin/engines"),
    "tests/infrastructure": ("app.py", "cdk.json", "config", "notebooks", "sql", "stacks"),
    "tests/infrastructure/test_functions.py": ("lambdas",),
    "tests/rebuilds": ("sql", "twin/engines"),
    "tests/slow": (*WHOLE, *DOCUMENTS, "benchmarks", "pyproject.toml", "requirements"),
    "tests/twin": WHOLE,
    "tests/unit/c360_metrics": ("contracts", "sql"),
    "tests/unit/ml": ("sagemaker", "sql/models"),
    "tests/unit/ops/report": ("ops/report", "sql/models"),
    "tests/unit/sql": ("sql",),
    "tests/unit/sql/test_statements_run.py": (*WHOLE, "tests/engines", "tests/infrastructure", "tests/twin"),
    "tests/unit/tools": ("c360", "flink_apps", "glue_jobs", "lambdas", "pyproject.toml", "requirements"),
    "tests/unit/twin/providers/databrew": ("sql/models", "stacks/analytics/preparation"),
    "tests/walkthrough": (*WHOLE, *DOCUMENTS, "Makefile", "c360"),
}
# Modules that read what is compiled from other files.
COMPILED: Final[Mapping[str, tuple[str, ...]]] = {
    "contracts/*": ("c360_core/contracts.py", "c360_core/segment.py", "tools/contracts/__init__.py"),
}
# They decide what every environment holds and how every test runs.
EVERYTHING: Final = ("pyproject.toml", "requirements/*", ".ci/*", "tests/unit/conftest.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a change touches.

    Attributes:
        files: paths within the repository, also of files that are deleted.
        reached: these, and every Python file that uses one of them.
    """

    files: frozenset[str]
    reached: frozenset[str] = field(default_factory=frozenset)

    @property
    def reaches_everything(self) -> bool:
        """Say whether no test can be left out."""
        return any(fnmatch(name, pattern) for name in self.files for pattern in EVERYTHING)

    def tests(self, root: Path, folder: str) -> tuple[str, ...]:
        """Return the test files below a folder that it can reach; the folder itself where that is all of them.

        Args:
            root: the repository.
            folder: path within it, such as `tests/unit`.
        """
        there = {path.relative_to(root).as_posix() for path in (root / folder).rglob("test_*.py")}
        found = there if self.reaches_everything else {name for name in there if self._touches(name)}
        if not found:
            return ()
        return (folder,) if found == there else tuple(sorted(found))

    def _touches(self, test: str) -> bool:
        places = [test, *(parent.as_posix() for parent in PurePosixPath(test).parents)]
        used = [name for place in places for name in ALSO_USES.get(place, ())]
        # Data beside tests, such as a reviewed template, is used by the tests of its folder.
        beside = PurePosixPath(test).parent
        data = any(beside in PurePosixPath(name).parents for name in self.files if not name.endswith(".py"))
        return test in self.reached or data or any(_is_in(name, used) for name in self.reached)


def since(base: str | None = None) -> Change:
    """Return the change of this repository since a commit; see `changed_files`."""
    return change(ROOT, changed_files(ROOT, base))


def changed_files(root: Path, base: str | None = None) -> frozenset[str]:
    """Return what differs from a commit, with untracked and deleted files.

    Args:
        root: the repository.
        base: a commit; what main and HEAD have in common when omitted, or HEAD where there is no main.

    Raises:
        WrongUsageError: git does not know the commit, or this is no repository.
    """
    since = base or _shared_with_main(root)
    # Without renames: what is at the old path no more is a deletion.
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", since, "--")
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return frozenset(name for name in (changed + untracked).split("\0") if name)


def change(root: Path, files: Iterable[str]) -> Change:
    """Return what changed files can reach."""
    files = frozenset(files)
    there = frozenset(name for name in _tracked(root) if (root / name).is_file())
    graph = ImportGraph.read(root, there, deleted=files - there)
    return Change(files=files, reached=graph.users_of(files | frozenset(_readers(files, graph))))


def _readers(files: frozenset[str], graph: ImportGraph) -> Iterator[str]:
    """Yield the modules that read what is no Python: those that read what is compiled of it, those beside it."""
    for name in files:
        for pattern, modules in COMPILED.items():
            if fnmatch(name, pattern):
                yield from modules
        if not name.endswith(".py"):
            yield from _beside(name, graph)


def _beside(name: str, graph: ImportGraph) -> Sequence[str]:
    """Return the modules of the nearest folder above that has any, except the root."""
    for folder in PurePosixPath(name).parents[:-1]:
        if found := [source for source in graph.sources if PurePosixPath(source).parent == folder]:
            return found
    return ()


def _is_in(name: str, places: Iterable[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") or fnmatch(name, place) for place in places)


def _shared_with_main(root: Path) -> str:
    known = _run(root, "rev-parse", "--verify", "--quiet", "main").returncode == 0
    return _git(root, "merge-base", "main", "HEAD").strip() if known else "HEAD"


def _tracked(root: Path) -> list[str]:
    names = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return [name for name in names.split("\0") if name]


def _git(root: Path, *words: str) -> str:
    done = _run(root, *words)
    if done.returncode != 0:
        raise WrongUsageError(f"git {' '.join(words)}: {done.stderr.strip()}; name a commit that is here with --base")
    return done.stdout


def _run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
