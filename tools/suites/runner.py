"""`c360 test` and `c360 check`: every suite in its own environment, with one summary at the end."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TextIO

from rich.console import Console
from rich.table import Table

from tools.build import flink, prepare
from tools.console import Steps
from tools.environments import bootstrap, groups, locks
from tools.environments.bootstrap import ENVIRONMENTS, ROOT
from tools.errors import WrongUsageError
from tools.suites.changes import Change
from tools.suites.statements import WITHOUT_ENGINE
from twin.settings import BUILD, DEMONSTRATED

LANES: Final = 3
ENGINES: Final = frozenset({"engines", "twin", "databases", "deployments", "documents", "figures", "slow"})
STANDARD_ERROR: Final = 2
TESTS: Final = "tests/"
CODE: Final = (
    "app.py",
    "c360",
    "c360_aws",
    "c360_core",
    "c360_metrics",
    "config",
    "stacks",
    "lambdas",
    "glue_jobs",
    "flink_apps",
    "twin",
    "ops",
    "sagemaker",
    "tools",
)
FORMATTED: Final = (*CODE, "benchmarks", "docs", "notebooks", "tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """How one part of a suite ended."""

    suite: str
    part: str
    passed: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRun:
    """What could not be tested on this machine, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """How everything ended that was asked for."""

    outcomes: tuple[PartResult, ...]
    not_run: tuple[NotRun, ...]

    @property
    def passed(self) -> bool:
        """Say whether nothing failed."""
        return all(outcome.passed for outcome in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "passed": self.passed,
            "outcomes": [{**asdict(outcome), "seconds": round(outcome.seconds, 1)} for outcome in self.outcomes],
            "not_run": [asdict(not_run) for not_run in self.not_run],
        }


WITHOUT_CURL: Final = NotRun(
    what="the commands of the documents", why="one of them is curl, which is not on this machine"
)
WITHOUT_CHROMIUM: Final = NotRun(
    what="the dashboards' pages in a browser", why="Chromium is not on this machine: apt-get install chromium"
)
WITHOUT_CONNECTOR: Final = NotRun(
    what="the clean application reading and writing the emulator's Kinesis through Flink's own connector",
    why="flink-connector-aws-kinesis-streams for Flink 2 cannot be fetched from this network's Maven repository",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One command of a suite."""

    suite: str
    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]


def python(environment: str = groups.TEST) -> str:
    """Return the interpreter of an environment."""
    return str(ENVIRONMENTS / environment / "bin" / "python")


def site_command() -> tuple[str, ...]:
    """Return what builds the documents as a site, in the folder that it runs in; it fails on a broken link or anchor.

    It reads every page again: Sphinx does not repeat the warnings of pages that it keeps.
    """
    strict = ("-q", "-E", "-W", "-n", "--keep-going")
    return (python(groups.SITE), "-m", "sphinx", *strict, "-b", "html", "-c", "docs", ".", "build/site")


def checks() -> list[Part]:
    """Return the static checks."""
    existing = [name for name in (*CODE, "benchmarks") if (ROOT / name).exists() and name != "c360"]
    formatted = [name for name in FORMATTED if (ROOT / name).exists()]
    commands = {
        "contracts": (python(), "-m", "tools.contracts", "--check"),
        "segments": (python(), "-m", "tools.contracts.segments", "--check"),
        "journeys": (python(), "-m", "tools.contracts.journeys", "--check"),
        "plays": (python(), "-m", "tools.contracts.plays", "--check"),
        "templates": (python(), "-m", "tools.contracts.templates", "--check"),
        "metrics": (python(), "-m", "tools.metrics"),
        "notebooks": (python(), "-m", "tools.notebooks"),
        "format": (python(), "-m", "ruff", "format", "--check", "--quiet", *formatted),
        "lint": (python(), "-m", "ruff", "check", "--quiet", *formatted),
        "types": (python(), "-m", "mypy", *existing),
        "imports": (str(ENVIRONMENTS / groups.TEST / "bin" / "lint-imports"), "--no-cache"),
        "site": site_command(),
    }
    # The folder `sagemaker` is no package; what is in it is found by the path.
    paths = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "sagemaker")))}
    return [Part(suite="check", name=name, command=command, variables=paths) for name, command in commands.items()]


def quick_tests() -> list[Part]:
    """Return the suites that use every core themselves, and say soonest what is wrong."""
    return [
        _pytest("unit", "unit", "tests/unit", "--disable-socket", "--allow-unix-socket", "-n", "2"),
        _pytest("unit", "docs", "tests/docs", "--disable-socket", "--allow-unix-socket", "-n", "2"),
        _pytest("contract", "contract", "tests/contract", "--disable-socket", "--allow-unix-socket", "-n", "2"),
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
        _pytest("engines", "postgresql", "tests/engines/postgresql"),
        _pytest("engines", "browser", "tests/engines/browser"),
        _pytest("engines", "senders", "tests/engines/senders"),
    ]


def _pytest(suite: str, name: str, folder: str, *options: str, environment: str = groups.TEST) -> Part:
    # The CDK's runtime takes the Node that it finds first: the one of this environment, not the system's.
    path = f"{ENVIRONMENTS / groups.TEST / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {"PYTHONPATH": str(ROOT), "PATH": path}
    # The slowest are named, so that whoever makes a suite faster knows where to begin.
    command = (python(environment), "-m", "pytest", folder, "--durations=10", *options)
    return Part(suite=suite, name=name, command=command, variables=variables)


def deploying_tests() -> list[Part]:
    """Return the suites that deploy or start anew what they test; they run only when named."""
    return [
        _pytest("deployments", "deployments", "tests/deployments"),
        _pytest("figures", "figures", "tests/figures"),
        _pytest("databases", "databases", "tests/databases", environment="spark"),
        # Works on a copy of the tree, so that it may meet `deployments`; both run every engine.
        _pytest("documents", "documents", "tests/walkthrough"),
    ]


def slow_tests() -> list[Part]:
    """Return the suites that run only when they are named: they take long, and need the machine for themselves."""
    return [_pytest("slow", "slow", "tests/slow"), _pytest("slow", "rebuilds", "tests/rebuilds")]


def tests() -> list[Part]:
    """Return every suite of tests."""
    return [*quick_tests(), *long_tests(), *deploying_tests(), *slow_tests()]


class ProgressReporter:
    """Says which part starts and ends, in whole pieces, so that two parts side by side do not mix.

    For people the parts' own words go to standard output; when that is for a program's document, to standard error.
    """

    def __init__(self, steps: Steps, *, total: int) -> None:
        self._console = steps.console
        self._machine = steps.machine
        self._total = total
        self._ended = 0
        self._lock = threading.RLock()

    @property
    def descriptor(self) -> int | None:
        """Where a part writes that says everything itself: None is this process's own standard output."""
        return STANDARD_ERROR if self._machine else None

    def title(self, part: Part) -> None:
        """Head what a part is about to say."""
        with self._lock:
            self._console.rule(f"{part.suite}: {part.name}", align="left")

    def start(self, part: Part) -> None:
        """Say that a part starts whose words come later."""
        with self._lock:
            self._console.print(f"{part.suite}: {part.name} starts", soft_wrap=True)

    def repeat(self, part: Part, said: TextIO) -> None:
        """Print what a part has said, in one piece."""
        with self._lock:
            self.title(part)
            output = sys.stderr if self._machine else sys.stdout
            shutil.copyfileobj(said, output)
            output.flush()

    def end(self, outcome: PartResult) -> None:
        """Say how a part ended."""
        with self._lock:
            self._ended += 1
            result = f"{_result(outcome)}, {outcome.seconds:.1f} s ({self._ended} of {self._total})"
            self._console.print(f"{outcome.suite}: {outcome.part} {result}", soft_wrap=True)


def run(steps: Steps, *, only: Sequence[str] = (), lanes: int = LANES, change: Change | None = None) -> TestReport:
    """Run suites and print a summary; return how they ended.

    Args:
        steps: where progress is shown.
        only: names of suites; when it is empty, all but those that run only when they are named.
        change: run of them only what this can reach.
        lanes: how many of the long suites run side by side; what one of them says is printed when it has ended.

    Raises:
        WrongUsageError: there is no such suite.
    """
    chosen = _wanted(only, {part.suite for part in (*checks(), *tests())})
    in_turn = [*checks(), *quick_tests(), *slow_tests()]
    side_by_side = [*long_tests(), *deploying_tests()]
    in_turn, side_by_side = (
        [part for whole in parts if whole.suite in chosen for part in _narrowed(whole, change)]
        for parts in (in_turn, side_by_side)
    )
    wanted = {part.suite for part in (*in_turn, *side_by_side)}
    _prepare(steps, wanted)
    progress = ProgressReporter(steps, total=len(in_turn) + len(side_by_side) + ("check" in wanted))
    outcomes = [_locks(progress)] if "check" in wanted else []
    outcomes += [_execute(part, progress) for part in in_turn]
    if lanes == 1:
        outcomes += [_execute(part, progress) for part in side_by_side]
    elif side_by_side:
        outcomes += _side_by_side(steps, side_by_side, progress, lanes=lanes)
    report = TestReport(outcomes=tuple(outcomes), not_run=tuple(not_run(wanted)))
    if not steps.machine:
        _summary(report)
    return report


def _wanted(only: Sequence[str], known: set[str]) -> set[str]:
    unknown = [name for name in only if name not in known]
    if unknown:
        raise WrongUsageError(f"unknown suite {unknown[0]!r}; choose from {', '.join(sorted(known))}")
    return set(only) or known - {part.suite for part in (*deploying_tests(), *slow_tests())}


def _narrowed(part: Part, change: Change | None) -> Iterator[Part]:
    """Yield the part with the tests that a change can reach; nothing where it reaches none of them."""
    if change is None:
        yield part
        return
    folders = [word for word in part.command if word.startswith(TESTS)]
    found = [test for folder in folders for test in change.tests(ROOT, folder)]
    # Formatting, types and the like hold for the tree as a whole.
    if found or (change.files and not folders):
        others = [word for word in part.command if not word.startswith(TESTS)]
        yield replace(part, command=(*others, *found))


def not_run(wanted: set[str]) -> Iterator[NotRun]:
    """Yield what of these suites cannot be tested on this machine, or on none but AWS's own."""
    if "deployments" in wanted and not flink.has_kinesis():
        yield WITHOUT_CONNECTOR
    if "engines" in wanted and shutil.which("chromium") is None:
        yield WITHOUT_CHROMIUM
    if "engines" in wanted:
        yield from (NotRun(what=one.what, why=one.why) for one in WITHOUT_ENGINE)
    if "documents" in wanted and shutil.which("curl") is None:
        yield WITHOUT_CURL


def _prepare(steps: Steps, wanted: set[str]) -> None:
    if wanted - {"check"}:
        prepare.machine(steps, engines=bool(wanted & ENGINES))
    if "engines" in wanted and shutil.which("chromium") is None and (prefix := bootstrap.may_install()) is not None:
        # Without it only the pages' own tests are left out, and the summary says so.
        bootstrap.install(["chromium"], prefix)
    environments = _environments(wanted)
    with steps.progress("Environments of the tests", len(environments)) as done:
        groups.sync_all(environments, done)
    prepare.contracts()
    if wanted & {"twin", "deployments"}:
        prepare.assets(steps)
        prepare.assembly(steps, DEMONSTRATED)


def _environments(wanted: set[str]) -> list[str]:
    documents = groups.DOCUMENTS if "documents" in wanted else ()
    site = (groups.SITE,) if wanted & {"check", "unit"} else ()
    return [*((groups.TEST,) if wanted else ()), *documents, *site]


def _locks(progress: ProgressReporter) -> PartResult:
    started = time.monotonic()
    found = locks.problems()
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    outcome = PartResult(suite="check", part="locks", passed=not found, seconds=time.monotonic() - started)
    progress.end(outcome)
    return outcome


def _execute(part: Part, progress: ProgressReporter) -> PartResult:
    """Run a part that says everything itself."""
    progress.title(part)
    outcome = _run(part, progress.descriptor, None)
    progress.end(outcome)
    return outcome


def _side_by_side(steps: Steps, parts: Sequence[Part], progress: ProgressReporter, *, lanes: int) -> list[PartResult]:
    with steps.progress("Run the long suites", len(parts)) as done, ThreadPoolExecutor(max_workers=lanes) as pool:
        return list(pool.map(lambda part: _execute_quietly(part, progress, done), parts))


def _execute_quietly(part: Part, progress: ProgressReporter, done: Callable[[], None]) -> PartResult:
    """Run a part, and print what it said when it has ended."""
    log = BUILD / "logs" / f"test-{part.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w+", encoding="utf-8", errors="replace") as said:
        progress.start(part)
        outcome = _run(part, said.fileno(), subprocess.STDOUT)
        said.seek(0)
        progress.repeat(part, said)
    progress.end(outcome)
    done()
    return outcome


def _run(part: Part, output: int | None, errors: int | None) -> PartResult:
    started = time.monotonic()
    environment = {**os.environ, **part.variables}
    done = subprocess.run(part.command, cwd=ROOT, env=environment, check=False, stdout=output, stderr=errors)
    return PartResult(suite=part.suite, part=part.name, passed=done.returncode == 0, seconds=time.monotonic() - started)


def _result(outcome: PartResult) -> str:
    return "[green]passed[/green]" if outcome.passed else "[red]failed[/red]"


def _summary(report: TestReport) -> None:
    console = Console(highlight=False)
    table = Table("suite", "part", "result", "seconds", box=None, header_style="dim")
    for outcome in report.outcomes:
        table.add_row(outcome.suite, outcome.part, _result(outcome), f"{outcome.seconds:.1f}")
    console.print(table)
    for not_run in report.not_run:
        console.print(f"Not run here: {not_run.what}: {not_run.why}.", soft_wrap=True)
