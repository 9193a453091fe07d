"""The collector: every event of a request that is let in is on the stream exactly once, with the verdict given."""

import base64
import gzip
import hashlib
import hmac
import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_aws.stream_writer import StreamRecord
from c360_core import contracts
from c360_core.interaction import MAX_EVENT_BYTES, RejectedEventError, check, read_interaction
from lambdas.collector import handler
from lambdas.collector.logic import Call, judge_all
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, Cloud

NOW = datetime.now(UTC)
WEB_KEY, TILL_KEY = "web-key", "till-key"
SIGNING_SECRET = "till-signing-secret"
OTHER_KEY_OF_CLEAN = b"the secret that only clean has"


def text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def viewed(event_id: str | None = "e-1", **changed: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": "product_viewed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": text(NOW),
        "identifiers": {"device_id": ["d-17"]},
        "payload": {"product_id": "1029743"},
        **changed,
    }


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    web = cloud.secrets.create_secret(Name="web", SecretString=WEB_KEY)["ARN"]
    signed = json.dumps({"key": TILL_KEY, "signing_secret": SIGNING_SECRET})
    till = cloud.secrets.create_secret(Name="till", SecretString=signed)["ARN"]
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("API_KEY_SECRETS", json.dumps({"web_events": web, "pos_transactions": till}))
    monkeypatch.setenv("ACCEPT_PREVIOUS_KEYS", "true")


def send(
    path: str,
    body: Any,
    *,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Send a request with the web's key; return status and document of the answer."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    given = {"x-api-key": WEB_KEY} if headers is None else headers
    answer = handler.handle(http_event("POST", path, body=content, headers=given, query=query), LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def verdict_of_clean(event: dict[str, Any]) -> str | None:
    try:
        read_interaction(json.dumps(event).encode(), secret=OTHER_KEY_OF_CLEAN, now=datetime.now(UTC))
    except RejectedEventError as error:
        return str(error.code)
    return None


def test_a_valid_event_is_accepted_and_stamped_with_source_and_time_of_receipt(cloud: Cloud) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    status, answer = send("/v1/batch", {"batch": [viewed()]})

    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 0)
    assert answer["results"] == [{"index": 0, "event_id": "e-1", "status": "accepted"}]
    (event,) = cloud.events()
    assert event["source"] == "web_events"
    assert before <= datetime.fromisoformat(event["received_at"]) <= datetime.now(UTC)
    assert verdict_of_clean(event) is None


def test_a_rejected_event_says_what_where_and_how_and_is_on_the_stream_all_the_same(cloud: Cloud) -> None:
    status, answer = send("/v1/batch", {"batch": [viewed("e-1"), viewed("e-2", payload={})]})

    assert (status, answer["accepted"], answer["rejected"]) == (207, 1, 1)
    rejected = answer["results"][1]
    assert (rejected["status"], rejected["code"], rejected["event_id"]) == ("rejected", "MISSING_FIELD", "e-2")
    assert rejected["field"] == "payload.product_id"
    assert rejected["reason"]
    assert rejected["fix"]
    assert [event["event_id"] for event in cloud.events()] == ["e-1", "e-2"]


@pytest.mark.parametrize(
    "event",
    [
        viewed(),
        viewed(event_type="order_stolen"),
        viewed(schema_version="one"),
        viewed(occurred_at=text(NOW + timedelta(hours=1))),
        viewed(identifiers={}),
        viewed(identifiers={"ip": ["192.0.2.7"]}),
        viewed(identifiers={"device_id": ["unknown"]}),
        viewed(identifiers={"case_system_id": ["S1"]}),
        viewed(source="pos_transactions"),
        viewed(payload={"product_id": "x" * 40_000}),
        viewed(payload={"product_id": "\ud800"}),
        viewed(payload={"product_id": "日本" * 6_000}),
        viewed(event_id=None),
        {"no": "event"},
        {},
        "just a text",
        17,
        None,
        [viewed()],
    ],
    ids=lambda event: json.dumps(event)[:60],
)
def test_clean_gives_the_same_verdict_on_what_is_on_the_stream(cloud: Cloud, event: Any) -> None:
    _, answer = send("/v1/batch", {"batch": [event]})

    (on_stream,) = cloud.events()
    assert verdict_of_clean(on_stream) == answer["results"][0].get("code")
    assert answer["accepted"] + answer["rejected"] == 1


def test_the_write_key_decides_the_source_and_not_the_event(cloud: Cloud) -> None:
    order = {"order_id": "o-1", "currency": "USD", "total": "1.00", "lines": []}

    _, answer = send("/v1/batch", {"batch": [viewed(source="engagement_events", event_type="message_sent")]})
    send("/v1/batch", {"batch": [viewed(source="pos_transactions", event_type="order_placed", payload=order)]})

    assert answer["results"][0]["code"] == "UNKNOWN_EVENT_TYPE"
    assert {event["source"] for event in cloud.events()} == {"web_events"}


def test_an_oversize_event_is_rejected_and_its_head_is_on_the_stream_still_oversize(cloud: Cloud) -> None:
    _, answer = send("/v1/batch", {"batch": [viewed(payload={"product_id": "x" * 2_000_000})]})

    assert answer["results"][0]["code"] == "OVERSIZE"
    (head,) = cloud.events()
    assert (head["event_id"], head["source"]) == ("e-1", "web_events")
    assert head["bytes_as_sent"] > 2_000_000
    assert MAX_EVENT_BYTES < len(json.dumps(head)) < 100_000


@pytest.mark.parametrize("body", ["{", "", "\x00", "[" * 100_000, b"\xff\xfe"])
def test_a_body_that_is_not_json_is_refused_whole(cloud: Cloud, body: str | bytes) -> None:
    status, problem = send("/v1/batch", body)

    assert (status, problem["code"], problem["field"]) == (400, "MALFORMED_JSON", "body")
    assert problem["fix"]
    assert cloud.events() == []


@pytest.mark.parametrize("body", [{"events": []}, {"batch": {}}, [], "text", None])
def test_a_batch_without_a_list_of_events_is_refused_whole(cloud: Cloud, body: Any) -> None:
    status, problem = send("/v1/batch", json.dumps(body))

    assert (status, problem["code"], problem["field"]) == (400, "MISSING_FIELD", "batch")
    assert cloud.events() == []


def test_a_body_that_unpacks_into_too_much_is_refused(cloud: Cloud) -> None:
    status, problem = send(
        "/v1/batch", gzip.compress(b" " * 50_000_000), headers={"x-api-key": WEB_KEY, "content-encoding": "gzip"}
    )

    assert (status, problem["code"]) == (413, "BODY_TOO_LARGE")
    assert cloud.events() == []


# Named, for the bytes of a gzip hold the second in which it was made and two workers would name two tests.
@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"{}")[:-9]], ids=["no gzip", "cut off"])
def test_a_truncated_gzip_body_is_refused(cloud: Cloud, body: bytes) -> None:
    status, problem = send("/v1/batch", body, headers={"x-api-key": WEB_KEY, "content-encoding": "gzip"})

    assert (status, problem["code"]) == (400, "MALFORMED_JSON")


def test_an_unknown_write_key_is_refused_whole(cloud: Cloud) -> None:
    status, problem = send("/v1/batch", {"batch": [viewed()]}, headers={"x-api-key": "guessed"})

    assert (status, problem["code"], problem["field"]) == (401, "UNKNOWN_WRITE_KEY", "x-api-key")
    assert cloud.events() == []


def test_a_source_with_a_signing_secret_must_sign_the_bytes_it_sends(cloud: Cloud) -> None:
    body = json.dumps({"batch": []})
    signature = hmac.new(SIGNING_SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    key = {"x-api-key": TILL_KEY}

    statuses = [
        send("/v1/batch", body, headers={**key, **signed})[0]
        for signed in (
            {"x-c360-signature": signature},
            {"X-C360-Signature": f"sha256={signature}"},
            {"x-c360-signature": "0" * 64},
            {"x-c360-signature": "ä"},
            {},
        )
    ]

    assert statuses == [200, 200, 401, 401, 401]


def test_a_key_that_only_looks_like_json_is_a_key(cloud: Cloud) -> None:
    cloud.secrets.put_secret_value(SecretId="web", SecretString="{not-json")

    assert send("/v1/batch", {"batch": []}, headers={"x-api-key": "{not-json"})[0] == 200


def test_a_signature_covers_the_compressed_bytes(cloud: Cloud) -> None:
    body = gzip.compress(b'{"batch": []}')
    signature = hmac.new(SIGNING_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-api-key": TILL_KEY, "x-c360-signature": signature, "content-encoding": "gzip"}

    assert send("/v1/batch", body, headers=headers)[0] == 200


def page_message(**changed: Any) -> dict[str, Any]:
    """Return a page message as Segment's browser library sends it."""
    return {
        "type": "page",
        "messageId": "ajs-next-1",
        "anonymousId": "d-17",
        "userId": None,
        "timestamp": text(NOW),
        "sentAt": text(NOW),
        "properties": {"url": "https://shop.example.com/", "title": "Shop", "path": "/"},
        "context": {"page": {"url": "https://shop.example.com/?"}, "locale": "en-US"},
        "integrations": {},
        **changed,
    }


def test_segments_browser_library_is_understood(cloud: Cloud) -> None:
    body = json.dumps({**page_message(), "writeKey": WEB_KEY})

    status, answer = send("/v1/p", body, headers={"content-type": "text/plain"})

    assert (status, answer["accepted"]) == (200, 1)
    (event,) = cloud.events()
    assert event["event_type"] == "page_viewed"
    assert event["event_id"] == "ajs-next-1"
    assert event["identifiers"] == {"device_id": ["d-17"]}
    assert event["payload"] == {"url": "https://shop.example.com/", "title": "Shop"}


@pytest.mark.parametrize(
    ("path", "event_type"), [("t", "product_viewed"), ("i", "identified"), ("p", "page_viewed"), ("b", "page_viewed")]
)
def test_the_short_paths_of_browsers_stand_for_the_long_ones(cloud: Cloud, path: str, event_type: str) -> None:
    message = page_message(event="Product Viewed", traits={"firstName": "Ada"})
    if path != "b":
        del message["type"]
    body = json.dumps({"batch": [message]} if path == "b" else message)
    authorization = "Basic " + base64.b64encode(f"{WEB_KEY}:".encode()).decode()

    status, _ = send(f"/v1/{path}", body, headers={"authorization": authorization, "content-type": "text/plain"})

    assert status == 200
    assert [event["event_type"] for event in cloud.events()] == [event_type]


def test_python_libraries_are_understood_with_gzip_and_basic_authorization(cloud: Cloud) -> None:
    track = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "L0000017",
        "timestamp": text(NOW - timedelta(seconds=5)),
        "properties": {
            "order_id": "o-1",
            "currency": "USD",
            "revenue": 12.5,
            "products": [{"product_id": "1029743", "quantity": 2, "price": 6.25, "category": "GROCERY"}],
        },
    }
    body = gzip.compress(json.dumps({"batch": [track], "sentAt": text(NOW)}).encode())
    authorization = "Basic " + base64.b64encode(f"{WEB_KEY}:".encode()).decode()

    status, answer = send("/v1/batch", body, headers={"authorization": authorization, "content-encoding": "gzip"})

    assert (status, answer["accepted"]) == (200, 1)
    (event,) = cloud.events()
    assert event["identifiers"] == {"loyalty_id": ["L0000017"]}
    assert event["payload"] == {
        "order_id": "o-1",
        "currency": "USD",
        "total": "12.50",
        "lines": [{"product_id": "1029743", "quantity": 2, "amount": "12.50", "department": "GROCERY"}],
    }


def test_a_beacon_of_rudderstack_carries_its_key_in_the_query(cloud: Cloud) -> None:
    identify = {
        "type": "identify",
        "messageId": "r-1",
        "anonymousId": "d-17",
        "userId": "",
        "originalTimestamp": text(NOW),
        "context": {"traits": {"firstName": "Ada", "email": "ada@mail.org"}, "timezone": "Europe/Berlin"},
    }

    status, answer = send(
        "/beacon/v1/batch", {"batch": [identify], "sentAt": text(NOW)}, headers={}, query={"writeKey": WEB_KEY}
    )

    assert (status, answer["accepted"]) == (200, 1)
    (event,) = cloud.events()
    assert event["event_type"] == "identified"
    assert event["identifiers"] == {"email": ["ada@mail.org"], "device_id": ["d-17"]}
    assert event["payload"] == {"first_name": "Ada", "time_zone": "Europe/Berlin"}


def test_a_wrong_client_clock_is_corrected_by_when_the_request_was_sent(cloud: Cloud) -> None:
    fast = NOW + timedelta(hours=3)
    message = page_message(timestamp=text(fast - timedelta(minutes=2)), sentAt=text(fast))

    status, answer = send("/v1/page", message)

    assert (status, answer["accepted"]) == (200, 1)
    (event,) = cloud.events()
    occurred = datetime.fromisoformat(event["occurred_at"])
    assert datetime.fromisoformat(event["received_at"]) - occurred == timedelta(minutes=2)


def test_a_rejected_segment_message_is_answered_with_200_so_that_it_is_not_sent_again(cloud: Cloud) -> None:
    status, answer = send("/v1/page", page_message(timestamp="yesterday"))

    assert (status, answer["rejected"], answer["results"][0]["code"]) == (200, 1, "WRONG_TYPE")
    assert len(cloud.events()) == 1


def test_the_path_says_the_type_of_a_message_that_does_not(cloud: Cloud) -> None:
    message = page_message()
    del message["type"]

    assert send("/v1/page", message)[1]["accepted"] == 1
    assert cloud.events()[0]["event_type"] == "page_viewed"


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/steal"), ("GET", "/v1/track"), ("POST", "/")])
def test_any_other_path_is_a_problem_document(cloud: Cloud, method: str, path: str) -> None:
    event = http_event(method, path, body="{}", headers={"x-api-key": WEB_KEY})

    answer = handler.handle(event, LambdaContext())

    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (404, "application/problem+json")


def test_events_that_could_not_be_stored_are_requested_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_stream", lambda: MemoryStream(refuse={1}))

    status, problem = send("/v1/batch", {"batch": [viewed("e-1"), viewed("e-2")]})

    assert (status, problem["code"]) == (503, "STREAM_UNAVAILABLE")


def test_without_a_stream_the_sender_is_asked_to_come_again_and_the_log_says_why(
    cloud: Cloud, log: io.StringIO, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_STREAM_NAME", "c360-asleep-events")
    event = http_event("POST", "/v1/track", body=json.dumps(viewed()), headers={"x-api-key": WEB_KEY})

    answer = handler.handle(event, LambdaContext())

    assert answer["statusCode"] == 503
    assert answer["headers"]["Retry-After"] == "1"
    assert "c360-asleep-events refused 1 records: ResourceNotFoundException" in caplog.text
    assert "events not stored" in log.getvalue()
    assert cloud.events() == []


def test_events_of_one_device_share_a_partition_and_its_key_shows_nothing() -> None:
    web = contracts.load().source("web_events")
    batch = [viewed("e-1"), viewed("e-2", identifiers={"device_id": ["d-17"], "email": ["ada@mail.org"]})]

    records = [event.record for event in judge_all(call({"batch": batch}, web))]

    assert records[0].key == records[1].key
    assert "d-17" not in records[0].key


def test_logs_have_the_reason_and_neither_key_nor_personal_data(cloud: Cloud, log: io.StringIO) -> None:
    secret_event = viewed(payload={}, identifiers={"email": ["ada@mail.org"], "phone": ["+1 415 555 0132"]})

    send("/v1/batch", {"batch": [secret_event]})
    send("/v1/batch", {"batch": []}, headers={"x-api-key": "guessed-key"})

    assert "MISSING_FIELD" in log.getvalue()
    assert not [leak for leak in ("ada@", "555", WEB_KEY, "guessed-key") if leak in log.getvalue()]


def test_five_hundred_events_are_judged_in_a_fraction_of_a_second() -> None:
    web = contracts.load().source("web_events")
    judge_all(call({"batch": [viewed()]}, web))  # compiles the schema
    batch = [viewed(f"e-{number}") for number in range(500)]

    started = time.process_time()
    judged = judge_all(call({"batch": batch}, web))
    took = time.process_time() - started

    assert all(event.rejection is None for event in judged)
    assert took < 0.1  # seconds of CPU; measured 0.03


def call(body: Any, source: contracts.Source) -> Call:
    return Call(path="batch", body=body, source=source, received_at=NOW)


def test_records_of_the_stream_are_utf8() -> None:
    web = contracts.load().source("web_events")
    (judged,) = judge_all(call({"batch": [viewed(payload={"product_id": "Käse"})]}, web))

    assert isinstance(judged.record, StreamRecord)
    assert "Käse".encode() in judged.record.data


def test_an_event_that_fails_our_own_rules_blocks_no_other(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumble(event: Any, **options: Any) -> Any:
        if event["event_id"] == "e-1":
            raise ZeroDivisionError
        return check(event, **options)

    monkeypatch.setattr("lambdas.collector.logic.check", stumble)

    status, answer = send("/v1/batch", {"batch": [viewed("e-1"), viewed("e-2")]})

    assert (status, answer["accepted"], answer["results"][0]["code"]) == (207, 1, "UNEXPECTED")
    assert len(cloud.records()) == 2
    assert "ZeroDivisionError" in caplog.text


# ---- numbers, as their text says


def ordered(**properties: Any) -> dict[str, Any]:
    """Return an order as Segment's libraries send it, with the numbers as text to be put in place."""
    return {
        "type": "track",
        "event": properties.pop("event", "Order Completed"),
        "messageId": "m-1",
        "userId": "L0000017",
        "timestamp": text(NOW),
        "properties": {
            "order_id": "o-1",
            "currency": "USD",
            "total": "1.00",
            "products": [{"product_id": "1", "quantity": 1, "price": "1.00"}],
            **properties,
        },
    }


def written(document: Any, **numbers: str) -> str:
    """Return the JSON of a document with these texts, which Python could not write, in the place of their names."""
    body = json.dumps(document)
    for name, number in numbers.items():
        body = body.replace(f'"{name}"', number)
    return body


@pytest.mark.parametrize(
    ("total", "meant"),
    [("0.125", "0.13"), ("2.675", "2.68"), ("12", "12.00"), ('"12"', "12.00"), ('"12.5"', "12.50"), ("1e2", "100.00")],
)
def test_money_is_what_its_text_says_rounded_once(cloud: Cloud, total: str, meant: str) -> None:
    _, answer = send("/v1/track", written(ordered(total="TOTAL"), TOTAL=total))

    assert answer["accepted"] == 1
    assert cloud.events()[0]["payload"]["total"] == meant


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [("19.99", "3", "59.97"), ('"19.99"', "3", "59.97"), ("0.125", "2", "0.25"), ("0.333", "3", "1.00")],
)
def test_a_line_is_price_times_quantity_to_the_cent(cloud: Cloud, price: str, quantity: str, amount: str) -> None:
    product = {"product_id": "1", "quantity": "QUANTITY", "price": "PRICE"}

    _, answer = send("/v1/track", written(ordered(products=[product]), PRICE=price, QUANTITY=quantity))

    assert answer["accepted"] == 1
    assert cloud.events()[0]["payload"]["lines"][0]["amount"] == amount


@pytest.mark.parametrize("total", ["-12.34", "12.34", '"-12.34"'])
def test_a_refund_is_the_returned_amount_with_any_sign(cloud: Cloud, total: str) -> None:
    _, answer = send("/v1/track", written(ordered(event="Order Refunded", total="TOTAL"), TOTAL=total))

    assert answer["accepted"] == 1
    (event,) = cloud.events()
    cleaned = read_interaction(json.dumps(event).encode(), secret=OTHER_KEY_OF_CLEAN, now=datetime.now(UTC))
    assert (str(cleaned.amount), json.loads(cleaned.payload)["total"]) == ("-12.34", "12.34")


GREAT_NUMBERS = ["1" + "0" * 400, "1" + "0" * 5000, "1e400", "1e999999999999", "-1e-999", "NaN", "Infinity", "1e60"]


@pytest.mark.parametrize("number", GREAT_NUMBERS, ids=lambda number: number[:10])
@pytest.mark.parametrize("place", ["total", "price", "quantity"])
def test_no_number_causes_a_server_error(cloud: Cloud, number: str, place: str) -> None:
    product = {"product_id": "1", "quantity": 1, "price": 1}
    properties = {"total": "HERE"} if place == "total" else {"products": [{**product, place: "HERE"}]}
    batch = {"batch": [ordered(**properties), ordered()]}

    status, answer = send("/v1/batch", written(batch, HERE=number))

    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 1)
    rejected = answer["results"][0]
    assert rejected["field"] in {"payload.total", "payload.lines.0.amount", "payload.lines.0.quantity"}
    assert rejected["fix"]
    assert len(cloud.records()) == 2


@pytest.mark.parametrize("number", GREAT_NUMBERS, ids=lambda number: number[:10])
def test_an_envelope_with_such_a_number_is_on_the_stream_unchanged(cloud: Cloud, number: str) -> None:
    _, answer = send(
        "/v1/batch", written({"batch": [viewed(payload={"product_id": "1", "extra": "HERE"})]}, HERE=number)
    )

    (record,) = cloud.records()
    assert f'"extra":{number.replace("1e60", "1E+60")}}}'.encode() in record
    assert answer["accepted"] == (1 if number == "1e60" else 0)
    assert answer["results"][0].get("field") == (None if number == "1e60" else "payload.extra")


@pytest.mark.parametrize(
    ("user", "identifiers"),
    [
        ("12345", {"loyalty_id": ["12345"], "device_id": ["678"]}),
        ("12345.0", {"loyalty_id": ["12345"], "device_id": ["678"]}),
        ("true", {"device_id": ["678"]}),
        ("12.5", {"device_id": ["678"]}),
        ("null", {"device_id": ["678"]}),
        ('""', {"device_id": ["678"]}),
    ],
)
def test_whole_numbers_are_identifiers(cloud: Cloud, user: str, identifiers: dict[str, list[str]]) -> None:
    _, answer = send("/v1/page", written(page_message(userId="USER", anonymousId=678), USER=user))

    assert answer["accepted"] == 1
    assert cloud.events()[0]["identifiers"] == identifiers


def test_a_number_is_a_telephone_and_a_device_too(cloud: Cloud) -> None:
    context = {"device": {"id": 17, "token": 18}, "traits": {"phone": 14155550132}}

    _, answer = send("/v1/identify", page_message(type="identify", anonymousId=None, context=context))

    assert answer["accepted"] == 1
    assert cloud.events()[0]["identifiers"] == {"phone": ["14155550132"], "device_id": ["17"], "push_token": ["18"]}


def test_an_unreadable_user_id_is_refused_by_name(cloud: Cloud) -> None:
    _, answer = send("/v1/page", written(page_message(userId="USER"), USER="9" * 5000))

    assert (answer["rejected"], answer["results"][0]["field"]) == (1, "identifiers.loyalty_id.0")


# ---- what an answer can carry


@pytest.mark.parametrize(
    "event",
    [
        page_message(messageId="m-\ud800"),
        page_message(messageId="\udfff" * 100_000),
        viewed("m-\ud800"),
        viewed(payload={"product_id": "\ud800"}),
        viewed(payload={"product_id": "1", "\ud800": 1}),
        viewed(identifiers={"device_id": ["\ud800"]}),
        viewed(identifiers={"\ud800": ["d"]}),
        viewed("m-\ud800", payload={"product_id": "x" * 100_000}),
        {**viewed(), "\ud800": 1},
        "\ud800",
    ],
    ids=lambda event: repr(event)[:40],
)
def test_half_a_character_is_rejected_and_the_answer_is_plain_ascii(cloud: Cloud, event: Any) -> None:
    answer = handler.handle(
        http_event("POST", "/v1/batch", body=json.dumps({"batch": [event]}), headers={"x-api-key": WEB_KEY}),
        LambdaContext(),
    )

    assert answer["statusCode"] in {200, 207}
    assert answer["body"].isascii()
    assert json.loads(answer["body"])["rejected"] == 1
    assert len(cloud.records()) == 1


def test_an_event_id_is_echoed_as_far_as_one_may_be_long(cloud: Cloud) -> None:
    _, answer = send("/v1/batch", {"batch": [viewed("e" * 3_000_000)]})

    assert answer["results"][0]["event_id"] == "e" * 64


@pytest.mark.parametrize(("path", "wrap"), [("/v1/batch", "batch"), ("/v1/b", "batch"), ("/beacon/v1/batch", "batch")])
def test_more_events_than_one_request_may_have_are_refused_before_any_is_stored(
    cloud: Cloud, path: str, wrap: str
) -> None:
    status, problem = send(path, {wrap: [{"event_id": str(number)} for number in range(501)]})

    assert (status, problem["code"], problem["field"]) == (413, "BATCH_TOO_LARGE", "batch")
    assert "at most 500" in problem["fix"]
    assert cloud.records() == []


def test_the_answer_on_the_worst_full_batch_is_one_that_lambda_can_send(cloud: Cloud) -> None:
    batch = [viewed("\U0001f6d2" * 1000, event_type="x") for _ in range(500)]

    body = gzip.compress(json.dumps({"batch": batch}, ensure_ascii=False).encode())
    answer = handler.handle(
        http_event("POST", "/v1/batch", body=body, headers={"x-api-key": WEB_KEY, "content-encoding": "gzip"}),
        LambdaContext(),
    )

    assert (answer["statusCode"], len(cloud.records())) == (207, 500)
    assert len(answer["body"]) < 3_000_000


@pytest.mark.parametrize(
    "path", ["/v1/track", "/v1/identify", "/v1/page", "/v1/batch", "/v1/t", "/v1/i", "/v1/p", "/v1/b"]
)
def test_a_body_over_the_limit_is_refused_on_every_path(cloud: Cloud, path: str) -> None:
    status, problem = send(path, {"batch": [viewed("x" * 4 * 1024 * 1024)]})

    assert (status, problem["code"]) == (413, "BODY_TOO_LARGE")
    assert cloud.records() == []


def test_a_context_that_would_be_repeated_in_every_event_does_not_multiply(cloud: Cloud) -> None:
    page = {"url": "https://shop.example.com/" + "x" * 1_000_000}
    messages = [{"type": "page", "messageId": str(number), "anonymousId": "d-1"} for number in range(500)]

    status, problem = send("/v1/batch", {"batch": messages, "context": {"page": page}})

    assert (status, problem["code"]) == (413, "BATCH_TOO_LARGE")
    assert cloud.records() == []


# ---- keys twice, and depth


def test_an_event_with_a_duplicate_key_is_rejected_alone_and_kept_as_received(cloud: Cloud) -> None:
    twice = json.dumps(viewed("e-1")).replace('"payload": {', '"payload": {"product_id": "2", ')

    status, answer = send("/v1/batch", f'{{"batch": [{twice}, {json.dumps(viewed("e-2"))}]}}')

    assert (status, answer["accepted"]) == (207, 1)
    rejected = answer["results"][0]
    assert (rejected["code"], rejected["field"]) == ("MALFORMED_JSON", "payload.product_id")
    assert b'"payload":{"product_id":"2","product_id":"1029743"}' in cloud.records()[0]


def test_a_message_whose_translation_would_hide_a_key_that_is_there_twice_is_not_translated(cloud: Cloud) -> None:
    message = json.dumps(page_message(type="identify", traits={"firstName": "Ada"}))
    twice = message.replace('"traits": {', '"traits": {"firstName": "Grace", ')

    _, answer = send("/v1/identify", twice)

    rejected = answer["results"][0]
    assert (rejected["code"], rejected["field"]) == ("MALFORMED_JSON", "body.traits.firstName")
    assert rejected["event_id"] == "ajs-next-1"


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
def test_a_body_with_a_duplicate_key_is_a_client_error(cloud: Cloud, path: str) -> None:
    body = json.dumps({"batch": [viewed()], **viewed()})

    status, answer = send(path, f'{body[:-1]}, "batch": [], "event_id": "e-2"}}')

    assert (status, answer.get("code"), answer.get("rejected")) in {
        (400, "MALFORMED_JSON", None),
        (207, None, 1),
        (200, None, 1),
    }


@pytest.mark.parametrize("levels", [33, 100, 240])
def test_an_event_that_is_too_deep_is_rejected_alone(cloud: Cloud, levels: int) -> None:
    deep = written(viewed(payload={"product_id": "1", "extra": "HERE"}), HERE="[" * levels + "]" * levels)

    status, answer = send("/v1/batch", f'{{"batch": [{deep}, {json.dumps(viewed("e-2"))}]}}')

    assert (status, answer["accepted"], answer["results"][0]["code"]) == (207, 1, "MALFORMED_JSON")
    assert str(answer["results"][0]["field"]).startswith("payload.extra")
    assert len(cloud.records()) == 2


@pytest.mark.parametrize("levels", [300, 900, 980, 990, 995, 1001, 50_000])
def test_a_body_that_is_far_too_deep_is_refused_whole(cloud: Cloud, levels: int) -> None:
    deep = written(viewed(payload={"product_id": "1", "extra": "HERE"}), HERE="[" * levels + "]" * levels)

    status, problem = send("/v1/batch", f'{{"batch": [{deep}]}}')

    assert (status, problem["code"]) == (400, "MALFORMED_JSON")
    assert cloud.records() == []


@pytest.mark.parametrize("authorization", ["Basic ä", "Basic Zg=", "Basic ////", "Basic"])
def test_a_broken_basic_authorization_is_no_key(cloud: Cloud, authorization: str) -> None:
    status, problem = send("/v1/batch", {"batch": []}, headers={"authorization": authorization})

    assert (status, problem["code"]) == (401, "UNKNOWN_WRITE_KEY")


def rotate(cloud: Cloud, name: str, value: str) -> None:
    """Give a source another secret, before this function instance has read one."""
    cloud.secrets.put_secret_value(SecretId=name, SecretString=value)


def test_after_a_rotation_the_new_key_and_the_one_before_it_are_accepted(cloud: Cloud) -> None:
    rotate(cloud, "web", "new-key")

    statuses = [send("/v1/track", viewed(), headers={"x-api-key": key})[0] for key in ("new-key", WEB_KEY, "web-key-0")]

    assert statuses == [200, 200, 401]


def test_the_use_of_a_previous_key_is_logged_with_its_source(cloud: Cloud, log: io.StringIO) -> None:
    rotate(cloud, "web", "new-key")

    for key in ("new-key", WEB_KEY):
        send("/v1/track", viewed(), headers={"x-api-key": key})

    entries = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [one["source"] for one in entries if one["message"] == "previous key used"] == ["web_events"]


def test_after_two_rotations_the_first_key_is_refused(cloud: Cloud) -> None:
    rotate(cloud, "web", "second-key")
    rotate(cloud, "web", "third-key")

    assert send("/v1/track", viewed(), headers={"x-api-key": WEB_KEY})[0] == 401


def test_where_keys_do_not_rotate_a_changed_key_ends_at_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEPT_PREVIOUS_KEYS", "false")
    rotate(cloud, "web", "new-key")

    assert send("/v1/track", viewed(), headers={"x-api-key": WEB_KEY})[0] == 401


def test_a_previous_key_is_signed_with_the_secret_of_its_own_time(cloud: Cloud) -> None:
    rotate(cloud, "till", json.dumps({"key": "new-till-key", "signing_secret": "new-signing-secret"}))
    body = json.dumps(viewed())

    def status(key: str, secret: str) -> int:
        signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        return send("/v1/track", body, headers={"x-api-key": key, "x-c360-signature": signature})[0]

    assert status("new-till-key", "new-signing-secret") == status(TILL_KEY, SIGNING_SECRET) != 401
    assert status("new-till-key", SIGNING_SECRET) == status(TILL_KEY, "new-signing-secret") == 401


def test_a_key_that_got_a_signing_secret_needs_it_at_once(cloud: Cloud) -> None:
    rotate(cloud, "web", json.dumps({"key": WEB_KEY, "signing_secret": "from-now-on"}))

    assert send("/v1/track", viewed())[0] == 401
