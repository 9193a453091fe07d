"""A function gets the records of a stream until each is processed or given up; what it did not process comes again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.patches.stream_mappings import BatchDelivery, StreamMappings, given_up, rest

MAPPING = {"FunctionArn": "arn:function", "EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/changes"}

Record = Mapping[str, Any]


def record(number: int) -> Record:
    return {"eventID": f"shardId-000000000000:{number:03d}", "kinesis": {"sequenceNumber": f"{number:03d}"}}


def numbers(batch: Sequence[Record]) -> list[int]:
    return [int(entry["kinesis"]["sequenceNumber"]) for entry in batch]


def change(number: int) -> Record:
    return {"dynamodb": {"SequenceNumber": f"{number:03d}"}}


class Function:
    """Processes what it can and names the records that it cannot; some only the first few times."""

    def __init__(self, ailing: Mapping[int, int]) -> None:
        self.ailing = dict(ailing)  # how often a record fails before it is well
        self.calls: list[list[int]] = []
        self.processed: list[int] = []

    def __call__(self, batch: Sequence[Record]) -> Mapping[str, Any]:
        self.calls.append(numbers(batch))
        failed = [number for number in numbers(batch) if self.ailing.get(number, 0) > 0]
        for number in failed:
            self.ailing[number] -= 1
        self.processed += [number for number in numbers(batch) if number not in failed]
        return {"body": {"batchItemFailures": [{"itemIdentifier": f"{number:03d}"} for number in failed]}}


def deliver(
    function: Callable[[Sequence[Record]], Mapping[str, Any]],
    *,
    count: int = 4,
    retries: int | None = 2,
    halves: bool = True,
    names_failures: bool = True,
) -> list[list[int]]:
    """Deliver records 0, 1, ...; return the batches that were given up."""
    lost: list[list[int]] = []
    BatchDelivery(
        invoke=function,
        give_up=lambda batch, _tries: lost.append(numbers(batch)),
        retries=retries,
        halves=halves,
        names_failures=names_failures,
        pause=lambda _seconds: None,
    ).deliver([record(number) for number in range(count)])
    return lost


def test_a_batch_that_is_processed_comes_once() -> None:
    function = Function({})

    assert deliver(function) == []
    assert function.calls == [[0, 1, 2, 3]]


def test_from_the_first_failed_record_on_everything_comes_again() -> None:
    function = Function({1: 1})

    assert deliver(function) == []
    assert function.calls == [[0, 1, 2, 3], [1, 2, 3]]


def test_a_record_that_never_works_is_given_up_alone_after_its_retries() -> None:
    function = Function({1: 99})

    assert deliver(function) == [[1]]
    assert function.calls == [[0, 1, 2, 3], [1, 2, 3], [1], [1], [1], [2, 3]]


def test_a_mapping_that_does_not_halve_gives_the_rest_up() -> None:
    function = Function({1: 99})

    assert deliver(function, halves=False) == [[1, 2, 3]]
    assert function.calls == [[0, 1, 2, 3], *[[1, 2, 3]] * 3]


@pytest.mark.parametrize("body", ['{"batchItemFailures": [{"itemIdentifier": "001"}]}', None, {}, ""])
def test_an_answer_counts_only_where_the_mapping_asks_for_it(body: object) -> None:
    assert deliver(lambda _batch: {"body": body}, names_failures=False) == []


def test_an_answer_in_text_counts_as_well() -> None:
    lost = deliver(lambda _batch: {"body": '{"batchItemFailures": [{"itemIdentifier": "000"}]}'}, count=1)

    assert lost == [[0]]


@pytest.mark.parametrize(
    "answer", [{"error": True, "body": {}}, {"body": {"batchItemFailures": [{"itemIdentifier": "of another batch"}]}}]
)
def test_an_error_and_an_answer_about_something_else_are_failures_of_all(answer: Mapping[str, Any]) -> None:
    assert deliver(lambda _batch: answer, count=2) == [[0], [1]]


@given(st.dictionaries(st.integers(0, 19), st.sampled_from([1, 2, 99])))
def test_every_record_is_processed_or_given_up_with_any_fault(ailing: dict[int, int]) -> None:
    function = Function(ailing)

    lost = deliver(function, count=20)

    assert lost == [[number] for number in sorted(ailing) if ailing[number] > 2]
    assert set(function.processed) == set(range(20)) - {number for batch in lost for number in batch}


def test_a_given_up_record_is_named_by_its_position_in_the_stream() -> None:
    message = given_up(MAPPING, [record(3), record(4)], 11)

    assert message["KinesisBatchInfo"] == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": "003",
        "endSequenceNumber": "004",
        "batchSize": 2,
        "streamArn": MAPPING["EventSourceArn"],
    }
    assert message["requestContext"]["approximateInvokeCount"] == 11
    assert given_up(MAPPING, [change(7)], 11)["DDBStreamBatchInfo"]["startSequenceNumber"] == "007"


@pytest.mark.parametrize(
    ("window", "took", "full", "seconds"),
    [
        (1, 0.25, False, 0.75),
        (1, 3.0, False, 0.0),
        (1, 0.25, True, 0.0),
        (0, 0.25, False, 0.0),
        (None, 0.0, False, 0.0),
    ],
)
def test_a_mapping_reads_again_when_its_window_is_over_or_the_batch_was_full(window, took, full, seconds) -> None:
    assert rest({"MaximumBatchingWindowInSeconds": window}, took, full=full) == seconds


class Queue:
    """The messages of a queue, of which a request brings ten at most."""

    def __init__(self) -> None:
        self.messages: list[int] = []

    def receive(self, _url: str, size: int) -> list[dict[str, Any]]:
        taken, self.messages = self.messages[: min(size, 10)], self.messages[min(size, 10) :]
        return [{"id": number} for number in taken]


def test_messages_of_a_queue_wait_for_each_other_until_the_window_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, clock = Queue(), [100.0]
    monkeypatch.setattr("twin.patches.stream_mappings._visible", lambda _url: len(queue.messages))
    monkeypatch.setattr("twin.patches.stream_mappings.time.monotonic", lambda: clock[0])
    mappings = StreamMappings(queues=lambda _function: None, may_read=lambda _mapping, _role: True)
    mappings._receive = queue.receive
    mappings._own.mapping = {"UUID": "u", "FunctionArn": "reader", "MaximumBatchingWindowInSeconds": 5}

    def took(size: int = 1000) -> int:
        return len(mappings._gather("queue", size))

    assert took() == 0
    queue.messages += range(12)
    assert took() == 0  # the first has come: the window begins
    clock[0] += 4
    queue.messages += range(12, 30)
    assert took() == 0
    clock[0] += 1
    assert took() == 30
    queue.messages += range(3)
    assert took() == 0  # a window of its own
    assert took(size=3) == 3  # a full batch does not wait


def test_a_queue_is_not_read_for_a_function_whose_role_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twin.patches.stream_mappings._visible", lambda _url: 1)
    asked: list[str] = []

    def may_read(mapping: Mapping[str, Any], _role: str) -> bool:
        asked.append(mapping["UUID"])
        return False

    mappings = StreamMappings(queues=lambda _function: None, may_read=may_read)
    mappings._receive = lambda _url, _size: [{"id": 1}]
    mappings._own.mapping = {"UUID": "u", "FunctionArn": "reader"}

    assert mappings._gather("queue", 1) == []
    assert asked == ["u"]
