"""What Personalize is told of interactions: of whom, of what, and how often."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.consent import Channel, Consent, Purpose
from c360_core.single_view_keys import identifier_key
from lambdas.recommendation_events import handler
from lambdas.recommendation_events.logic import UnreadableInteractionError, told_of
from tests.fakes.ports import MemoryPeople
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import TABLE, Cloud

PERSON, KEY = "p_1", "email:abc"
AT = "2026-03-01T18:30:00.000Z"  # a Sunday


class Known(MemoryPeople):
    """One person, by one key."""

    def person_of(self, keyed_hash: str) -> str | None:
        """Return the person."""
        return PERSON if keyed_hash == KEY else None


def people(*, granted: bool | None = True) -> Known:
    """Return a person who agreed, refused, or never answered."""
    given = [] if granted is None else [answer(granted=granted)]
    return Known(answers={PERSON: given})


def answer(*, granted: bool) -> Consent:
    """Return an answer to personalisation."""
    return Consent(
        purpose=Purpose.PERSONALISATION,
        channel=Channel.ANY,
        granted=granted,
        decided_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def order(items: list[str], **changed: Any) -> bytes:
    """Return an order as the stream carries it."""
    payload = {"order_id": "o", "store_id": "s", "lines": [{"product_id": item, "quantity": 1} for item in items]}
    interaction = {
        "event_id": "e1",
        "event_type": "order_placed",
        "source": "pos_transactions",
        "occurred_at": AT,
        "customer_key": KEY,
        "payload": json.dumps(payload),
    }
    return json.dumps({**interaction, **changed}).encode()


def test_an_order_is_an_event_for_each_article() -> None:
    told = told_of(order(["bread", "ham", "bread"]), people())
    assert told is not None
    assert [event["itemId"] for event in told.events] == ["bread", "ham"]
    assert (told.user_id, told.session_id) == (PERSON, "e1")
    assert told.events[0] == {
        "eventId": "pos_transactions:e1:bread",
        "eventType": "order_placed",
        "itemId": "bread",
        "sentAt": datetime(2026, 3, 1, 18, 30, tzinfo=UTC),
        "properties": '{"DEVICE":"till","PLACE":"store","PART_OF_DAY":"evening","WEEKDAY":"sunday"}',
    }


def test_a_view_names_its_session() -> None:
    payload = json.dumps({"product_id": "bread"})
    told = told_of(
        order([], event_type="product_viewed", source="web_events", payload=payload, session_id="v1"), people()
    )
    assert told is not None
    assert (told.session_id, [event["itemId"] for event in told.events]) == ("v1", ["bread"])
    assert json.loads(told.events[0]["properties"])["PLACE"] == "online"


@pytest.mark.parametrize(
    ("data", "who"),
    [
        (order(["bread"]), people(granted=False)),
        (order(["bread"]), people(granted=None)),
        (order(["bread"], customer_key="email:other"), people()),
        (order(["bread"], customer_key=None), people()),
        (order(["bread"], replay_id="r"), people()),
        (order(["bread"], event_type="order_returned"), people()),
        (order([]), people()),
    ],
)
def test_of_nobody_else_and_nothing_else_is_it_told(data: bytes, who: Known) -> None:
    assert told_of(data, who) is None


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", order(["bread"], occurred_at="soon"), order(["bread"], payload="[")]
)
def test_what_is_no_interaction_is_an_error(data: bytes) -> None:
    with pytest.raises(UnreadableInteractionError):
        told_of(data, people())


def test_ten_articles_go_in_one_request() -> None:
    told = told_of(order([f"i{number}" for number in range(23)]), people())
    assert told is not None
    calls = list(told.calls("tracker"))
    assert [len(call["eventList"]) for call in calls] == [10, 10, 3]
    assert {(call["trackingId"], call["userId"]) for call in calls} == {("tracker", PERSON)}


def test_a_record_that_fails_comes_again_and_no_other(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("TRACKING_ID", "tracker")
    told: list[dict[str, Any]] = []

    class Client:
        def put_events(self, **call: Any) -> None:
            told.append(call)

    monkeypatch.setattr("lambdas.recommendation_events.handler.aws.personalize_events", Client)
    cloud.dynamodb.put_item(TableName=TABLE, Item={**identifier_key(KEY), "person_id": PERSON})
    cloud.writer.put_consent(PERSON, answer(granted=True))

    answered = handler.handle(batch([order(["bread"]), b"{}", order(["ham"])]), LambdaContext())

    assert answered == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [event["itemId"] for call in told for event in call["eventList"]] == ["bread", "ham"]


def batch(records: list[bytes]) -> dict[str, Any]:
    """Return a batch as Lambda delivers it."""
    return {
        "Records": [
            {
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-0:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
                "kinesis": {
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(data).decode(),
                    "approximateArrivalTimestamp": 1.0,
                },
            }
            for number, data in enumerate(records)
        ]
    }
