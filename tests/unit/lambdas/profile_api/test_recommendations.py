"""Recommendations of the profile API: on what they rest, what may be asked, and when there are none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.consent import Channel, Consent, Purpose
from c360_core.recommendation.ranking import Item, Taste
from c360_core.recommendation.stored import catalogue_items, taste_items
from lambdas.profile_api import handler
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, TABLE, Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAR = 10**11
OFFERED = {"OFFERED": "True", "AGE_RESTRICTED": "False"}
CATALOGUE = {
    name: Item(item_id=name, attributes={"CATEGORY": category, **OFFERED}, popularity=share)
    for name, category, share in (("bread", "BAKERY", 0.5), ("ham", "MEAT", 0.3), ("cake", "BAKERY", 0.2))
}


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = cloud.secrets.create_secret(Name="hash", SecretString="0" * 32)["ARN"]
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("EVENTS_STREAM_NAME", EVENTS)
    monkeypatch.setenv("HASH_SECRET_ARN", secret)
    monkeypatch.setenv("LINK_TEMPLATES", "{}")
    monkeypatch.setenv("RECOMMENDER", json.dumps({"provider": "lake"}))


@pytest.fixture
def known(cloud: Cloud) -> None:
    """Store a customer who likes cake, and the articles."""
    cloud.put_profile(profile(), now=NOW)
    tastes = {PERSON: Taste(scores={"cake": 2.0, "ham": 1.0}, events={"order_placed": frozenset({"cake"})})}
    items = [*catalogue_items(CATALOGUE, version=1, expires_at=FAR), *taste_items(tastes, version=1, expires_at=FAR)]
    for item in items:
        cloud.dynamodb.put_item(TableName=TABLE, Item=item)


@pytest.fixture
def agreed(known: None, cloud: Cloud) -> None:
    """Let the customer agree to personalisation."""
    answer(cloud, granted=True)


def answer(cloud: Cloud, *, granted: bool) -> None:
    """Store an answer of the customer."""
    consent = Consent(
        purpose=Purpose.PERSONALISATION, channel=Channel.ANY, granted=granted, decided_at=datetime.now(UTC)
    )
    cloud.writer.put_consent(PERSON, consent)


def ask(raw_query: str = "", person: str = PERSON) -> tuple[int, dict[str, Any]]:
    """Return status and document."""
    event = http_event("GET", f"/v1/customers/{person}/recommendations", raw_query=raw_query)
    answered = handler.handle(event, LambdaContext())
    return answered["statusCode"], json.loads(answered["body"])


def items(raw_query: str = "") -> list[tuple[str, str]]:
    """Return the recommended articles with their reasons."""
    status, document = ask(raw_query)
    assert status == 200
    return [(one["item_id"], one["reason"]) for one in document["items"]]


@pytest.mark.usefixtures("agreed")
def test_who_agreed_gets_what_fits() -> None:
    status, document = ask()
    assert (status, document["basis"], document["person_id"]) == (200, "history", PERSON)
    assert items() == [("cake", "personal"), ("ham", "personal"), ("bread", "popular")]
    assert document["items"][0]["score"] == pytest.approx(2 / 3)


@pytest.mark.usefixtures("known")
def test_who_was_never_asked_gets_what_is_popular() -> None:
    status, document = ask()
    assert (status, document["basis"]) == (200, "no_consent")
    assert items() == [("bread", "popular"), ("ham", "popular"), ("cake", "popular")]


@pytest.mark.usefixtures("agreed")
def test_a_withdrawal_counts_at_once(cloud: Cloud) -> None:
    answer(cloud, granted=False)
    assert ask()[1]["basis"] == "no_consent"


@pytest.mark.usefixtures("agreed")
def test_who_has_not_ordered_yet_gets_what_is_popular(cloud: Cloud) -> None:
    person = "p_01HZX00000000000000000NEW0"
    cloud.put_profile(profile(person, orders=None), now=NOW)
    consent = Consent(purpose=Purpose.PERSONALISATION, channel=Channel.ANY, granted=True, decided_at=NOW)
    cloud.writer.put_consent(person, consent)
    assert ask(person=person)[1]["basis"] == "no_history"


@pytest.mark.usefixtures("agreed")
@pytest.mark.parametrize(
    ("raw_query", "found"),
    [
        ("number=1", ["cake"]),
        ("filter=not_bought", ["ham", "bread"]),
        ("filter=only_categories&categories=MEAT", ["ham"]),
        ("filter=without_categories&categories=MEAT", ["cake", "bread"]),
        ("context=device:web,place:store,hour:18,day:sunday&number=2", ["cake", "ham"]),
    ],
)
def test_a_request_chooses(raw_query: str, found: list[str]) -> None:
    assert [name for name, _ in items(raw_query)] == found


@pytest.mark.usefixtures("agreed")
@pytest.mark.parametrize(
    ("raw_query", "field"),
    [
        ("number=0", "number"),
        ("number=101", "number"),
        ("number=%D9%A3", "number"),
        ("filter=best", "filter"),
        ("filter=only_categories", "categories"),
        ("filter=only_categories&categories=%22A%22", "categories"),
        ("categories=MEAT", "categories"),
        ("context=mood:good", "context"),
        ("context=hour:24", "context"),
        ("context=day:today", "context"),
        ("context=device:fax", "context"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(raw_query: str, field: str) -> None:
    status, document = ask(raw_query)
    assert (status, document["code"], document["field"]) == (422, "UNUSABLE_FIELD", field)


def test_an_unknown_customer_is_none() -> None:
    assert ask(person="p_nobody")[1]["code"] == "UNKNOWN_CUSTOMER"
    assert ask(person="a%20b")[1]["code"] == "UNKNOWN_CUSTOMER"


def test_before_the_first_computation_there_is_no_answer(cloud: Cloud) -> None:
    cloud.put_profile(profile(), now=NOW)
    status, document = ask()
    assert (status, document["code"]) == (503, "NO_RECOMMENDATIONS")


def test_where_nobody_recommends_the_switch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOMMENDER")
    status, document = ask()
    assert (status, document["code"]) == (404, "NO_RECOMMENDER")
    assert "activation.recommendations.provider" in document["fix"]


def test_personalize_is_asked_where_the_settings_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"provider": "personalize", "campaign_arn": "arn:c", "filter_arns": {"all": "arn:f"}}
    monkeypatch.setenv("RECOMMENDER", json.dumps(chosen))
    recommender = handler._recommendations().recommender  # whom the handler asks
    assert getattr(recommender, "campaign_arn", None) == "arn:c"
