"""The history: a year of baskets and clicks, and the files of the other systems, until the lake holds all of it."""

import csv
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from c360_core.loyalty import WRITTEN
from c360_core.names import TableName, Zone, database_name
from twin.principals import Principal
from twin.scenario import bought, straight
from twin.scenario.collect import Collected, CollectorClient, land, produce
from twin.scenario.deployment import Deployment
from twin.scenario.lake import until_committed
from twin.scenario.waiting import STALLED_SECONDS, until
from twin.shoppers.manifest import DataFile, Manifest
from twin.shoppers.truth import BAD_LINES

# What the platform says by itself of the people whom it sees meanwhile was not sent.
SENT: Final = f"event_type <> '{WRITTEN}'"
POS: Final = "pos_transactions"
WEB: Final = "web_events"
INGEST_SECONDS: Final = 600.0
HTTP_SHARE: Final = 20  # one device in so many sends over HTTP; the rest comes from the web shop's own producer
DEVICE: Final = re.compile(r'"device_id": ?\["([^"]*)"')
HTTP_LANE: Final = 10  # of the device whose invalid events are among them: the collector must refuse those


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeCounts:
    """Rows in the lake, by the fate of an event or of a file's row."""

    clean: int
    duplicates: int
    rejected: int

    @property
    def total(self) -> int:
        """Everything that came in."""
        return self.clean + self.duplicates + self.rejected


def land_files(deployment: Deployment, manifest: Manifest, folder: Path) -> list[str]:
    """Land the files day by day, as their sources would; return the names of the runs that failed.

    What is bought comes by Data Exchange, where the deployment subscribes to it.

    A file that is refused as a whole is quarantined and its run succeeds; a failed one is a defect.
    """
    s3, bucket = deployment.client("s3", Principal.SOURCE), deployment.outputs["LandingBucketName"]
    landed, failed = bought.publish(deployment, manifest, folder), []
    for _, files in groupby(sorted((*manifest.files, *manifest.broken_files), key=_day), key=_day):
        for file in files:
            if bought.is_published(deployment, file):
                continue
            land(s3, bucket, folder / file.path, key=f"{file.source}/{Path(file.path).name}")
            landed += 1
        ended = deployment.wait_for_files(landed, seconds=INGEST_SECONDS)
        failed = [e["name"] for e in ended if e["status"] != "SUCCEEDED"]
    return failed


def send_events(deployment: Deployment, folder: Path, manifest: Manifest) -> Collected:
    """Send the event files: tills and most of the web straight to the stream, the rest over HTTP.

    Returns the collector's verdicts.
    """
    stream = straight.sender(deployment, as_=Principal.SOURCE)
    collector = CollectorClient(url=deployment.url("CollectorUrl"), credentials={WEB: deployment.credentials(WEB)})
    produce(stream, lines(folder / manifest.stream(POS).path))
    direct: list[str] = []
    over_http: list[str] = []
    for line in lines(folder / manifest.stream(WEB).path):
        (over_http if _goes_over_http(line) else direct).append(line)
    produce(stream, direct)
    return collector.send(WEB, over_http)


def refused_over_http(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Return how many events the collector must refuse, by reason: the bad ones that are sent to it."""
    path = manifest.stream(WEB).path
    with (folder / "truth" / BAD_LINES).open(encoding="utf-8", newline="") as file:
        bad = {int(row["line"]): row["reason_code"] for row in csv.DictReader(file) if row["path"] == path}
    numbered = enumerate(lines(folder / path), start=1)
    return dict(Counter(bad[number] for number, line in numbered if number in bad and _goes_over_http(line)))


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file without their ends."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def lake_counts(deployment: Deployment) -> LakeCounts:
    """Count what the lake holds."""
    quarantine = database_name(deployment.emulator.settings.environment, Zone.QUARANTINE)
    return LakeCounts(
        clean=deployment.count(_raw(deployment, TableName.INTERACTIONS), SENT),
        duplicates=deployment.count(_raw(deployment, TableName.DUPLICATES)),
        rejected=deployment.count(f"{quarantine}.{TableName.REJECTED}"),
    )


def _raw(deployment: Deployment, table: TableName) -> str:
    return f"{database_name(deployment.emulator.settings.environment, Zone.RAW)}.{table}"


def expected_counts(manifest: Manifest) -> LakeCounts:
    """Return what a correct system holds after the whole history."""
    stream_duplicates = sum(file.duplicates for file in manifest.streams)
    return LakeCounts(
        clean=manifest.events_good,
        duplicates=stream_duplicates + sum(manifest.published_duplicates.values()),
        rejected=sum(sum(file.rejected.values()) for file in manifest.streams) + manifest.rows_refused,
    )


def wait_for_lake(deployment: Deployment, expected: LakeCounts) -> LakeCounts:
    """Wait until the lake holds as many rows as were sent; return what it holds then.

    The good rows are most of them: the others are counted when those are there.
    """
    interactions = _raw(deployment, TableName.INTERACTIONS)
    until_committed(
        f"the lake holds {expected.clean} interactions",
        deployment,
        interactions,
        lambda: deployment.count(interactions, SENT),
        lambda seen: seen >= expected.clean,
    )
    return until(
        f"the lake holds {expected.total} rows",
        lambda: lake_counts(deployment),
        lambda seen: seen.total >= expected.total,
        seconds=STALLED_SECONDS,
        pause=2.0,
        moving=True,
    )


def _day(file: DataFile) -> str:
    return Path(file.path).stem[-10:]


def _goes_over_http(line: str) -> bool:
    """One customer's lines must all go one way, or they could overtake each other. Only whole JSON fits a request."""
    if not any(map(_in_http_lane, DEVICE.findall(line))):  # to read every line as JSON would take seconds
        return False
    try:
        event = json.loads(line)
        device = event["identifiers"]["device_id"][0]
        ours = event["source"] == WEB  # over HTTP the key says whose an event is, whatever the event says
    except (ValueError, KeyError, TypeError, IndexError):
        return False
    return ours and _in_http_lane(str(device))


def _in_http_lane(device: str) -> bool:
    return zlib.crc32(device.encode()) % HTTP_SHARE == HTTP_LANE
