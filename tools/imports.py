"""Which files of the repository use which, read from their text; nothing is imported.

A file uses the modules that it imports, wherever in it the import is, and those that it names in a text such as
`"lambdas.collector.handler"`, since registries and command lines load modules by name. What is imported for type
checkers alone does not count.
"""

import ast
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

DOTTED_NAME: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class UnreadableSourceError(ValueError):
    """A file is not Python; the message names the file and the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """What one Python file uses.

    Attributes:
        files: Python files of the repository.
        libraries: top-level names of packages that are not in the repository.
        texts: its text literals.
    """

    files: frozenset[str]
    libraries: frozenset[str]
    texts: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class ImportGraph:
    """What each Python file uses. Files are named by their paths within the repository, with `/`."""

    sources: Mapping[str, SourceFile]

    @classmethod
    def read(cls, root: Path, files: Iterable[str], *, deleted: Iterable[str] = ()) -> "ImportGraph":
        """Read the Python files among these.

        Args:
            root: the repository.
            files: paths within it.
            deleted: paths of files that are no longer there, and may still be used.

        Raises:
            UnreadableSourceError: one of them is not Python.
        """
        there = frozenset(name for name in files if name.endswith(".py"))
        known = there.union(deleted)
        return cls(sources={name: _read(root, name, known) for name in sorted(there)})

    def used_by(self, files: Iterable[str]) -> frozenset[str]:
        """Return these files and all that they use, directly or through others."""
        return _reach(files, lambda name: self.sources[name].files)

    def users_of(self, files: Iterable[str]) -> frozenset[str]:
        """Return these files and all that use them, directly or through others."""
        return _reach(files, lambda name: self._users.get(name, frozenset()))

    @cached_property
    def _users(self) -> Mapping[str, frozenset[str]]:
        users: dict[str, set[str]] = {}
        for name, source in self.sources.items():
            for used in source.files:
                users.setdefault(used, set()).add(name)
        return {name: frozenset(found) for name, found in users.items()}


def python_files(root: Path, folders: Iterable[str]) -> Iterator[str]:
    """Yield the Python files below folders of the repository."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            yield path.relative_to(root).as_posix()


def _reach(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> frozenset[str]:
    found = set(start)
    waiting = deque(found)
    while waiting:
        for name in following(waiting.popleft()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def _read(root: Path, name: str, files: frozenset[str]) -> SourceFile:
    try:
        tree = ast.parse((root / name).read_text(encoding="utf-8"), filename=name)
    except SyntaxError as error:
        raise UnreadableSourceError(f"{name}, line {error.lineno}: {error.msg}") from error
    reader = _Reader(name, files)
    reader.visit(tree)
    # Whoever imports a module imports its packages first, and pytest runs the conftest.py files above a test.
    implied = ("__init__.py", "conftest.py") if PurePosixPath(name).name.startswith("test_") else ("__init__.py",)
    above = {(folder / file).as_posix() for folder in PurePosixPath(name).parents for file in implied}
    return SourceFile(
        files=frozenset((reader.found | above & files) - {name}),
        libraries=frozenset(reader.libraries),
        texts=frozenset(reader.texts),
    )


class _Reader(ast.NodeVisitor):
    """Collects what a file uses."""

    def __init__(self, name: str, files: frozenset[str]) -> None:
        self._name = name
        self._files = files
        self.found: set[str] = set()
        self.libraries: set[str] = set()
        self.texts: set[str] = set()

    def visit_If(self, node: ast.If) -> None:  # the name that ast calls
        if ast.unparse(node.test) not in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            self.generic_visit(node)
            return
        for other in node.orelse:
            self.visit(other)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._module(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self._absolute(node)
        self._module(module)
        for alias in node.names:
            self._add(f"{module}.{alias.name}")

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.texts.add(node.value)
            if DOTTED_NAME.fullmatch(node.value):
                self._add(node.value)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return str(node.module)
        package = self._name.split("/")[: -node.level]
        return ".".join([*package, *([node.module] if node.module else [])])

    def _module(self, name: str) -> None:
        if not self._add(name):
            self.libraries.add(name.partition(".")[0])

    def _add(self, name: str) -> bool:
        """Add a module's file, and those of its packages; say whether it is of the repository."""
        parts = name.split(".")
        sibling = f"{self._name.rpartition('/')[0]}/{parts[0]}.py"
        if sibling in self._files and f"{parts[0]}.py" not in self._files:
            self.found.add(sibling)  # of a folder that is no package, as those of the unit tests
            return True
        known = False
        for length in range(1, len(parts) + 1):
            path = "/".join(parts[:length])
            there = {f"{path}.py", f"{path}/__init__.py"} & self._files
            self.found |= there
            known = known or bool(there)
        return known
