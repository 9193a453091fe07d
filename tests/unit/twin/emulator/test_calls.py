"""Calls that a service makes for a role are checked in their order."""

import pytest

from twin.emulator.calls import Call, require_all
from twin.emulator.wire import ServiceError


def test_the_first_call_that_is_not_allowed_is_refused() -> None:
    asked: list[tuple[str, str, object]] = []

    def require(principal: str, action: str, resource: str, context: object) -> None:
        asked.append((action, resource, context))
        if action == "kinesis:PutRecords":
            raise ServiceError("AccessDeniedException", f"{principal} {action} {resource}", 403)

    calls = [
        Call(action="kms:Decrypt", resource="key/1", context={"kms:ViaService": "kinesis"}),
        Call(action="kinesis:PutRecords", resource="stream/changes"),
        Call(action="cloudwatch:PutMetricData"),
    ]
    with pytest.raises(ServiceError, match="session/clean kinesis:PutRecords stream/changes"):
        require_all("session/clean", calls, require)
    assert asked == [
        ("kms:Decrypt", "key/1", {"kms:ViaService": "kinesis"}),
        ("kinesis:PutRecords", "stream/changes", None),
    ]
