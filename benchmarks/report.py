"""Shared code of the benchmarks: alternating runs with a peer, and one line of JSON as the result.

The line is `{"name", "ours_seconds", "peer_seconds", "ratio", ...}`; its other fields are shown beside the ratio.
Standard library only, because each benchmark runs in the environment of its peer.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

REPETITIONS: Final = 5
FIXED: Final = ("name", "ours_seconds", "peer_seconds", "ratio")
Detail = float | int | str


class UnreadableReportError(ValueError):
    """A benchmark ended without a result line, or the line lacks a field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Ours against a peer, measured in the same run.

    Attributes:
        name: the benchmark.
        ours_seconds: seconds for one unit of our work, the median of the repetitions.
        peer_seconds: seconds for one unit of the peer's work.
        details: further results by name.
    """

    name: str
    ours_seconds: float
    peer_seconds: float
    details: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Our time divided by the peer's; below 1 we are faster."""
        return self.ours_seconds / self.peer_seconds

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of the line."""
        fixed = (self.name, self.ours_seconds, self.peer_seconds, self.ratio)
        return {**dict(zip(FIXED, fixed, strict=True)), **self.details}

    def write(self) -> None:
        """Write the line to standard output, as the last output of a benchmark."""
        sys.stdout.write(json.dumps(self.as_dict()) + "\n")
        sys.stdout.flush()


def read(output: str) -> Comparison:
    """Return the comparison from the last result line in a benchmark's output.

    Raises:
        UnreadableReportError: there is no such line, or a time in it is not a positive number.
    """
    for line in reversed(output.splitlines()):
        document = _object(line)
        if document is not None and document.keys() >= set(FIXED):
            times = {name: document[name] for name in FIXED[1:3]}
            wrong = [name for name, value in times.items() if not isinstance(value, int | float) or value <= 0]
            if wrong:
                raise UnreadableReportError(f"field {wrong[0]}: {times[wrong[0]]!r}; write seconds above 0")
            details = {name: value for name, value in document.items() if name not in FIXED}
            return Comparison(name=str(document["name"]), details=details, **times)
    raise UnreadableReportError(f"no line of JSON with {', '.join(FIXED)}; end the benchmark with Comparison.write")


def _object(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return None  # a log line that begins like JSON
    return document if isinstance(document, dict) else None


def take_turns(
    ours: Callable[[], object], peer: Callable[[], object], *, repetitions: int = REPETITIONS
) -> tuple[list[float], list[float]]:
    """Time both in turns, so that other load affects both; return the seconds of each.

    In every second round the peer goes first.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(repetitions):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for which in order:
            started = time.perf_counter()
            (ours, peer)[which]()
            times[which].append(time.perf_counter() - started)
    return times


def spread(times: Sequence[float]) -> float:
    """Return the difference between the slowest and the fastest repetition, relative to the median."""
    return (max(times) - min(times)) / statistics.median(times)
