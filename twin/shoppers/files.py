"""The exports of the CRM, the loyalty programme, the call centre and the data provider, with their mistakes.

Each export is a list of rows as text. `Exports` remembers which true person is behind each record.
"""

import csv
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from c360_core.contracts import Contracts
from twin.shoppers import mistakes
from twin.shoppers.chance import happens
from twin.shoppers.clock import DAY, HOUR, MINUTE, iso, midnight
from twin.shoppers.history import AccountLedger
from twin.shoppers.manifest import DataFile
from twin.shoppers.mistakes import Row
from twin.shoppers.people import Household, Shopper
from twin.shoppers.vocabulary import TOPICS, complaint

EARLIER_EXPORT: Final = date(2026, 4, 1)
EXPORT: Final = date(2026, 10, 27)
BROKEN_EXPORT: Final = date(2026, 10, 28)
TIERS: Final = ((3000, "gold"), (1000, "silver"), (0, "basic"))
BROKEN_ROWS: Final = 5


@dataclass(slots=True, kw_only=True)
class Export:
    """One file: good rows, and bad rows with the reason why they must be rejected."""

    source: str
    day: date
    rows: list[Row] = field(default_factory=list)
    bad: list[tuple[Row, str]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where the file lies, relative to the output folder."""
        return f"files/{self.source}/{self.source}-{self.day.isoformat()}.csv"


class Exports:
    """Builds every export, household by household."""

    def __init__(self, rng: random.Random, ledger: AccountLedger, *, bad_per_reason: int) -> None:
        self.rng = rng
        self.ledger = ledger
        self.bad_per_reason = bad_per_reason
        self.records: dict[str, str] = {}  # record id -> true person
        self._numbers = {letter: iter(rng.sample(range(1_000_000, 9_999_999), 20_000)) for letter in "CSKD"}
        self.crm_before = Export(source="crm_contacts", day=EARLIER_EXPORT)
        self.crm = Export(source="crm_contacts", day=EXPORT)
        self.loyalty = Export(source="loyalty_members", day=EXPORT)
        self.cases = Export(source="support_cases", day=EXPORT)
        self.demographics = Export(source="demographics", day=EXPORT)

    @property
    def all(self) -> tuple[Export, ...]:
        """Every export, in the order in which the files arrive."""
        return self.crm_before, self.crm, self.loyalty, self.cases, self.demographics

    def add(self, household: Household) -> None:
        """Add the rows about one household."""
        for person in household.adults:
            if happens(self.rng, 0.6):
                self._contact(person)
                if happens(self.rng, 0.08):
                    self._contact(person)  # the same person, typed in again by another clerk
            if person.holds_card:
                self._member(person)
            if happens(self.rng, 0.22):
                self._customer_of_the_call_centre(person)
        if household.demographics:
            self._described(household.adults[0], household.demographics)

    def _number(self, letter: str) -> str:
        return f"{letter}{next(self._numbers[letter])}"

    # ---- CRM

    def _contact(self, person: Shopper) -> None:
        """A contact is in both exports; some change between them."""
        crm_id = self._number("C")
        self.records[f"crm_contacts:{crm_id}"] = person.person_id
        created = midnight(EARLIER_EXPORT) - self.rng.randint(10 * DAY, 700 * DAY)
        updated = created + self.rng.randint(MINUTE, midnight(EARLIER_EXPORT) - created - DAY)
        opted_in = self.rng.choice(("true", "true", "true", "false", "", ""))
        row: Row = {
            "crm_id": crm_id,
            **mistakes.contact(self.rng, person, home=person.previous_home),
            "language": person.language if happens(self.rng, 0.7) else "",
            "time_zone": person.home.time_zone if happens(self.rng, 0.5) else "",
            "created_at": iso(created),
            "updated_at": iso(updated),
            "email_opt_in": opted_in,
            "consent_at": iso(updated) if opted_in and happens(self.rng, 0.9) else "",
        }
        self.crm_before.rows.append(row)
        self.crm.rows.append(self._changed(person, row) if happens(self.rng, 0.15) else row)

    def _changed(self, person: Shopper, row: Row) -> Row:
        updated = iso(midnight(EARLIER_EXPORT) + self.rng.randint(DAY, 200 * DAY))
        changed = {**row, **mistakes.address(self.rng, person.home), "updated_at": updated}
        if happens(self.rng, 0.4) and row["email_opt_in"]:
            changed["email_opt_in"] = "false" if row["email_opt_in"] == "true" else "true"
            changed["consent_at"] = updated
        return changed

    # ---- loyalty programme

    def _member(self, person: Shopper) -> None:
        self.records[f"loyalty_members:{person.card}"] = person.person_id
        account = self.ledger.cards.get(person.card)
        points = max(account.spend, 0) // 100 if account else 0
        joined = midnight(EXPORT) - self.rng.randint(400 * DAY, 2500 * DAY)
        self.loyalty.rows.append(
            {
                "loyalty_id": person.card,
                **mistakes.contact(self.rng, person),
                "joined_at": iso(joined),
                "updated_at": iso(midnight(EXPORT) - self.rng.randint(HOUR, 20 * HOUR)),
                "points": str(points),
                "tier": next(tier for least, tier in TIERS if points >= least),
            }
        )

    # ---- call centre

    def _customer_of_the_call_centre(self, person: Shopper) -> None:
        customer = self._number("S")
        for number in range(self.rng.choice((1, 1, 1, 2, 3))):
            if number and happens(self.rng, 0.15):
                customer = self._number("S")  # the agent did not find the customer and made a new one
            self._case(person, customer)

    def _case(self, person: Shopper, customer: str) -> None:
        case_id = self._number("K")
        self.records[f"support_cases:{case_id}"] = person.person_id
        contact = mistakes.contact(self.rng, person)
        topic, satisfaction = self.rng.choice(TOPICS), self.rng.choice((1, 2, 2, 3, 4, 4, 5, 5))
        opened = midnight(EXPORT) - self.rng.randint(5 * DAY, 350 * DAY)
        closed = iso(opened + self.rng.randint(HOUR, 96 * HOUR)) if happens(self.rng, 0.92) else ""
        self.cases.rows.append(
            {
                "case_id": case_id,
                "case_customer_id": customer,
                "customer_name": f"{contact['first_name']} {contact['last_name']}",
                "email": contact["email"],
                "phone": contact["phone"],
                "topic": topic,
                "channel": self.rng.choice(("phone", "phone", "email", "chat", "store")),
                "text": complaint(topic, satisfaction, self.rng.randrange(2)),
                "opened_at": iso(opened),
                "closed_at": closed,
                "csat": str(satisfaction) if closed and happens(self.rng, 0.8) else "",
            }
        )

    # ---- data provider

    def _described(self, person: Shopper, known: dict[str, str]) -> None:
        row_id = self._number("D")
        self.records[f"demographics:{row_id}"] = person.person_id
        self.demographics.rows.append(
            {
                "provider_row_id": row_id,
                "first_name": mistakes.first_name(self.rng, person.first_name),
                "last_name": mistakes.last_name(self.rng, person.last_name),
                "email": person.email if happens(self.rng, 0.75) else "",
                **mistakes.address(self.rng, person.previous_home or person.home),
                "age_band": known["age"],
                "income_band": known["income"],
                **{name: known[name] for name in _SAME_NAME},
                "facts_since": "2026-01-01T00:00:00.000Z",
            }
        )

    # ---- rows and files that must be rejected

    def add_bad_rows(self) -> None:
        """Add rows that break their contract: `bad_per_reason` for each way."""
        for source, letter, reason, changes in _SPOILT_ROWS:
            export = next(export for export in self.all if export.source == source and export.day == EXPORT)
            for _ in range(self.bad_per_reason):
                row = dict(self.rng.choice(export.rows))
                key = next(iter(row))
                row[key] = self._number(letter) if letter != "L" else f"L{self.rng.randint(10**9, 10**10 - 1)}"
                export.bad.append(({**row, **changes}, reason))


_SAME_NAME: Final = ("home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
_SPOILT_ROWS: Final[tuple[tuple[str, str, str, Row], ...]] = (
    ("crm_contacts", "C", "WRONG_TYPE", {"created_at": "last spring"}),
    ("crm_contacts", "C", "MISSING_FIELD", {"updated_at": ""}),
    ("crm_contacts", "C", "QUALITY_RULE", {"state": "Ohio"}),
    ("crm_contacts", "C", "QUALITY_RULE", {"updated_at": "2001-01-01T00:00:00.000Z"}),
    ("loyalty_members", "L", "QUALITY_RULE", {"tier": "platinum"}),
    ("loyalty_members", "L", "WRONG_TYPE", {"points": "many"}),
    ("support_cases", "K", "QUALITY_RULE", {"csat": "9"}),
    ("support_cases", "K", "MISSING_FIELD", {"topic": ""}),
    ("demographics", "D", "QUALITY_RULE", {"age_band": "young"}),
)


def write_export(export: Export, directory: Path, rng: random.Random, contracts: Contracts) -> DataFile:
    """Write one export, bad rows among the good ones, and return its counts."""
    rows = [*export.rows, *(row for row, _ in export.bad)]
    rng.shuffle(rows)
    _write_csv(directory / export.path, _columns(contracts, export.source), rows)
    return DataFile(
        path=export.path,
        source=export.source,
        rows=len(rows),
        good=len(export.rows),
        published=len(published(export)),
        rejected=dict(sorted(Counter(reason for _, reason in export.bad).items())),
    )


def _columns(contracts: Contracts, source: str) -> tuple[str, ...]:
    table = contracts.source(source).table
    if table is None:
        raise ValueError(f"contract {source} is of no file source; it has no columns to write")
    return table.file_columns


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# What each source publishes, by event type: the time of the event, or empty when the row says nothing.
_PUBLISHED: Final[dict[str, dict[str, Callable[[Row], str]]]] = {
    "crm_contacts": {
        "consent_changed": lambda row: (row["consent_at"] or row["updated_at"]) if row["email_opt_in"] else ""
    },
    "loyalty_members": {"loyalty_points_changed": lambda row: row["updated_at"] if row["points"] else ""},
    "support_cases": {
        "case_opened": lambda row: row["opened_at"],
        "case_closed": lambda row: row["closed_at"],
    },
    "demographics": {"contact_changed": lambda row: row["facts_since"] if row["email"] else ""},
}


def published(export: Export) -> list[tuple[str, str, str]]:
    """Return event type, row key and time of each event that the good rows publish; equal ones are one event."""
    events = []
    for row in export.rows:
        key = next(iter(row.values()))
        for event_type, time_of in _PUBLISHED[export.source].items():
            if at := time_of(row):
                events.append((event_type, key, at))
    return events


def write_broken_files(exports: Exports, directory: Path, contracts: Contracts) -> tuple[DataFile, ...]:
    """Write one file each that lacks a column, has one too many, and is not UTF-8.

    A surplus column is noted and left out, and the rows are loaded; they repeat rows of the good export.
    """
    missing, extra, encoding = (
        Export(source=export.source, day=BROKEN_EXPORT, rows=export.rows[:BROKEN_ROWS])
        for export in (exports.crm, exports.loyalty, exports.cases)
    )
    columns = [name for name in _columns(contracts, missing.source) if name != "updated_at"]
    _write_csv(directory / missing.path, columns, [{name: row[name] for name in columns} for row in missing.rows])
    wider = [{**row, "favourite_colour": "blue"} for row in extra.rows]
    _write_csv(directory / extra.path, [*_columns(contracts, extra.source), "favourite_colour"], wider)
    accented = [{**row, "customer_name": "José Muñoz"} for row in encoding.rows]
    _write_csv(directory / encoding.path, _columns(contracts, encoding.source), accented, encoding="latin-1")
    return (
        _broken(missing, "MISSING_COLUMN", good=0, published=0),
        _broken(extra, "EXTRA_COLUMN", good=len(extra.rows), published=len(published(extra))),
        _broken(encoding, "WRONG_ENCODING", good=0, published=0),
    )


def _broken(export: Export, reason: str, *, good: int, published: int) -> DataFile:
    return DataFile(
        path=export.path,
        source=export.source,
        rows=len(export.rows),
        good=good,
        published=published,
        rejected={reason: 1},
        reason=reason,
    )
