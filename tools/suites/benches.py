"""`c360 bench`: every benchmark in a process and an environment of its own, one table of ratios at the end."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.report import Comparison, UnreadableReportError, read
from tools.build import prepare
from tools.console import Steps
from tools.environments import groups
from tools.laptop import score
from twin.processes.process import ProcessFailedError, spawn, wait_until
from twin.settings import BUILD, ROOT, python_of

LOGS: Final = BUILD / "bench" / "logs"
LIMIT_SECONDS: Final = 1800.0
SCALE: Final = "demo"
SEED: Final = 360
MILLISECONDS_BELOW: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A benchmark: `python -m benchmarks.<module>` in an environment."""

    module: str
    environment: str
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """Program and arguments."""
        return (str(python_of(self.environment)), "-m", f"benchmarks.{self.module}", *self.arguments)

    @property
    def log_path(self) -> Path:
        """File for all that it says."""
        return LOGS / f"{self.module}.log"


class BenchesFailedError(RuntimeError):
    """Some benchmarks gave no figures; the message says which, why, and where their logs are."""


def benches(shoppers: Path) -> tuple[Bench, ...]:
    """Return the benchmarks in the order in which they run.

    Args:
        shoppers: the data set whose records are matched.
    """
    return (
        Bench(module="synth", environment="twin"),
        Bench(module="profile_api", environment="twin"),
        Bench(module="matching", environment="bench", arguments=("--shoppers", str(shoppers))),
        Bench(module="clean", environment="twin"),
        Bench(module="clean_growth", environment="twin"),
        Bench(module="marts", environment=groups.TEST),
    )


def run(steps: Steps) -> dict[str, Any]:
    """Prepare, run every benchmark, print the table; return the comparisons.

    Raises:
        BenchesFailedError: a benchmark gave no figures. The others have been run and printed.
    """
    prepare.machine(steps)
    prepare.contracts()
    prepare.assets(steps)
    with steps.progress("The benchmarks' environment", len(groups.BENCHMARKS)) as done:
        groups.sync_all(groups.BENCHMARKS, done)
    shoppers = score.make_shoppers(steps, scale=SCALE, seed=SEED)
    return measure(steps, benches(shoppers))


def measure(steps: Steps, chosen: Sequence[Bench]) -> dict[str, Any]:
    """Run benchmarks one after the other; see `run`."""
    found: list[Comparison] = []
    failed: list[str] = []
    for number, bench in enumerate(chosen, start=1):
        try:
            with steps.step(f"Benchmark {bench.module} ({number} of {len(chosen)})"):
                found.append(execute(bench))
        except (ProcessFailedError, UnreadableReportError) as error:
            failed.append(f"{bench.module}: {error} (log: {bench.log_path})")
    if not steps.machine:
        Console(highlight=False).print(table(found))
    if failed:
        raise BenchesFailedError("no figures of " + "\n".join(failed))
    return {"benchmarks": [comparison.as_dict() for comparison in found]}


def execute(bench: Bench, *, seconds: float = LIMIT_SECONDS) -> Comparison:
    """Run one benchmark; whatever it starts ends with it.

    Raises:
        ProcessFailedError: it failed, or took longer than allowed.
        UnreadableReportError: it ended well, but without its figures.
    """
    bench.log_path.unlink(missing_ok=True)
    child = spawn(bench.module, bench.command, log_path=bench.log_path, env=dict(os.environ), cwd=ROOT)
    try:
        wait_until(lambda: child.poll() is not None, child=child, seconds=seconds, pause=0.2)
    finally:
        child.terminate()
    if child.poll() != 0:
        raise ProcessFailedError(f"ended with status {child.poll()}:\n{child.tail(8)}")
    return read(bench.log_path.read_text(encoding="utf-8", errors="replace"))


def table(comparisons: Sequence[Comparison]) -> Table:
    """Return the ratios as a table for people."""
    shown = Table("ours / peer", "ours", "peer", "ratio", "more", box=None, header_style="dim")
    for one in comparisons:
        shown.add_row(one.name, duration(one.ours_seconds), duration(one.peer_seconds), times(one.ratio), more(one))
    return shown


def duration(seconds: float) -> str:
    """Return a time as a person says it."""
    return f"{seconds:.2f} s" if seconds >= MILLISECONDS_BELOW else f"{seconds * 1000:.2f} ms"


def times(ratio: float) -> str:
    """Return a ratio with three digits that count."""
    return f"{ratio:#.3g}×"


def more(comparison: Comparison) -> str:
    """Return the details: what both sides have as `ours | peer`, then the rest."""
    details = dict(comparison.details)
    lines = []
    for name in [name for name in details if name.startswith("ours_")]:
        peer = name.replace("ours_", "peer_", 1)
        if peer in details:
            label = name.removeprefix("ours_").replace("_", " ")
            lines.append(f"{label} {_plain(details.pop(name))} | {_plain(details.pop(peer))}")
    lines += [f"{name.replace('_', ' ')} {_plain(value)}" for name, value in details.items()]
    return "\n".join(lines)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
