"""The code that one function, job library or application ships: what it imports, the data beside it, libraries."""

import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from tools.build.wheels import WHEELS, BuildError, Unused, copy_wheel, nothing, record
from tools.imports import ImportGraph, python_files

NOT_SHIPPED = frozenset({".md", ".pyc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What ships.

    Attributes:
        root: the repository.
        files: paths within it.
        wheels: names of distributions.
    """

    root: Path
    files: tuple[str, ...]
    wheels: tuple[str, ...]

    @classmethod
    def used_by(cls, root: Path, graph: ImportGraph, folders: Iterable[str], *, present: Collection[str]) -> "Code":
        """Return all of some folders, and what their modules use.

        A file that is no Python ships with the folders, or with a module beside it that names it.

        Args:
            root: the repository.
            graph: of everything that may be used.
            folders: paths within the repository.
            present: top-level names of the libraries that the runtime has.

        Raises:
            BuildError: a library is neither on the runtime nor in `WHEELS`.
        """
        folders = tuple(folders)
        used = graph.used_by(python_files(root, folders))
        data = {*_data(root, folders), *_named(root, graph, used)}
        return cls(
            root=root,
            files=tuple(sorted(used | data)),
            wheels=tuple(sorted(set(_wheels(graph, used, present)))),
        )

    def inputs(self) -> Iterator[Path]:
        """Yield the files that decide what is shipped."""
        yield from (self.root / name for name in self.files)
        yield from (record(wheel) for wheel in self.wheels)

    def copy(self, target: Path, *, unused: Unused = nothing) -> None:
        """Lay out files and libraries in a folder.

        Args:
            target: the folder.
            unused: tells which files of libraries are left out.

        Raises:
            BuildError: a library has native code, or brings a file that is already there.
        """
        for name in self.files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / name, target / name)
        for wheel in self.wheels:
            copy_wheel(wheel, target, unused=unused)


def _data(root: Path, folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and _ships(path.relative_to(root)):
                yield path.relative_to(root).as_posix()


def _ships(path: PurePath) -> bool:
    hidden = any(part.startswith((".", "__pycache__")) for part in path.parts)
    return not hidden and path.suffix not in NOT_SHIPPED


def _named(root: Path, graph: ImportGraph, used: Iterable[str]) -> Iterator[str]:
    for name in used:
        for beside in (root / name).parent.iterdir():
            if beside.is_file() and beside.suffix != ".py" and beside.name in graph.sources[name].texts:
                yield beside.relative_to(root).as_posix()


def _wheels(graph: ImportGraph, used: Iterable[str], present: Collection[str]) -> Iterator[str]:
    for name in sorted(used):
        for library in graph.sources[name].libraries - frozenset(present):
            if library in WHEELS:
                yield from WHEELS[library]
            elif library not in sys.stdlib_module_names:
                raise BuildError(
                    f"{name} imports {library}, which its runtime does not have: add its wheels to WHEELS in "
                    "tools/build/wheels.py, or to the libraries that the runtime has"
                )
