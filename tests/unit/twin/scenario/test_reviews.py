"""The vendor's calls of the demonstration are right, and the known answer follows from them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from c360_core import contracts
from c360_core.interaction import read_interaction
from lambdas.collector.webhook import Delivery, authenticate_delivery, events_of_call
from twin.scenario import reviews
from twin.scenario.collect import CollectorRefusedError
from twin.scenario.deployment import Credentials

SECRET = "vendor-secret"


class Deployed:
    """As much of a deployment as a vendor sees."""

    def url(self, _: str) -> str:
        return "http://collector"

    def credentials(self, _: str) -> Credentials:
        return Credentials(key=SECRET)


def received(monkeypatch: pytest.MonkeyPatch, *, rejected: int = 0) -> list[dict[str, Any]]:
    """Deliver everything, and return the events that the collector would put on the stream."""
    source = contracts.load().source(reviews.SOURCE)
    webhook = source.server.webhook
    assert webhook is not None
    events: list[dict[str, Any]] = []

    def post(address: str, *, content: bytes, headers: dict[str, str], timeout: float) -> httpx.Response:
        assert address == "http://collector/v1/hooks/product_reviews"
        delivery, now = Delivery(headers=headers, body=content), datetime.now(UTC)
        authenticate_delivery(webhook.signature, delivery, [SECRET.encode()], now=now)
        events.extend(events_of_call(webhook, source, delivery, json.loads(content), received_at=now))
        return httpx.Response(200, json={"rejected": rejected})

    monkeypatch.setattr(httpx, "post", post)
    deployed: Any = Deployed()
    assert reviews.deliver(deployed, "nora@example.com") == len({event["event_id"] for event in events})
    return events


def test_what_stands_in_the_end_is_the_known_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, tuple[str, int | None]] = {}
    for event in sorted(received(monkeypatch), key=lambda one: str(one["occurred_at"])):
        clean = read_interaction(json.dumps(event).encode(), secret=b"0123456789abcdef", now=datetime.now(UTC))
        payload = json.loads(clean.payload)
        told[payload["review_id"]] = (clean.event_type, payload.get("rating"))

    stars = [rating for kind, rating in told.values() if kind != "review_deleted" and rating is not None]
    assert reviews.words(len(stars), Decimal(sum(stars)) / len(stars)) == reviews.KNOWN


def test_every_call_comes_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(received(monkeypatch)) == reviews.DELIVERIES * reviews.EVENTS


def test_a_call_that_is_not_taken_ends_the_demonstration(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CollectorRefusedError):
        received(monkeypatch, rejected=1)
