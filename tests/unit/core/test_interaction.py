"""An event becomes an interaction, or a rejection that names the field and the fix."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.exact_json import encode
from c360_core.interaction import (
    MAX_EVENT_BYTES,
    Interaction,
    ReasonCode,
    RejectedEventError,
    check,
    interaction,
    parse,
    read_interaction,
    rejected_id,
)
from tests.factories.events import PAYLOADS, event

SECRET = b"0123456789abcdef"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def cleaned(document: Any) -> Interaction:
    return read_interaction(json.dumps(document).encode(), secret=SECRET, now=NOW)


def rejection(document: Any) -> RejectedEventError:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RejectedEventError) as caught:
        read_interaction(body, secret=SECRET, now=NOW)
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

    def test_equal_identifiers_have_equal_keys_in_any_spelling(self):
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

    def test_a_till_event_has_no_visitor(self):
        assert cleaned(event("pos_transactions", "order_placed")).visitor_key is None

    def test_the_time_of_receipt_is_now_unless_the_event_says(self):
        assert cleaned(event()).received_at == NOW
        assert cleaned(event(received_at="2026-03-01T10:00:00.000Z")).received_at == datetime(
            2026, 3, 1, 10, tzinfo=UTC
        )

    def test_a_field_that_the_payload_contract_does_not_name_is_kept(self):
        assert json.loads(cleaned(event(payload={"colour": "red"})).payload)["colour"] == "red"

    def test_an_event_that_no_contract_names_is_kept_whole_where_its_source_keeps_such(self):
        kept = cleaned(event() | {"event_type": "Page licked", "payload": {"times": 3, "total": "9.99"}})
        assert (kept.event_type, kept.amount, kept.currency) == ("custom_event", None, None)
        assert json.loads(kept.payload) == {"name": "Page licked", "properties": {"times": 3, "total": "9.99"}}

    def test_an_order_without_lines_is_an_order(self):
        for lines in (..., []):
            assert cleaned(order(lines=lines)).amount == Decimal("12.34")

    def test_joining_identities_is_no_visit(self):
        joined = cleaned(
            event("web_events", "identities_joined", identifiers={"device_id": ["d-1"], "email": ["a@b.co"]})
        )
        assert joined.visitor_key is None
        assert len(joined.identifier_keys) == 2

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
    "unknown event type": (
        event("pos_transactions", "order_placed") | {"event_type": "order_dreamt"},
        ReasonCode.UNKNOWN_EVENT_TYPE,
        "`event_type`",
    ),
    "no name where unplanned events are kept": (
        event() | {"event_type": ""},
        ReasonCode.UNKNOWN_EVENT_TYPE,
        "`event_type`",
    ),
    "a list for a name": (event() | {"event_type": ["x"]}, ReasonCode.UNKNOWN_EVENT_TYPE, "`event_type`"),
    "an endless name": (event() | {"event_type": "x" * 257}, ReasonCode.OUT_OF_RANGE, "`payload.name`"),
    "nothing said of an unplanned event": (
        event() | {"event_type": "page_licked", "payload": None},
        ReasonCode.WRONG_TYPE,
        "`payload`",
    ),
    "event type of another source": (
        event() | {"event_type": "case_opened"},
        ReasonCode.UNKNOWN_EVENT_TYPE,
        "`web_events`",
    ),
    "no event type": (event() | {"event_type": None}, ReasonCode.MISSING_FIELD, "`event_type`"),
    "no event id": (event(event_id=...), ReasonCode.MISSING_FIELD, "`event_id`"),
    "no payload field": (event(payload={"url": ...}), ReasonCode.MISSING_FIELD, "`payload.url`"),
    "number for text": (event(payload={"url": 7}), ReasonCode.WRONG_TYPE, "`payload.url`"),
    "money in words": (order(total="12 dollars"), ReasonCode.WRONG_TYPE, "`payload.total` must be money; send it"),
    "money with thousands": (order(total="1,200.00"), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "money with underscores": (order(total="1_200.00"), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "money in other digits": (order(total="١٢.٣٤"), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "a truth for money": (order(total=True), ReasonCode.WRONG_TYPE, "`payload.total` must be money"),
    "nothing for money": (order(total=None), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "an object for money": (order(total={"value": 12}), ReasonCode.WRONG_TYPE, "`payload.total`"),
    "a trillion": (order(total=10**12), ReasonCode.OUT_OF_RANGE, "`payload.total` must be at most 999999999999.99"),
    "a trillion by rounding": (order(total="999999999999.995"), ReasonCode.OUT_OF_RANGE, "`payload.total`"),
    "a sale below zero": (order(total=-0.01), ReasonCode.OUT_OF_RANGE, "`payload.total` must not be below zero"),
    "a line beyond money": (
        order(lines=[{"product_id": "p", "quantity": 1, "amount": 1e60}]),
        ReasonCode.OUT_OF_RANGE,
        "`payload.lines.0.amount`",
    ),
    "part of a unit": (
        order(lines=[{"product_id": "p", "quantity": 1.5, "amount": "1.00"}]),
        ReasonCode.WRONG_TYPE,
        "`payload.lines.0.quantity` must be of type integer",
    ),
    "a whole number as text": (
        event(event_type="review_posted", payload={"rating": "3"}),
        ReasonCode.WRONG_TYPE,
        "`payload.rating`",
    ),
    "points beyond 64 bits": (
        event("loyalty_members", "loyalty_points_changed", payload={"balance": 1e30}),
        ReasonCode.OUT_OF_RANGE,
        "`payload.balance` must be at most 9223372036854775807",
    ),
    "points beyond all reach": (
        event("loyalty_members", "loyalty_points_changed", payload={"balance": 1e300}),
        ReasonCode.OUT_OF_RANGE,
        "`payload.balance`",
    ),
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
    "time without a zone": (event(occurred_at="2026-03-01T09:30:00"), ReasonCode.WRONG_TYPE, "`occurred_at`"),
    "no such offset": (event(occurred_at="2026-03-01T09:30:00+99:00"), ReasonCode.WRONG_TYPE, "`occurred_at`"),
    "no such day abroad": (event(occurred_at="2026-02-31T09:30:00+01:00"), ReasonCode.WRONG_TYPE, "`occurred_at`"),
    "the year one": (event(occurred_at="0001-01-01T00:00:00Z"), ReasonCode.OUT_OF_RANGE, "before 1990-01-01"),
    "before the year one": (event(occurred_at="0001-01-01T00:00:00+01:00"), ReasonCode.OUT_OF_RANGE, "`occurred_at`"),
    "after all years": (event(occurred_at="9999-12-31T23:59:59-01:00"), ReasonCode.OUT_OF_RANGE, "`occurred_at`"),
    "a clock that was never set": (event(occurred_at="1969-12-31T23:59:59Z"), ReasonCode.OUT_OF_RANGE, "`occurred_at`"),
    "just too early": (event(occurred_at="1989-12-31T23:59:59.999Z"), ReasonCode.OUT_OF_RANGE, "`occurred_at`"),
    "received too early": (event(received_at="1970-01-01T00:00:00Z"), ReasonCode.OUT_OF_RANGE, "`received_at`"),
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


def points(**payload: Any) -> dict[str, Any]:
    return event("loyalty_members", "loyalty_points_changed", payload=payload)


def payload_of(document: dict[str, Any]) -> dict[str, Any]:
    return json.loads(cleaned(document).payload, parse_float=Decimal)


class TestOneMeaning:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("12.5", "12.50"),
            ("12", "12.00"),
            (12, "12.00"),
            (12.5, "12.50"),
            (12.34, "12.34"),
            ("0012.34", "12.34"),
            (0.125, "0.13"),
            ("0.125", "0.13"),
            (2.675, "2.68"),
            (0.005, "0.01"),
            (0.0049, "0.00"),
            (0, "0.00"),
            (-0.0, "0.00"),
            (1e2, "100.00"),
            (999999999999.99, "999999999999.99"),
        ],
    )
    def test_money_is_a_text_with_two_digits_in_any_sent_form(self, written, meant):
        paid = cleaned(order(total=written, lines=[{"product_id": "p", "quantity": 1, "amount": written}]))
        payload = json.loads(paid.payload)
        assert (payload["total"], payload["lines"][0]["amount"]) == (meant, meant)
        assert paid.amount == Decimal(meant)

    @pytest.mark.parametrize("written", [-12.34, 12.34, "-12.34", "12.34", "-12.340"])
    def test_a_return_is_the_returned_amount_with_any_sign(self, written):
        returned = cleaned(event("pos_transactions", "order_returned", payload={"total": written}))
        assert (json.loads(returned.payload)["total"], returned.amount) == ("12.34", Decimal("-12.34"))

    @pytest.mark.parametrize(
        ("text", "meant"), [("3", "3"), ("3.0", "3"), ("3.000", "3"), ("3e0", "3"), ("0.3E1", "3")]
    )
    def test_a_whole_number_is_written_in_digits(self, text, meant):
        closed = json.dumps(event("support_cases", "case_closed", payload={"csat": "HERE"})).replace('"HERE"', text)
        assert f'"csat":{meant},' in read_interaction(closed.encode(), secret=SECRET, now=NOW).payload

    @pytest.mark.parametrize(
        ("written", "meant"), [(120.0, 120), (3000000000, 3000000000), (1e2, 100), (2**63 - 1, 2**63 - 1), (-0.0, 0)]
    )
    def test_points_are_whole_and_have_64_bits(self, written, meant):
        balance = payload_of(points(balance=written))["balance"]
        assert (balance, type(balance)) == (meant, int)

    def test_a_version_is_a_whole_number_too(self):
        assert cleaned(event(schema_version=1.0)).schema_version == 1

    @pytest.mark.parametrize(
        "written",
        [
            "2026-03-01T10:30:00+01:00",
            "2026-03-01T10:30:00.000+0100",
            "2026-03-01T04:00:00-05:30",
            "2026-03-01T10:30:00+01",
        ],
    )
    def test_a_time_with_an_offset_is_the_same_moment_in_utc(self, written):
        seen = cleaned(event(occurred_at=written, received_at=written))
        assert seen == cleaned(event(event_id=seen.event_id, occurred_at="2026-03-01T09:30:00Z", received_at=written))
        assert seen.occurred_at.isoformat() == "2026-03-01T09:30:00+00:00"

    def test_the_earliest_moment_of_the_contract_is_accepted(self):
        assert cleaned(event(occurred_at="1990-01-01T00:00:00Z")).occurred_at.year == 1990

    def test_numbers_that_no_contract_names_keep_their_digits(self):
        body = json.dumps(event(payload={"extra": "HERE"})).replace('"HERE"', "[12.50, 0.1000000000000000055, 1e2]")
        assert (
            '"extra":[12.50,0.1000000000000000055,1E+2]'
            in read_interaction(body.encode(), secret=SECRET, now=NOW).payload
        )

    @pytest.mark.parametrize("value", [17, 1.5, True, ["o-1"], {"a": 1}, "o-1"])
    def test_a_field_with_a_columns_name_that_the_contract_does_not_name_fills_no_column(self, value):
        page = cleaned(event(payload={"order_id": value, "currency": value, "total": value}))
        assert (page.order_id, page.currency, page.amount) == (None, None, None)
        assert json.loads(page.payload)["order_id"] == value


NUMBERS = st.integers(-(10**20), 10**20) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13, places=4
)
WRITTEN = NUMBERS | NUMBERS.map(str) | st.text(max_size=5) | st.booleans() | st.none()


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return an event with some values written in unusual ways; half of them right."""
    made = draw(
        st.sampled_from(
            [
                lambda: order(total=draw(WRITTEN), discount=draw(WRITTEN), more=draw(WRITTEN)),
                lambda: order(lines=[{"product_id": "p", "quantity": draw(WRITTEN), "amount": draw(WRITTEN)}]),
                lambda: event("pos_transactions", "order_returned", payload={"total": draw(WRITTEN)}),
                lambda: points(balance=draw(WRITTEN), delta=draw(st.integers(-100, 100) | st.just(Decimal("1.0")))),
                lambda: event(schema_version=draw(st.sampled_from([1, Decimal("1.0"), Decimal("1e0")]))),
                lambda: event(occurred_at=draw(st.sampled_from(["2026-03-01T10:30:00+01:00", "2026-03-01T09:30:00Z"]))),
            ]
        )
    )
    return made()


def outcome_of(document: dict[str, Any]) -> Any:
    try:
        return check(document, now=NOW)
    except RejectedEventError as error:
        return error.code


class TestCanonicalForm:
    @given(documents())
    def test_the_canonical_form_of_a_canonical_form_is_itself(self, document):
        once = outcome_of(document)
        if not isinstance(once, ReasonCode):
            assert check(once, now=NOW) == once
            assert check(parse(encode(once).encode()), now=NOW) == once
            assert encode(check(once, now=NOW)) == encode(once)

    @given(documents(), st.randoms())
    def test_the_order_of_keys_does_not_matter(self, document, random):
        def shuffled(value: Any) -> Any:
            if isinstance(value, list):
                return [shuffled(part) for part in value]
            if not isinstance(value, dict):
                return value
            return dict(random.sample([(key, shuffled(part)) for key, part in value.items()], len(value)))

        assert outcome_of(shuffled(document)) == outcome_of(document)

    @given(documents())
    def test_accepted_events_have_the_types_of_the_contract(self, document):
        once = outcome_of(document)
        if isinstance(once, ReasonCode):
            return
        payload = once["payload"]
        money = [payload.get("total"), payload.get("discount"), *(line["amount"] for line in payload.get("lines", []))]
        whole = [payload.get("balance"), payload.get("delta"), *(line["quantity"] for line in payload.get("lines", []))]
        assert all(value is None or re.fullmatch(r"(0|[1-9][0-9]*)[.][0-9]{2}", value) for value in money)
        assert all(value is None or type(value) is int for value in whole)


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
    def test_a_value_that_flink_cannot_read_is_rejected_even_outside_the_contract(self, value, code, words):
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

    def test_an_event_that_fails_our_own_rules_is_rejected_too(self, monkeypatch):
        def stumble(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("c360_core.interaction.usable", stumble)
        error = rejection(event())
        assert (error.code, "ZeroDivisionError" in error.reason) == (ReasonCode.UNEXPECTED, True)


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


@pytest.mark.parametrize(
    ("body", "field", "fix"),
    [
        (b"[]", None, "send one event per record"),
        (b'{"source": "web_events"}', "event_type", "name the event"),
        (json.dumps(event(payload={"url": ...})).encode(), "payload.url", "send it"),
        (json.dumps(event(schema_version="one")).encode(), "schema_version", None),
        (json.dumps(event() | {"occurred_at": "2026-02-30T00:00:00Z"}).encode(), "occurred_at", "send ISO 8601 UTC"),
    ],
    ids=["no object", "no type", "no payload field", "wrong type", "no time"],
)
def test_a_rejection_has_field_and_fix_apart_and_in_its_reason(body: bytes, field: str | None, fix: str | None) -> None:
    with pytest.raises(RejectedEventError) as caught:
        read_interaction(body, secret=SECRET, now=NOW)

    found = caught.value
    assert (found.field, found.fix) == (field, fix)
    assert found.reason.startswith(f"`{field}` " if field else "the record")
    assert found.reason.endswith(f"; {fix}" if fix else "must be of type integer")
