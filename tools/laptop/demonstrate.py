"""`c360 demo`: from a clone to a checked, visible Customer 360 on this laptop."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tools.build import prepare
from tools.console import Steps
from twin.emulator import decisions, emulator
from twin.scenario import dashboards, floors, outside, page, permissions
from twin.scenario.memory import PeakMemory
from twin.scenario.result import Check, DemoResult, Floor
from twin.scenario.story import LiveResult, Story, scores
from twin.settings import BUILD, DEMONSTRATED
from twin.shoppers import Manifest, generate_once

HOME: Final = BUILD / "twin" / "demo"
PAGE: Final = BUILD / "demo" / "index.html"
TIMELINE_LENGTH: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A demonstration that has been given; what it was given on still runs.

    Attributes:
        story: on the deployment.
        live_result: what the live customers did and what came of it.
        result: what the summary and the page show.
        authorizations: what the policies allowed and refused until its end.
    """

    story: Story
    live_result: LiveResult
    result: DemoResult
    authorizations: tuple[decisions.Decision, ...]


def run(steps: Steps, *, scale: str, seed: int, port: int | None = None) -> DemoResult:
    """Run the demonstration; leave the page behind and nothing running.

    Raises:
        RuntimeError: a step failed; the message says which and why. The logs stay in `build/twin/demo/logs`.
    """
    with PeakMemory() as memory, ThreadPoolExecutor(max_workers=1) as pool:
        prepare.machine(steps)
        prepare.contracts()
        data = BUILD / "shoppers" / f"{scale}-{seed}"
        running, manifest = begin(steps, HOME, data, scale=scale, seed=seed, port=port)
        try:
            result = tell(steps, running, manifest, data, memory).result
            writing = pool.submit(page.write, result, PAGE)
        finally:
            with steps.step("Write the page; stop everything"):
                running.stop()
        writing.result()
    for drawn in sorted((HOME / dashboards.FOLDER).glob("*.html")):
        shutil.copy(drawn, PAGE.parent)
    shutil.rmtree(HOME, ignore_errors=True)
    summarize(steps, result)
    return result


def begin(
    steps: Steps,
    home: Path,
    data: Path,
    *,
    scale: str,
    seed: int,
    port: int | None = None,
) -> tuple[emulator.Emulator, Manifest]:
    """Make assets and cloud assembly, and meanwhile the shoppers and the emulator: none needs another.

    Args:
        steps: shows what is done.
        home: folder of the emulator; emptied first.
        data: folder of the shoppers' data, made or kept.
        scale: how much data.
        seed: which invented people.
        port: loopback port of the emulator; a free one when omitted.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        starting = pool.submit(emulator.Emulator.start, home, environment=DEMONSTRATED, port=port, warm=True)
        generating = pool.submit(generate_once, scale, seed, data)
        try:
            prepare.assets(steps)
            prepare.assembly(steps, DEMONSTRATED)
            with steps.step(f"Shoppers, scale {scale}"):
                manifest = generating.result()
        except BaseException:
            if not starting.exception():
                starting.result().stop()
            raise
        with steps.step("Emulator"):
            return starting.result(), manifest


def tell(steps: Steps, running: emulator.Emulator, manifest: Manifest, data: Path, memory: PeakMemory) -> Demonstration:
    """Deploy to a running emulator and tell the whole story there.

    Raises:
        RuntimeError: a step failed; the message says which and why.
    """
    with steps.step("cdk bootstrap"):
        emulator.bootstrap(running)
    with steps.step("cdk deploy --all"):
        emulator.deploy(running)
    story = Story.of(running, manifest, data, steps.step)
    systems = outside.Outside.listen(story.deployment)
    agreement, checks, people = story.unify(story.collect())
    live_result, live_checks = story.live(people)
    ordered, database_checks = story.read_databases()
    found = story.analyse(live_result, ordered)
    told = systems.checks(story.api.page(live_result.welcome_id, "decisions"), found.regular)
    mails = [message for found in live_result.mails.values() for message in found]
    withdrawn = story.withdrawn_stops(len(mails))
    made = decisions.read(running.settings.home)
    permitted = permissions.checks(story.deployment, made)
    everything = [*checks, *live_checks, *database_checks, *found.checks, *told, withdrawn, *permitted]
    result = DemoResult(
        scale=manifest.scale,
        seed=manifest.seed,
        stages=story.stages(live_result, found, everything),
        checks=tuple(everything),
        floors=floors.compare(manifest.scale, agreement),
        analysis=found.analysis,
        customer=story.api.get(live_result.welcome_id) or {},
        timeline=_timeline(story.api.page(live_result.welcome_id, "timeline")),
        decisions=live_result.decisions,
        messages=tuple(mails),
        persona=found.persona,
        latency=live_result.latency,
        times=tuple((time.name, time.seconds) for time in steps.times),
        peak_memory_gigabytes=memory.gigabytes,
        matching=scores(agreement),
        regular=found.regular,
        dashboards=tuple(path.name for path in sorted((running.settings.home / dashboards.FOLDER).glob("*.html"))),
    )
    return Demonstration(story=story, live_result=live_result, result=result, authorizations=made)


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
