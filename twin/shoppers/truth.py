"""Writes the truth, apart from the data: for scoring only, never read by the system that is scored."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from twin.shoppers.clock import iso
from twin.shoppers.history import Account, AccountLedger, money
from twin.shoppers.people import Household

BAD_LINES: Final = "bad_lines.csv"


def write_truth(
    directory: Path, households: Sequence[Household], records: Mapping[str, str], ledger: AccountLedger
) -> None:
    """Write who is who and who spent what into `directory/truth`."""
    folder = directory / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    people = [person for household in households for person in household.adults]
    _write(
        folder / "people.csv",
        ("person_id", "household_id", "first_name", "last_name", "birth_date", "email", "phone", "street", "city",
         "state", "postal_code", "time_zone", "card"),
        (
            (p.person_id, p.household_id, p.first_name, p.last_name, p.birth_date, p.email, p.phone, p.home.street,
             p.home.city, p.home.state, p.home.postal_code, p.home.time_zone, p.card)
            for p in people
        ),
    )  # fmt: skip
    _write(
        folder / "records.csv",
        ("record_id", "source", "person_id"),
        ((record, record.partition(":")[0], person) for record, person in records.items()),
    )
    _write(folder / "identifiers.csv", ("type", "value", "person_id", "people"), _identifiers(households))
    accounts = ("orders", "returns", "spend", "first_order_at", "last_order_at")
    _write(folder / "spend_by_person.csv", ("person_id", *accounts), _accounts(ledger.people))
    _write(folder / "spend_by_buyer.csv", ("person_id", *accounts), _accounts(ledger.buyers))
    _write(folder / "spend_by_loyalty_id.csv", ("loyalty_id", *accounts), _accounts(ledger.cards))


def write_bad_lines(directory: Path, lines: Iterable[tuple[str, int, str]]) -> None:
    """Write which line of which event file is bad, and why."""
    _write(directory / "truth" / BAD_LINES, ("path", "line", "reason_code"), lines)


def _identifiers(households: Iterable[Household]) -> Iterable[tuple[str, str, str, int]]:
    """Give each clear value with its owner and with how many people use it."""
    for household in households:
        uses: dict[tuple[str, str], list[str]] = {}
        for person in household.adults:
            values = [("loyalty_id", person.card), ("email", person.email), ("phone", person.phone)]
            values += [("device_id", device) for device in person.devices]
            values += [("cookie_id", cookie) for cookie in person.cookies]
            for used in dict.fromkeys(values):
                uses.setdefault(used, []).append(person.person_id)
        for (kind, value), people in uses.items():
            yield kind, value, people[0], len(people)


def _accounts(accounts: Mapping[str, Account]) -> Iterable[tuple[str, int, int, str, str, str]]:
    for key, account in sorted(accounts.items()):
        first, last = (iso(at) if at is not None else "" for at in (account.first_order_at, account.last_order_at))
        yield key, account.orders, account.returns, money(account.spend), first, last


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
