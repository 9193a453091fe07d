"""Profiles: read from the stream, kept in the single view, shown by the API."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.change_fields import InvalidChangeError
from c360_core.contracts import load
from c360_core.profile import Profile, Removal, Version
from c360_core.profile_change import profile_from_change
from c360_core.profile_columns import profile_columns
from c360_core.profile_document import profile_document
from c360_core.profile_item import profile_from_item, profile_to_item
from tests.factories.profiles import PERSON, profile, profile_change

URLS = {
    "crm": "https://crm.example.com/contacts/{id}",
    "call_centre": "https://cases.example.com/{id}",
    "loyalty": "https://loyalty.example.com/{id}",
}

sequence_numbers = st.integers(0, 10**60).map(str)


def test_every_column_of_the_contract_has_a_place_in_the_profile() -> None:
    columns = {field.name for field in load().product("profiles").table.fields}
    version = {"person_id", "identity_version", "last_event_at", "event_count", "computed_at", "record_count"}
    shown = {name for part in profile_columns().parts.values() for name in part}

    assert columns == {*shown, *version, "scores", "segments"}


def test_a_flat_change_becomes_parts() -> None:
    built = profile()

    assert built.attributes["email"] == "ada.lovelace@mail.org"
    assert built.aggregates["orders"] == 1
    assert built.links == {"crm_id": "C0000001", "case_customer_id": "S0000001", "loyalty_id": "L0000001"}
    assert built.enrichment == {"age_band": "35-44"}
    assert built.segments == ("new_customers",)


def test_unknown_values_are_absent() -> None:
    assert "email" not in profile(email=None).attributes


def test_orders_in_two_currencies_have_no_spend() -> None:
    built = profile(orders=2, spend=None, currency=None)

    assert built.aggregates["orders"] == 2
    assert profile_from_item(profile_to_item(built)) == built
    document: dict[str, Any] = profile_document(built, link_templates=URLS)
    assert not document["aggregates"].keys() & {"spend", "currency"}


@pytest.mark.parametrize("spend", [12.34, "12.34", Decimal("12.3400")])
def test_money_is_exact_in_any_form_on_the_stream(spend: object) -> None:
    assert profile(spend=spend).aggregates["spend"] == Decimal("12.34")


def test_an_item_reads_back_as_the_same_profile() -> None:
    built = profile(sequence=4957, csat_average="3.50", segments=["b", "a"])

    assert profile_from_item(profile_to_item(built)) == built


def test_scores_are_exact_and_stay_by_their_names() -> None:
    built = profile(scores={"sentiment": -0.25, "churn_risk": Decimal("0.8125")})

    assert built.scores == {"churn_risk": Decimal("0.812500"), "sentiment": Decimal("-0.250000")}
    assert profile_from_item(profile_to_item(built)) == built
    document: dict[str, Any] = profile_document(built, link_templates=URLS)
    assert document["scores"] == {"churn_risk": "0.812500", "sentiment": "-0.250000"}


def test_an_item_of_before_there_were_numbers_reads_back_too() -> None:
    built = profile_from_change(profile_change(), position="4957")
    assert isinstance(built, Profile)

    assert built.version == Version(identity_version=7, sequence=0, position="4957")
    assert profile_from_item(profile_to_item(built)) == built


def test_numbers_that_the_table_gives_back_as_decimals_are_whole_again() -> None:
    item: dict[str, Any] = profile_to_item(profile())
    item["aggregates"] = {**profile().aggregates, "orders": Decimal(1)}
    item["version"] = {**item["version"], "identity_version": Decimal(7)}

    assert profile_from_item(item) == profile()


def test_a_deletion_is_a_removal_with_its_version() -> None:
    change = {"kind": "profile", "op": "delete", "person_id": PERSON, "identity_version": 8, "sequence": 12}

    removal = profile_from_change(change, position="77")

    assert removal == Removal(person_id=PERSON, version=Version(identity_version=8, sequence=12))


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_the_text_of_a_version_orders_as_its_numbers_do(first: int, second: int, number: int, other: int) -> None:
    one = Version(identity_version=first, sequence=number)
    two = Version(identity_version=second, sequence=other)

    assert (one.text < two.text) == ((first, number) < (second, other))


@given(sequence_numbers, sequence_numbers)
def test_without_numbers_positions_give_the_order_and_numbered_changes_are_later(position: str, other: str) -> None:
    one, two = (Version(identity_version=7, sequence=0, position=text) for text in (position, other))

    assert (one.text < two.text) == (int(position) < int(other))
    assert one.text < Version(identity_version=7, sequence=1).text


def test_a_document_shows_money_as_text_and_ids_as_links() -> None:
    document: dict[str, Any] = profile_document(profile(), link_templates=URLS)

    assert document["aggregates"]["spend"] == "12.34"
    assert document["links"]["crm_url"] == "https://crm.example.com/contacts/C0000001"
    assert document["links"]["call_centre_url"] == "https://cases.example.com/S0000001"


def test_a_document_has_only_the_asked_parts_beside_what_says_who_and_when() -> None:
    document = profile_document(profile(), link_templates=URLS, parts=("segments",))

    assert set(document) == {"person_id", "segments", "record_count", "version", "computed_at"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("identity_version", "seven"),
        ("identity_version", -1),
        ("orders", 1.5),
        ("orders", True),
        ("spend", "much"),
        ("segments", "vip"),
        ("scores", [0.5]),
        ("scores", {"": 0.5}),
        ("scores", {"churn_risk": "high"}),
        ("first_name", ["Ada"]),
        ("op", "replace"),
        ("computed_at", 12),
    ],
)
def test_a_change_that_breaks_the_contract_names_the_field_and_not_the_value(field: str, value: Any) -> None:
    with pytest.raises(InvalidChangeError, match=field) as fault:
        profile_from_change(profile_change(**{field: value}), position="1")

    assert "Ada" not in str(fault.value)


def test_a_change_without_a_person_is_refused() -> None:
    with pytest.raises(InvalidChangeError, match="person_id"):
        profile_from_change(profile_change(person_id=""), position="1")


@given(st.dictionaries(st.sampled_from(["first_name", "city", "loyalty_tier", "kids_count"]), st.text(min_size=1)))
def test_any_text_survives_the_way_through_the_single_view(texts: dict[str, str]) -> None:
    built = profile(**texts)

    assert isinstance(built, Profile)
    assert profile_from_item(profile_to_item(built)) == built
