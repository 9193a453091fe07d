"""`c360 test` and `c360 check`: every suite in its own environment, with one summary at the end."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table

from tools import build_flink, locks, prepare
from tools.bootstrap import ENVIRONMENTS, ROOT
from tools.console import Steps
from twin.settings import BUILD

LANES: Final = 2
PRINTING: Final = threading.Lock()
CODE: Final = ("app.py", "c360", "c360_core", "config", "stacks", "lambdas", "glue_jobs", "flink_apps", "twin", "tools")
FORMATTED: Final = (*CODE, "benchmarks", "tests")
WITHOUT_CONNECTOR: Final = (
    "the clean application reading and writing the emulator's Kinesis through Flink's own connector: "
    "flink-connector-aws-kinesis-streams for Flink 2 cannot be fetched from this network's Maven repository"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one part of a suite ended."""

    suite: str
    part: str
    passed: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One command of a suite."""

    suite: str
    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]


def python(environment: str = "twin") -> str:
    """Return the interpreter of an environment."""
    return str(ENVIRONMENTS / environment / "bin" / "python")


def checks() -> list[Part]:
    """Return the static checks."""
    existing = [name for name in CODE if (ROOT / name).exists() and name != "c360"]
    formatted = [name for name in FORMATTED if (ROOT / name).exists()]
    commands = {
        "contracts": (python(), "-m", "tools.contracts", "--check"),
        "segments": (python(), "-m", "tools.segments", "--check"),
        "format": (python(), "-m", "ruff", "format", "--check", "--quiet", *formatted),
        "lint": (python(), "-m", "ruff", "check", "--quiet", *formatted),
        "types": (python(), "-m", "mypy", *existing),
        "imports": (str(ENVIRONMENTS / "twin" / "bin" / "lint-imports"), "--no-cache"),
    }
    return [Part(suite="check", name=name, command=command, variables={}) for name, command in commands.items()]


def quick_tests() -> list[Part]:
    """Return the suites that use every core themselves, and say soonest what is wrong."""
    return [
        _pytest("unit", "unit", "tests/unit", "--disable-socket", "--allow-unix-socket", "-n", "2"),
        _pytest("unit", "docs", "tests/docs", "--disable-socket", "--allow-unix-socket", "-n", "2"),
        _pytest("contract", "contract", "tests/contract", "--disable-socket", "--allow-unix-socket"),
    ]


def long_tests() -> list[Part]:
    """Return the suites that mostly wait for one engine and can run side by side, longest first."""
    return [
        _pytest("twin", "twin", "tests/twin"),
        _pytest("engines", "spark", "tests/engines/spark", environment="spark"),
        _pytest("engines", "trino", "tests/engines/trino"),
        _pytest("engines", "flink", "tests/engines/flink", environment="flink"),
        _pytest("infrastructure", "infrastructure", "tests/infrastructure"),
        _pytest("engines", "kafka", "tests/engines/kafka"),
    ]


def _pytest(suite: str, name: str, folder: str, *options: str, environment: str = "twin") -> Part:
    # The CDK's runtime takes the Node that it finds first: the one of this environment, not the system's.
    path = f"{ENVIRONMENTS / 'twin' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {"PYTHONPATH": str(ROOT), "PATH": path}
    command = (python(environment), "-m", "pytest", folder, *options)
    return Part(suite=suite, name=name, command=command, variables=variables)


def tests() -> list[Part]:
    """Return every suite of tests."""
    return [*quick_tests(), *long_tests()]


def run(steps: Steps, *, only: Sequence[str] = (), lanes: int = LANES) -> int:
    """Run the suites (all when `only` is empty) and print a summary; return the exit status.

    Args:
        steps: where progress is shown.
        only: names of suites.
        lanes: how many of the long suites run side by side; what one of them says is printed when it has ended.
    """
    in_turn, side_by_side = [*checks(), *quick_tests()], long_tests()
    known = {part.suite for part in [*in_turn, *side_by_side]}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f"unknown suite {unknown[0]!r}; choose from {', '.join(sorted(known))}")
    wanted = set(only) or known
    if wanted - {"check"}:
        prepare.machine(steps, engines=bool(wanted & {"engines", "twin"}))
    prepare.contracts()
    if wanted & {"twin"}:
        prepare.assets(steps)
        prepare.assembly(steps, "dev")
    outcomes = [_locks()] if "check" in wanted else []
    outcomes += [_execute(part) for part in in_turn if part.suite in wanted]
    with ThreadPoolExecutor(max_workers=lanes) as pool:
        execute = _execute if lanes == 1 else _execute_quietly
        outcomes += pool.map(execute, [part for part in side_by_side if part.suite in wanted])
    _summary(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _locks() -> Outcome:
    found = locks.problems()
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return Outcome(suite="check", part="locks", passed=not found, seconds=0.0)


def _execute(part: Part) -> Outcome:
    _title(part)
    return _run(part, None)


def _execute_quietly(part: Part) -> Outcome:
    """Run a part and print what it said in one piece, so that two parts do not mix."""
    log = BUILD / "logs" / f"test-{part.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w+", encoding="utf-8", errors="replace") as said:
        outcome = _run(part, said)
        said.seek(0)
        with PRINTING:
            _title(part)
            shutil.copyfileobj(said, sys.stdout)
            sys.stdout.flush()
    return outcome


def _title(part: Part) -> None:
    Console(stderr=True).rule(f"{part.suite}: {part.name}", align="left")


def _run(part: Part, output: TextIO | None) -> Outcome:
    started = time.monotonic()
    environment = {**os.environ, **part.variables}
    done = subprocess.run(
        part.command,
        cwd=ROOT,
        env=environment,
        check=False,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
    )
    return Outcome(suite=part.suite, part=part.name, passed=done.returncode == 0, seconds=time.monotonic() - started)


def _summary(outcomes: Sequence[Outcome]) -> None:
    console = Console(highlight=False)
    table = Table("suite", "part", "result", "seconds", box=None, header_style="dim")
    for outcome in outcomes:
        result = "[green]passed[/green]" if outcome.passed else "[red]failed[/red]"
        table.add_row(outcome.suite, outcome.part, result, f"{outcome.seconds:.1f}")
    console.print(table)
    if any(outcome.suite == "twin" for outcome in outcomes) and not build_flink.has_kinesis():
        console.print(f"Not run here: {WITHOUT_CONNECTOR}.", soft_wrap=True)
