from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.identity.records import IdentityRecord
from c360_core.survivorship import SourcePriorities, golden

OLD, NEW = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
PRIORITIES = SourcePriorities()
PERSON_ATTRIBUTES = {
    "first_name", "last_name", "email", "phone", "street", "city", "state", "postal_code", "birth_date", "language",
    "time_zone", "crm_id", "case_customer_id", "loyalty_id", "record_count",
}  # fmt: skip


def record(record_id, source="crm_contacts", at=OLD, **values):
    return IdentityRecord(record_id=record_id, source=source, loaded_at=NEW, updated_at=at, **values)


def test_golden_attributes_are_those_of_the_person_message():
    result = golden([record("a", phone="+15135550143")], PRIORITIES)
    assert set(result.attributes) == PERSON_ATTRIBUTES
    assert result.attributes["phone"] == "+15135550143"
    assert result.attributes["email"] is None
    assert result.attributes["record_count"] == 1


def test_a_verified_email_beats_a_more_trusted_source():
    records = [
        record("a", email="a@example.com"),
        record("b", source="web_events", email="b@example.com", email_verified=True),
    ]
    assert golden(records, PRIORITIES).attributes["email"] == "b@example.com"


def test_being_verified_helps_only_the_email():
    records = [
        record("a", phone="1"),
        record("b", source="web_events", phone="2", email="b@example.com", email_verified=True),
    ]
    assert golden(records, PRIORITIES).attributes["phone"] == "1"


def test_a_trusted_source_beats_a_newer_record():
    records = [record("a", phone="1", at=OLD), record("b", source="demographics", phone="2", at=NEW)]
    assert golden(records, PRIORITIES).attributes["phone"] == "1"
    reversed_trust = SourcePriorities(order=("demographics", "crm_contacts"))
    assert golden(records, reversed_trust).attributes["phone"] == "2"


def test_within_a_source_the_newer_record_wins_and_an_unlisted_source_comes_last():
    records = [
        record("a", phone="1", at=OLD),
        record("b", phone="2", at=NEW),
        record("c", source="kiosk", phone="3", at=NEW),
    ]
    assert golden(records, PRIORITIES).attributes["phone"] == "2"


def test_among_equally_old_addresses_the_more_complete_one_wins_as_a_whole():
    records = [
        record("a", street="1 Oak St", city="Dayton"),
        record("b", city="Akron", state="OH", postal_code="44301"),
    ]
    attributes = golden(records, PRIORITIES).attributes
    assert [attributes[name] for name in ("street", "city", "state", "postal_code")] == [None, "Akron", "OH", "44301"]


def test_each_value_says_where_it_is_from():
    records = [record("a", phone="1", at=OLD), record("b", source="loyalty_members", loyalty_id="L1", at=None)]
    provenance = golden(records, PRIORITIES).provenance
    assert set(provenance) == {"phone", "loyalty_id"}
    assert (provenance["phone"].source, provenance["phone"].record_id, provenance["phone"].at) == (
        "crm_contacts",
        "a",
        OLD,
    )
    assert provenance["loyalty_id"].at == NEW


SAME_CLAIM = [
    record(str(place), source=source, at=at, phone=str(place))
    for place, (source, at) in enumerate([("crm_contacts", OLD), ("crm_contacts", OLD), ("web_events", NEW)])
]


@given(st.permutations(SAME_CLAIM))
def test_the_order_of_records_does_not_matter(records):
    assert golden(records, PRIORITIES).attributes["phone"] == "0"


def test_a_person_without_records_has_no_golden_record():
    with pytest.raises(ValueError, match="without records"):
        golden([], PRIORITIES)
