"""From a bare machine to the first environment, with nothing but the standard library.

1. Check what the project needs from the machine (`REQUIREMENTS`): each by name and version, with the line that
   installs it; on Debian and Ubuntu, where we may, install what is missing.
2. Install uv from its hashed requirement file.
3. Make the environment `twin`, which holds the `c360` tool and the emulator; then start the tool in it.
"""

# An interpreter that is too old for the project must still reach the message that says so.
from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from tools.errors import EXIT_UNFIT, UnfitMachineError

ROOT: Final = Path(__file__).resolve().parents[2]
ENVIRONMENTS: Final = ROOT / ".venvs"
# The environment that the tool runs in.
TOOL: Final = "twin"
UV: Final = ENVIRONMENTS / "uv" / "bin" / "uv"
# For each of these every pinned package can be installed, which `./c360 lock` tries: Flink's and dbt's pins have no
# wheels for 3.13. The code itself runs on 3.13, too, as it does in Lambda.
PYTHONS: Final = ((3, 11), (3, 12))
PYTHON_NAMES: Final = tuple(f"{major}.{minor}" for major, minor in PYTHONS)
# Spark 3.5 supports nothing newer, and the project has been tried with nothing else.
JAVA_MAJOR: Final = 17
# Where packages put a JDK that need not be on the PATH: Debian and Ubuntu, Fedora, Homebrew, macOS.
JDK_FOLDERS: Final = (
    "/usr/lib/jvm/*17*",
    "/opt/homebrew/opt/openjdk@17",
    "/usr/local/opt/openjdk@17",
    "/Library/Java/JavaVirtualMachines/*17*/Contents/Home",
)
QUOTED_LINES: Final = 10
MOVE_SECONDS: Final = 0.1
LINE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Requirement:
    """Something the machine must have.

    Attributes:
        name: what it is, with its version, as a person would say it.
        found: tells whether it is there.
        package: the Debian package that brings it.
        elsewhere: how to get it on other systems.
        instead: says what is there that does not fit, or nothing.
    """

    name: str
    found: Callable[[], bool]
    package: str
    elsewhere: str
    instead: Callable[[], str] = str


@dataclass(frozen=True)
class Jdk:
    """A Java development kit.

    Attributes:
        home: its folder, as JAVA_HOME names it.
        version: for example `17.0.15`.
    """

    home: Path
    version: str

    @property
    def fits(self) -> bool:
        """Say whether the engines run on it."""
        return self.version.partition(".")[0] == str(JAVA_MAJOR)


def output_of(*command: str) -> str:
    """Return what a command prints, or nothing when it is not there or fails."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode == 0 else ""


def jdk_of(javac: str) -> Jdk | None:
    """Return the JDK of a Java compiler; None when there is no such program, or it is no compiler."""
    # A program on the PATH may be a link or a shim: the compiler itself knows where it lives.
    said = output_of(javac, "-J-XshowSettings:properties", "-version")
    home, version = re.search(r"java\.home = (.+)", said), re.search(r"javac (\S+)", said)
    return Jdk(Path(home[1].strip()), version[1]) if home and version else None


def chosen_jdks() -> Iterator[Jdk]:
    """Yield the JDKs that the person chose: by JAVA_HOME, and by the PATH."""
    home = os.environ.get("JAVA_HOME")
    for javac in (*([str(Path(home) / "bin" / "javac")] if home else ()), "javac"):
        if (found := jdk_of(javac)) is not None:
            yield found


def installed_jdks() -> Iterator[Jdk]:
    """Yield the JDKs that lie in the usual folders."""
    for pattern in JDK_FOLDERS:
        for home in sorted(Path("/").glob(pattern.lstrip("/"))):
            if (found := jdk_of(str(home / "bin" / "javac"))) is not None:
                yield found


def adopt_jdk() -> bool:
    """Point JAVA_HOME and the PATH at a JDK that fits; say whether there is one.

    Maven and Spark follow JAVA_HOME, Kafka and Flink the PATH: all must meet the same one.
    """
    jdk = next((jdk for jdk in itertools.chain(chosen_jdks(), installed_jdks()) if jdk.fits), None)
    if jdk is None:
        return False
    os.environ["JAVA_HOME"] = str(jdk.home)
    os.environ["PATH"] = f"{jdk.home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return True


def unfit_jdks() -> str:
    """Name the JDKs that were chosen but do not fit."""
    named = dict.fromkeys(f"JDK {jdk.version} in {jdk.home}" for jdk in chosen_jdks() if not jdk.fits)
    return f"{', '.join(named)}: the engines were tried with {JAVA_MAJOR} alone" if named else ""


def python_is_usable() -> bool:
    """Say whether all environments can be made for this interpreter."""
    return sys.version_info[:2] in PYTHONS


def unfit_python() -> str:
    """Name this interpreter when it does not fit, and how another one is chosen."""
    if python_is_usable():
        return ""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return (
        f"Python {version} in {sys.executable}: not every pinned package has a wheel for it; put a folder with another "
        f"`python3` first on the PATH, or type `python{PYTHON_NAMES[0]} c360` for `./c360`"
    )


REQUIREMENTS: Final = (
    Requirement(
        f"Python {' or '.join(PYTHON_NAMES)}",
        python_is_usable,
        f"python{PYTHON_NAMES[0]}",
        "install it from python.org or with pyenv, and run ./c360 with it",
        unfit_python,
    ),
    Requirement(
        "Python's venv module",
        lambda: bool(output_of(sys.executable, "-c", "import venv, ensurepip; print('ok')")),
        "python3-venv",
        "it is part of the official Python builds",
    ),
    Requirement(
        f"JDK {JAVA_MAJOR} (javac)",
        adopt_jdk,
        "openjdk-17-jdk-headless",
        "brew install openjdk@17, or any JDK 17 in JAVA_HOME or on the PATH",
        unfit_jdks,
    ),
    Requirement("Maven", lambda: bool(output_of("mvn", "--version")), "maven", "brew install maven"),
    Requirement("GNU make", lambda: "GNU Make" in output_of("make", "--version"), "make", "xcode-select --install"),
)


def missing(requirements: Sequence[Requirement] = REQUIREMENTS) -> list[Requirement]:
    """Return what the machine lacks."""
    return [requirement for requirement in requirements if not requirement.found()]


def explain(lacking: Sequence[Requirement]) -> str:
    """Say, line by line, what is missing and the one line that installs it."""
    return "\n".join(["This machine lacks:", *(_line(requirement) for requirement in lacking)])


def _line(lacked: Requirement) -> str:
    instead = lacked.instead()
    found = f"   (not {instead})" if instead else ""
    return f"  - {lacked.name}: sudo apt-get install -y {lacked.package}   (elsewhere: {lacked.elsewhere}){found}"


def may_install() -> list[str] | None:
    """Return the prefix of a working apt-get, or None where we cannot or may not use it."""
    if shutil.which("apt-get") is None or os.environ.get("C360_NO_INSTALL"):
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if _sudo_works() else None


def _sudo_works() -> bool:
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def ensure_machine() -> None:
    """Check the machine, and install what is missing where we may.

    Raises:
        UnfitMachineError: something is still missing.
    """
    lacking, failure = missing(), ""
    prefix = may_install() if lacking else None
    if prefix is not None and python_is_usable():
        failure = install([requirement.package for requirement in lacking], prefix)
        lacking = missing()
    if lacking:
        raise UnfitMachineError("\n".join(filter(None, (failure, explain(lacking)))))


def install(packages: Sequence[str], prefix: Sequence[str]) -> str:
    """Install Debian packages; return why that failed, or nothing."""
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    failure = ""
    with moving(f"installing {', '.join(packages)} with apt-get"):
        # Without fresh package lists those of yesterday may still do.
        for words in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
            try:
                call([*prefix, "apt-get", *words], variables)
            except UnfitMachineError as error:
                failure = str(error)
    return failure


def ensure_uv() -> None:
    """Install uv into an environment of its own.

    Raises:
        UnfitMachineError: it could not be installed.
    """
    if stamp_is_current("uv"):
        return
    home = ENVIRONMENTS / "uv"
    with moving("installing uv"):
        call([sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call([*pip, "--require-hashes", "-r", str(requirements_of("uv"))])
    write_stamp("uv")


def sync(environment: str) -> None:
    """Make an environment hold exactly what its hashed requirement file says; quick when it already does.

    Raises:
        UnfitMachineError: something could not be installed.
    """
    if stamp_is_current(environment):
        return
    home = ENVIRONMENTS / environment
    # The machine's own certificates: many companies sign what passes their proxy.
    variables = {"UV_SYSTEM_CERTS": "1", **os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if not (home / "bin" / "python").exists():
        call([str(UV), "venv", "--quiet", "--python", sys.executable, str(home)], variables)
    options = ["--quiet", "--require-hashes", "--python", str(home / "bin" / "python")]
    call([str(UV), "pip", "sync", *options, str(requirements_of(environment))], variables)
    write_stamp(environment)


def call(command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed, and keep to ourselves what it says.

    Raises:
        UnfitMachineError: it failed; the message has the command and the end of what it said.
    """
    try:
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise UnfitMachineError(f"`{' '.join(command)}` could not be run: {error}") from error
    if done.returncode != 0:
        said = "\n".join(done.stdout.strip().splitlines()[-QUOTED_LINES:])
        raise UnfitMachineError(f"`{' '.join(command)}` failed with status {done.returncode}: {said}")


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


@contextmanager
def moving(doing: str) -> Iterator[None]:
    """Show that something goes on: a moving mark with the seconds on a terminal, a line now and then elsewhere."""
    began, over = time.monotonic(), threading.Event()
    terminal = sys.stderr.isatty()
    if not terminal:
        say(doing)
    drawing = threading.Thread(target=_draw, args=(doing, began, over), kwargs={"terminal": terminal}, daemon=True)
    drawing.start()
    try:
        yield
    finally:
        over.set()
        drawing.join()
        if terminal:
            sys.stderr.write("\r\033[K")
        say(f"{doing}: {time.monotonic() - began:.0f} s")


def _draw(doing: str, began: float, over: threading.Event, *, terminal: bool) -> None:
    for mark in itertools.cycle("|/-\\"):
        if over.wait(MOVE_SECONDS if terminal else LINE_SECONDS):
            return
        seconds = f"{time.monotonic() - began:.0f} s"
        sys.stderr.write(f"\r{mark} {doing} {seconds}" if terminal else f"c360: {doing}: {seconds} so far\n")
        sys.stderr.flush()


def prepare() -> None:
    """Make the machine and the first environment ready.

    Raises:
        UnfitMachineError: that is not possible here.
    """
    ensure_machine()
    ENVIRONMENTS.mkdir(exist_ok=True)
    ensure_uv()
    if not stamp_is_current(TOOL):
        with moving(f"installing the environment {TOOL} (the tool, the emulator); once"):
            sync(TOOL)


def main(arguments: list[str]) -> NoReturn:
    """Prepare, then become the tool."""
    try:
        prepare()
    except UnfitMachineError as error:
        if "--json" in arguments:
            sys.stdout.write(json.dumps({"error": type(error).__name__, "message": str(error)}, indent=2) + "\n")
        say(str(error))
        raise SystemExit(EXIT_UNFIT) from None
    python = str(ENVIRONMENTS / TOOL / "bin" / "python")
    # Some machines forbid it. But Python starts some fifty times in a demonstration, and would compile all it imports
    # each time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.chdir(ROOT)
    os.execv(python, [python, "-m", "tools.cli", *arguments])  # noqa: S606  # becomes the tool, no shell
