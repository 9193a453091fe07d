"""Collects the events of one source in the order of their arrival and counts what a correct system makes of them."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any, Final

from twin.shoppers.chance import happens
from twin.shoppers.clock import DAY, HOUR, MINUTE, SECOND, iso
from twin.shoppers.manifest import StreamFile

REPLAY_ID: Final = "history-1"
_encode = json.JSONEncoder(separators=(",", ":")).encode


def envelope(
    source: str, event_type: str, event_id: str, at: int, identifiers: dict[str, list[str]], payload: dict[str, Any]
) -> dict[str, Any]:
    """Return an event of the past."""
    return {
        "event_id": event_id,
        "event_type": event_type,
        "source": source,
        "schema_version": 1,
        "occurred_at": iso(at),
        "replay_id": REPLAY_ID,
        "identifiers": identifiers,
        "payload": payload,
    }


class Tape:
    """The events of one source. Some arrive late, some twice; the order is that of arrival."""

    def __init__(self, source: str, rng: random.Random, *, late_share: float, duplicate_share: float) -> None:
        self.source = source
        self._rng = rng
        self._late_share = late_share
        self._duplicate_share = duplicate_share
        self._lines: list[tuple[int, int, str, str]] = []  # arrival, order of writing, line, reason code or empty
        self.good: Counter[str] = Counter()
        self.duplicates = 0
        self.rejected: Counter[str] = Counter()
        self.first = self.last = 0

    def add(
        self, event_type: str, event_id: str, at: int, identifiers: dict[str, list[str]], payload: dict[str, Any]
    ) -> None:
        """Add a good event that happened at `at` (epoch milliseconds)."""
        line = _encode(envelope(self.source, event_type, event_id, at, identifiers, payload))
        late = self._rng.randint(HOUR, 2 * DAY) if happens(self._rng, self._late_share) else 0
        arrival = at + self._rng.randint(50, 3 * SECOND) + late
        self._append(arrival, line, "")
        self.first, self.last = (min(self.first, at), max(self.last, at)) if self.good else (at, at)
        self.good[event_type] += 1
        if happens(self._rng, self._duplicate_share):
            self._append(arrival + self._rng.randint(SECOND, 10 * MINUTE), line, "")
            self.duplicates += 1

    def add_bad(self, line: str, at: int, reason_code: str) -> None:
        """Add a line that must be rejected for this reason."""
        self._append(at, line, reason_code)
        self.rejected[reason_code] += 1

    def _append(self, arrival: int, line: str, reason_code: str) -> None:
        self._lines.append((arrival, len(self._lines), line, reason_code))

    def write(self, directory: Path, path: str) -> tuple[StreamFile, list[tuple[str, int, str]]]:
        """Write the file; return its counts, and path, line number (from 1) and reason code of each bad line."""
        self._lines.sort()
        with (directory / path).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for _, _, line, _ in self._lines)
        bad = [(path, number, reason) for number, (_, _, _, reason) in enumerate(self._lines, start=1) if reason]
        counts = StreamFile(
            path=path,
            source=self.source,
            sent=len(self._lines),
            good=self.good.total(),
            duplicates=self.duplicates,
            rejected=dict(sorted(self.rejected.items())),
        )
        return counts, bad
