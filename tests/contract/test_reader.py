import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from c360_core.contracts import ContractsNotBuiltError, UnknownContractError, load
from c360_core.names import IdentifierType, Zone
from tests.contract.conftest import change_contract
from tools.contracts import load_and_check
from tools.contracts.standard import read_contract

CORE = Path(__file__).parents[2] / "c360_core"


def test_compiled_file_is_the_same_bytes_each_time(document, tmp_path):
    document.write_json(tmp_path / "one.json")
    load_and_check().write_json(tmp_path / "two.json")

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_unchanged_file_is_not_touched(document, tmp_path):
    path = tmp_path / "contracts.json"
    document.write_json(path)
    before = path.stat().st_mtime_ns
    document.write_json(path)

    assert path.stat().st_mtime_ns == before


def test_reader_gives_back_what_was_compiled(document, contracts, tmp_path):
    path = tmp_path / "contracts.json"
    document.write_json(path)

    assert load(path) == contracts


def test_reads_from_inside_a_zip_file_as_glue_imports_it(document, tmp_path):
    archive = tmp_path / "library.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for module in CORE.glob("*.py"):
            zipped.write(module, f"c360_core/{module.name}")
        zipped.writestr("c360_core/contracts.json", document.as_json())
    script = "from c360_core import contracts; print(contracts.__file__, len(contracts.load().sources))"

    answer = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env={"PYTHONPATH": str(archive)}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert answer.stdout.split() == [f"{archive}/c360_core/contracts.py", "19"]


def test_missing_file_says_how_to_build_it(tmp_path):
    with pytest.raises(ContractsNotBuiltError, match=r"missing; run `python -m tools\.contracts`"):
        load(tmp_path / "contracts.json")


@pytest.mark.parametrize("content", ["{", json.dumps({"version": "1.0.0"})])
def test_unreadable_file_says_how_to_build_it(tmp_path, content):
    path = tmp_path / "contracts.json"
    path.write_text(content)

    with pytest.raises(ContractsNotBuiltError, match=r"run `python -m tools\.contracts`"):
        load(path)


def test_every_source_and_product_is_found_by_name(contracts):
    assert set(contracts.sources) == {
        "pos_transactions", "web_events", "engagement_events",
        "crm_contacts", "support_cases", "loyalty_members", "demographics", "erp_orders", "erp_customers",
        "product_reviews", "salesforce_contacts", "salesforce_cases", "sap_business_partners", "sap_sales_orders",
        "marketo_leads", "marketo_activities", "ga4_sessions", "credit_bands", "advertising_audiences",
    }  # fmt: skip
    assert set(contracts.products) == {
        "interactions", "duplicates", "rejected", "identity_records", "identity_map", "identifier_map",
        "latest_identity_changes", "profiles", "segment_membership", "decisions", "quality_results",
        "reference_demographics", "reference_credit_bands", "reference_advertising_audiences",
        "shared_people", "shared_segments", "shared_orders", "shared_identities", "shared_audiences",
    }  # fmt: skip
    assert contracts.source("web_events").partition_key is IdentifierType.DEVICE_ID
    assert contracts.product("rejected").table.zone is Zone.QUARANTINE
    assert contracts.event("order_placed").name == "order_placed"


@pytest.mark.parametrize("look", ["source", "product", "event"])
def test_unknown_name_lists_the_known_ones(contracts, look):
    with pytest.raises(UnknownContractError, match=r"`nothing`; known: \w+"):
        getattr(contracts, look)("nothing")


def test_raw_table_of_a_file_is_its_columns_and_those_of_the_ingestion(contracts):
    table = contracts.source("crm_contacts").table
    provenance = ["source_file", "source_row"]

    assert table.file_columns[0] == "crm_id"
    assert [field.name for field in table.fields] == [*table.file_columns, "loaded_at", "stated_at", *provenance]
    other = contracts.source("loyalty_members").table
    assert [field.name for field in other.fields] == [*other.file_columns, "loaded_at", *provenance]
    assert table.key == "crm_id"
    assert table.partition == "day(loaded_at)"


def test_a_row_of_a_file_is_live_for_two_days_unless_the_contract_says_otherwise(contracts):
    assert {source.name: source.live_within_hours for source in contracts.file_sources()} == {
        "crm_contacts": 48, "support_cases": 48, "loyalty_members": 48, "demographics": 0,
        "erp_orders": 48, "erp_customers": 48, "salesforce_contacts": 48, "salesforce_cases": 48,
        "sap_business_partners": 0, "sap_sales_orders": 48, "marketo_leads": 48, "marketo_activities": 48,
        "ga4_sessions": 0, "credit_bands": 336, "advertising_audiences": 336,
    }  # fmt: skip
    assert {source.live_within_hours for source in contracts.stream_sources()} == {0}


@pytest.mark.parametrize(
    ("frequency", "said", "hours"),
    [
        ((1, "d"), None, 48),
        ((15, "m"), None, 48),
        ((0, "s"), None, 48),
        ((7, "d"), None, 336),
        ((1501, "m"), None, 51),
        ((1, "d"), 6, 6),
        ((1, "d"), 0, 0),
        ((90, "d"), 24, 24),
        ((15, "d"), None, 720),
    ],
)
def test_the_limit_of_live_events_follows_from_the_cadence(directory, frequency, said, hours):
    def change(contract):
        contract["slaProperties"][0].update(value=frequency[0], unit=frequency[1])
        if said is not None:
            contract["customProperties"].append({"property": "liveWithinHours", "value": said})

    change_contract(directory, "support_cases.odcs.yaml", change)

    assert load_and_check(directory).contracts.source("support_cases").live_within_hours == hours


def test_lake_tables_leave_out_the_items_of_the_single_view(contracts):
    names = {table.name for table in contracts.lake_tables()}

    assert "decisions" not in names
    assert {"interactions", "identifier_map", "crm_contacts", "demographics"} <= names


def test_every_event_type_has_a_sender_or_is_published(contracts):
    sent = {event_type for source in contracts.sources.values() for event_type in source.event_types}

    assert sent == set(contracts.events)


@pytest.mark.parametrize("written", ["1984-02-29", "2026-03-01T12:00:00Z", "2026-03-01 12:00:00"])
def test_a_date_without_quotes_is_the_text_that_it_is(directory, written):
    """YAML makes an object of it, which neither the standard's schema nor JSON knows."""
    path = directory / "crm_contacts.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    column = "      - name: first_name\n"
    assert column in text
    path.write_text(text.replace(column, f"{column}        examples: [{written}]\n"), encoding="utf-8")

    contract, problems = read_contract(path)

    assert problems == []
    assert contract is not None
    [first_name] = [field for field in contract["schema"][0]["properties"] if field["name"] == "first_name"]
    assert first_name["examples"] == [written]
    load_and_check(directory)


def test_a_sources_defaults_reach_the_readers_of_its_rows(directory, tmp_path):
    """Where they live, and how old they may be, as the contract says or as is usual."""
    said = [("defaultCountry", "AT"), ("earliestBirthDate", "1890-01-01")]
    change_contract(
        directory,
        "crm_contacts.odcs.yaml",
        lambda c: c["customProperties"].extend({"property": name, "value": value} for name, value in said),
    )
    load_and_check(directory).write_json(tmp_path / "contracts.json")

    known = load(tmp_path / "contracts.json")
    crm, loyalty = known.source("crm_contacts"), known.source("loyalty_members")
    assert (crm.default_country, crm.earliest_birth_date) == ("AT", "1890-01-01")
    assert (loyalty.default_country, loyalty.earliest_birth_date) == ("US", "1905-01-01")
