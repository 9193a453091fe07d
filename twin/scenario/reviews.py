"""A vendor's webhook brings reviews: they are edited and deleted, and every call comes three times."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

import httpx

from twin.scenario.collect import TIMEOUT_SECONDS, CollectorRefusedError
from twin.scenario.deployment import Deployment

SOURCE: Final = "product_reviews"
PRODUCT: Final = "demonstration-1"
WORDS: Final = "in the words of its author"
DELIVERIES: Final = 3
# What stands in the end: the first review with the two stars that it was changed to, and the third with four.
STANDING: Final = 2
AVERAGE: Final = Decimal("3.00")
EVENTS: Final = 5


def deliver(deployment: Deployment, email: str) -> int:
    """Let the vendor tell of a customer's reviews, each call three times; return the number of different events.

    Raises:
        CollectorRefusedError: a call was not taken, or an event of it was rejected.
    """
    now = datetime.now(UTC)
    told = [
        [_event("review.created", 1, 5, now, email), _event("review.created", 2, 1, now, email)],
        [_event("review.created", 3, 4, now, email), _event("review.updated", 1, 2, now, email)],
        [_event("review.deleted", 2, 1, now, email)],
    ]
    address = f"{deployment.url('CollectorUrl')}/v1/hooks/{SOURCE}"
    secret = deployment.credentials(SOURCE).key.encode()
    for events in told:
        for _ in range(DELIVERIES):
            _call(address, json.dumps({"events": events}).encode(), secret)
    return EVENTS


def _call(address: str, body: bytes, secret: bytes) -> None:
    timestamp = str(int(time.time()))
    signature = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-reviews-timestamp": timestamp,
        "x-reviews-signature": f"v1={signature}",
    }
    answer = httpx.post(address, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
    if answer.status_code != HTTPStatus.OK or answer.json()["rejected"]:
        raise CollectorRefusedError(f"{answer.status_code} for a vendor's call: {answer.text[:500]}")


def _event(kind: str, number: int, stars: int, now: datetime, email: str) -> dict[str, Any]:
    """Return one event of a call; what changes a review happens a second after it was written."""
    at = now - timedelta(seconds=10 if kind == "review.created" else 9)
    return {
        "id": f"{kind}-{number}-{int(now.timestamp() * 1000)}",
        "type": kind,
        "created_at": at.isoformat(),
        "author": {"email": email},
        "review": {"id": f"r-{number}", "product_id": PRODUCT, "stars": stars, "text": f"{stars} of 5, {WORDS}."},
    }


def texts_in_the_lake(deployment: Deployment) -> int:
    """Remove what the customer took back, as every night, and return how many interactions still have a text."""
    deployment.execute("RemoveTextsStateMachineArn")
    table = f"c360_{deployment.emulator.settings.environment}_raw.interactions"
    return deployment.count(table, f"source = '{SOURCE}' AND payload LIKE '%{WORDS}%'")


def standing(deployment: Deployment) -> str:
    """Return how many reviews the mart counts, and their average."""
    environment = deployment.emulator.settings.environment
    table = f"c360_{environment}_products.product_ratings"
    sql = f"SELECT reviews, rating_average FROM {table} WHERE product_id = '{PRODUCT}'"  # noqa: S608  # our own names
    rows = deployment.query(sql)
    return words(int(rows[0][0] or 0), Decimal(rows[0][1] or 0)) if rows else words(0, Decimal(0))


def words(reviews: int, average: Decimal) -> str:
    """Say how many reviews there are, and their average."""
    return f"{reviews} with {average:.2f} stars on average"


KNOWN: Final = words(STANDING, AVERAGE)
