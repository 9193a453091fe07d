"""Our matching against Splink on the same records: time, peak memory and agreement with the truth, as ratios.

    .venvs/bench/bin/python -m benchmarks.matching --shoppers FOLDER    # what twin.shoppers.generate wrote
    .venvs/bench/bin/python -m benchmarks.matching --made-up 1000       # invented on the spot, no generator needed

Each matcher runs in a process of its own, so that one's memory is not the other's. Time is that of the work alone, from
records in memory to clusters: no start of Python, no imports, no reading.
"""

import argparse
import csv
import importlib
import json
import logging
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from c360_core.identity import matching, workflow
from c360_core.identity.clustering import Guard, cluster
from c360_core.identity.records import IdentityRecord, match_form, match_row, prepare_record
from c360_core.identity.scoring import Agreement, score

LOGGER: Final = logging.getLogger("benchmarks.matching")
LOADED_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
KEYS: Final = {
    "crm_contacts": "crm_id",
    "loyalty_members": "loyalty_id",
    "support_cases": "case_id",
    "demographics": "provider_row_id",
}
SPLINK_THRESHOLDS: Final = (0.95, 0.99, 0.999, 0.9999)
SPLINK_TRAINING_PAIRS: Final = 1_000_000
Persons = dict[str, str]
Matcher = Callable[[Sequence[IdentityRecord]], Mapping[str, Persons]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one matcher took and gave.

    Attributes:
        name: the matcher.
        seconds: wall time.
        megabytes: growth of the peak over the memory that records and libraries take.
        variants: clusters by variant; most matchers have one.
    """

    name: str
    seconds: float
    megabytes: float
    variants: Mapping[str, Persons]


def entity_resolution_workflow() -> matching.Workflow:
    """Return the deployed workflow, as the template builds it from the same tables."""
    return matching.Workflow(
        fields=tuple(
            matching.InputField(name=field.name, type=field.type, match_key=field.match_key)
            for field in workflow.MATCH_FIELDS
        ),
        rules=tuple(matching.Rule(name=rule.name, match_keys=rule.match_keys) for rule in workflow.MATCH_RULES),
        apply_normalization=False,
    )


def match_groups(records: Sequence[IdentityRecord]) -> list[matching.MatchGroup]:
    """Run the workflow's rules over records, as the matching job does."""
    rows = [match_row(record) for record in records]
    record_ids = {str(row[workflow.MATCH_RECORD_ID]): str(row["record_id"]) for row in rows}
    return [
        matching.MatchGroup(
            match_id=group.match_id,
            rule=group.rule,
            record_ids=tuple(sorted(record_ids[key] for key in group.record_ids)),
        )
        for group in matching.match(rows, entity_resolution_workflow())
        if len(group.record_ids) > 1
    ]


def by_rules_alone(records: Sequence[IdentityRecord]) -> Mapping[str, Persons]:
    """The matching workflow as it is, without our clustering."""
    persons = {record.record_id: record.record_id for record in records}
    for group in match_groups(records):
        persons.update(dict.fromkeys(group.record_ids, group.match_id))
    return {"": persons}


def by_ours(records: Sequence[IdentityRecord]) -> Mapping[str, Persons]:
    """The whole chain: rules, then clustering with its guard."""
    found = cluster(records, match_groups(records), Guard())
    return {"": {record_id: members[0] for members in found.clusters for record_id in members}}


def by_splink(records: Sequence[IdentityRecord]) -> Mapping[str, Persons]:
    """Splink 5 on DuckDB: trained on the records themselves, connected components above several thresholds.

    It gets the same values in match form, comparisons made for names, dates and mailboxes, and blocks as wide as ours.
    Its time is that of training, scoring and all clusterings; the last take next to nothing.
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
    # It warns of comparisons that a small data set cannot train.
    linker = splink.Linker(table, settings, log_level=logging.ERROR)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [splink.block_on("email"), splink.block_on("first_name", "last_name", "birth_date")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=SPLINK_TRAINING_PAIRS, seed=1)
    for block in (splink.block_on("email"), splink.block_on("first_name", "last_name")):
        training.estimate_parameters_using_expectation_maximisation(
            block, max_pairs=SPLINK_TRAINING_PAIRS, record_sample_proportion=1.0
        )
    pairs = linker.inference.predict(threshold_match_probability=min(SPLINK_THRESHOLDS))
    return {str(threshold): _splink_persons(linker, pairs, threshold) for threshold in SPLINK_THRESHOLDS}


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


def run_apart(name: str, matcher: Matcher, records: Sequence[IdentityRecord]) -> Result:
    """Run a matcher in a process of its own.

    Raises:
        RuntimeError: the process ended without a result; its message is on standard error.
    """
    here, there = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_measure, args=(there, matcher, records))
    child.start()
    there.close()
    try:
        seconds, megabytes, variants = here.recv()
    except EOFError as error:
        raise RuntimeError(f"matcher {name} ended without a result") from error
    finally:
        child.join()
    return Result(name=name, seconds=seconds, megabytes=megabytes, variants=variants)


def _measure(answer: Connection, matcher: Matcher, records: Sequence[IdentityRecord]) -> None:
    for library in LIBRARIES.get(matcher, ()):
        importlib.import_module(library)
    before = _peak_megabytes()
    start = time.perf_counter()
    variants = matcher(records)
    answer.send((time.perf_counter() - start, _peak_megabytes() - before, variants))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def shopper_records(folder: Path) -> tuple[list[IdentityRecord], dict[str, str]]:
    """Read what the generator wrote: the newest row per record, and the truth about it.

    Rows that the truth does not know are those that ingestion rejects.

    Raises:
        FileNotFoundError: the folder has no truth; run the generator first.
    """
    with (folder / "truth" / "records.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["record_id"]: row["person_id"] for row in csv.DictReader(file)}
    rows: dict[str, dict[str, Any]] = {}
    for source, key in KEYS.items():
        for path in sorted((folder / "files" / source).glob("*.csv")):
            for row in _csv_rows(path):
                if f"{source}:{row.get(key)}" in truth:
                    _keep_newer(rows, f"{source}:{row[key]}", row, row.get("updated_at") or "")
    for event in _logins(folder / "events" / "web.jsonl"):
        clear = {kind: values[0] for kind, values in event["identifiers"].items() if values}
        if f"web_events:{clear.get('device_id')}" in truth:
            values = {**event["payload"], **clear, "email_verified": True}
            _keep_newer(rows, f"web_events:{clear['device_id']}", values, event["occurred_at"])
    records = [_record(record_id, row) for record_id, row in sorted(rows.items())]
    return records, {record.record_id: truth[record.record_id] for record in records}


def _csv_rows(path: Path) -> Iterable[dict[str, Any]]:
    # One of the broken exports is not UTF-8; its rows are not in the truth.
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from csv.DictReader(file)


def _keep_newer(rows: dict[str, dict[str, Any]], record_id: str, row: Mapping[str, Any], at: str) -> None:
    if record_id not in rows or rows[record_id]["_at"] <= at:
        rows[record_id] = {**row, "_at": at}


def _logins(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if '"identified"' not in line:
                continue
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue  # spoilt on purpose; the collector rejects it
            if isinstance(event, dict) and event.get("event_type") == "identified":
                yield event


def _record(record_id: str, row: Mapping[str, Any]) -> IdentityRecord:
    source, _, key = record_id.partition(":")
    values = {**row, "name": row.get("customer_name")}
    return prepare_record(values, source=source, key=key, loaded_at=LOADED_AT)


def made_up_records(humans: int) -> tuple[list[IdentityRecord], dict[str, str]]:
    """Return records of invented people, from the tests' factory."""
    made = importlib.import_module("tests.factories.people").town(humans)
    return made.records, made.truth


def report(results: Sequence[Result], truth: Mapping[str, str], ours: str) -> str:
    """Return a table of the results; ratios are to ours."""
    base = next(result for result in results if result.name == ours)
    best = score(base.variants[""], truth).b_cubed.f1
    lines = [f"{len(truth)} records of {len(set(truth.values()))} people; ratios to {ours}", _HEADER]
    for result in results:
        cost = (
            f"{result.seconds:>8.2f} s {result.seconds / base.seconds:>6.1f}x"
            f" {result.megabytes:>7.0f} MiB {result.megabytes / max(base.megabytes, 1):>5.1f}x"
        )
        for variant, persons in result.variants.items():
            lines.append(f"{f'{result.name} {variant}':<14}{cost}   {_quality(score(persons, truth), best)}")
    return "\n".join(lines)


def _quality(agreement: Agreement, best: float) -> str:
    numbers = [
        f"{part.precision:.4f} {part.recall:.4f} {part.f1:.4f}" for part in (agreement.pairwise, agreement.b_cubed)
    ]
    return f"{numbers[0]}   {numbers[1]} {agreement.b_cubed.f1 / best:>6.3f}x"


_HEADER: Final = (
    f"{'matcher':<14}{'time':>10} {'':>7} {'memory':>11} {'':>6}"
    f"   {'pairs P':<7}R      F1       {'B-cubed P':<9}R    F1      F1 ratio"
)
MATCHERS: Final[Mapping[str, Matcher]] = {"ours": by_ours, "rules only": by_rules_alone, "splink": by_splink}

LIBRARIES: Final[Mapping[Matcher, Sequence[str]]] = {by_splink: ("splink", "splink.comparison_library", "pandas")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and write the table to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--shoppers", type=Path, help="folder that twin.shoppers.generate wrote")
    source.add_argument("--made-up", type=int, metavar="HUMANS", help="number of invented people")
    parser.add_argument("--without", action="append", choices=sorted(MATCHERS), default=[], help="leave a matcher out")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    records, truth = shopper_records(chosen.shoppers) if chosen.shoppers else made_up_records(chosen.made_up)
    results = [run_apart(name, matcher, records) for name, matcher in MATCHERS.items() if name not in chosen.without]
    sys.stdout.write(report(results, truth, "ours") + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
