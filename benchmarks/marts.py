"""How long the marts take, against their SQL by hand, and the dashboards, against their questions alone.

    .venvs/test/bin/python -m benchmarks.marts --interactions 1000000

One Trino answers both sides, in turns, behind the emulator's Glue and S3. Ours is `dbt run --full-refresh` through
Athena's API, as CodeBuild runs it: dbt starts, reads the project, and builds each model as a table with its contract
and its descriptions, while the table before it is there to read. The peer has the statements that dbt compiled, drops
its tables and creates them anew on Trino's own connection, as many at once as dbt does, each when those are there that
it reads. It has nothing to start, to read or to describe. Tests of data are on neither side. Both times are by the
clock; the processor time of all processes together is beside them, because it hardly depends on what else the machine
does.

Then a day of news comes, and `dbt run` builds on. At last the dashboards are drawn as `./c360 report` draws them: the
peer of this is the same questions on Trino's own connection, without Athena's results and without pages.
"""

import argparse
import json
import logging
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import lake_rows
from benchmarks.report import Comparison, Detail, spread, take_turns
from ops.report.questions import choices, question
from ops.report.report import There, dashboards, draw
from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, furnish
from tests.factories.dashboards import PREFIX, QuickSight
from twin.engines.trino import CATALOG, Trino, folder_of, rules_path
from twin.processes.process import Child, free_port, port_is_open, spawn, wait_until
from twin.settings import ROOT, TwinSettings, python_of

LOGGER: Final = logging.getLogger("benchmarks.marts")

INTERACTIONS: Final = 1_000_000
ROUNDS: Final = 2  # each builds everything twice
DRAWINGS: Final = 3
DBT_THREADS: Final = 4  # as in sql/profiles.yml
QUESTIONS_AT_ONCE: Final = 4  # as the report asks
BARE: Final = "c360_bench_bare"
_BUILT: Final = ("table", "incremental")
_DBT_SECONDS: Final = 1500


class BenchmarkError(RuntimeError):
    """dbt failed, or both sides did not make the same; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that is stored.

    Attributes:
        reads: the stored models that have to be there before it.
        partitioned_by: as Athena takes it.
    """

    name: str
    statement: str
    reads: frozenset[str]
    partitioned_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The lake with its engine.

    Attributes:
        trino: the engine behind Athena, reached without it.
    """

    stack: Stack
    trino: Trino
    variables: Mapping[str, str]

    def processor_seconds(self) -> float:
        """Return what the emulator, Trino, dbt and this process have computed so far."""
        emulator = psutil.Process(self.trino.child.pid)
        times = [one.cpu_times() for one in (emulator, *emulator.children(recursive=True))]
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.user + one.system for one in times) + sum(one.ru_utime + one.ru_stime for one in own)

    def counted(self, work: Callable[[], object], into: list[float]) -> Callable[[], None]:
        """Return the work, which notes the processor time that it takes."""

        def noted() -> None:
            before = self.processor_seconds()
            work()
            into.append(self.processor_seconds() - before)

        return noted

    def dbt(self, *arguments: str) -> None:
        """Run dbt as the build does.

        Raises:
            BenchmarkError: it failed.
        """
        command = [str(python_of("dbt").with_name("dbt")), *arguments, "--project-dir", "sql", "--profiles-dir", "sql"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=dict(self.variables),
            capture_output=True,
            text=True,
            timeout=_DBT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"dbt {' '.join(arguments)}: {done.stdout[-2000:]}")

    def run(self, statement: str) -> list[Any]:
        """Run a statement on Trino itself."""
        return self.trino.run(statement)


def start(home: Path, cleanup: ExitStack) -> Bench:
    """Start the emulator, and Trino with its first statement; make the lake's tables."""
    settings = TwinSettings(home=home, port=free_port())
    os.environ.update(settings.client_environment())
    child = spawn(
        "emulator",
        [sys.executable, "-m", "tests.engines.trino.emulator_process", str(settings.port), str(settings.home)],
        log_path=settings.logs / "emulator.log",
        cwd=ROOT,
    )
    cleanup.callback(child.terminate)
    wait_until(lambda: port_is_open(settings.port), child=child, seconds=60)
    stack = furnish(Stack(settings=settings))
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        **settings.client_environment(),
        "C360_ENVIRONMENT": lake.ENVIRONMENT,
        "C360_WORKGROUP": lake.WORKGROUP,
        "C360_MARTS_LOCATION": f"s3://{lake.LAKE}/marts/",
        "C360_DBT_THREADS": str(DBT_THREADS),
        "DBT_TARGET_PATH": str(home / "dbt"),
        "DBT_LOG_PATH": str(home / "dbt-logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    return Bench(stack=stack, trino=_behind(settings, child), variables=variables)


def _behind(settings: TwinSettings, child: Child) -> Trino:
    """Return the Trino that the emulator has started, to be asked without the emulator."""
    folder = folder_of(settings)
    written = (folder / "config.properties").read_text(encoding="utf-8")
    [port] = re.findall(r"^http-server\.http\.port=(\d+)$", written, re.MULTILINE)
    return Trino(child=child, port=int(port), rules_path=rules_path(folder))


# ---- by hand


def compiled_models(target: Path) -> list[Model]:
    """Return the models that the last run of dbt has stored, with the statements of a full build."""
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    nodes = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["config"]["materialized"] in _BUILT
    }
    return [
        Model(
            name=node["name"],
            statement=(target / "compiled" / node["package_name"] / node["original_file_path"]).read_text("utf-8"),
            reads=frozenset(_stored(key, manifest, nodes)),
            partitioned_by=tuple(node["config"].get("partitioned_by") or ()),
        )
        for key, node in nodes.items()
    ]


def _stored(key: str, manifest: Mapping[str, Any], nodes: Mapping[str, Any]) -> Iterator[str]:
    """Yield the stored models that a model reads, also through views."""
    for parent in manifest["parent_map"][key]:
        if parent in nodes:
            yield nodes[parent]["name"]
        elif parent.startswith("model."):
            yield from _stored(parent, manifest, nodes)


def by_hand(run: Callable[[str], object], models: Sequence[Model]) -> None:
    """Create the tables of all models, each as soon as it can be."""
    with ThreadPoolExecutor(max_workers=DBT_THREADS) as pool:
        made: set[str] = set()
        names = {model.name for model in models}
        waiting = {model.name: model for model in models}
        running: dict[Future[object], str] = {}
        while waiting or running:
            for model in [one for one in waiting.values() if one.reads <= made]:
                running[pool.submit(run, created(model, names))] = waiting.pop(model.name).name
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for one in done:
                one.result()
                made.add(running.pop(one))


def created(model: Model, stored: Collection[str]) -> str:
    """Return the statement that creates a model's table beside dbt's, from the others beside dbt's."""
    names = ", ".join(f"'{one}'" for one in model.partitioned_by)
    partitions = f", partitioning = ARRAY[{names}]" if names else ""
    location = f"s3://{lake.LAKE}/bare/{model.name}-{time.monotonic_ns()}"
    names_of_all = "|".join(map(re.escape, stored))
    statement = re.sub(rf'"?{lake.PRODUCTS}"?\."?({names_of_all})\b"?', rf'"{BARE}"."\1"', model.statement)
    return (
        f'CREATE TABLE "{CATALOG}"."{BARE}"."{model.name}" '
        f"WITH (format = 'PARQUET', location = '{location}'{partitions}) AS {statement}"
    )


def _forget(bench: Bench, models: Sequence[Model]) -> None:
    for model in models:
        bench.run(f'DROP TABLE IF EXISTS "{CATALOG}"."{BARE}"."{model.name}"')


def require_the_same(bench: Bench, models: Sequence[Model]) -> int:
    """Return the rows of all tables, which are as many on both sides.

    Raises:
        BenchmarkError: one has other rows.
    """
    total = 0
    for model in models:
        ours, theirs = (_count(bench, schema, model.name) for schema in (lake.PRODUCTS, BARE))
        if ours != theirs:
            raise BenchmarkError(f"{model.name} has {ours} rows, and {theirs} by hand")
        total += ours
    return total


def _count(bench: Bench, schema: str, table: str) -> int:
    [[count]] = bench.run(f'SELECT count(*) FROM "{CATALOG}"."{schema}"."{table}"')  # noqa: S608  # our own names
    return int(count)


# ---- dashboards


class _Listed(QuickSight):
    """QuickSight's API with the list of its dashboards."""

    def get_paginator(self, _operation: str) -> "_Listed":
        return self

    def paginate(self, **_given: str) -> list[dict[str, Any]]:
        return [{"DashboardSummaryList": [{"DashboardId": one} for one in self.definitions]}]


def _there(bench: Bench) -> There:
    from c360_metrics.reader import read

    return There(
        environment=PREFIX.split("-")[1],
        account="1",
        quicksight=_Listed(read(ROOT / "sql"), lake.PRODUCTS),
        athena=bench.stack.client("athena"),
        workgroup=lake.WORKGROUP,
    )


def questions_alone(bench: Bench, there: There) -> None:
    """Ask what the dashboards ask, of Trino itself."""
    for dashboard in dashboards(there):
        statements = [question(dashboard, visual).statement for visual in dashboard.visuals]
        with ThreadPoolExecutor(max_workers=QUESTIONS_AT_ONCE) as pool:
            list(pool.map(bench.run, [*choices(dashboard).values(), *statements]))


# ---- all of it


def measure(interactions: int, rounds: int, home: Path, cleanup: ExitStack) -> Comparison:
    """Measure everything at one size."""
    bench = start(home, cleanup)
    for statement in lake_rows.statements(interactions):
        bench.run(statement)
    LOGGER.info("%d interactions are in the lake", interactions)
    bench.dbt("run", "--select", "staging")  # views, which both sides read
    # Not the tests: some of them ask the tables while they are compiled.
    bench.dbt("compile", "--full-refresh", "--select", "resource_type:model", "--indirect-selection", "empty")
    models = compiled_models(Path(bench.variables["DBT_TARGET_PATH"]))
    bench.run(f'CREATE SCHEMA IF NOT EXISTS "{CATALOG}"."{BARE}" WITH (location = \'s3://{lake.LAKE}/bare\')')
    by_hand(bench.run, models)  # once, so that the engine is warm
    LOGGER.info("%d models are there by hand", len(models))

    def hand() -> None:
        _forget(bench, models)
        by_hand(bench.run, models)

    computed: tuple[list[float], list[float]] = ([], [])
    ours, peer = take_turns(
        bench.counted(lambda: bench.dbt("run", "--full-refresh"), computed[0]),
        bench.counted(hand, computed[1]),
        repetitions=rounds,
    )
    LOGGER.info("dbt %s s, by hand %s s; computed %s", ours, peer, computed)
    rows = require_the_same(bench, models)
    details: dict[str, Detail] = {
        "interactions": interactions,
        "models": len(models),
        "rows_of_the_marts": rows,
        "spread": spread(ours) if rounds > 1 else 0.0,
        "ours_processor_seconds": statistics.median(computed[0]),
        "peer_processor_seconds": statistics.median(computed[1]),
        "processor_ratio": statistics.median(computed[0]) / statistics.median(computed[1]),
        **_incremental(bench, interactions, statistics.median(ours)),
        **_drawn(bench, home),
    }
    return Comparison(
        name=f"marts of {interactions} interactions against their SQL by hand",
        ours_seconds=statistics.median(ours),
        peer_seconds=statistics.median(peer),
        details=details,
    )


def _incremental(bench: Bench, interactions: int, full: float) -> dict[str, Detail]:
    """Return what a day of news takes."""
    for statement in lake_rows.news(interactions):
        bench.run(statement)
    began = time.perf_counter()
    bench.dbt("run")
    seconds = time.perf_counter() - began
    LOGGER.info("a day of news %.1f s", seconds)
    return {"seconds_for_a_day_of_news": seconds, "news_against_all": seconds / full}


def _drawn(bench: Bench, home: Path) -> dict[str, Detail]:
    """Return what drawing the dashboards takes beside their questions alone, and what the pages weigh."""
    there, folder = _there(bench), home / "pages"
    drawing, asking = take_turns(
        lambda: list(draw(there, folder)), lambda: questions_alone(bench, there), repetitions=DRAWINGS
    )
    LOGGER.info("drawn in %s s, asked in %s s", drawing, asking)
    pages = sorted(folder.glob("*.html"))
    return {
        "seconds_to_draw_dashboards": statistics.median(drawing),
        "seconds_of_questions_alone": statistics.median(asking),
        "dashboards_against_questions": statistics.median(drawing) / statistics.median(asking),
        **{f"megabytes_of_{page.stem}": page.stat().st_size / 1e6 for page in pages},
    }


def main() -> None:
    """Measure, and write the line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.marts", description=__doc__)
    parser.add_argument("--interactions", type=int, default=INTERACTIONS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with ExitStack() as cleanup:
        (ROOT / "build").mkdir(exist_ok=True)
        home = Path(tempfile.mkdtemp(prefix="bench-marts-", dir=ROOT / "build"))
        cleanup.callback(shutil.rmtree, home, ignore_errors=True)
        measure(options.interactions, options.rounds, home, cleanup).write()


if __name__ == "__main__":
    main()
