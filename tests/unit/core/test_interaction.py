"""An event becomes an interaction, or a rejection that names the field and the fix."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.interaction import (
    MAX_EVENT_BYTES,
    Interaction,
    ReasonCode,
    RejectedEventError,
    check,
    clean,
    interaction,
    parse,
    rejected_id,
)
from tests.factories.events import PAYLOADS, event

SECRET = b"0123456789abcdef"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def cleaned(document: Any) -> Interaction:
    return clean(json.dumps(document).encode(), secret=SECRET, now=NOW)


def rejection(document: Any) -> RejectedEventError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RejectedEventError) as caught:
        clean(body, secret=SECRET, now=NOW)
    return caught.value


class TestGoodEvents:
    def test_an_order_has_its_money_and_number(self):
        order = cleaned(event("pos_transactions", "order_placed"))
        assert (order.order_id, order.amount, order.currency) == ("o-1", Decimal("12.34"), "USD")

    def test_a_return_is_negative_money(self):
        assert cleaned(event("pos_transactions", "order_returned")).amount == Decimal("-2.34")

    def test_an_event_without_money_has_none(self):
        page = cleaned(event())
        assert (page.amount, page.currency, page.order_id) == (None, None, None)

    def test_the_strongest_identifier_is_the_customer_key(self):
        login = cleaned(event(identifiers={"cookie_id": ["k-9"], "email": ["ada@shop.com"], "device_id": ["d-9"]}))
        assert login.customer_key.startswith("email:")
        assert [key.partition(":")[0] for key in login.identifier_keys] == ["email", "device_id", "cookie_id"]

    def test_equal_identifiers_have_equal_keys_however_they_are_written(self):
        keys = {
            cleaned(event(identifiers={"email": [text]})).customer_key for text in ("Ada@Shop.com ", "ada@shop.com")
        }
        assert len(keys) == 1

    def test_no_clear_identifier_is_outside_the_lake_column(self):
        login = cleaned(event(identifiers={"email": ["ada@shop.com"]}))
        shown = [value for name, value in vars_of(login).items() if name != "identifiers"]
        assert "ada@shop.com" not in str(shown)
        assert json.loads(login.identifiers) == {"email": ["ada@shop.com"]}

    def test_a_visitor_is_a_device_before_a_cookie(self):
        both = cleaned(event(identifiers={"cookie_id": ["k-9"], "device_id": ["d-9"]}))
        cookie = cleaned(event(identifiers={"cookie_id": ["k-9"]}))
        assert str(both.visitor_key).startswith("device_id:")
        assert str(cookie.visitor_key).startswith("cookie_id:")

    def test_a_till_has_no_visitor(self):
        assert cleaned(event("pos_transactions", "order_placed")).visitor_key is None

    def test_the_time_of_receipt_is_now_unless_the_event_says(self):
        assert cleaned(event()).received_at == NOW
        assert cleaned(event(received_at="2026-03-01T10:00:00.000Z")).received_at == datetime(
            2026, 3, 1, 10, tzinfo=UTC
        )

    def test_a_field_that_the_payload_contract_does_not_name_is_kept(self):
        assert json.loads(cleaned(event(payload={"colour": "red"})).payload)["colour"] == "red"

    def test_characters_of_all_scripts_survive(self):
        title = "Zoë 東京 🛒"
        assert json.loads(cleaned(event(payload={"title": title})).payload)["title"] == title

    def test_an_event_just_within_the_tolerance_is_accepted(self):
        moment = (NOW + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
        assert cleaned(event(occurred_at=moment)).occurred_at == NOW + timedelta(minutes=5)


def order(**payload: Any) -> dict[str, Any]:
    return event("pos_transactions", "order_placed", payload=payload)


BAD_EVENTS = {
    "unknown source": (event(source="web_events") | {"source": "fax"}, ReasonCode.UNKNOWN_SOURCE, "`source`"),
    "no source": (event(source="web_events") | {"source": None}, ReasonCode.MISSING_FIELD, "`source`"),
    "source is no text": (event() | {"source": ["web_events"]}, ReasonCode.UNKNOWN_SOURCE, "`source`"),
    "unknown event type": (event() | {"event_type": "page_licked"}, ReasonCode.UNKNOWN_EVENT_TYPE, "`event_type`"),
    "event type of another source": (
        event() | {"event_type": "case_opened"},
        ReasonCode.UNKNOWN_EVENT_TYPE,
        "`web_events`",
    ),
    "no event type": (event() | {"event_type": None}, ReasonCode.MISSING_FIELD, "`event_type`"),
    "no event id": (event(event_id=...), ReasonCode.MISSING_FIELD, "`event_id`"),
    "no payload field": (event(payload={"url": ...}), ReasonCode.MISSING_FIELD, "`payload.url`"),
    "number for text": (event(payload={"url": 7}), ReasonCode.WRONG_TYPE, "`payload.url`"),
    "number for money": (order(total=12.34), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "money without cents": (order(total="12"), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "text within a list": (
        order(lines=[{"product_id": "p", "quantity": "x", "amount": "1.00"}]),
        ReasonCode.WRONG_TYPE,
        "`payload.lines.0.quantity`",
    ),
    "too small": (
        event(event_type="review_posted", payload={"rating": 0}),
        ReasonCode.OUT_OF_RANGE,
        "`payload.rating` must be at least 1",
    ),
    "not in the list": (
        event(event_type="consent_changed", payload={"purpose": "fun"}),
        ReasonCode.OUT_OF_RANGE,
        "`payload.purpose`",
    ),
    "unknown version": (event(schema_version=2), ReasonCode.OUT_OF_RANGE, "`schema_version`"),
    "event id too long": (event(event_id="e" * 65), ReasonCode.OUT_OF_RANGE, "`event_id`"),
    "misspelt envelope field": (event(replayid="r-1"), ReasonCode.OUT_OF_RANGE, "does not name"),
    "identifier of another source": (
        event("pos_transactions", "order_placed", identifiers={"cookie_id": ["k"]}),
        ReasonCode.OUT_OF_RANGE,
        "`identifiers`",
    ),
    "local time": (event(occurred_at="2026-03-01T09:30:00+01:00"), ReasonCode.WRONG_TYPE, "`occurred_at`"),
    "no such day": (event(occurred_at="2026-02-31T09:30:00Z"), ReasonCode.WRONG_TYPE, "`occurred_at`"),
    "no such day of receipt": (event(received_at="2026-02-31T09:30:00Z"), ReasonCode.WRONG_TYPE, "`received_at`"),
    "from the future": (event(occurred_at="2026-03-02T12:05:00.001Z"), ReasonCode.FUTURE_EVENT, "clock"),
    "long after its receipt": (
        event(occurred_at="2026-03-01T09:30:00Z", received_at="2026-03-01T09:24:59Z"),
        ReasonCode.FUTURE_EVENT,
        "clock",
    ),
    "both times ahead": (
        event(occurred_at="2026-03-03T09:30:00Z", received_at="2026-03-03T09:30:00Z"),
        ReasonCode.FUTURE_EVENT,
        "clock",
    ),
    "no identifiers": (event(identifiers={}), ReasonCode.NO_IDENTIFIER, "`identifiers`"),
    "placeholder identifier": (
        event(identifiers={"email": ["none@none.com"]}),
        ReasonCode.NO_IDENTIFIER,
        "`identifiers`",
    ),
    "an address of a network only": (event(identifiers={"ip": ["192.0.2.1"]}), ReasonCode.NO_IDENTIFIER, "IP"),
}


class TestBadEvents:
    @pytest.mark.parametrize("name", BAD_EVENTS)
    def test_each_has_its_code_and_names_the_field(self, name):
        document, code, words = BAD_EVENTS[name]
        error = rejection(document)
        assert (error.code, words in error.reason) == (code, True), error.reason

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"", ReasonCode.MALFORMED_JSON),
            (b"{broken", ReasonCode.MALFORMED_JSON),
            (b"[]", ReasonCode.MALFORMED_JSON),
            (b'"text"', ReasonCode.MALFORMED_JSON),
            (b'{"source": NaN}', ReasonCode.MALFORMED_JSON),
            (b'{"source": 1, "source": "web_events"}', ReasonCode.MALFORMED_JSON),
            (b'{"source": "\\ud800"}', ReasonCode.MALFORMED_JSON),
            (b"[" * 20_000, ReasonCode.MALFORMED_JSON),
            (b'{"source": "caf\xe9"}', ReasonCode.WRONG_ENCODING),
            (b" " * (MAX_EVENT_BYTES + 1), ReasonCode.OVERSIZE),
        ],
    )
    def test_a_record_that_is_no_event_has_its_code(self, body, code):
        assert rejection(body).code is code

    @pytest.mark.parametrize(
        ("value", "code", "words"),
        [
            ("9" * 1001, ReasonCode.OUT_OF_RANGE, "at most 64 characters"),
            ("1" + "0" * 5000, ReasonCode.OUT_OF_RANGE, "at most 64 characters"),
            ("1e400", ReasonCode.OUT_OF_RANGE, "exponent"),
            ("NaN", ReasonCode.MALFORMED_JSON, "finite number"),
            ("[" * 40 + "]" * 40, ReasonCode.MALFORMED_JSON, "at most 32 levels"),
            ('{"a": 1, "a": 2}', ReasonCode.MALFORMED_JSON, "send each field once"),
            ('"\\ud800"', ReasonCode.MALFORMED_JSON, "whole characters"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_what_flink_cannot_read_is_rejected_though_no_contract_names_it(self, value, code, words):
        consent = json.dumps(event(event_type="consent_changed", payload={"extra": "HERE"}))
        error = rejection(consent.replace('"HERE"', value).encode())
        assert (error.code, error.source) == (code, "web_events")
        assert "`payload.extra" in error.reason
        assert words in error.reason

    def test_a_record_of_the_greatest_size_is_read(self):
        body = json.dumps(event()).encode()
        assert parse(body.ljust(MAX_EVENT_BYTES))["source"] == "web_events"

    def test_the_source_is_named_when_the_record_says_it(self):
        assert rejection(event(event_id=...)).source == "web_events"
        assert rejection(b"{broken").source == "unknown"
        assert rejection(event() | {"source": "f" * 100}).source == "f" * 64

    def test_the_reason_shows_no_value(self):
        error = rejection(event(event_type="consent_changed", payload={"purpose": "ada@shop.com"}))
        assert "ada@shop.com" not in error.reason


class TestAnyInput:
    @given(st.binary(max_size=200))
    def test_any_bytes_are_rejected_and_nothing_else_happens(self, body):
        assert rejection(body).code in set(ReasonCode)

    @given(
        st.sampled_from(sorted(PAYLOADS["order_placed"])),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
    def test_any_value_of_any_field_is_accepted_or_rejected(self, field, value):
        document = event("pos_transactions", "order_placed", payload={field: value})
        try:
            assert cleaned(document).event_id == document["event_id"]
        except RejectedEventError as error:
            assert error.code in set(ReasonCode)  # noqa: PT017  # both outcomes are right


class TestParts:
    def test_checking_needs_no_secret(self):
        check(event(), now=NOW)

    def test_an_interaction_is_made_of_a_checked_document(self):
        document = event()
        assert interaction(document, secret=SECRET, now=NOW) == cleaned(document)

    def test_another_secret_gives_another_key(self):
        document = event()
        other = interaction(document, secret=b"fedcba9876543210", now=NOW)
        assert other.customer_key != cleaned(document).customer_key

    def test_a_rejection_keeps_its_id_when_the_record_is_read_again(self):
        assert rejected_id("0:17") == rejected_id("0:17")
        assert rejected_id("0:17") != rejected_id("0:18")


def vars_of(value: Interaction) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
