"""`c360 truth`: made-up shoppers become the records that ingestion would make of them, and are scored."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from c360_core import contracts
from tools.laptop.score import judge, people_of, table
from twin.scenario import records
from twin.scenario.floors import FLOORS

ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "birth_date": "1975-12-10"}
DEVICE = "d-0123456789ab"


class Shoppers:
    """A data set in the generator's format, written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, str] = {}
        self._manifest: dict[str, list[dict[str, Any]]] = {"streams": [], "files": [], "broken_files": []}
        self._bad: list[int] = []
        for name in ("events", "files", "truth"):
            (folder / name).mkdir()

    def file(self, source: str, day: str, rows: list[dict[str, str]], *, broken: bool = False, good: int = 1) -> None:
        path = f"files/{source}-{day}.csv"
        wanted = contracts.load().source(source).table
        if wanted is None:
            raise TypeError(f"source {source}: expected a file source")
        with (self.folder / path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, wanted.file_columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        kind = "broken_files" if broken else "files"
        self._manifest[kind].append({"path": path, "source": source, "good": good})

    def events(self, *events: dict[str, Any] | str) -> None:
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        self._bad = [number for number, event in enumerate(events, start=1) if isinstance(event, str)]
        (self.folder / "events" / "web.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._manifest["streams"].append({"path": "events/web.jsonl", "source": "web_events"})

    def load(self) -> dict[str, Any]:
        (self.folder / "manifest.json").write_text(json.dumps(self._manifest), encoding="utf-8")
        people = "".join(f"{record},x,{person}\n" for record, person in self.truth.items())
        (self.folder / "truth" / "records.csv").write_text(f"record_id,source,person_id\n{people}", encoding="utf-8")
        bad = "".join(f"events/web.jsonl,{number},MALFORMED_JSON\n" for number in self._bad)
        (self.folder / "truth" / "bad_lines.csv").write_text(f"path,line,reason_code\n{bad}", encoding="utf-8")
        return {record.record_id: record for record in records.load(self.folder)}


@pytest.fixture
def shoppers(tmp_path: Path) -> Shoppers:
    return Shoppers(tmp_path)


def contact(crm_id: str = "C1", *, updated_at: str = "2026-03-01T00:00:00.000Z", **values: str) -> dict[str, str]:
    return {"crm_id": crm_id, **ADA, "created_at": "2025-01-01T00:00:00.000Z", "updated_at": updated_at, **values}


def login(email: str | None, *, at: str, event_id: str = "e-1", device: str = DEVICE, **words: str) -> dict[str, Any]:
    identifiers = {"device_id": [device], **({"email": [email]} if email else {})}
    return {
        "event_id": event_id,
        "event_type": "identified",
        "source": "web_events",
        "occurred_at": at,
        "identifiers": identifiers,
        "payload": words,
    }


def test_the_newest_row_of_a_key_counts_in_any_order_of_rows(shoppers: Shoppers) -> None:
    shoppers.truth = {"crm_contacts:C1": "P1"}
    newer = contact(updated_at="2026-09-01T00:00:00.000Z", city="Dayton")
    shoppers.file("crm_contacts", "2026-10-27", [newer])
    shoppers.file("crm_contacts", "2026-04-01", [contact(city="Lima")])

    found = shoppers.load()

    assert found["crm_contacts:C1"].city == "Dayton"
    assert found["crm_contacts:C1"].updated_at.isoformat() == "2026-09-01T00:00:00+00:00"


def test_an_old_row_in_a_later_file_does_not_win(shoppers: Shoppers) -> None:
    shoppers.truth = {"crm_contacts:C1": "P1"}
    shoppers.file("crm_contacts", "2026-04-01", [contact(city="Lima")])
    shoppers.file("crm_contacts", "2026-10-27", [contact(updated_at="2026-01-01T00:00:00.000Z", city="Dayton")])

    assert shoppers.load()["crm_contacts:C1"].city == "Lima"


def test_rows_that_ingestion_rejects_are_no_records(shoppers: Shoppers) -> None:
    shoppers.truth = {"crm_contacts:C1": "P1"}
    shoppers.file("crm_contacts", "2026-04-01", [contact(), contact("C-rejected")])

    assert list(shoppers.load()) == ["crm_contacts:C1"]


def test_files_that_are_refused_as_a_whole_are_not_read(shoppers: Shoppers) -> None:
    shoppers.truth = {"crm_contacts:C1": "P1", "crm_contacts:C2": "P2"}
    shoppers.file("crm_contacts", "2026-04-01", [contact()])
    shoppers.file("crm_contacts", "2026-10-28", [contact("C2")], broken=True, good=0)
    shoppers.file(
        "crm_contacts", "2026-10-29", [contact(updated_at="2026-09-01T00:00:00.000Z", city="Kent")], broken=True
    )

    found = shoppers.load()

    assert list(found) == ["crm_contacts:C1"]
    assert found["crm_contacts:C1"].city == "Kent"


def test_columns_take_their_meaning_from_the_contract(shoppers: Shoppers) -> None:
    shoppers.truth = {"support_cases:K1": "P1"}
    case = {"case_id": "K1", "case_customer_id": "S0000001", "customer_name": "Ada Lovelace", "email": ADA["email"]}
    shoppers.file("support_cases", "2026-10-27", [case | {"opened_at": "2026-05-01T00:00:00.000Z"}])

    record = shoppers.load()["support_cases:K1"]

    assert (record.first_name, record.last_name, record.case_customer_id) == ("Ada", "Lovelace", "S0000001")
    assert record.updated_at.isoformat() == "2026-05-01T00:00:00+00:00"


def test_a_login_is_a_record_of_its_device_with_the_latest_words(shoppers: Shoppers) -> None:
    shoppers.events(
        login(ADA["email"], at="2026-05-01T00:00:00.000Z", first_name="A."),
        login(ADA["email"], at="2026-06-01T00:00:00.000Z", event_id="e-2", first_name="Ada"),
        {"event_type": "page_viewed", "payload": {"title": "identified"}, "identifiers": {"device_id": ["d-9"]}},
        '{"event_type":"identified"',
    )

    found = shoppers.load()

    assert list(found) == [f"web_events:{DEVICE}"]
    record = found[f"web_events:{DEVICE}"]
    assert (record.first_name, record.email, record.email_verified) == ("Ada", ADA["email"], True)
    assert record.device_id == DEVICE


def test_a_second_address_on_a_device_is_a_record_of_its_own(shoppers: Shoppers) -> None:
    shoppers.events(
        login("bob@example.com", at="2026-06-01T00:00:00.000Z", event_id="e-2"),
        login(ADA["email"], at="2026-05-01T00:00:00.000Z"),
    )

    found = shoppers.load()

    assert found[f"web_events:{DEVICE}"].email == ADA["email"]
    (other,) = [record for name, record in found.items() if name != f"web_events:{DEVICE}"]
    assert other.record_id.startswith(f"web_events:{DEVICE}~")
    assert other.email == "bob@example.com"


def test_a_folder_without_shoppers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="generate the shoppers first"):
        records.load(tmp_path)


def test_records_of_one_person_are_found_together_and_others_apart(shoppers: Shoppers) -> None:
    bob = {"first_name": "Robert", "last_name": "Tables", "email": "bob@example.com", "birth_date": "1990-01-02"}
    shoppers.truth = {"crm_contacts:C1": "P1", "crm_contacts:C2": "P2", "loyalty_members:L1": "P1"}
    shoppers.file("crm_contacts", "2026-04-01", [contact(), contact("C2", **bob)])
    member = {"loyalty_id": "L1", **ADA, "joined_at": "2025-01-01T00:00:00.000Z"}
    shoppers.file("loyalty_members", "2026-04-01", [member])

    found = people_of(list(shoppers.load().values()))

    assert found["crm_contacts:C1"] == found["loyalty_members:L1"] != found["crm_contacts:C2"]


TRUTH = {f"r{number}": f"P{number // 4}" for number in range(400)}


def test_the_right_people_pass_at_every_scale() -> None:
    for scale in FLOORS:
        outcome = judge(TRUTH, TRUTH, scale=scale, seed=1)

        assert outcome.passed
        assert outcome.people == outcome.found == 100


def test_two_people_taken_for_one_fail_the_precision() -> None:
    merged = {record: str(int(person[1:]) // 2) for record, person in TRUTH.items()}

    outcome = judge(merged, TRUTH, scale="demo", seed=1)

    assert not outcome.passed
    assert [floor.name for floor in outcome.floors if not floor.passed] == ["B-cubed precision"]
    assert outcome.found == 50


def test_one_person_taken_for_several_fails_the_recall() -> None:
    split = {record: record for record in TRUTH}

    outcome = judge(split, TRUTH, scale="demo", seed=1)

    assert [floor.name for floor in outcome.floors if not floor.passed] == ["B-cubed recall"]


def test_an_error_rate_that_fails_for_a_thousand_people_may_pass_for_sixty() -> None:
    """Two people of sixty taken for one: a percent and a half of precision, and what a small sample does by chance."""
    few = {f"r{number}": f"P{number // 3}" for number in range(180)}
    merged = {record: "P0" if person == "P1" else person for record, person in few.items()}

    assert judge(merged, few, scale="tiny", seed=1).passed
    assert not judge(merged, few, scale="demo", seed=1).passed


def test_records_that_only_one_side_knows_are_not_judged() -> None:
    outcome = judge(TRUTH | {"second address": "P0"}, TRUTH | {"never logged in": "P1"}, scale="demo", seed=1)

    assert outcome.agreement.records == len(TRUTH)
    assert outcome.passed


def test_an_unknown_scale_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="tiny, demo, full"):
        judge(TRUTH, TRUTH, scale="huge", seed=1)


def test_the_outcome_is_plain_json() -> None:
    document = json.loads(json.dumps(judge(TRUTH, TRUTH, scale="demo", seed=7).as_dict()))

    assert document["b_cubed"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert document["floors"][0] == {"name": "B-cubed precision", "floor": 0.985, "actual": 1.0, "passed": True}
    assert (document["scale"], document["seed"], document["records"]) == ("demo", 7, 400)


def test_the_table_shows_scores_and_floors() -> None:
    written = StringIO()
    outcome = judge({record: record for record in TRUTH}, TRUTH, scale="demo", seed=1)
    Console(file=written, width=120, color_system=None).print(table(outcome))
    shown = written.getvalue()

    assert "400 records of 100 people; 400 people found" in shown
    assert "0.9850 passed" in shown
    assert "0.9300 failed" in shown


def test_every_scale_of_the_generator_has_floors() -> None:
    from twin.shoppers import SCALES

    assert set(FLOORS) == set(SCALES)
