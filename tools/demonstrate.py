"""`c360 demo`: from a clone to a checked, visible Customer 360 on this laptop."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tools import prepare
from tools.console import Steps
from twin import emulator
from twin.scenario import floors, page, story
from twin.scenario.memory import PeakMemory
from twin.scenario.result import Check, DemoResult, Floor
from twin.settings import BUILD
from twin.shoppers import Manifest, generate_once

HOME: Final = BUILD / "twin" / "demo"
PAGE: Final = BUILD / "demo" / "index.html"
TIMELINE_LENGTH: Final = 20


def run(steps: Steps, *, scale: str, seed: int, port: int | None = None) -> DemoResult:
    """Run the demonstration; leave the page behind and nothing running.

    Raises:
        RuntimeError: a step failed; the message says which and why. The logs stay in `build/twin/demo/logs`.
    """
    with PeakMemory() as memory:
        prepare.machine(steps)
        prepare.contracts()
        prepare.assets(steps)
        data = BUILD / "shoppers" / f"{scale}-{seed}"
        running, manifest = _begin(steps, data, scale=scale, seed=seed, port=port)
        try:
            result = _tell(steps, running, manifest, data, memory)
        finally:
            with steps.step("Stop everything"):
                running.stop()
    with steps.step("Page"):
        page.write(result, PAGE)
    shutil.rmtree(HOME, ignore_errors=True)
    summarize(steps, result)
    return result


def _begin(steps: Steps, data: Path, *, scale: str, seed: int, port: int | None) -> tuple[emulator.Emulator, Manifest]:
    """Make the cloud assembly, and meanwhile the shoppers and the emulator: none needs another."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        starting = pool.submit(emulator.Emulator.start, HOME, port=port, warm=True)
        generating = pool.submit(generate_once, scale, seed, data)
        try:
            prepare.assembly(steps, "dev")
            with steps.step(f"Shoppers, scale {scale}"):
                manifest = generating.result()
        except BaseException:
            if not starting.exception():
                starting.result().stop()
            raise
        with steps.step("Emulator"):
            return starting.result(), manifest


def _tell(steps: Steps, running: emulator.Emulator, manifest: Manifest, data: Path, memory: PeakMemory) -> DemoResult:
    with steps.step("cdk bootstrap"):
        emulator.bootstrap(running)
    with steps.step("cdk deploy --all"):
        emulator.deploy(running)
    told_story = story.Story.of(running, manifest, data, steps.step)
    checks = told_story.collect()
    agreement, more, people = told_story.unify()
    told, live_checks = told_story.live(people)
    analysis, persona, mart_checks = told_story.analyse(told)
    mails = [message for found in told.mails.values() for message in found]
    withdrawn = told_story.withdrawn_stops(len(mails))
    everything = [*checks, *more, *live_checks, *mart_checks, withdrawn]
    return DemoResult(
        scale=manifest.scale,
        seed=manifest.seed,
        stages=told_story.stages(told, everything),
        checks=tuple(everything),
        floors=floors.compare(manifest.scale, agreement),
        analysis=analysis,
        customer=told_story.api.get(told.welcome_id) or {},
        timeline=_timeline(told_story.api.page(told.welcome_id, "timeline")),
        decisions=told.decisions,
        messages=tuple(mails),
        persona=persona,
        latency=told.latency,
        times=tuple((time.name, time.seconds) for time in steps.times),
        peak_memory_gigabytes=memory.gigabytes,
        matching=story.scores(agreement),
        regular=told_story.regular(),
    )


def _timeline(events: list[dict[str, Any]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (str(event.get("occurred_at", "")), str(event.get("event_type", "")), _amount(event))
        for event in events[:TIMELINE_LENGTH]
    )


def _amount(event: Mapping[str, Any]) -> str:
    return f"{event['amount']} {event.get('currency', '')}" if event.get("amount") is not None else ""


def summarize(steps: Steps, result: DemoResult) -> None:
    """Print the summary for people, or the JSON document for machines."""
    steps.result(
        {
            "passed": result.passed,
            "page": str(PAGE),
            "checks": [_plain(check) for check in result.checks],
            "floors": [_plain(floor) for floor in result.floors],
            "latency_p50_seconds": result.latency_quantile(0.5),
            "latency_p95_seconds": result.latency_quantile(0.95),
            "peak_memory_gigabytes": round(result.peak_memory_gigabytes, 2),
            "seconds": {name: round(seconds, 1) for name, seconds in result.times},
        }
    )
    if steps.machine:
        return
    console = Console(highlight=False)
    table = Table("known answer", "known", "found", "", box=None, header_style="dim")
    for check in result.checks:
        table.add_row(check.name, str(check.expected), str(check.actual), _mark(check.passed))
    for floor in result.floors:
        table.add_row(floor.name, f"at least {floor.floor}", f"{floor.actual:.4f}", _mark(floor.passed))
    console.print(table)
    total = sum(seconds for _, seconds in result.times)
    console.print(
        f"event to single view: p50 {result.latency_quantile(0.5):.2f} s, p95 {result.latency_quantile(0.95):.2f} s; "
        f"peak memory {result.peak_memory_gigabytes:.1f} GB; {total:.0f} s in all"
    )
    console.print(f"page: {PAGE}")


def _mark(passed: bool) -> str:  # noqa: FBT001  # one value, nothing to confuse it with
    return "[green]✓[/green]" if passed else "[red]✗[/red]"


def _plain(check: Check | Floor) -> dict[str, Any]:
    expected = check.expected if isinstance(check, Check) else check.floor
    return {"name": check.name, "expected": str(expected), "actual": str(check.actual), "passed": check.passed}
