import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from c360_core.identity.keys import (
    anonymous_person_id,
    first_usable,
    identifier_key,
    mask_email,
    phone_to_send,
    secret_bytes,
    usable,
)
from c360_core.identity.records import prepare_record
from c360_core.identity.resolve import identifiers_of
from c360_core.names import IdentifierType

SECRET = b"0123456789abcdef"


def test_key_is_the_type_and_half_a_keyed_hash_of_type_and_value():
    expected = hmac.new(SECRET, b"email:ann@example.com", hashlib.sha256).hexdigest()[:32]
    assert identifier_key(SECRET, IdentifierType.EMAIL, "ann@example.com") == f"email:{expected}"


def test_keys_differ_by_secret_type_and_value():
    keys = {
        identifier_key(SECRET, IdentifierType.DEVICE_ID, "a"),
        identifier_key(SECRET, IdentifierType.COOKIE_ID, "a").replace("cookie_id", "device_id"),
        identifier_key(SECRET, IdentifierType.DEVICE_ID, "b"),
        identifier_key(SECRET + b"!", IdentifierType.DEVICE_ID, "a"),
    }
    assert len(keys) == 4


def test_usable_identifiers_come_strongest_first():
    sent = {
        "ip": ["192.0.2.1"],
        "email": ["test@test.com", "Ann@example.com"],
        "loyalty_id": ["000"],
        "hat_size": ["9"],
    }
    assert usable(sent) == ((IdentifierType.EMAIL, "ann@example.com"), (IdentifierType.IP, "192.0.2.1"))
    assert usable({"phone": ["0000000000"]}) == ()


def test_the_first_usable_value_is_the_one_whose_key_comes_first():
    said = {
        "email": ["none", "d-2", "Ann@Example.com", "bob@example.com"],
        "device_id": ["", "d-1"],
        "cookie_id": ["null"],
        "phone": ["12"],
    }

    found = first_usable(said)

    assert found == {IdentifierType.EMAIL: "Ann@Example.com", IdentifierType.DEVICE_ID: "d-1"}
    assert first_usable({"shoe_size": ["43"], "phone": []}) == {}


def test_all_keys_come_strongest_first_and_without_duplicates():
    sent = {"cookie_id": ["c"], "email": ["Ann@example.com", "ann@EXAMPLE.com"], "crm_id": ["c1"]}
    kinds = [str(kind) for kind, _ in usable(sent)]
    assert kinds == ["crm_id", "email", "cookie_id"]


def test_order_of_strength_is_the_documented_one():
    assert [kind.value for kind in IdentifierType] == [
        "loyalty_id", "crm_id", "case_system_id", "email", "phone", "social_id", "device_id", "cookie_id",
        "push_token", "ip",
    ]  # fmt: skip


def test_secret_is_text_or_json():
    assert secret_bytes('{"key": "0123456789abcdef"}') == secret_bytes(" 0123456789abcdef\n") == SECRET


@pytest.mark.parametrize("held", ["{0123456789abcdef", "[0123456789abcdef]", '"0123456789abcdef"', "01234567890123456"])
def test_a_secret_that_only_looks_like_json_is_text(held):
    assert secret_bytes(held) == held.encode()


@pytest.mark.parametrize("held", ["", "short", "{}", '{"key": ""}'])
def test_a_weak_secret_is_refused(held):
    with pytest.raises(ValueError, match="at least 16 bytes"):
        secret_bytes(held)


def test_a_masked_address_keeps_just_enough_to_recognise_it():
    assert mask_email("john.doe@example.com") == "j***@example.com"
    assert [mask_email(None), mask_email("broken")] == [None, "***"]


@pytest.mark.parametrize(
    ("raw", "country", "default_country", "sent"),
    [
        ("(212) 555-0147", None, "US", "+12125550147"),
        ("(030) 901820", None, "DE", "+4930901820"),
        ("030 901820", "Germany", "US", "+4930901820"),
        ("020 7946 0123", "GB", "US", "+442079460123"),
        ("01 40 20 50 50", "France", "US", "+33140205050"),
        ("02 9876 5432", "AU", "US", "+61298765432"),
        ("+44 20 7946 0123", None, "DE", "+442079460123"),
        ("2125550147", "US", "DE", "+12125550147"),
        ("+1 212 555 0147", "Atlantis", "US", "+12125550147"),
        ("(212) 555-0147", "Atlantis", "US", None),  # a valid number in the USA
        ("212-555-0147", "FR", "US", None),
        ("555-0123", None, "US", "555-0123"),  # no number in any country
        ("call me", "GB", "US", "call me"),
    ],
)
def test_a_number_has_the_key_in_events_that_it_has_in_identity(raw, country, default_country, sent):
    number = phone_to_send(raw, country, default_country)
    assert number == sent

    record = prepare_record(
        {"phone": raw, "country": country}, source="s", key="1", loaded_at=datetime.now(UTC), region=default_country
    )
    in_identity = tuple(identifier_key(SECRET, kind, value) for kind, value in identifiers_of(record))
    in_events = usable({"phone": [number] if number else []})
    assert tuple(identifier_key(SECRET, kind, value) for kind, value in in_events) == in_identity


def test_an_unknown_person_is_named_after_the_key() -> None:
    assert anonymous_person_id("cookie_id:0123456789abcdef0123456789abcdef") == "a_0123456789abcdef0123456789"
