"""What the person at the terminal sees: one line a step, with a moving mark or a bar and the time it took."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

NAME: Final = "{task.description}"


def document(data: Mapping[str, Any]) -> None:
    """Write the one JSON document of a command to standard output."""
    sys.stdout.write(json.dumps(data, default=str, indent=2) + "\n")
    sys.stdout.flush()


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
        with self._shown(name, self._live(SpinnerColumn(), TextColumn(NAME)), total=None):
            yield

    @contextmanager
    def progress(self, name: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a step of so many parts with a bar; it yields what is called, from any thread, when a part is done."""
        bar = self._live(SpinnerColumn(), TextColumn(NAME), BarColumn(), MofNCompleteColumn())
        with self._shown(name, bar, total=total) as advance:
            yield advance

    def note(self, text: str) -> None:
        """Say something beside the steps."""
        if not self.machine:
            self.console.print(f"  {text}")

    def result(self, data: Mapping[str, Any]) -> None:
        """Print the outcome for machines, as one JSON document on standard output."""
        if self.machine:
            document(data)

    def _live(self, *columns: Any) -> Progress:
        return Progress(
            *columns,
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=self.machine or not self.console.is_terminal,
            # What goes to a file does not disturb the terminal, and must arrive there unchanged.
            redirect_stdout=sys.stdout.isatty(),
        )

    @contextmanager
    def _shown(self, name: str, live: Progress, *, total: int | None) -> Iterator[Callable[[], None]]:
        started = time.monotonic()
        task = live.add_task(name, total=total)
        try:
            with live:
                yield partial(live.advance, task)
        except BaseException:
            self._line("[red]✗[/red]", name, started)
            raise
        self.times.append(StepTime(name=name, seconds=time.monotonic() - started))
        self._line("[green]✓[/green]", name, started)

    def _line(self, mark: str, name: str, started: float) -> None:
        if not self.machine:
            self.console.print(f"{mark} {name} [dim]{time.monotonic() - started:.1f} s[/dim]")
