"""API destinations: the service system gets each task with its key, and what it does not take is set aside."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from twin.emulator.stand_ins import Resource
from twin.providers.eventbridge.destinations import ATTEMPTS, Destinations
from twin.vendors.service_desk import ServiceDesk

pytestmark = pytest.mark.enable_socket

KEY = "the key of the desk"
TARGET = {"Arn": "arn:system", "DeadLetterConfig": {"Arn": "arn:queue"}}
EVENT = {"detail": {"decision_id": "d_1"}}
RULE = "arn:rule"
TASK = {"task_id": "d_1", "person_id": "p_1"}


@pytest.fixture
def desk() -> Iterator[ServiceDesk]:
    with ServiceDesk(key=KEY) as made:
        yield made


@dataclass
class Office:
    """EventBridge and what is deployed."""

    url: str
    key: str = KEY
    kind: str = "API_KEY"
    lost: list[tuple[Any, Any, str]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def call(self, arn: str = "arn:system") -> None:
        stated = {"InvocationEndpoint": self.url, "HttpMethod": "POST", "ConnectionArn": "arn:connection"}
        parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": self.key}}
        connection = {"AuthorizationType": self.kind, "AuthParameters": parameters}
        Destinations(
            destinations=lambda: [resource("arn:system", stated)],
            connections=lambda: [resource("arn:connection", connection)],
            set_aside=lambda target, event, source: self.lost.append((target, event, source)),
            sleep=self.waited.append,
        ).call({**TARGET, "Arn": arn}, json.dumps(TASK), EVENT, RULE)


def resource(arn: str, properties: dict[str, Any]) -> Resource:
    return Resource(
        type_name="t", physical_id=arn, logical_id=arn, stack="s", properties=properties, attributes={"Arn": arn}
    )


def office(desk: ServiceDesk, **more: Any) -> Office:
    return Office(url=f"{desk.address.replace('http:', 'https:')}/tasks", **more)


def test_a_task_is_opened_once(desk: ServiceDesk) -> None:
    made = office(desk)
    made.call()
    made.call()
    assert (desk.tasks, made.lost) == ([TASK], [])
    assert desk.requests == [("POST", "/tasks")] * 2


def test_a_desk_that_is_busy_is_called_again(desk: ServiceDesk) -> None:
    desk.busy = 2
    made = office(desk)
    made.call()
    assert (desk.tasks, made.lost, made.waited) == ([TASK], [], [0.25, 0.5])


def test_what_a_desk_that_is_down_does_not_take_is_set_aside(desk: ServiceDesk) -> None:
    desk.is_down = True
    made = office(desk)
    made.call()
    assert desk.statuses == [503] * ATTEMPTS
    assert made.lost == [(TARGET, EVENT, RULE)]


def test_a_refusal_is_final(desk: ServiceDesk) -> None:
    made = office(desk, key="another")
    made.call()
    assert (desk.statuses, len(made.lost), desk.tasks) == ([403], 1, [])


@pytest.mark.parametrize(
    ("more", "arn", "why"),
    [
        ({"url": "https://service.example.com/tasks"}, "arn:system", "service.example.com is elsewhere"),
        ({"url": "https://localhost:1/tasks", "kind": "OAUTH_CLIENT_CREDENTIALS"}, "arn:system", "not by OAUTH"),
        ({"url": "https://localhost:1/tasks"}, "arn:other", "arn:other is not deployed"),
        ({"url": "https://localhost:1/tasks"}, "arn:system", "it does not answer"),
    ],
)
def test_what_cannot_be_called_is_set_aside_with_the_reason(
    more: dict[str, Any], arn: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = Office(**more)
    made.call(arn)
    assert len(made.lost) == 1
    assert why in caplog.text
