"""Pure Python libraries that ship beside our code, copied out of the running environment: what is tested is shipped."""

import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePath
from typing import Final

# What an import needs on a runtime that does not have it. zoneinfo reads the zones of the system, which may have none.
WHEELS: Final[Mapping[str, tuple[str, ...]]] = {
    "anyascii": ("anyascii",),
    "boto3": ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
    "fastjsonschema": ("fastjsonschema",),
    "kafka": ("kafka-python",),
    "phonenumbers": ("phonenumberslite",),
    "zoneinfo": ("tzdata",),
}

# Tells which files of a distribution are left out.
Unused = Callable[[PurePath], bool]


class BuildError(RuntimeError):
    """An asset cannot be built; the message names what is missing or wrong, and the fix."""


def nothing(_file: PurePath) -> bool:
    """Leave no file out."""
    return False


def record(wheel: str) -> Path:
    """Return the file that names a distribution's version and every file's hash.

    Raises:
        BuildError: it is not installed, or not from a wheel.
    """
    found = _installed(wheel)
    file = next((file for file in found.files or () if file.name == "RECORD"), None)
    if file is None:
        raise BuildError(f"{wheel} was not installed from a wheel: it has no RECORD; install it again with uv")
    return Path(str(found.locate_file(file)))


def copy_wheel(wheel: str, target: Path, *, unused: Unused = nothing) -> None:
    """Copy a distribution's files, but no compiled Python and no script.

    Args:
        wheel: name of the distribution.
        target: folder that receives its packages.
        unused: tells which files are left out.

    Raises:
        BuildError: it is not installed, has native code, or brings a file that is already there.
    """
    found = _installed(wheel)
    if "Root-Is-Purelib: true" not in (found.read_text("WHEEL") or ""):
        raise BuildError(f"{wheel} is not pure Python; it would not run on another processor or another Python")
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.suffix == ".pyc" or unused(file):
            continue
        if (target / file).exists():
            raise BuildError(f"{wheel} brings {file}, which {target.name} already has from elsewhere: ship one of them")
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(found.locate_file(file)), target / file)


def _installed(wheel: str) -> Distribution:
    try:
        return distribution(wheel)
    except PackageNotFoundError:
        raise BuildError(
            f"{wheel} is not installed in this environment; run `make demo` or `make test` first"
        ) from None
