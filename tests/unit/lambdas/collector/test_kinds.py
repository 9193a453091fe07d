"""Every kind of message of the customer-data wire format means something here, by every path and in batches."""

from typing import Any

import pytest

from c360_core import contracts
from tests.unit.lambdas.collector.test_collector import (
    NOW,
    _environment,  # noqa: F401  # the secrets and the stream
    page_message,
    send,
    text,
    verdict_of_clean,
)
from tests.unit.lambdas.conftest import Cloud

ANONYMOUS = "5a2f43d4-2c2c-4b5f-8d3e-1f0f5d1f2a3b"


def message(kind: str, **changed: Any) -> dict[str, Any]:
    """Return what every message has, with no context: a server's library sends nearly none."""
    return {"type": kind, "messageId": f"node-{kind}", "timestamp": text(NOW), "userId": "L0000017", **changed}


SCREEN = message("screen", name="Basket", category="Checkout", properties={"items": 3})
GROUP = message("group", groupId="org-7", traits={"name": "Analytical Engines", "employees": 12})
ALIAS = message("alias", previousId=ANONYMOUS)


def only_event(cloud: Cloud) -> dict[str, Any]:
    """Return the event on the stream, which `clean` accepts."""
    (event,) = cloud.events()
    assert verdict_of_clean(event) is None
    return event


@pytest.mark.parametrize(
    ("paths", "sent", "event_type"),
    [
        (("screen", "s"), SCREEN, "screen_viewed"),
        (("group", "g"), GROUP, "group_joined"),
        (("alias", "a"), ALIAS, "identities_joined"),
    ],
)
def test_each_kind_has_its_path_a_short_one_and_a_place_in_batches(
    cloud: Cloud, paths: tuple[str, ...], sent: dict[str, Any], event_type: str
) -> None:
    bare = {name: value for name, value in sent.items() if name != "type"}

    answers = [send(f"/v1/{path}", bare) for path in paths] + [send("/v1/batch", {"batch": [sent]})]

    assert [(status, answer["accepted"]) for status, answer in answers] == [(200, 1)] * 3
    assert [event["event_type"] for event in cloud.events()] == [event_type] * 3


def test_a_screen_is_viewed_by_its_name(cloud: Cloud) -> None:
    send("/v1/screen", SCREEN)

    assert only_event(cloud)["payload"] == {"name": "Basket", "category": "Checkout"}


@pytest.mark.parametrize("name", [{"name": "Home"}, {"properties": {"name": "Home"}}, {"category": "Home"}])
def test_a_screen_is_called_by_whatever_names_it(cloud: Cloud, name: dict[str, Any]) -> None:
    send("/v1/screen", message("screen", **name))

    assert only_event(cloud)["payload"]["name"] == "Home"


def test_a_screen_without_a_name_is_rejected_by_its_field(cloud: Cloud) -> None:
    _, answer = send("/v1/screen", message("screen"))

    assert (answer["results"][0]["code"], answer["results"][0]["field"]) == ("MISSING_FIELD", "payload.name")


def test_a_page_with_a_name_and_no_address_is_a_screen(cloud: Cloud) -> None:
    send("/v1/page", message("page", name="Pricing", category="Docs"))

    event = only_event(cloud)
    assert (event["event_type"], event["payload"]) == ("screen_viewed", {"name": "Pricing", "category": "Docs"})


def test_the_name_of_a_page_with_an_address_is_its_title(cloud: Cloud) -> None:
    send("/v1/page", page_message(name="Shop front", properties={"url": "https://shop.example.com/"}))

    assert only_event(cloud)["payload"] == {"url": "https://shop.example.com/?"[:-1], "title": "Shop front"}


def test_a_group_keeps_its_id_its_name_and_its_traits(cloud: Cloud) -> None:
    send("/v1/group", GROUP)

    event = only_event(cloud)
    assert event["identifiers"] == {"loyalty_id": ["L0000017"]}
    assert event["payload"] == {
        "group_id": "org-7",
        "name": "Analytical Engines",
        "traits": {"name": "Analytical Engines", "employees": 12},
    }


def test_a_group_may_be_numbered(cloud: Cloud) -> None:
    send("/v1/group", message("group", groupId=42))

    assert only_event(cloud)["payload"] == {"group_id": "42"}


def test_a_group_without_an_id_is_rejected_by_its_field(cloud: Cloud) -> None:
    _, answer = send("/v1/group", message("group", traits={"name": "Nobody"}))

    assert (answer["results"][0]["code"], answer["results"][0]["field"]) == ("MISSING_FIELD", "payload.group_id")


@pytest.mark.parametrize(
    ("previous", "identifiers", "said"),
    [
        ({"previousId": ANONYMOUS}, {"loyalty_id": ["L0000017"], "device_id": [ANONYMOUS]}, "visitor"),
        ({"anonymousId": "d-17"}, {"loyalty_id": ["L0000017"], "device_id": ["d-17"]}, "visitor"),
        (
            {"previousId": "ada@mail.org", "anonymousId": "d-17"},
            {"loyalty_id": ["L0000017"], "email": ["ada@mail.org"], "device_id": ["d-17"]},
            "address",
        ),
        ({"previousId": "d-17"}, {"loyalty_id": ["L0000017", "d-17"], "device_id": ["d-17"]}, "unclear"),
        ({"previousId": 4711}, {"loyalty_id": ["L0000017", "4711"], "device_id": ["4711"]}, "unclear"),
    ],
)
def test_an_alias_carries_both_ids_as_identifiers_of_one_person(
    cloud: Cloud, previous: dict[str, Any], identifiers: dict[str, list[str]], said: str
) -> None:
    send("/v1/alias", message("alias", **previous))

    event = only_event(cloud)
    assert (event["identifiers"], event["payload"]) == (identifiers, {"previous": said})


def test_an_alias_that_names_nobody_is_rejected_by_its_field(cloud: Cloud) -> None:
    _, answer = send("/v1/alias", message("alias"))

    assert (answer["results"][0]["code"], answer["results"][0]["field"]) == ("MISSING_FIELD", "payload.previous")


def test_a_login_carries_visitor_and_user(cloud: Cloud) -> None:
    send("/v1/identify", message("identify", anonymousId="d-17"))

    event = only_event(cloud)
    assert event["event_type"] == "identified"
    assert event["identifiers"] == {"loyalty_id": ["L0000017"], "device_id": ["d-17"]}


@pytest.mark.parametrize("products", [{}, {"products": []}, {"products": None}])
@pytest.mark.parametrize("amount", [{"total": 12.5}, {"revenue": "12.50"}, {"value": 12.5}])
def test_an_order_without_lines_is_an_order(cloud: Cloud, products: dict[str, Any], amount: dict[str, Any]) -> None:
    properties = {"order_id": "o-1", "currency": "USD", **amount, **products}

    _, answer = send("/v1/track", message("track", event="Order Completed", properties=properties))

    assert answer["accepted"] == 1
    assert only_event(cloud)["payload"] == {"order_id": "o-1", "currency": "USD", "total": "12.50"}


def test_an_event_that_no_contract_names_is_kept_with_its_name_as_sent(cloud: Cloud) -> None:
    _, answer = send("/v1/track", message("track", event="Wishlist Shared!", properties={"list": "w-1", "total": 12}))

    assert answer["accepted"] == 1
    event = only_event(cloud)
    assert event["event_type"] == "custom_event"
    assert event["payload"] == {"name": "Wishlist Shared!", "properties": {"list": "w-1", "total": 12}}


@pytest.mark.parametrize("name", ["Custom Event", "custom_event"])
def test_a_name_like_the_type_of_kept_events_is_a_name(cloud: Cloud, name: str) -> None:
    send("/v1/track", message("track", event=name, properties={"a": 1}))

    assert only_event(cloud)["payload"] == {"name": name, "properties": {"a": 1}}


@pytest.mark.parametrize("event", ["Message Sent", "score_computed", "case_opened"])
def test_a_type_that_another_source_may_send_is_never_kept_as_an_event_of_ones_own(cloud: Cloud, event: str) -> None:
    _, answer = send("/v1/track", message("track", event=event))

    assert answer["results"][0]["code"] == "UNKNOWN_EVENT_TYPE"


@pytest.mark.parametrize("event", ["", None])
def test_an_event_without_a_name_is_rejected(cloud: Cloud, event: str | None) -> None:
    _, answer = send("/v1/track", message("track", event=event))

    assert answer["results"][0]["code"] == "UNKNOWN_EVENT_TYPE"


def test_a_source_that_plans_its_events_has_the_others_in_quarantine(cloud: Cloud) -> None:
    web, till = (contracts.load().source(name) for name in ("web_events", "pos_transactions"))

    assert (web.unplanned, till.unplanned) == ("keep", "quarantine")
