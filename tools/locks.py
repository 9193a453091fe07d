"""Hashed requirement files, one for each dependency group, that never name a registry's address."""

import hashlib
import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

from tools.bootstrap import ROOT, UV, requirements_of
from tools.console import Steps

HEADER: Final = "# Locked from pyproject.toml, group {group}; digest {digest}. Write anew with: ./c360 lock\n"


class LockFailedError(RuntimeError):
    """A group has no set of versions that fit together, or they cannot be looked up; the message quotes uv."""


def groups() -> dict[str, list[str]]:
    """Return the dependency groups of pyproject.toml."""
    found: dict[str, list[str]] = _pyproject()["dependency-groups"]
    return found


def digest(group: str) -> str:
    """Return a digest of everything that decides what a group resolves to."""
    document = _pyproject()
    decides = {"group": groups()[group], "python": document["project"]["requires-python"], "uv": document["tool"]["uv"]}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def write(steps: Steps) -> list[str]:
    """Resolve every group anew, keeping the versions already locked where they still fit; return what changed."""
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
    options = ["--no-emit-index-url", "--no-header", "--output-file", str(target), "pyproject.toml"]
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LockFailedError(f"uv could not resolve group {group}: {done.stderr.strip()}")
    lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    body = "".join(line for line in lines if not line.startswith("# Locked"))
    target.write_text(HEADER.format(group=group, digest=digest(group)) + body, encoding="utf-8")


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
        elif "://" in path.read_text():
            found.append(f"{name}: names an address; run ./c360 lock")
    return found


def _pyproject() -> dict[str, Any]:
    return tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))
