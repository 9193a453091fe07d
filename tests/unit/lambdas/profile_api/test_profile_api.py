"""The profile API: what applications ask of the single view, and how it says no."""

import io
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from c360_core import single_view_keys as keys
from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision_rules import ContactRules, TriggerEvent, decide
from c360_core.delivery import Outcome
from c360_core.identity.keys import identifier_key
from c360_core.interaction import read_interaction
from c360_core.names import IdentifierType
from c360_core.play import load_playbook
from c360_core.timeline import TimelineEntry
from lambdas.profile_api import handler
from tests.factories.messages import sent_message
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, TABLE, Cloud

HASH_SECRET = "0123456789abcdef0123456789abcdef"
NOW = datetime.now(UTC)
OLD_ID = "p_01HZX0000000000000000000ZZ"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    document: dict[str, Any]


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = cloud.secrets.create_secret(Name="hash", SecretString=HASH_SECRET)["ARN"]
    links = {"crm": "https://crm.example.com/contacts/{id}", "loyalty": "https://loyalty.example.com/{id}"}
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("HASH_SECRET_ARN", secret)
    monkeypatch.setenv("LINK_TEMPLATES", json.dumps(links))


@pytest.fixture
def ada(cloud: Cloud) -> None:
    """Store one person, with an identifier and an id that was merged into hers."""
    joined = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
    cloud.put_profile(profile(segments=["new_customers"]), now=joined)
    key = identifier_key(HASH_SECRET.encode(), IdentifierType.EMAIL, "ada.lovelace@mail.org")
    cloud.dynamodb.put_item(TableName=TABLE, Item={**keys.identifier_key(key), "person_id": PERSON})
    cloud.dynamodb.put_item(TableName=TABLE, Item={**keys.person_key(OLD_ID, keys.ALIAS), "person_id": PERSON})


def ask(
    path: str, *, method: str = "GET", query: dict[str, str] | None = None, raw_query: str = "", body: Any = None
) -> Answer:
    content = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
    event = http_event(method, f"/v1/customers{path}", query=query, raw_query=raw_query, body=content)
    answer = handler.handle(event, LambdaContext())
    return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


@pytest.mark.usefixtures("ada")
def test_a_customer_is_answered_with_parts_links_and_segments() -> None:
    answer = ask(f"/{PERSON}")

    assert answer.status == 200
    assert answer.document["person_id"] == PERSON
    assert answer.document["attributes"]["first_name"] == "Ada"
    assert answer.document["aggregates"]["spend"] == "12.34"
    assert answer.document["links"]["crm_url"] == "https://crm.example.com/contacts/C0000001"
    assert answer.document["segments"] == [{"segment": "new_customers", "since": "2026-03-01T12:00:01.000Z"}]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Location" not in answer.headers


@pytest.mark.usefixtures("ada")
def test_only_the_asked_parts_are_answered(cloud: Cloud) -> None:
    consent = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=NOW)
    cloud.writer.put_consent(PERSON, consent)

    document = ask(f"/{PERSON}", query={"parts": "links,consents"}).document

    assert {"links", "consents"} <= set(document)
    assert not {"attributes", "aggregates", "segments"} & set(document)
    assert document["consents"][0]["granted"] is True


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("below", ["", "/timeline", "/segments", "/consents", "/decisions", "/messages"])
def test_a_merged_id_answers_with_the_surviving_one_and_says_where_it_is(below: str) -> None:
    answer = ask(f"/{OLD_ID}{below}")

    assert (answer.status, answer.document["person_id"]) == (200, PERSON)
    assert answer.headers["Content-Location"] == f"/v1/customers/{PERSON}{below}"


@pytest.mark.usefixtures("ada")
def test_a_customer_is_found_by_any_spelling_of_an_identifier() -> None:
    answer = ask("", query={"email": " Ada.Lovelace+shop@MAIL.org "})

    assert (answer.status, answer.document["person_id"]) == (200, PERSON)
    assert answer.headers["Content-Location"] == f"/v1/customers/{PERSON}"


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ({}, 400, "ONE_IDENTIFIER", "query"),
        ({"email": "a@mail.org", "phone": "+14155550132"}, 400, "ONE_IDENTIFIER", "query"),
        ({"shoe_size": "42"}, 400, "ONE_IDENTIFIER", "query"),
        ({"email": "not an address"}, 422, "UNUSABLE_FIELD", "email"),
        ({"email": "grace.hopper@mail.org"}, 404, "UNKNOWN_CUSTOMER", "email"),
    ],
)
def test_a_lookup_that_finds_nobody_says_why(query: dict[str, str], status: int, code: str, field: str) -> None:
    answer = ask("", query=query)

    assert (answer.status, answer.document["code"], answer.document["field"]) == (status, code, field)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.document["fix"]


@pytest.fixture
def cy(cloud: Cloud) -> None:
    """Store three persons: cy, cynews, whom a deleted blank would find, and one whose number lacks a plus."""
    found_by = (
        ("p_cy", IdentifierType.EMAIL, "cy@mail.org"),
        ("p_cynews", IdentifierType.EMAIL, "cynews@mail.org"),
        ("p_swiss", IdentifierType.PHONE, "+41555501230"),
        ("p_american", IdentifierType.PHONE, "+14155550123"),
    )
    for person_id, kind, value in found_by:
        cloud.put_profile(profile(person_id), now=NOW)
        key = identifier_key(HASH_SECRET.encode(), kind, value)
        cloud.dynamodb.put_item(TableName=TABLE, Item={**keys.identifier_key(key), "person_id": person_id})


@pytest.mark.usefixtures("cy")
@pytest.mark.parametrize(
    ("raw_query", "query", "found"),
    [
        ("email=cy+news@mail.org", {"email": "cy news@mail.org"}, "p_cy"),
        ("email=cy%2Bnews%40mail.org", {"email": "cy+news@mail.org"}, "p_cy"),
        ("email=+cy%40mail.org&parts=links", {"email": " cy@mail.org"}, "email"),
        ("email=cy%40mail.org+", {"email": "cy@mail.org "}, "p_cy"),
        ("email=cy%20news@mail.org", {"email": "cy news@mail.org"}, "email"),
        ("", {"email": "cy news@mail.org"}, "email"),
        ("phone=+14155550123", {"phone": " 14155550123"}, "p_american"),
        ("phone=%2B14155550123", {"phone": "+14155550123"}, "p_american"),
        ("phone=415+555+0123", {"phone": "415 555 0123"}, "p_american"),
        ("phone=+41555501230", {"phone": " 41555501230"}, "p_swiss"),
        ("phone=%204155550123", {"phone": " 4155550123"}, "phone"),
        ("", {"phone": " 4155550123"}, "phone"),
    ],
)
def test_a_plus_that_became_a_space_finds_the_right_person_or_nobody(
    raw_query: str, query: dict[str, str], found: str
) -> None:
    answer = ask("", query=query, raw_query=raw_query)

    if found.startswith("p_"):
        assert (answer.status, answer.document.get("person_id")) == (200, found)
    else:
        assert (answer.status, answer.document["field"]) == (422, found)


@pytest.mark.parametrize(
    ("raw_query", "code"),
    [
        ("email=a%zz@mail.org", "MALFORMED_QUERY"),
        ("email=ann%", "MALFORMED_QUERY"),
        ("email=%ff%fe", "MALFORMED_QUERY"),
        ("email=%ed%a0%80@mail.org", "MALFORMED_QUERY"),
        ("email=ann@mail.org&email=bob@mail.org", "REPEATED_PARAMETER"),
        ("e%6dail=ann@mail.org&email=bob@mail.org", "REPEATED_PARAMETER"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(raw_query: str, code: str) -> None:
    answer = ask("", raw_query=raw_query)

    assert (answer.status, answer.document["code"], answer.document["field"]) == (400, code, "query")


@pytest.mark.parametrize("below", ["", "/timeline", "/segments", "/consents", "/decisions", "/messages"])
def test_an_unknown_id_is_not_found(below: str) -> None:
    answer = ask(f"/p_nobody{below}")

    assert (answer.status, answer.document["code"]) == (404, "UNKNOWN_CUSTOMER")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("below", "query", "field"),
    [
        ("", {"parts": "attributes,shoes"}, "parts"),
        ("/timeline", {"limit": "0"}, "limit"),
        ("/timeline", {"limit": "many"}, "limit"),
        ("/timeline", {"cursor": "!!"}, "cursor"),
        ("/decisions", {"cursor": "RVZFTlQjMQ"}, "cursor"),
        ("/timeline", {"cursor": "\u00e9"}, "cursor"),
        ("/timeline", {"cursor": "RVZFTlQjMQ!"}, "cursor"),
        ("/timeline", {"cursor": "RVZFTlQj" + "QUFB" * 400}, "cursor"),
        ("/timeline", {"cursor": "a"}, "cursor"),
        ("/timeline", {"limit": "9" * 5000}, "limit"),
        ("/timeline", {"limit": "\u0663"}, "limit"),
    ],
)
def test_an_unusable_parameter_is_named(below: str, query: dict[str, str], field: str) -> None:
    answer = ask(f"/{PERSON}{below}", query=query)

    assert (answer.status, answer.document["code"], answer.document["field"]) == (422, "UNUSABLE_FIELD", field)


@pytest.mark.usefixtures("ada")
def test_the_timeline_comes_newest_first_page_by_page(cloud: Cloud) -> None:
    for number in range(5):
        entry = TimelineEntry(
            person_id=PERSON,
            event_id=f"e-{number}",
            event_type="order_placed",
            occurred_at=NOW - timedelta(hours=number),
            source="pos_transactions",
            amount=Decimal("12.3"),
        )
        cloud.writer.put_event(entry, sequence=1, keep_days=90)

    first = ask(f"/{PERSON}/timeline", query={"limit": "3"}).document
    second = ask(f"/{PERSON}/timeline", query={"limit": "3", "cursor": first["cursor"]}).document

    assert [event["event_id"] for event in first["events"] + second["events"]] == ["e-0", "e-1", "e-2", "e-3", "e-4"]
    assert first["events"][0]["amount"] == "12.30"
    assert not {"PK", "SK", "expires_at"} & set(first["events"][0])
    assert second["cursor"] is None


@pytest.mark.usefixtures("ada")
def test_decisions_come_with_their_reasons(cloud: Cloud) -> None:
    rules = ContactRules(quiet_from=0, quiet_until=0, default_time_zone="UTC", cap_messages=1, cap_days=7)
    event = TriggerEvent(trigger="first_purchase", subject="s", at=NOW)
    play = load_playbook().play("first_purchase")
    assert play is not None
    decision = decide(event, profile(), play=play, consents=(), contacts=(), rules=rules, now=NOW)
    cloud.writer.put_decision(decision, keep_days=30)

    (shown,) = ask(f"/{PERSON}/decisions").document["decisions"]

    assert (shown["action"], shown["reasons"]) == ("silence", ["CONSENT_NEVER_GIVEN"])


@pytest.mark.usefixtures("ada")
def test_messages_come_with_what_became_of_them(cloud: Cloud) -> None:
    for message_id, at in (("m_1", NOW), ("m_2", NOW + timedelta(hours=1))):
        sent = sent_message(message_id, at=at)
        cloud.writer.put_message(sent)
        cloud.writer.put_outcome(sent, Outcome.OPENED, at=at)
    cloud.writer.put_outcome(sent_message("m_1", at=NOW), Outcome.DELIVERED, at=NOW)

    first = ask(f"/{PERSON}/messages", query={"limit": "1"}).document
    second = ask(f"/{PERSON}/messages", query={"limit": "1", "cursor": first["cursor"]}).document

    assert [(one["message_id"], one["outcome"]) for one in first["messages"] + second["messages"]] == [
        ("m_2", "opened"),
        ("m_1", "opened"),
    ]
    assert not {"PK", "SK", "expires_at", "standing"} & set(first["messages"][0])


@pytest.mark.usefixtures("ada")
def test_a_consent_counts_at_once_and_goes_into_the_stream_as_an_event(cloud: Cloud) -> None:
    answer = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": True, "wording_version": "v3"})

    assert (answer.status, answer.document["granted"]) == (200, True)
    (consent,) = ask(f"/{PERSON}/consents").document["consents"]
    assert consent["decided_at"] == answer.document["decided_at"]
    (event,) = cloud.events()
    assert (event["event_type"], event["source"]) == ("consent_changed", "engagement_events")
    assert event["occurred_at"] == consent["decided_at"]
    assert event["identifiers"]["loyalty_id"] == ["L0000001"]
    assert event["payload"] == {
        "purpose": "marketing",
        "channel": "email",
        "granted": True,
        "wording_version": "v3",
    }


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("channel", "kinds"), [("email", {"email"}), ("sms", {"phone"}), ("push", set()), ("any", {"email", "phone"})]
)
def test_an_answer_counts_for_the_address_of_its_channel_at_once(cloud: Cloud, channel: str, kinds: set[str]) -> None:
    ask(f"/{PERSON}/consents/marketing/{channel}", method="PUT", body={"granted": False})

    beside = [item for item in cloud.items() if str(item["PK"]).startswith("ID#") and item["SK"] != "PERSON"]
    stored = {str(item["PK"]).split("#")[1]: item for item in beside}
    assert set(stored) == kinds
    assert all((item["SK"], item["granted"]) == (f"CONSENT#marketing#{channel}", False) for item in beside)


@pytest.mark.usefixtures("ada")
def test_the_consent_event_keeps_its_contract(cloud: Cloud) -> None:
    ask(f"/{PERSON}/consents/analytics/any", method="PUT", body={"granted": False})

    (event,) = cloud.events()
    read_interaction(json.dumps(event).encode(), secret=HASH_SECRET.encode(), now=datetime.now(UTC))


@pytest.mark.usefixtures("ada")
def test_a_consent_to_a_merged_id_is_kept_under_the_surviving_one(cloud: Cloud) -> None:
    ask(f"/{OLD_ID}/consents/marketing/email", method="PUT", body={"granted": False})

    assert [consent.granted for consent in cloud.reader.consents(PERSON)] == [False]
    assert cloud.reader.consents(OLD_ID) == ()


@pytest.mark.usefixtures("ada")
def test_an_older_answer_does_not_replace_a_younger_one(cloud: Cloud) -> None:
    ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": False})
    older = {"granted": True, "decided_at": (NOW - timedelta(days=1)).isoformat()}

    answer = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body=older)

    assert (answer.status, answer.document["code"]) == (409, "NEWER_ANSWER")
    assert [consent.granted for consent in cloud.reader.consents(PERSON)] == [False]
    assert len(cloud.events()) == 1


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("spying/email", {"granted": True}, 422, "purpose"),
        ("marketing/pigeon", {"granted": True}, 422, "channel"),
        ("marketing/email", {}, 422, "granted"),
        ("marketing/email", {"granted": "yes"}, 422, "granted"),
        ("marketing/email", {"granted": True, "decided_at": "2999-01-01T00:00:00Z"}, 422, "decided_at"),
        ("marketing/email", {"granted": True, "decided_at": "soon"}, 422, "decided_at"),
        ("marketing/email", {"granted": True, "wording_version": 3}, 422, "wording_version"),
        ("marketing/email", "{", 400, "body"),
        ("marketing/email", "[]", 400, "body"),
    ],
)
def test_an_unusable_consent_is_refused_and_changes_nothing(
    cloud: Cloud, path: str, body: Any, status: int, field: str
) -> None:
    answer = ask(f"/{PERSON}/consents/{path}", method="PUT", body=body)

    assert (answer.status, answer.document["field"]) == (status, field)
    assert cloud.reader.consents(PERSON) == ()
    assert cloud.events() == []


@pytest.mark.usefixtures("ada")
def test_an_answer_from_a_clock_that_is_a_little_fast_counts_from_now(cloud: Cloud) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()

    ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": True, "decided_at": ahead})

    (consent,) = cloud.reader.consents(PERSON)
    assert consent.decided_at <= datetime.now(UTC)


def test_an_anonymous_customer_answers_through_events(cloud: Cloud) -> None:
    nobody: dict[str, Any] = dict.fromkeys(("email", "phone", "crm_id", "case_customer_id", "loyalty_id"))
    cloud.put_profile(profile("a_17", **nobody), now=datetime.now(UTC))

    answer = ask("/a_17/consents/marketing/email", method="PUT", body={"granted": True})

    assert (answer.status, answer.document["code"]) == (409, "NO_IDENTIFIER")


@pytest.mark.usefixtures("ada")
def test_a_consent_that_cannot_be_recorded_is_not_stored(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    working = handler._customers()
    monkeypatch.setattr(handler, "_customers", lambda: replace(working, stream=MemoryStream(refuse={0})))
    refused = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": False})

    assert (refused.status, refused.document["code"]) == (503, "STREAM_UNAVAILABLE")
    assert refused.document["fix"]
    assert cloud.reader.consents(PERSON) == ()
    assert cloud.events() == []

    monkeypatch.setattr(handler, "_customers", lambda: working)
    assert ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": False}).status == 200
    assert [consent.granted for consent in cloud.reader.consents(PERSON)] == [False]


@pytest.mark.usefixtures("ada")
def test_without_a_stream_no_consent_is_taken(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTS_STREAM_NAME", "c360-asleep-events")
    handler._customers.cache_clear()

    answer = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body={"granted": False})

    assert (answer.status, answer.document["code"]) == (503, "STREAM_UNAVAILABLE")
    assert cloud.reader.consents(PERSON) == ()


@pytest.mark.usefixtures("ada")
def test_the_very_same_answer_may_be_sent_again(cloud: Cloud) -> None:
    answer = {"granted": True, "decided_at": (NOW - timedelta(days=1)).isoformat()}

    sent = [ask(f"/{PERSON}/consents/marketing/email", method="PUT", body=answer) for _ in range(2)]

    assert [one.status for one in sent] == [200, 200]
    first, second = cloud.events()
    assert first["event_id"] == second["event_id"]


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "body", [None, "", b"\xff\xfe", "[" * 100_000, '{"granted": true, "n": ' + "9" * 5000 + "}", "3", '"text"', "null"]
)
def test_a_body_that_is_no_object_is_refused(cloud: Cloud, body: Any) -> None:
    answer = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body=body)

    assert (answer.status, answer.document["code"], answer.document["field"]) == (400, "MALFORMED_JSON", "body")
    assert (cloud.reader.consents(PERSON), cloud.events()) == ((), [])


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decided_at", "0001-01-01T00:00:00+14:00"),
        ("decided_at", "9999-12-31T23:59:59-14:00"),
        ("decided_at", 1e300),
        ("wording_version", "\ud800"),
        ("wording_version", "v\u0000"),
    ],
)
def test_a_field_that_cannot_be_stored_is_named(cloud: Cloud, field: str, value: Any) -> None:
    body = {"granted": True, field: value}
    answer = ask(f"/{PERSON}/consents/marketing/email", method="PUT", body=body)

    assert (answer.status, answer.document["field"]) == (422, field)
    assert (cloud.reader.consents(PERSON), cloud.events()) == ((), [])


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("person_id", ["p" * 65, "p" * 2100, "\u00e9" * 1100, "p 1", "p%41"])
@pytest.mark.parametrize("below", ["", "/timeline", "/segments", "/consents", "/decisions", "/messages"])
def test_an_impossible_id_is_not_looked_up(person_id: str, below: str) -> None:
    answer = ask(f"/{person_id}{below}")

    assert (answer.status, answer.document["field"]) == (404, "id")


@pytest.mark.parametrize(("method", "path"), [("DELETE", f"/{PERSON}"), ("GET", f"/{PERSON}/shoes")])
def test_any_other_path_or_method_is_a_problem_document(method: str, path: str) -> None:
    answer = ask(path, method=method)

    assert (answer.status, answer.document["code"]) == (404, "UNKNOWN_PATH")


@pytest.mark.usefixtures("ada")
def test_logs_have_no_personal_data(log: io.StringIO) -> None:
    ask("", query={"email": "grace.hopper@mail.org"})
    ask(f"/{PERSON}")

    assert "UNKNOWN_CUSTOMER" in log.getvalue()
    assert "mail.org" not in log.getvalue()
