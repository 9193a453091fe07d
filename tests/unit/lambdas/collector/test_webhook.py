"""A vendor calls in its own form: signed as the contract says, mapped by the contract, and judged like everything."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from c360_core import contracts
from c360_core.contracts import Signature, Source, Webhook
from c360_core.interaction import read_interaction
from lambdas.collector import handler
from lambdas.collector.webhook import Delivery, authenticate_delivery, challenge_answer, events_of_call
from lambdas.shared.problem import ProblemDetails
from tests.factories.hostile import damaged, literal
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.collector.test_collector import verdict_of_clean
from tests.unit.lambdas.conftest import EVENTS, Cloud

SECRET = "vendor-secret"
NOW = datetime.now(UTC)
PATH = "/v1/hooks/product_reviews"
SEED = 20_260_302
BODIES = 2_000


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    arns = {
        source: cloud.secrets.create_secret(Name=source, SecretString=secret)["ARN"]
        for source, secret in (("product_reviews", SECRET), ("web_events", "web-key"))
    }
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("API_KEY_SECRETS", json.dumps(arns))
    monkeypatch.setenv("ACCEPT_PREVIOUS_KEYS", "true")


def review(kind: str = "review.created", **changed: Any) -> dict[str, Any]:
    """Return one event of the vendor's call."""
    return {
        "id": f"evt-{kind}",
        "type": kind,
        "created_at": NOW.isoformat(),
        "author": {"email": "ada@mail.org", "account": "chirper:4711", "name": "Ada"},
        "review": {"id": "r-1", "product_id": "1029743", "stars": 2, "text": "It leaks."},
        **changed,
    }


def signed(body: bytes, *, secret: str = SECRET, at: datetime | None = None) -> dict[str, str]:
    """Return the headers with which the vendor signs a call; now, if no time is given."""
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Reviews-Signature": f"v1={signature}", "X-Reviews-Timestamp": timestamp}


def call(*events: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Call the webhook with these events; return status and answer."""
    return call_with(json.dumps({"events": list(events)}).encode(), headers=headers)


def call_with(body: bytes, *, headers: dict[str, str] | None = None, path: str = PATH) -> tuple[int, dict[str, Any]]:
    """Call the webhook with these bytes."""
    given = signed(body) if headers is None else headers
    answer = handler.handle(http_event("POST", path, body=body, headers=given), LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def test_a_review_becomes_an_event_by_the_contract(cloud: Cloud) -> None:
    status, answer = call(review())

    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 0)
    (event,) = cloud.events()
    assert verdict_of_clean(event) is None
    assert (event["event_id"], event["event_type"], event["source"]) == (
        "evt-review.created",
        "review_posted",
        "product_reviews",
    )
    assert event["identifiers"] == {"email": ["ada@mail.org"], "social_id": ["chirper:4711"]}
    assert event["payload"] == {"review_id": "r-1", "product_id": "1029743", "rating": 2, "text": "It leaks."}


def test_every_type_of_the_contract_has_its_form(cloud: Cloud) -> None:
    mention = {"id": "n-1", "network": "chirper", "url": "https://chirper.example.com/1", "text": "Love it."}
    status, answer = call(
        review(),
        review("review.updated"),
        review("review.deleted", reason="by its author"),
        review("mention.created", mention=mention, author={"account": "chirper:4712"}),
        review("mention.deleted", mention={"id": "n-1"}, author={"account": "chirper:4712"}),
    )

    assert (status, answer["accepted"]) == (200, 5)
    events = {event["event_type"]: event["payload"] for event in cloud.events()}
    assert set(events) == set(contracts.load().source("product_reviews").event_types)
    assert events["review_deleted"] == {"review_id": "r-1", "reason": "by its author"}
    assert events["brand_mentioned"] == {**{k: v for k, v in mention.items() if k != "id"}, "mention_id": "n-1"}


def test_a_call_that_comes_three_times_has_the_same_ids(cloud: Cloud) -> None:
    without_id = {name: value for name, value in review().items() if name != "id"}
    for _ in range(3):
        assert call(review(), without_id)[0] == 200

    ids = [event["event_id"] for event in cloud.events()]
    assert (len(ids), len(set(ids))) == (6, 2)
    times = [event["occurred_at"] for event in cloud.events()]
    assert len(set(times)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no signature"),
        pytest.param({"X-Reviews-Timestamp": str(int(NOW.timestamp()))}, id="only a time"),
        pytest.param({**signed(b"{}"), "X-Reviews-Signature": "v1="}, id="an empty signature"),
        pytest.param({**signed(b"{}"), "X-Reviews-Signature": "ä"}, id="no hexadecimal digits"),
        pytest.param(signed(b"another body"), id="of another body"),
        pytest.param(signed(b'{"events": []}', secret="guessed"), id="with another secret"),
        pytest.param(signed(b'{"events": []}', at=NOW - timedelta(hours=1)), id="an hour old"),
        pytest.param(signed(b'{"events": []}', at=NOW + timedelta(hours=1)), id="an hour ahead"),
        pytest.param({**signed(b'{"events": []}'), "X-Reviews-Timestamp": "yesterday"}, id="a word as time"),
        pytest.param({**signed(b'{"events": []}'), "X-Reviews-Timestamp": "9" * 15}, id="a time beyond all years"),
        pytest.param({"x-api-key": SECRET}, id="an API key"),
    ],
)
def test_a_call_without_a_right_and_fresh_signature_is_refused(cloud: Cloud, headers: dict[str, str]) -> None:
    status, problem = call_with(b'{"events": []}', headers=headers)

    assert (status, problem["code"]) == (401, "BAD_SIGNATURE")
    assert cloud.events() == []


def test_a_rotated_secret_and_the_one_before_it_are_accepted(cloud: Cloud) -> None:
    cloud.secrets.put_secret_value(SecretId="product_reviews", SecretString="next-secret")
    body = json.dumps({"events": [review()]}).encode()

    statuses = [call_with(body, headers=signed(body, secret=one))[0] for one in ("next-secret", SECRET, "third")]

    assert statuses == [200, 200, 401]


def test_the_secret_of_a_webhook_is_no_write_key(cloud: Cloud) -> None:
    status, problem = call_with(b'{"batch": []}', headers={"x-api-key": SECRET}, path="/v1/batch")

    assert (status, problem["code"]) == (401, "UNKNOWN_WRITE_KEY")


@pytest.mark.parametrize("path", ["/v1/hooks/web_events", "/v1/hooks/nobody", "/v1/hooks/crm_contacts"])
def test_only_a_source_with_a_webhook_is_called(cloud: Cloud, path: str) -> None:
    body = b'{"events": []}'
    for secret in (SECRET, "web-key"):
        assert call_with(body, headers=signed(body, secret=secret), path=path)[0] == 404


def test_a_challenge_is_answered_and_stores_nothing(cloud: Cloud) -> None:
    status, answer = call_with(b'{"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV"}')

    assert (status, answer) == (200, {"challenge": "3eZbrw1aBm2rZgRNFdxV"})
    assert cloud.events() == []


def test_a_challenge_in_a_query_is_answered_with_its_bare_text(cloud: Cloud) -> None:
    answer = handler.handle(http_event("GET", PATH, query={"challenge": "abc-123"}), LambdaContext())

    assert (answer["statusCode"], answer["body"]) == (200, "abc-123")
    assert answer["headers"]["Content-Type"] == "text/plain"


@pytest.mark.parametrize(
    "query", [{"challenge": "<script>"}, {"challenge": '{"events": []}'}, {"challenge": "x" * 600}]
)
def test_nothing_but_a_token_is_sent_back(cloud: Cloud, query: dict[str, str]) -> None:
    answer = handler.handle(http_event("GET", PATH, query=query), LambdaContext())

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "BAD_CHALLENGE")


def test_a_get_without_a_challenge_is_no_address(cloud: Cloud) -> None:
    assert handler.handle(http_event("GET", PATH), LambdaContext())["statusCode"] == 404


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"type": "review.exploded"}, "UNKNOWN_EVENT_TYPE", "event_type"),
        ({"type": None}, "MISSING_FIELD", "event_type"),
        ({"author": None}, "NO_IDENTIFIER", "identifiers"),
        ({"review": {"id": "r-1", "product_id": "1", "stars": 9}}, "OUT_OF_RANGE", "payload.rating"),
        ({"review": "none"}, "MISSING_FIELD", "payload.product_id"),
        ({"created_at": "yesterday"}, "WRONG_TYPE", "occurred_at"),
        ({"created_at": 10**40}, "WRONG_TYPE", "occurred_at"),
    ],
)
def test_what_breaks_the_contract_is_answered_with_200_and_rejected_by_its_field(
    cloud: Cloud, changed: dict[str, Any], code: str, field: str
) -> None:
    status, answer = call(review(**changed), review("review.updated"))

    assert (status, answer["accepted"], answer["rejected"]) == (200, 1, 1)
    assert (answer["results"][0]["code"], answer["results"][0]["field"]) == (code, field)
    assert len(cloud.events()) == 2


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"events": {}}', b"\xff", b'{"events": [], "events": []}'])
def test_a_body_without_events_is_refused_whole(cloud: Cloud, body: bytes) -> None:
    status, problem = call_with(body)

    assert (status, problem["code"]) in {(400, "MALFORMED_JSON"), (400, "MISSING_FIELD")}
    assert cloud.events() == []


def test_too_many_events_are_refused_before_one_is_stored(cloud: Cloud) -> None:
    assert call(*[review(id=str(number)) for number in range(501)])[0] == 413
    assert cloud.events() == []


def test_times_in_epoch_seconds_and_milliseconds_are_times(cloud: Cloud) -> None:
    at = int(NOW.timestamp())
    call(review(id="s", created_at=at), review(id="ms", created_at=at * 1000))

    assert len({event["occurred_at"] for event in cloud.events()}) == 1
    assert [verdict_of_clean(event) for event in cloud.events()] == [None, None]


def test_no_body_of_a_vendor_causes_a_server_error(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = MemoryStream()
    monkeypatch.setattr(handler, "_stream", lambda: stream)
    random = Random(SEED)
    accepted = rejected = 0
    for number in range(BODIES):
        event = review(random.choice(["review.created", "review.deleted", "mention.created"]), id=str(number))
        place = random.choice([event, event["review"], event["author"]])
        place[random.choice(list(place))] = "HERE"
        text = json.dumps({"events": [event]}).replace('"HERE"', literal(random))
        status, answer = call_with(damaged(text, random))
        assert status in {200, 400}
        accepted += answer.get("accepted", 0)
        rejected += answer.get("rejected", 0)

    assert min(accepted, rejected) > BODIES / 10
    assert len(stream.records) == accepted + rejected


# ---- other vendors sign in other forms


def signature(**said: Any) -> Signature:
    return Signature(**{"header": "x-signature", "algorithm": "sha256", "encoding": "hex", **said})


BODY = b'{"a": 1}'
STAMP = str(int(NOW.timestamp()))


def mac(signed_bytes: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(b"s", signed_bytes, algorithm).digest()


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (signature(prefix="sha256="), {"x-signature": f"sha256={mac(BODY).hex()}"}),
        (signature(algorithm="sha1"), {"x-signature": mac(BODY, "sha1").hex().upper()}),
        (
            signature(algorithm="sha512", encoding="base64"),
            {"x-signature": base64.b64encode(mac(BODY, "sha512")).decode()},
        ),
        (
            signature(prefix="v1=", timestamp_header="x-signature", timestamp_prefix="t=", signed="{timestamp}.{body}"),
            {"x-signature": f"t={STAMP},v1={'0' * 64},v1={mac(STAMP.encode() + b'.' + BODY).hex()}"},
        ),
        (
            signature(timestamp_header="x-stamp", signed="v0:{timestamp}:{body}", prefix="v0="),
            {"x-signature": f"v0={mac(b'v0:' + STAMP.encode() + b':' + BODY).hex()}", "x-stamp": STAMP},
        ),
        (
            signature(
                encoding="base64",
                prefix="v1,",
                id_header="x-id",
                timestamp_header="x-stamp",
                signed="{id}.{timestamp}.{body}",
            ),
            {
                "x-signature": f"v1,{base64.b64encode(mac(b'd-1.' + STAMP.encode() + b'.' + BODY)).decode()} v1,AAAA",
                "x-id": "d-1",
                "x-stamp": STAMP,
            },
        ),
    ],
)
def test_the_form_of_the_signature_is_the_contracts(form: Signature, headers: dict[str, str]) -> None:
    authenticate_delivery(form, Delivery(headers=headers, body=BODY), [b"s"], now=NOW)
    for wrong in (Delivery(headers=headers, body=BODY + b" "), Delivery(headers={}, body=BODY)):
        with pytest.raises(ProblemDetails):
            authenticate_delivery(form, wrong, [b"s"], now=NOW)
    with pytest.raises(ProblemDetails):
        authenticate_delivery(form, Delivery(headers=headers, body=BODY), [b"another"], now=NOW)


@pytest.fixture
def reviews() -> tuple[Source, Webhook]:
    source = contracts.load().source("product_reviews")
    assert source.server.webhook is not None
    return source, source.server.webhook


def test_a_delivery_that_is_one_event_has_the_deliverys_id(reviews: tuple[Source, Webhook]) -> None:
    source, webhook = reviews
    alone = replace(webhook, events=None, event_id=None, signature=signature(id_header="x-id"))

    def ids(delivery_id: str) -> list[str]:
        delivery = Delivery(headers={"x-id": delivery_id}, body=b"")
        return [event["event_id"] for event in events_of_call(alone, source, delivery, review(), received_at=NOW)]

    assert ids("d-1") == ids("d-1") != ids("d-2")
    (event,) = events_of_call(alone, source, Delivery(headers={"x-id": "d-1"}, body=b""), review(), received_at=NOW)
    assert (
        read_interaction(json.dumps(event).encode(), secret=b"0123456789abcdef", now=NOW).event_type == "review_posted"
    )


def test_a_challenge_may_be_answered_with_its_signature(reviews: tuple[Source, Webhook]) -> None:
    form = signature(encoding="base64", prefix="sha256=")
    webhook = replace(reviews[1], signature=form, challenge_answer="response_token", challenge_signed=True)

    expected = f"sha256={base64.b64encode(mac(b'token')).decode()}"
    assert challenge_answer(webhook, "token", [b"s"]) == {"response_token": expected}
