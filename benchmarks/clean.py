"""How fast `clean` is, against the same job in plain Flink SQL, and against one that only carries records.

All read the same records from Kafka, with the same jar, heap, parallelism and checkpoints, in turns. `clean` does all
that it does in the twin: contract, hashing, sessions, de-duplication, stream, and Iceberg through the emulator. The
plain job parses, de-duplicates, and writes the same stream and the same lake table. The records are sent when every
task runs, so that starting up does not count. What counts is the processor time for one record until the last one is in
the output topic: unlike the time by the clock it hardly depends on what else the machine does. How many records a
second `clean` makes by the clock is shown beside it.
"""

import json
import logging
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks import bare_emulator
from benchmarks.report import Comparison
from c360_core.names import Property, Stream
from flink_apps.shared.properties import PROPERTIES_FILE_VARIABLE, property_key
from tools.build.flink import stage_application
from twin.engines import flink, kafka
from twin.settings import REGION, ROOT, TwinSettings, python_of

LOGGER: Final = logging.getLogger("benchmarks.clean")

EVENTS: Final = 250_000
ROUNDS: Final = 3  # a round takes more than a minute
PARTITIONS: Final = 2
CHECKPOINTS: Final = flink.Checkpoints(interval_ms=5_000, min_pause_ms=1_000)
PATIENCE_SECONDS: Final = 540.0
POLL_SECONDS: Final = 0.1
SEED: Final = 360
CHECKPOINTS_AFTER: Final = 2
CLEAN: Final = "clean/main.py"


class Kept(StrEnum):
    """Which records a job writes."""

    ALL = "all"
    GOOD = "good"  # neither the bad nor the repeated ones


class BenchmarkError(RuntimeError):
    """A job did not do its work in time, or lost something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one job took.

    Attributes:
        records: what came out.
        steady_seconds: the time in which the second half came out: the JVM is warm by then.
        cpu_seconds: of the whole process from the first record to the last, warming up included.
        state_bytes: of the first checkpoint after the last record.
    """

    records: int
    steady_seconds: float
    cpu_seconds: float
    state_bytes: int

    @property
    def cpu_per_record(self) -> float:
        """Seconds of processor time for one record, warming up included."""
        return self.cpu_seconds / self.records

    @property
    def steady_rate(self) -> float:
        """Records a second, once warm."""
        return self.records / 2 / self.steady_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All jobs, round by round: the pass-through, the plain one, then `clean`."""

    events: int
    rounds: tuple[tuple[Run, Run, Run], ...]

    @property
    def ratios(self) -> list[float]:
        """How many times the processor time of the plain job `clean` takes for one record, in each round."""
        return [clean.cpu_per_record / plain.cpu_per_record for _, plain, clean in self.rounds]

    @property
    def bare_ratios(self) -> list[float]:
        """The same against the pass-through."""
        return [clean.cpu_per_record / bare.cpu_per_record for bare, _, clean in self.rounds]


def run(events: int = EVENTS, rounds: int = ROUNDS, parallelism: int = 1) -> Outcome:
    """Measure all jobs on the same input, in turns.

    Raises:
        BenchmarkError: a job was not done in time.
    """
    with bench(parallelism) as measuring:
        return Outcome(
            events=events,
            rounds=tuple(
                (
                    measuring.measure(f"pass-through-{number}", _beside("flink_pass_through"), events, kept=Kept.ALL),
                    measuring.measure(f"plain-{number}", _beside("flink_plain_sql"), events, kept=Kept.GOOD),
                    measuring.measure(f"clean-{number}", CLEAN, events, kept=Kept.GOOD),
                )
                for number in range(rounds)
            ),
        )


def _beside(module: str) -> str:
    return str(ROOT / "benchmarks" / f"{module}.py")


@contextmanager
def bench(parallelism: int = 1) -> "Iterator[_Bench]":
    """Give what measures jobs: a broker, an emulator with the lake, and the code of `clean`."""
    code = stage_application("clean")
    with ExitStack() as cleanup:
        home = Path(tempfile.mkdtemp(prefix="bench-clean-", dir=ROOT / "build"))
        cleanup.callback(shutil.rmtree, home, ignore_errors=True)
        emulator = bare_emulator.start(home, cleanup)
        broker = kafka.start(home / "kafka")
        cleanup.callback(broker.stop)
        yield _Bench(home=home, code=code, emulator=emulator, broker=broker, parallelism=parallelism)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    home: Path
    code: Path
    emulator: TwinSettings
    broker: kafka.Kafka
    parallelism: int

    def fill(self, topic: str, events: int) -> int:
        """Send the input, and return how many of the events are good and new."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 20})
        good = 0
        for number, (key, body, is_good) in enumerate(_events(events)):
            good += is_good
            producer.produce(topic, body, key=key)
            if number % 5_000 == 0:
                producer.flush()
        producer.flush()
        return good

    def measure(self, name: str, main: str, events: int, *, kept: Kept) -> Run:
        """Run a job on records of its own."""
        streams = {Stream.EVENTS: f"{name}-in", Stream.INTERACTIONS: f"{name}-out"}
        self.broker.create_topics(streams.values(), partitions=PARTITIONS)
        application = flink.Application(
            name=name,
            code=self.code,
            main=main,
            jar="lib/pyflink-dependencies.jar",
            python_files=("dep",),
            parallelism=self.parallelism,
            checkpoints=CHECKPOINTS,
        )
        variables = {
            **self.emulator.client_environment(),
            PROPERTIES_FILE_VARIABLE: str(self._properties(name, streams)),
        }
        job = flink.start(
            application,
            python=python_of("flink"),
            folder=self.home / name,
            checkpoint_folder=self.home / name / "checkpoints",
            environment=variables,
        )
        try:
            job.wait_until_running()
            process = psutil.Process(job.child.pid)
            before = _cpu_seconds(process)
            good = self.fill(streams[Stream.EVENTS], events)
            expected = good if kept is Kept.GOOD else events
            steady_seconds = self._wait(job, streams[Stream.INTERACTIONS], expected)
            cpu_seconds = _cpu_seconds(process) - before
            return Run(
                records=expected,
                steady_seconds=steady_seconds,
                cpu_seconds=cpu_seconds,
                state_bytes=_next_state(self.home / name / "checkpoints"),
            )
        finally:
            job.end()

    def _wait(self, job: flink.FlinkJob, output: str, expected: int) -> float:
        """Return when all is in the output topic: the seconds in which its second half came."""
        half = began = time.monotonic()
        while (found := self._length(output)) < expected:
            if found < expected / 2:
                half = time.monotonic()
            if job.child.poll() is not None:
                raise BenchmarkError(job.cause_of_end())
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise BenchmarkError(
                    f"{job.application.name}: {found} of {expected} records in {PATIENCE_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic() - half

    def _length(self, topic: str) -> int:
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap_servers, "group.id": "bench"})
        try:
            partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            return sum(int(consumer.get_watermark_offsets(partition)[1]) for partition in partitions)
        finally:
            consumer.close()

    def _properties(self, name: str, streams: Mapping[Stream, str]) -> Path:
        groups: dict[str, dict[str, str]] = {
            **bare_emulator.property_groups(self.emulator),
            Property.STREAMS: {
                "provider": "kafka",
                "region": REGION,
                "bootstrap.servers": self.broker.bootstrap_servers,
                **{property_key(stream): topic for stream, topic in streams.items()},
            },
        }
        path = self.home / f"{name}.json"
        document = [{"PropertyGroupId": group, "PropertyMap": values} for group, values in groups.items()]
        path.write_text(json.dumps(document), encoding="utf-8")
        return path


def _next_state(checkpoints: Path) -> int:
    """Wait for the next checkpoint but one, which began after the last record, and return its size.

    Raises:
        BenchmarkError: there is none in time.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    seen = {flink.latest_checkpoint(checkpoints)}
    while len(seen) <= CHECKPOINTS_AFTER:
        if time.monotonic() > until:
            raise BenchmarkError(f"{checkpoints}: no checkpoint after the last record")
        time.sleep(POLL_SECONDS)
        seen.add(flink.latest_checkpoint(checkpoints))
    newest = flink.latest_checkpoint(checkpoints)
    return sum(file.stat().st_size for file in newest.rglob("*") if file.is_file()) if newest is not None else 0


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _events(number: int) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield (key, record, whether it is good and new): baskets and page views, 2 % bad, 2 % sent twice."""
    source = random.Random(SEED)  # noqa: S311  # the same input in every run
    previous = b""
    for index in range(number):
        visitor = f"{source.randrange(number // 20 + 1):07d}"
        body = json.dumps(_basket(index, visitor) if index % 3 == 0 else _view(index, visitor, source)).encode()
        kind = index % 50
        if kind == 0:
            yield visitor.encode(), b"{broken", False
        elif kind == 1 and previous:
            yield visitor.encode(), previous, False
        else:
            previous = body
            yield visitor.encode(), body, True


def _basket(index: int, member: str) -> dict[str, Any]:
    lines = [{"product_id": str(1_000_000 + line), "quantity": 1, "amount": "2.50"} for line in range(5)]
    return {
        **_envelope(index, "pos_transactions", "order_placed"),
        "identifiers": {"loyalty_id": [f"L{member}"]},
        "payload": {"order_id": f"o-{index}", "currency": "USD", "total": "12.50", "lines": lines},
    }


def _view(index: int, device: str, source: random.Random) -> dict[str, Any]:
    return {
        **_envelope(index, "web_events", "product_viewed"),
        "identifiers": {"device_id": [f"d-{device}"], "cookie_id": [f"k-{device}"]},
        "payload": {"product_id": str(1_000_000 + source.randrange(90_000)), "department": "GROCERY"},
    }


def _envelope(index: int, source: str, event_type: str) -> dict[str, Any]:
    second = index % 60
    minute = index // 60 % 60
    hour = index // 3600 % 24
    return {
        "event_id": f"e-{index:08d}",
        "event_type": event_type,
        "source": source,
        "schema_version": 1,
        "occurred_at": f"2026-03-{1 + index // 86400 % 28:02d}T{hour:02d}:{minute:02d}:{second:02d}.000Z",
        "received_at": "2026-04-01T00:00:00.000Z",
    }


def compare(outcome: Outcome) -> Comparison:
    """Return the processor time for one record of `clean` against the plain job, the median of the rounds."""
    _, plain, ours = zip(*outcome.rounds, strict=True)
    return Comparison(
        name="clean against plain Flink SQL",
        ours_seconds=statistics.median(run.cpu_per_record for run in ours),
        peer_seconds=statistics.median(run.cpu_per_record for run in plain),
        details={
            "events": outcome.events,
            "rounds": len(outcome.rounds),
            "lowest_ratio": min(outcome.ratios),
            "highest_ratio": max(outcome.ratios),
            "against_a_pass_through": statistics.median(outcome.bare_ratios),
            "state_bytes_an_event": statistics.median(run.state_bytes / outcome.events for run in ours),
            "records_a_second": statistics.median(run.steady_rate for run in ours),
        },
    )


if __name__ == "__main__":
    import sys

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    compare(run(*(int(argument) for argument in sys.argv[1:]))).write()
