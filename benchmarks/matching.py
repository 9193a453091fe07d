"""Our matching compared with Splink on the same records: time, peak memory and agreement with the truth, as ratios.

    .venvs/bench/bin/python -m benchmarks.matching --shoppers FOLDER    # output of twin.shoppers.generate
    .venvs/bench/bin/python -m benchmarks.matching --made-up 1000       # people of the tests' factory

Each matcher runs several times in turns with the others, in a process of its own, so that memory is measured
separately. Time is that of the work alone, from records in memory to clusters, without start-up, imports and reading.
Memory is the peak of the whole process: Python, the libraries, the records and the work. The table goes to standard
error; standard output ends with the line that `benchmarks.report` describes.
"""

import argparse
import importlib
import logging
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from benchmarks.report import REPETITIONS, Comparison, Detail, spread
from c360_core.identity.clustering import Guard, cluster
from c360_core.identity.records import IdentityRecord, match_form
from twin.scenario import records as shoppers
from twin.scenario.scoring import Agreement, score

OURS: Final = "ours"
PEER: Final = "splink"
STATUS: Final = Path("/proc/self/status")
SPLINK_THRESHOLDS: Final = (0.95, 0.99, 0.999, 0.9999)
SPLINK_TRAINING_PAIRS: Final = 1_000_000
Persons = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherOutput:
    """The result of one run of a matcher.

    Attributes:
        variants: clusters by variant; most matchers have one.
        training_seconds: time for training, which a stored model would save.
    """

    variants: Mapping[str, Persons]
    training_seconds: float = 0.0


Matcher = Callable[[Sequence[IdentityRecord]], MatcherOutput]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Cost and results of one matcher.

    Attributes:
        name: the matcher.
        times: wall seconds of each run, including training.
        training_seconds: time for training, the median of the runs.
        megabytes: peak memory of the process, the median of the runs.
        variants: clusters by variant, the same in every run.
    """

    name: str
    times: tuple[float, ...]
    training_seconds: float
    megabytes: float
    variants: Mapping[str, Persons]

    @property
    def seconds(self) -> float:
        """The median of the times."""
        return statistics.median(self.times)

    def best(self, truth: Mapping[str, str]) -> tuple[str, Agreement]:
        """Return the variant with the best agreement with the truth, by B-cubed F1, and that agreement."""
        agreements = {variant: score(persons, truth) for variant, persons in self.variants.items()}
        return max(agreements.items(), key=lambda item: item[1].b_cubed.f1)


def by_rules_alone(records: Sequence[IdentityRecord]) -> MatcherOutput:
    """Match with the workflow's rules, without our clustering."""
    persons = {record.record_id: record.record_id for record in records}
    for group in shoppers.match_groups(records):
        persons.update(dict.fromkeys(group.record_ids, group.match_id))
    return MatcherOutput(variants={"": persons})


def by_ours(records: Sequence[IdentityRecord]) -> MatcherOutput:
    """Match with the rules and our clustering."""
    found = cluster(records, shoppers.match_groups(records), Guard())
    return MatcherOutput(variants={"": {record_id: members[0] for members in found.clusters for record_id in members}})


def by_splink(records: Sequence[IdentityRecord]) -> MatcherOutput:
    """Match with Splink 5 on DuckDB, trained on the records themselves, with clusters at several thresholds.

    It gets the same values in match form, comparisons for names, dates and mailboxes, and blocking rules as wide as
    ours. Its time includes training, scoring and all clusterings, which take almost no time.
    """
    splink = importlib.import_module("splink")
    library = importlib.import_module("splink.comparison_library")
    pandas = importlib.import_module("pandas")
    exact = ("email", "phone", "loyalty_id", "case_customer_id")
    rows = [_splink_row(record) for record in records]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        blocking_rules_to_generate_predictions=[
            *(splink.block_on(name) for name in exact),
            splink.block_on("first_name", "last_name"),
            splink.block_on("last_name", "birth_date"),
            splink.block_on("street", "postal_code"),
        ],
        comparisons=[
            library.JaroWinklerAtThresholds("first_name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
            library.JaroWinklerAtThresholds("last_name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
            library.DamerauLevenshteinAtThresholds("birth_date", [1, 2]),
            library.DamerauLevenshteinAtThresholds("email", [1, 2]).configure(term_frequency_adjustments=True),
            library.DamerauLevenshteinAtThresholds("street", [1, 3]),
            *(library.ExactMatch(name) for name in ("phone", "loyalty_id", "case_customer_id", "postal_code")),
        ],
    )
    table = splink.DuckDBAPI().register(pandas.DataFrame(rows))
    # It warns about comparisons that a small data set cannot train.
    linker = splink.Linker(table, settings, log_level=logging.ERROR)
    started = time.perf_counter()
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [splink.block_on("email"), splink.block_on("first_name", "last_name", "birth_date")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=SPLINK_TRAINING_PAIRS, seed=1)
    for block in (splink.block_on("email"), splink.block_on("first_name", "last_name")):
        training.estimate_parameters_using_expectation_maximisation(
            block, max_pairs=SPLINK_TRAINING_PAIRS, record_sample_proportion=1.0
        )
    trained = time.perf_counter() - started
    pairs = linker.inference.predict(threshold_match_probability=min(SPLINK_THRESHOLDS))
    variants = {str(threshold): _splink_persons(linker, pairs, threshold) for threshold in SPLINK_THRESHOLDS}
    return MatcherOutput(variants=variants, training_seconds=trained)


def _splink_persons(linker: Any, pairs: Any, threshold: float) -> Persons:
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=threshold
    ).as_pandas_dataframe()
    return dict(zip(clusters["record_id"].astype(str), clusters["cluster_id"].astype(str), strict=True))


def _splink_row(record: IdentityRecord) -> dict[str, str | None]:
    form = match_form(record)
    return {
        "record_id": record.record_id,
        "first_name": form.first_name,
        "last_name": form.last_name,
        "birth_date": form.birth_date,
        "email": form.email,
        "phone": form.phone,
        "street": form.street,
        "postal_code": form.postal_code,
        "loyalty_id": record.loyalty_id,
        "case_customer_id": record.case_customer_id,
    }


def run_all(names: Sequence[str], records: Sequence[IdentityRecord], repetitions: int) -> list[Result]:
    """Run the matchers in turns, so that other load affects all of them."""
    runs: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(repetitions):
        for name in names:
            runs[name].append(run_apart(name, records))
    return [
        Result(
            name=name,
            times=tuple(time for result in results for time in result.times),
            training_seconds=statistics.median(result.training_seconds for result in results),
            megabytes=statistics.median(result.megabytes for result in results),
            variants=results[-1].variants,
        )
        for name, results in runs.items()
    ]


def run_apart(name: str, records: Sequence[IdentityRecord]) -> Result:
    """Run a matcher in a new process; a fork of this one would reuse memory that this process has freed.

    Raises:
        RuntimeError: the process ended without a result; its message is on standard error.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(there, name, records), daemon=True)
    child.start()
    there.close()
    try:
        seconds, megabytes, found = here.recv()
    except EOFError as error:
        raise RuntimeError(f"matcher {name} ended without a result") from error
    finally:
        child.join()
    return Result(
        name=name,
        times=(seconds,),
        training_seconds=found.training_seconds,
        megabytes=megabytes,
        variants=found.variants,
    )


def _measure(answer: Connection, name: str, records: Sequence[IdentityRecord]) -> None:
    for library in LIBRARIES.get(name, ()):
        importlib.import_module(library)
    start = time.perf_counter()
    found = MATCHERS[name](records)
    seconds = time.perf_counter() - start
    answer.send((seconds, _peak_megabytes(), found))


def _peak_megabytes() -> float:
    """Return the peak memory of this process since its program started."""
    if STATUS.exists():
        peak = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # macOS, in bytes


def shopper_records(folder: Path) -> tuple[list[IdentityRecord], dict[str, str]]:
    """Return the records of a generated data set, and the true person of each.

    Raises:
        FileNotFoundError: the folder has no generated data set.
    """
    return shoppers.load(folder), shoppers.true_people(folder)


def made_up_records(humans: int) -> tuple[list[IdentityRecord], dict[str, str]]:
    """Return records of invented people, from the tests' factory."""
    made = importlib.import_module("tests.factories.people").town(humans)
    return made.records, made.truth


def report(results: Sequence[Result], truth: Mapping[str, str]) -> str:
    """Return a table of the results; ratios are to ours."""
    base = next(result for result in results if result.name == OURS)
    best = base.best(truth)[1]
    lines = [f"{best.records} judged records, {len(base.times)} runs of each; ratios to {OURS}", _HEADER]
    for result in results:
        cost = (
            f"{result.seconds:>8.2f} s {result.seconds / base.seconds:>6.1f}x"
            f" {result.megabytes:>7.0f} MiB {result.megabytes / max(base.megabytes, 1):>5.1f}x"
        )
        for variant, persons in result.variants.items():
            quality = _quality(score(persons, truth), best.b_cubed.f1)
            lines.append(f"{f'{result.name} {variant}':<14}{cost}   {quality}")
    return "\n".join(lines)


def comparison(ours: Result, peer: Result, truth: Mapping[str, str]) -> Comparison:
    """Return our result compared with a peer at its best threshold; our matching has no threshold."""
    details: dict[str, Detail] = {"repetitions": len(ours.times)}
    for side, result in (("ours", ours), ("peer", peer)):
        variant, agreement = result.best(truth)
        details |= {
            f"{side}_megabytes": result.megabytes,
            f"{side}_b_cubed_precision": agreement.b_cubed.precision,
            f"{side}_b_cubed_recall": agreement.b_cubed.recall,
            f"{side}_b_cubed_f1": agreement.b_cubed.f1,
            f"{side}_spread": spread(result.times),
        }
        if variant:
            details[f"{side}_threshold"] = variant
    if peer.training_seconds:
        details["peer_training_seconds"] = peer.training_seconds
    return Comparison(
        name=f"matching / {peer.name}", ours_seconds=ours.seconds, peer_seconds=peer.seconds, details=details
    )


def _quality(agreement: Agreement, best: float) -> str:
    numbers = [
        f"{part.precision:.4f} {part.recall:.4f} {part.f1:.4f}" for part in (agreement.pairwise, agreement.b_cubed)
    ]
    return f"{numbers[0]}   {numbers[1]} {agreement.b_cubed.f1 / best:>6.3f}x"


_HEADER: Final = (
    f"{'matcher':<14}{'time':>10} {'':>7} {'memory':>11} {'':>6}"
    f"   {'pairs P':<7}R      F1       {'B-cubed P':<9}R    F1      F1 ratio"
)
MATCHERS: Final[Mapping[str, Matcher]] = {OURS: by_ours, "rules only": by_rules_alone, PEER: by_splink}

LIBRARIES: Final[Mapping[str, Sequence[str]]] = {PEER: ("splink", "splink.comparison_library", "pandas")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every matcher, write the table and the comparison with the peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--shoppers", type=Path, help="folder with the output of twin.shoppers.generate")
    source.add_argument("--made-up", type=int, metavar="HUMANS", help="number of invented people")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="runs of each matcher")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    records, truth = shopper_records(chosen.shoppers) if chosen.shoppers else made_up_records(chosen.made_up)
    results = run_all(list(MATCHERS), records, chosen.repetitions)
    sys.stderr.write(report(results, truth) + "\n")
    found = {result.name: result for result in results}
    comparison(found[OURS], found[PEER], truth).write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
