"""What a run of the generator wrote, and what a correct system must make of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

MANIFEST_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFile:
    """One file of events, one JSON event per line. Paths are relative to the output folder.

    sent = good + duplicates + the sum of rejected; `rejected` counts by reason code.
    """

    path: str
    source: str
    sent: int
    good: int
    duplicates: int
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One CSV file of a file source. rows = good + the sum of rejected.

    `published` events come of the good rows. `reason` is set when the whole file is broken: then no row is good.
    """

    path: str
    source: str
    rows: int
    good: int
    published: int
    rejected: Mapping[str, int]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Files and counts of one run.

    `published_duplicates` counts, per file source, events that a later file with the same rows sends again.
    `spend` and `returned` are decimal texts in US dollars over all good events; `profile_spend` is their difference.
    """

    scale: str
    seed: int
    households: int
    people: int
    first_occurred_at: str
    last_occurred_at: str
    orders: int
    spend: str
    returns: int
    returned: str
    streams: tuple[StreamFile, ...]
    files: tuple[DataFile, ...]
    broken_files: tuple[DataFile, ...]
    published_duplicates: Mapping[str, int]
    good_by_type: Mapping[str, int]

    def stream(self, source: str) -> StreamFile:
        """Return the event file of a source, or raise KeyError."""
        for file in self.streams:
            if file.source == source:
                return file
        raise KeyError(f"no event file of `{source}`; there are: {', '.join(f.source for f in self.streams)}")

    @property
    def events_sent(self) -> int:
        """Events on the events stream once all files, the broken ones too, are sent, ingested and published."""
        return sum(file.sent for file in self.streams) + self._published

    @property
    def events_good(self) -> int:
        """Interactions that must come out of it."""
        good = sum(file.good for file in self.streams)
        return good + self._published - sum(self.published_duplicates.values())

    @property
    def rows_refused(self) -> int:
        """Rows of files, and files as a whole, that must come to quarantine."""
        return sum(sum(file.rejected.values()) for file in (*self.files, *self.broken_files))

    @property
    def _published(self) -> int:
        return sum(file.published for file in (*self.files, *self.broken_files))

    def write(self, directory: Path) -> None:
        """Write the manifest into the output folder."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True)
        (directory / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Read the manifest of an output folder.

        Raises:
            FileNotFoundError: nothing was generated there.
        """
        path = directory / MANIFEST_NAME
        if not path.exists():
            raise FileNotFoundError(f"{path}: no manifest; generate the shoppers first")
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values["streams"] = tuple(StreamFile(**entry) for entry in values["streams"])
        values["files"] = tuple(DataFile(**entry) for entry in values["files"])
        values["broken_files"] = tuple(DataFile(**entry) for entry in values["broken_files"])
        return cls(**values)
