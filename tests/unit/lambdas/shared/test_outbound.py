"""What all ways out share: which addresses are called, when an event comes again, and when a receiver is left alone."""

import ipaddress
import json
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.shared.outbound.batch import LONGEST, PAUSES, Outbox, QueuedEvent
from lambdas.shared.outbound.circuit import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OPENS_AT,
    TRIAL_SECONDS,
    TableCircuit,
    pause_after,
)
from lambdas.shared.outbound.https import Answer, HttpsCaller, UnreachableError, UnsafeAddressError
from lambdas.shared.outbound.metrics import report
from lambdas.shared.outbound.port import RefusedError, UnavailableError, judge
from lambdas.shared.outbound.queue import SqsQueue, answer_of, messages_of, queue_of
from lambdas.webhooks import handler
from tests.fakes.outbound import MemoryQueue
from tests.unit.lambdas.conftest import LOCKS, Cloud

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUBLIC = "93.184.216.34"


# ---- addresses


class Wire:
    """What a connection to a receiver would be: it notes where it goes, and answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
        self.connected: list[tuple[str, int]] = []
        self.verified: list[str] = []
        self.sent = b""
        ours, theirs = socket.socketpair()
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        self._theirs, wire = theirs, self

        class Context(ssl.SSLContext):
            def wrap_socket(self, bare: Any, *, server_hostname: str) -> Any:  # type: ignore[override]
                wire.verified.append(server_hostname)
                return bare

        def connect(address: tuple[str, int], timeout: float) -> Any:
            self.connected.append(address)
            return ours

        monkeypatch.setattr(socket, "create_connection", connect)
        self.context: Any = Context(ssl.PROTOCOL_TLS_CLIENT)

    def read(self) -> bytes:
        return self._theirs.recv(65_536)


def caller(*addresses: str, wire: Wire | None = None, networks: tuple[str, ...] = ()) -> HttpsCaller:
    def never() -> ssl.SSLContext:
        raise AssertionError("nothing may be called")

    return HttpsCaller(
        private_networks=[ipaddress.ip_network(one) for one in networks],
        resolver=lambda _host, _port: addresses,
        clock=lambda: NOW,
        trust=(lambda: wire.context) if wire else never,
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # an address that is called, and none that is bound
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_a_name_that_leads_into_a_network_is_not_called(address: str) -> None:
    with pytest.raises(UnsafeAddressError, match=r"hooks\.example\.com has no public address"):
        caller(address).call("POST", "https://hooks.example.com/a?b=c", headers={}, body=b"")


@pytest.mark.parametrize(
    "url", ["http://a.example.com/", "ftp://a.example.com", "https://me@a.example.com/", "https:///x"]
)
def test_only_https_is_called(url: str) -> None:
    with pytest.raises(UnsafeAddressError, match="not of the form https://host/path"):
        caller(PUBLIC).call("POST", url, headers={}, body=b"")


def test_the_connection_goes_to_the_address_that_was_judged_and_the_name_is_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the name has a private address beside it, and where it would lead elsewhere a moment later."""
    wire = Wire(monkeypatch, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    answer = caller("10.0.0.1", PUBLIC, wire=wire).call(
        "POST", "https://hooks.example.com:8443/a?b=c", headers={"x-one": "1"}, body=b"body"
    )

    assert (answer, wire.connected, wire.verified) == (Answer(status=200), [(PUBLIC, 8443)], ["hooks.example.com"])
    sent = wire.read().decode()
    assert sent.startswith("POST /a?b=c HTTP/1.1\r\n")
    assert "Host: hooks.example.com:8443" in sent
    assert sent.endswith("\r\n\r\nbody")


def test_a_network_of_ours_is_called_where_the_settings_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, b"HTTP/1.1 204 No Content\r\n\r\n")

    answer = caller("::1", "127.0.0.1", wire=wire, networks=("127.0.0.0/8",)).call(
        "PUT", "https://localhost/", headers={}, body=b""
    )

    assert (answer.status, wire.connected) == (204, [("127.0.0.1", 443)])


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0), ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0), ("soon", None)],
)
def test_when_a_receiver_wants_to_be_called_again_is_read(
    monkeypatch: pytest.MonkeyPatch, said: str, seconds: float | None
) -> None:
    wire = Wire(monkeypatch, f"HTTP/1.1 503 Busy\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n".encode())

    answer = caller(PUBLIC, wire=wire).call("POST", "https://hooks.example.com/", headers={}, body=b"")

    assert answer == Answer(status=503, retry_after=seconds)


def test_a_redirect_is_an_answer_and_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, b"HTTP/1.1 307 Moved\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    answer = caller(PUBLIC, wire=wire).call("POST", "https://hooks.example.com/", headers={}, body=b"")

    assert len(wire.connected) == 1
    with pytest.raises(RefusedError, match="partner answers 307: no redirect is followed"):
        judge(answer, of="partner")


def test_what_is_no_answer_is_said_without_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, b"nonsense\r\n")

    with pytest.raises(UnreachableError, match=r"^hooks\.example\.com does not answer: BadStatusLine$"):
        caller(PUBLIC, wire=wire).call("POST", "https://hooks.example.com/secret", headers={}, body=b"")


# ---- answers


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_one(status: int) -> None:
    judge(Answer(status=status), of="partner")


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with pytest.raises(UnavailableError, match=f"partner answers {status}") as raised:
        judge(Answer(status=status, retry_after=7), of="partner")
    assert raised.value.retry_after == 7


@pytest.mark.parametrize("status", [301, 308, 400, 401, 403, 404, 410, 413, 422])
def test_any_other_refusal_is_final(status: int) -> None:
    with pytest.raises(RefusedError, match=f"partner answers {status}"):
        judge(Answer(status=status), of="partner")


# ---- circuits


def circuit(cloud: Cloud) -> TableCircuit:
    return TableCircuit(client=cloud.dynamodb, table=LOCKS, name="partner")


def test_a_receiver_that_answers_costs_one_read_and_leaves_nothing(cloud: Cloud) -> None:
    one = circuit(cloud)
    assert one.wait(0) == 0
    one.succeeded()
    assert cloud.dynamodb.scan(TableName=LOCKS)["Items"] == []


def test_the_fifth_failure_in_a_row_opens_the_circuit_and_a_success_between_them_begins_anew(cloud: Cloud) -> None:
    assert [circuit(cloud).failed(100.0) for _ in range(OPENS_AT - 1)] == [False] * (OPENS_AT - 1)
    healed = circuit(cloud)
    assert healed.wait(100.0) == 0
    healed.succeeded()
    assert [circuit(cloud).failed(100.0) for _ in range(OPENS_AT)] == [False] * (OPENS_AT - 1) + [True]
    assert circuit(cloud).wait(110.0) == FIRST_PAUSE - 10


def test_when_the_pause_is_over_one_may_try_and_the_others_wait_for_it(cloud: Cloud) -> None:
    for _ in range(OPENS_AT):
        circuit(cloud).failed(100.0)
    later = 100.0 + FIRST_PAUSE

    trial, other = circuit(cloud), circuit(cloud)
    assert (trial.wait(later), other.wait(later)) == (0.0, TRIAL_SECONDS)
    assert trial.failed(later)
    assert circuit(cloud).wait(later) == 2 * FIRST_PAUSE

    trial = circuit(cloud)
    assert trial.wait(later + 2 * FIRST_PAUSE) == 0
    trial.succeeded()
    assert circuit(cloud).wait(later + 2 * FIRST_PAUSE) == 0


def test_a_receiver_that_is_gone_for_good_is_tried_twice_an_hour() -> None:
    assert [pause_after(OPENS_AT + n) for n in (0, 1, 4, 5, 100_000)] == [60, 120, 960, LONGEST_PAUSE, LONGEST_PAUSE]


# ---- batches


class Script:
    """A receiver that does as it is told, event after event; then all is well."""

    name = "partner"

    def __init__(self, *does: Exception) -> None:
        self.does, self.got = list(does), 0

    def deliver(self, event: Any) -> str:
        self.got += 1
        if self.does:
            raise self.does.pop(0)
        return "delivered"


class Breaker:
    """A circuit in memory."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures

    def wait(self, now: float) -> float:
        return FIRST_PAUSE if self.failures >= OPENS_AT else 0.0

    def failed(self, now: float) -> bool:
        self.failures += 1
        return self.failures >= OPENS_AT

    def succeeded(self) -> None:
        self.failures = 0


def queued(*attempts: int, body: str = "{}") -> list[QueuedEvent]:
    return [
        QueuedEvent(message_id=f"q{place}", handle=f"h{place}", body=body, attempt=attempt)
        for place, attempt in enumerate(attempts)
    ]


def outbox(script: Script, breaker: Breaker, queue: MemoryQueue, *, chance: float = 0.0) -> Outbox:
    return Outbox(receiver=script, circuit=breaker, queue=queue, clock=lambda: 0.0, chance=lambda: chance)


def test_what_fails_comes_again_later_and_later_and_what_is_refused_is_set_aside_and_nothing_else() -> None:
    script, queue = (
        Script(UnavailableError("down"), RefusedError("no"), UnavailableError("busy", retry_after=900)),
        MemoryQueue(),
    )

    taken = outbox(script, Breaker(), queue).take(queued(1, 1, 2, 3))

    assert (dict(taken.outcomes), taken.waiting, taken.refused) == (
        {"delivered": 1},
        {"q0": "down", "q2": "busy"},
        {"q1": "no"},
    )
    assert queue.hidden == {"q0": PAUSES[0], "q2": 900}
    assert queue.aside == {"q1": "no"}
    assert not taken.is_open


def test_a_receiver_that_is_down_is_called_five_times_and_the_rest_of_the_batch_waits() -> None:
    script, queue = Script(*[UnavailableError("down")] * 10), MemoryQueue()

    taken = outbox(script, Breaker(), queue).take(queued(*[1] * 10))

    assert (script.got, len(taken.waiting), taken.is_open) == (OPENS_AT, 10, True)
    assert queue.hidden["q9"] == FIRST_PAUSE
    assert taken.waiting["q9"] == "the circuit of partner is open"


def test_while_a_circuit_is_open_nobody_is_called_and_a_trial_that_works_lets_the_rest_through() -> None:
    script, queue = Script(), MemoryQueue()
    assert outbox(script, Breaker(OPENS_AT), queue).take(queued(1, 1)).is_open
    assert script.got == 0

    breaker = Breaker(OPENS_AT - 1)
    assert outbox(script, breaker, queue).take(queued(2, 2)).outcomes["delivered"] == 2
    assert breaker.failures == 0


def test_what_is_not_the_receivers_fault_does_not_count_against_it() -> None:
    breaker = Breaker(OPENS_AT - 1)
    outbox(Script(UnavailableError("ours", is_down=False)), breaker, MemoryQueue()).take(queued(1))
    assert breaker.failures == OPENS_AT - 1


def test_the_last_attempt_goes_to_the_dead_letters_at_once() -> None:
    queue = MemoryQueue()
    outbox(Script(UnavailableError("down")), Breaker(), queue).take(queued(len(PAUSES) + 1))
    assert queue.hidden == {"q0": 0}


@given(attempt=st.integers(1, 20), wished=st.floats(0, 1e9), chance=st.floats(0, 1))
def test_sqs_takes_every_pause(attempt: int, wished: float, chance: float) -> None:
    queue = MemoryQueue()
    script = Script(UnavailableError("down", retry_after=wished))
    outbox(script, Breaker(), queue, chance=chance).take(queued(attempt))
    assert 0 <= queue.hidden["q0"] <= LONGEST < 12 * 3600


@pytest.mark.parametrize("body", ["nonsense", "[]", "null"])
def test_what_is_no_event_is_set_aside(body: str) -> None:
    queue = MemoryQueue()
    taken = outbox(Script(), Breaker(), queue).take(queued(1, body=body))
    assert taken.refused == queue.aside == {"q0": "the message is no event of EventBridge"}


# ---- the queue


def test_a_batch_of_lambda_is_read_and_moved_in_sqs(cloud: Cloud) -> None:
    url = cloud.sqs.create_queue(QueueName="partner-events")["QueueUrl"]
    cloud.sqs.send_message(QueueUrl=url, MessageBody="{}")
    [got] = cloud.sqs.receive_message(QueueUrl=url)["Messages"]
    record = {
        "messageId": got["MessageId"],
        "receiptHandle": got["ReceiptHandle"],
        "body": got["Body"],
        "attributes": {"ApproximateReceiveCount": "3"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:partner-events",
    }
    event = {"Records": [record]}
    [message] = messages_of(event)
    queue = SqsQueue(client=cloud.sqs, url=url, dead_letters=cloud.dead_letters)

    queue.hide(message, 0)
    queue.set_aside(message, "r" * 1000)

    assert (message.attempt, queue_of(event)) == (3, record["eventSourceARN"])
    assert len(cloud.sqs.receive_message(QueueUrl=url)["Messages"]) == 1, "it is visible at once"
    found = cloud.sqs.receive_message(QueueUrl=cloud.dead_letters, MessageAttributeNames=["All"])["Messages"]
    assert [(one["Body"], one["MessageAttributes"]["reason"]["StringValue"]) for one in found] == [("{}", "r" * 256)]
    cloud.sqs.delete_message(QueueUrl=cloud.dead_letters, ReceiptHandle=found[0]["ReceiptHandle"])
    taken = outbox(Script(UnavailableError("down")), Breaker(), MemoryQueue()).take([message])
    assert json.loads(json.dumps(answer_of(taken))) == {"batchItemFailures": [{"itemIdentifier": got["MessageId"]}]}


def test_a_message_that_sqs_does_not_hide_comes_again_by_itself(cloud: Cloud) -> None:
    queue = SqsQueue(client=cloud.sqs, url=cloud.dead_letters, dead_letters=cloud.dead_letters)
    queue.hide(queued(1)[0], 60)  # its handle is no handle: SQS refuses, and the function goes on


def test_metrics_name_the_receiver_so_that_its_alarm_and_no_other_goes_off(capsys: pytest.CaptureFixture[str]) -> None:
    taken = outbox(Script(), Breaker(OPENS_AT), MemoryQueue()).take(queued(1))
    report(taken, receiver="partner", service="webhooks", logger=handler.logger)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    found = {name: one[name] for one in told for name in ("EventsWaiting", "ReceiverUnreachable") if name in one}
    assert found == {"EventsWaiting": [1.0], "ReceiverUnreachable": [1.0]}
    assert {(one["service"], one["receiver"]) for one in told} == {("webhooks", "partner")}
    assert {tuple(sorted(one["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0])) for one in told} == {
        ("receiver", "service")
    }
