"""Signed webhooks: what a subscriber gets, how it verifies it, and that it never takes a repetition for news."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.bus_events import CONTRACTS, BusEvent
from lambdas.shared import aws
from lambdas.shared.outbound.batch import Outbox, QueuedEvent
from lambdas.shared.outbound.circuit import TableCircuit
from lambdas.shared.outbound.https import Answer, HttpsCaller
from lambdas.shared.outbound.port import RefusedError, UnavailableError
from lambdas.webhooks import handler
from lambdas.webhooks.logic import Subscriber, secret_key, signature
from tests.factories.bus_events import bus_event
from tests.factories.profiles import PERSON
from tests.fakes.outbound import MemoryCaller, MemoryQueue, Sent
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import LOCKS, Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD_SECRET = base64.b64encode(bytes(range(1, 33))).decode()


def subscriber(caller: MemoryCaller, *secrets: str, at: datetime = NOW) -> Subscriber:
    return Subscriber(
        name="partner",
        url="https://partner.example.com/hooks",
        caller=caller,
        secrets=lambda: secrets or (SECRET,),
        clock=lambda: at,
    )


def verified(sent: Sent, secret: str) -> bool:
    """Verify as a subscriber does, with nothing of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode() + sent.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in sent.headers["webhook-signature"].split(" ")


def test_the_signature_is_the_one_of_the_published_example() -> None:
    made = signature(
        [secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("kind", BusEvent)
def test_a_subscriber_is_told_what_the_contract_lets_out_and_nothing_else(kind: BusEvent) -> None:
    caller = MemoryCaller()
    subscriber(caller).deliver(bus_event(kind, email="ada@example.com", first_name="Ada"))

    [sent] = caller.calls
    told = json.loads(sent.body)
    assert (sent.method, sent.url) == ("POST", "https://partner.example.com/hooks")
    assert (told["type"], told["timestamp"], told["data"]["person_id"]) == (kind, "2026-03-01T12:00:00.000Z", PERSON)
    assert set(told["data"]) <= set(CONTRACTS[kind].told)
    assert b"ada" not in sent.body.lower()
    assert (sent.headers["webhook-timestamp"], verified(sent, SECRET)) == (str(int(NOW.timestamp())), True)


def test_while_a_secret_is_replaced_both_verify_and_a_third_does_not() -> None:
    caller = MemoryCaller()
    subscriber(caller, SECRET, OLD_SECRET).deliver(bus_event())
    [sent] = caller.calls
    assert verified(sent, SECRET)
    assert verified(sent, OLD_SECRET)
    assert not verified(sent, base64.b64encode(b"x" * 32).decode())


@pytest.mark.parametrize(("text", "fault"), [("not base64!", "not base64"), ("c2hvcnQ=", "has 5 bytes")])
def test_a_secret_that_protects_nothing_is_refused_and_never_shown(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        secret_key(text)
    assert text not in str(raised.value)


def test_an_event_that_no_contract_has_leaves_nothing() -> None:
    caller = MemoryCaller()
    for event in ({**bus_event(), "source": "aws.ses"}, bus_event(decision_id=None), {**bus_event(), "detail": "x"}):
        with pytest.raises(RefusedError):
            subscriber(caller).deliver(event)
    assert caller.calls == []


def test_no_answer_is_no_delivery() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        subscriber(MemoryCaller(answers=[Answer(status=0)])).deliver(bus_event())


class Never:
    """A circuit that is never open."""

    def wait(self, now: float) -> float:
        return 0.0

    def failed(self, now: float) -> bool:
        return False

    def succeeded(self) -> None:
        """There is nothing to close."""


class KilledError(BaseException):
    """The function ends between two instructions."""


@given(
    fates=st.lists(st.sampled_from(["taken", "killed", "500", "silent", "redriven"]), max_size=6),
    kind=st.sampled_from(BusEvent),
)
def test_however_often_an_event_is_told_it_has_the_same_id_and_the_same_body(fates: list[str], kind: BusEvent) -> None:
    """Killed after the call and before its message is acknowledged, refused, replayed: it is one event there."""

    class Fate(MemoryCaller):
        fate = "taken"

        def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
            super().call(method, url, headers=headers, body=body)
            if self.fate == "killed":
                raise KilledError
            return Answer(status=500 if self.fate == "500" else 200)

    caller, queue = Fate(), MemoryQueue()
    for place, fate in enumerate([*fates, "taken"]):
        caller.fate = fate
        caller.answers = [Answer(status=0)] if fate == "silent" else []
        at = NOW + timedelta(hours=place)
        # EventBridge gives each delivery, and each replay, an id of its own.
        body = json.dumps({**bus_event(kind), "id": f"delivery-{place}"})
        message = QueuedEvent(message_id="q", handle="h", body=body, attempt=1)
        outbox = Outbox(receiver=subscriber(caller, at=at), circuit=Never(), queue=queue, clock=lambda: 0.0)
        try:
            taken = outbox.take([message])
        except KilledError:
            continue
        assert bool(taken.outcomes) != bool(taken.waiting)

    assert len(Counter((one.headers["webhook-id"], one.body) for one in caller.calls)) == 1
    assert all(verified(one, SECRET) for one in caller.calls)


# ---- the function


def test_the_function_tells_the_subscriber_whose_queue_it_is_under_both_secrets(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = cloud.sqs.create_queue(QueueName="partner-events")["QueueUrl"]
    arn = cloud.secrets.create_secret(Name="partner", SecretString=OLD_SECRET)["ARN"]
    cloud.secrets.put_secret_value(SecretId=arn, SecretString=SECRET)
    destination = {
        "name": "partner",
        "url": "https://partner.example.com/hooks",
        "secret_arn": arn,
        "queue_url": queue,
        "dead_letters_url": cloud.dead_letters,
    }
    other = {**destination, "name": "other", "url": "https://other.example.com/", "queue_url": f"{queue}-other"}
    for name, value in {
        "ENVIRONMENT": "dev",
        "DESTINATIONS": json.dumps([other, destination]),
        "DELIVERIES_TABLE": LOCKS,
        "PRIVATE_NETWORKS": "[]",
    }.items():
        monkeypatch.setenv(name, value)
    caller = MemoryCaller(answers=[Answer(status=200), Answer(status=404), Answer(status=503)])
    monkeypatch.setattr(HttpsCaller, "call", lambda _, *args, **kwargs: caller.call(*args, **kwargs))

    answer = handler.handle({"Records": [record(n) for n in range(3)]}, LambdaContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "q2"}]}
    assert {one.url for one in caller.calls} == {destination["url"]}
    assert all(verified(one, secret) for one in caller.calls for secret in (SECRET, OLD_SECRET))
    assert [one["detail"]["decision_id"] for one in cloud.set_aside()] == ["d_1"]
    circuit = TableCircuit(client=aws.dynamodb(), table=LOCKS, name="partner")
    assert (circuit.wait(0), circuit.failures) == (0.0, 1)


def record(number: int) -> dict[str, Any]:
    return {
        "messageId": f"q{number}",
        "receiptHandle": f"h{number}",
        "body": json.dumps(bus_event()),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:partner-events",
    }
