"""Java libraries of the engines, from one pinned pom each, resolved by Maven once."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

from twin.settings import BUILD, ROOT

MAVEN_SECONDS: Final = 900
STAMP: Final = ".pom.sha256"


class JarsMissingError(RuntimeError):
    """Maven could not resolve what a pom asks for; the message quotes it."""


def resolve(pom: Path, destination: Path) -> Path:
    """Copy the libraries of a pom into a folder, unless they are there already.

    Args:
        pom: the pom file; its `runtime` dependencies are copied.
        destination: folder that receives the jars, and a stamp of the pom that they came from.

    Raises:
        JarsMissingError: Maven is not installed, or failed.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()
    stamp = destination / STAMP
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return destination
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    maven(
        pom,
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={destination}",
    )
    stamp.write_text(digest, encoding="ascii")
    return destination


def maven(pom: Path, *arguments: str) -> None:
    """Run Maven quietly on a pom.

    Raises:
        JarsMissingError: there is no Maven, or it failed; the message holds the end of its output.
    """
    if shutil.which("mvn") is None:
        raise JarsMissingError("no `mvn` is on the PATH: install Maven and a JDK 17 or later, see `make help`")
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise JarsMissingError(f"Maven failed on {pom.relative_to(ROOT)}:\n{tail}")


def folder(engine: str) -> Path:
    """Return where the jars of an engine are kept."""
    return BUILD / "java" / engine
