"""The sender outside of the network: what it asks of the relay, and what it makes of the answers."""

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from c360_aws.stream_relay import BYTES_PER_CALL, RelayError, RelaySender
from c360_aws.stream_writer import BYTES_PER_CALL as OF_THE_WRITER
from c360_aws.stream_writer import StreamRecord, StreamWriter

LAMBDA_TAKES = 6 * 1024 * 1024


@dataclass
class Functions:
    """Lambda with the relay."""

    answer: Callable[[dict[str, Any]], dict[str, Any]]
    failed: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's words
        assert FunctionName == "relay"
        request = json.loads(Payload)
        self.asked.append(request)
        self.sizes.append(len(Payload))
        said = io.BytesIO(json.dumps(self.answer(request)).encode())
        return {"Payload": said, **({"FunctionError": "Unhandled"} if self.failed else {})}


def taken(request: dict[str, Any]) -> dict[str, Any]:
    return {"codes": [""] * len(request.get("records", ())), "partitions": [0, 1]}


def sender(functions: Any) -> RelaySender:
    return RelaySender(client=functions, function="relay", stream="c360-dev-events")


def test_each_record_has_its_code() -> None:
    functions = Functions(lambda _request: {"codes": ["", "NotEnoughReplicasError"], "partitions": [0]})

    codes = sender(functions).send([StreamRecord(key="a", data=b"\xff1"), StreamRecord(key="b", data=b"2")])

    assert codes == ["", "NotEnoughReplicasError"]
    (request,) = functions.asked
    assert request["stream"] == "c360-dev-events"
    assert [(each["key"], base64.b64decode(each["data"])) for each in request["records"]] == [
        ("a", b"\xff1"),
        ("b", b"2"),
    ]


def test_what_the_writer_sends_at_once_fits_into_calls_of_lambda() -> None:
    functions = Functions(taken)
    size = 1_000_000
    records = [StreamRecord(key=str(number), data=b"x" * size) for number in range(OF_THE_WRITER // size)]

    assert sender(functions).send(records) == [""] * len(records)
    assert len(functions.asked) > 1
    assert max(functions.sizes) < LAMBDA_TAKES
    # The most that a call may carry fits as well, with what JSON and keys add.
    assert BYTES_PER_CALL * 4 / 3 + 500 * 400 < LAMBDA_TAKES


def test_a_failing_function_is_tried_again_and_a_missing_right_is_not() -> None:
    failing = Functions(lambda _request: {"errorType": "KafkaTimeoutError", "errorMessage": "no answer"}, failed=True)
    pauses: list[float] = []
    writer = StreamWriter(sender=sender(failing), attempts=3, pause=pauses.append)
    (refusal,) = writer.put([StreamRecord(key="a", data=b"1")])
    assert (refusal.code, len(failing.asked), len(pauses)) == ("KafkaTimeoutError", 3, 2)

    class Closed:
        calls = 0

        def invoke(self, **_: Any) -> None:
            self.calls += 1
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke")

    closed = Closed()
    (refusal,) = StreamWriter(sender=sender(closed), pause=pauses.append).put([StreamRecord(key="a", data=b"1")])
    assert (refusal.code, closed.calls) == ("AccessDeniedException", 1)


def test_a_record_is_put_into_a_partition() -> None:
    functions = Functions(taken)

    assert sender(functions).partitions() == [0, 1]
    sender(functions).put(StreamRecord(key="end", data=b"e"), partition=1)

    assert "records" not in functions.asked[0]
    assert functions.asked[1]["partition"] == 1


def test_a_record_that_is_not_in_its_partition_is_an_error() -> None:
    functions = Functions(lambda _request: {"codes": ["MessageSizeTooLargeError"], "partitions": [0]})
    with pytest.raises(RelayError, match="partition 0 of c360-dev-events refused a record: MessageSizeTooLargeError"):
        sender(functions).put(StreamRecord(key="end", data=b"e"), partition=0)
