"""From a bare machine to the first environment, with nothing but the standard library.

1. Check what the project needs from the machine (`REQUIREMENTS`): each by name and version, with the line that
   installs it; on Debian and Ubuntu, where we may, install what is missing.
2. Install uv from its hashed requirement file.
3. Make the `twin` environment, which holds the `c360` tool, the CDK and the emulator; then start the tool in it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parents[1]
ENVIRONMENTS: Final = ROOT / ".venvs"
UV: Final = ENVIRONMENTS / "uv" / "bin" / "uv"
OLDEST_PYTHON: Final = (3, 11)
TOO_NEW_PYTHON: Final = (3, 14)
JAVA_MAJOR: Final = 17
EXIT_MISSING: Final = 3


@dataclass(frozen=True)
class Requirement:
    """Something the machine must have.

    Attributes:
        name: what it is, with its version, as a person would say it.
        found: tells whether it is there.
        package: the Debian package that brings it.
        elsewhere: how to get it on other systems.
    """

    name: str
    found: Callable[[], bool]
    package: str
    elsewhere: str


def output_of(*command: str) -> str:
    """Return what a command prints, or nothing when it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode == 0 else ""


def java_compiler_major() -> int:
    """Return the major version of the JDK's compiler, 0 when there is none."""
    found = re.search(r"javac (\d+)", output_of("javac", "-version"))
    return int(found.group(1)) if found else 0


def python_is_usable() -> bool:
    """Say whether this interpreter is one that the project supports."""
    return OLDEST_PYTHON <= sys.version_info[:2] < TOO_NEW_PYTHON


REQUIREMENTS: Final = (
    Requirement(
        "Python 3.11, 3.12 or 3.13",
        python_is_usable,
        "python3.11",
        "install it from python.org or with pyenv, and run ./c360 with it",
    ),
    Requirement(
        "Python's venv module",
        lambda: bool(output_of(sys.executable, "-c", "import venv, ensurepip; print('ok')")),
        "python3-venv",
        "it is part of the official Python builds",
    ),
    Requirement(
        "JDK 17 (javac)",
        lambda: java_compiler_major() >= JAVA_MAJOR,
        "openjdk-17-jdk-headless",
        "brew install openjdk@17, or any JDK 17 on the PATH",
    ),
    Requirement("Maven", lambda: bool(output_of("mvn", "--version")), "maven", "brew install maven"),
    Requirement("GNU make", lambda: "GNU Make" in output_of("make", "--version"), "make", "xcode-select --install"),
)


def missing(requirements: Sequence[Requirement] = REQUIREMENTS) -> list[Requirement]:
    """Return what the machine lacks."""
    return [requirement for requirement in requirements if not requirement.found()]


def explain(lacking: Sequence[Requirement]) -> str:
    """Say, line by line, what is missing and the one line that installs it."""
    lines = ["This machine lacks:"]
    lines += [f"  - {r.name}: sudo apt-get install -y {r.package}   (elsewhere: {r.elsewhere})" for r in lacking]
    return "\n".join(lines)


def may_install() -> list[str] | None:
    """Return the prefix of a working apt-get, or None where we cannot or may not use it."""
    if shutil.which("apt-get") is None or os.environ.get("C360_NO_INSTALL"):
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if output_of("sudo", "-n", "true") or _sudo_works() else None


def _sudo_works() -> bool:
    return shutil.which("sudo") is not None and subprocess.run(["sudo", "-n", "true"], check=False).returncode == 0


def ensure_machine() -> None:
    """Check the machine and install what is missing where we may; otherwise say what to do and stop."""
    lacking = missing()
    if not lacking:
        return
    prefix = may_install()
    if prefix is not None and python_is_usable():
        say(f"installing {', '.join(r.name for r in lacking)} with apt-get")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*prefix, "apt-get", "update", "-qq"], check=True, env=quiet)
        packages = [r.package for r in lacking]
        subprocess.run([*prefix, "apt-get", "install", "-y", "-qq", *packages], check=True, env=quiet)
        lacking = missing()
    if lacking:
        stop(explain(lacking))


def ensure_uv() -> None:
    """Install uv into an environment of its own."""
    if stamp_is_current("uv"):
        return
    say("installing uv")
    home = ENVIRONMENTS / "uv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(requirements_of("uv"))], check=True)
    write_stamp("uv")


def sync(environment: str) -> None:
    """Make an environment hold exactly what its hashed requirement file says; quick when it already does."""
    if stamp_is_current(environment):
        return
    home = ENVIRONMENTS / environment
    # The machine's own certificates: many companies sign what passes their proxy.
    variables = {"UV_SYSTEM_CERTS": "1", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if not (home / "bin" / "python").exists():
        make = [str(UV), "venv", "--quiet", "--python", sys.executable, str(home)]
        subprocess.run(make, check=True, env=variables)
    install = [str(UV), "pip", "sync", "--quiet", "--require-hashes", "--python", str(home / "bin" / "python")]
    done = subprocess.run([*install, str(requirements_of(environment))], check=False, env=variables)
    if done.returncode != 0:
        stop(f"could not install requirements/{environment}.txt into .venvs/{environment}; uv says why above")
    write_stamp(environment)


def requirements_of(environment: str) -> Path:
    """Return the hashed requirement file of an environment."""
    return ROOT / "requirements" / f"{environment}.txt"


def stamp_is_current(environment: str) -> bool:
    """Say whether the environment was made from the requirement file as it is now."""
    stamp = ENVIRONMENTS / environment / ".requirements.sha256"
    return stamp.exists() and stamp.read_text(encoding="ascii") == _digest(environment)


def write_stamp(environment: str) -> None:
    """Note which requirement file the environment was made from."""
    (ENVIRONMENTS / environment / ".requirements.sha256").write_text(_digest(environment), encoding="ascii")


def _digest(environment: str) -> str:
    return hashlib.sha256(requirements_of(environment).read_bytes()).hexdigest()


def say(text: str) -> None:
    """Tell the person at the terminal what is going on."""
    sys.stderr.write(f"c360: {text}\n")
    sys.stderr.flush()


def stop(text: str) -> NoReturn:
    """End with a message and the exit status for an unfit machine."""
    say(text)
    raise SystemExit(EXIT_MISSING)


def main(arguments: list[str]) -> NoReturn:
    """Prepare, then become the tool."""
    ensure_machine()
    ENVIRONMENTS.mkdir(exist_ok=True)
    ensure_uv()
    if not stamp_is_current("twin"):
        say("installing the twin environment (CDK, emulator, tests); once")
        sync("twin")
    python = str(ENVIRONMENTS / "twin" / "bin" / "python")
    os.chdir(ROOT)
    os.execv(python, [python, "-m", "tools.cli", *arguments])  # noqa: S606  # becomes the tool, no shell
