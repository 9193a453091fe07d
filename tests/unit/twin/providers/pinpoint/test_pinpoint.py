"""Pinpoint on the laptop: what becomes of a message to each device."""

from typing import Any

import pytest

from twin.emulator.wire import ServiceError
from twin.providers.pinpoint.service import Push

BOTH = frozenset({"APNS", "GCM"})


def service(channels: frozenset[str] = BOTH) -> Push:
    return Push(services_of={"app": channels}.get)


def request(*tokens: str, app: str = "app", kind: str = "GCM") -> dict[str, Any]:
    words = {"Title": "Hello", "Body": "Ada"}
    return {
        "ApplicationId": app,
        "MessageRequest": {
            "Addresses": {token: {"ChannelType": kind} for token in tokens},
            "MessageConfiguration": {"GCMMessage": words, "APNSMessage": words},
        },
    }


def test_each_device_has_an_answer_of_its_own_and_only_those_that_work_get_the_message() -> None:
    push = service()

    results = push.send_messages(request("one", "gone-two", "busy-three"))["MessageResponse"]["Result"]

    assert {token: (one["DeliveryStatus"], one["StatusCode"]) for token, one in results.items()} == {
        "one": ("SUCCESSFUL", 200),
        "gone-two": ("PERMANENT_FAILURE", 410),
        "busy-three": ("THROTTLED", 429),
    }
    assert [(got["token"], got["message"]["Body"]) for got in push.outbox] == [("one", "Ada")]


def test_a_platform_without_a_channel_gets_nothing() -> None:
    push = service(frozenset({"GCM"}))

    [result] = push.send_messages(request("one", kind="APNS"))["MessageResponse"]["Result"].values()

    assert (result["DeliveryStatus"], result["StatusCode"], push.outbox) == ("PERMANENT_FAILURE", 400, [])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (request("one", app="other"), "NotFoundException"),
        (request(), "BadRequestException"),
        (request(*map(str, range(101))), "BadRequestException"),
    ],
)
def test_what_the_service_refuses(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        service().send_messages(wrong)
    assert refused.value.code == code
