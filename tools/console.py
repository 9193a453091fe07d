"""What the person at the terminal sees: one line a step, with a moving mark and the time it took."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """How long a finished step took, in seconds."""

    name: str
    seconds: float


@dataclass(slots=True)
class Steps:
    """Prints steps as they run and remembers their times.

    Attributes:
        machine: write nothing for people; the command prints JSON at its end instead.
    """

    machine: bool = False
    times: list[StepTime] = field(default_factory=list)
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it runs; on failure mark it and let the error through."""
        started = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        progress = Progress(
            *columns, console=self.console, transient=True, disable=self.machine or not self.console.is_terminal
        )
        try:
            with progress:
                progress.add_task(name)
                yield
        except BaseException:
            self._line("[red]✗[/red]", name, started)
            raise
        self.times.append(StepTime(name=name, seconds=time.monotonic() - started))
        self._line("[green]✓[/green]", name, started)

    def note(self, text: str) -> None:
        """Say something beside the steps."""
        if not self.machine:
            self.console.print(f"  {text}")

    def result(self, data: Mapping[str, Any]) -> None:
        """Print the outcome for machines, as one JSON document on standard output."""
        if self.machine:
            Console(highlight=False, soft_wrap=True).print_json(json.dumps(data, default=str))

    def _line(self, mark: str, name: str, started: float) -> None:
        if not self.machine:
            self.console.print(f"{mark} {name} [dim]{time.monotonic() - started:.1f} s[/dim]")
