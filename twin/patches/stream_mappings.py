"""Lambda: MiniStack serves event source mappings one after the other and takes a partial failure for success.

MiniStack polls all mappings in one thread, so that a function that waits holds up every other reader, and it takes an
answer that names failed records for success. Here each mapping on a stream has a thread of its own, and what a
function did not process is given to it again, halved, and in the end put down in the mapping's failure queue. Between
two batches a mapping's batching window passes, unless the first was full; other than at AWS, the record that ends a
silence does not wait for more.

A mapping on a queue stays in MiniStack's own loop. It gathers messages as the service does: until its batching window
has passed since the first came, or the batch is full.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sqs

from c360_core.moments import moment_text
from twin.emulator.reader_rights import MappingRights, reading_rights
from twin.settings import TwinSettings

LOGGER: Final = logging.getLogger("twin.stream_mappings")
IDLE_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 1.0
EXHAUSTED: Final = "RetryAttemptsExhausted"

Record = Mapping[str, Any]
Result = Mapping[str, Any]
Mapped = tuple[str, str, dict[str, Any]]


def sequence_number(record: Record) -> str:
    """Return where a record of Kinesis or of a table's changes stands in its shard."""
    inner = record.get("kinesis") or record["dynamodb"]
    return str(inner.get("sequenceNumber") or inner["SequenceNumber"])


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDelivery:
    """Gives records to a function, in order, until each is processed or given up.

    Attributes:
        invoke: calls the function with a batch; the result says `error`, and has what it answered in `body`.
        give_up: takes a batch that failed at its first record once too often, and the number of tries.
        retries: how often such a batch is given again; None without end.
        halves: whether a batch that fails is halved first, which is not a try.
        names_failures: whether the function answers with the records that failed.
        pause: waits before the next try.
        position: returns where a record stands in its shard or partition.
        named: returns the position that an answer names.
    """

    invoke: Callable[[Sequence[Record]], Result]
    give_up: Callable[[Sequence[Record], int], None]
    retries: int | None
    halves: bool
    names_failures: bool
    pause: Callable[[float], None] = time.sleep
    position: Callable[[Record], Hashable] = sequence_number
    named: Callable[[Any], Hashable] = str

    def deliver(self, records: Sequence[Record]) -> None:
        """Deliver a batch; returns when none of its records waits any more."""
        waiting = deque([(records, 1)])
        while waiting:
            batch, tries = waiting.popleft()
            rest = self._not_processed(batch)
            if not rest:
                continue
            if len(rest) < len(batch):  # it got further: what is left is a batch of its own
                waiting.appendleft((rest, 1))
                continue
            if self.halves and len(batch) > 1:
                middle = len(batch) // 2
                waiting.extendleft([(batch[middle:], tries), (batch[:middle], tries)])
            elif self.retries is None or tries <= self.retries:
                waiting.appendleft((batch, tries + 1))
            else:
                self.give_up(batch, tries)
                continue
            self.pause(RETRY_SECONDS)

    def _not_processed(self, batch: Sequence[Record]) -> Sequence[Record]:
        """Return the records from the first failed one on: the order of a shard is kept."""
        result = self.invoke(batch)
        if result.get("error"):
            return batch
        if not self.names_failures:
            return ()
        failed = {self.named(each) for each in _failed(result.get("body"))}
        numbers = [self.position(record) for record in batch]
        if not failed <= set(numbers):  # an answer that names something else is a failure of all
            return batch
        first = next((index for index, number in enumerate(numbers) if number in failed), len(batch))
        return batch[first:]


def _failed(body: Any) -> list[Any]:
    answer = json.loads(body) if isinstance(body, str) and body else body
    failures = answer.get("batchItemFailures") or () if isinstance(answer, Mapping) else ()
    return [failure.get("itemIdentifier", "") for failure in failures]


def rest(mapping: Mapping[str, Any], took: float, *, full: bool) -> float:
    """Return the seconds until a mapping reads again: what is left of its batching window, nothing after a full batch.

    Args:
        mapping: as Lambda describes it.
        took: seconds that the batch took from being read to being processed, or that it has been gathered for.
        full: whether the batch had all the records that one may have.
    """
    window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
    return 0.0 if full else max(0.0, window - took)


def install(settings: TwinSettings) -> None:
    """Serve every mapping on a stream in a thread of its own."""

    def queues(function: Mapping[str, Any]) -> Any:
        return settings.client("sqs", lambda_runtime.execution_credentials(function))

    StreamMappings(queues=queues, may_read=MappingRights(reading_rights).may_read).install()


class StreamMappings:
    """The mappings of one emulator on its streams.

    Args:
        queues: returns an SQS client that acts as a function, asked for when a batch is given up.
        may_read: says whether Lambda may read the source of a mapping under the role of its function.
    """

    def __init__(
        self, queues: Callable[[Mapping[str, Any]], Any], may_read: Callable[[Mapping[str, Any], str], bool]
    ) -> None:
        self._queues = queues
        self._may_read = may_read
        self._own = threading.local()  # the mapping that a thread serves
        self._threads: dict[str, threading.Thread] = {}
        self._all: Callable[[], Iterator[Mapped]] = lambda_svc._iter_all_esms
        self._execute: Callable[[Any, dict[str, Any]], Result] = lambda_svc._execute_function
        self._filter: Callable[[list[Record], dict[str, Any]], Any] = lambda_svc._apply_filter_criteria
        self._receive: Callable[[str, int], list[dict[str, Any]]] = sqs._receive_messages_for_esm
        self._gathering: dict[str, float] = {}  # when the first message of a batch came that is being gathered
        self._polls: Mapping[str, Callable[[], bool]] = {
            "kinesis": lambda_svc._poll_kinesis,
            "dynamodb": lambda_svc._poll_dynamodb_streams,
        }

    def install(self) -> None:
        """Take the streams out of MiniStack's one loop; it keeps the queues and tells us of new mappings."""
        lambda_svc._iter_all_esms = self._mine
        lambda_svc._execute_function = self._run
        lambda_svc._apply_filter_criteria = self._picked
        lambda_svc._poll_kinesis = self._serve_new
        lambda_svc._poll_dynamodb_streams = lambda: False
        sqs._receive_messages_for_esm = self._gather

    def _serve_new(self) -> bool:
        """Start a thread for every mapping on a stream that has none. Finds no work for MiniStack's own loop."""
        for _account, _region, mapping in self._all():
            uuid, service = mapping["UUID"], mapping.get("EventSourceArn", "::").split(":")[2]
            if service in self._polls and uuid not in self._threads:
                arguments = (uuid, self._polls[service])
                self._threads[uuid] = threading.Thread(target=self._serve, args=arguments, daemon=True)
                self._threads[uuid].start()
        return False

    def _serve(self, uuid: str, poll: Callable[[], bool]) -> None:
        self._own.uuid = uuid
        while mapping := next((each for _account, _region, each in self._all() if each["UUID"] == uuid), None):
            self._own.full = False
            if not self._may_read(mapping, role_of(mapping)):
                time.sleep(RETRY_SECONDS)
                continue
            began = time.monotonic()
            try:
                busy = poll()
            except Exception:
                LOGGER.exception("event source mapping %s", uuid)
                busy = False
            took = time.monotonic() - began
            time.sleep(rest(self._own.mapping, took, full=self._own.full) if busy else IDLE_SECONDS)
        self._threads.pop(uuid)

    def _mine(self) -> Iterator[Mapped]:
        own = getattr(self._own, "uuid", None)
        for entry in self._all():
            if own is None or entry[2]["UUID"] == own:
                self._own.mapping = entry[2]
                yield entry

    def _gather(self, queue_url: str, size: int) -> list[dict[str, Any]]:
        """Take the messages of one batch, or none as long as more may come."""
        mapping, now = self._own.mapping, time.monotonic()
        if not self._may_read(mapping, role_of(mapping)):
            return []
        there = _visible(queue_url)
        if there == 0:
            self._gathering.pop(mapping["UUID"], None)
            return []
        waited = now - self._gathering.setdefault(mapping["UUID"], now)
        if there < size and rest(mapping, waited, full=False) > 0:
            return []
        del self._gathering[mapping["UUID"]]
        batch: list[dict[str, Any]] = []
        while len(batch) < size and (some := self._receive(queue_url, size - len(batch))):  # ten at a time
            batch.extend(some)
        return batch

    def _run(self, function: Any, event: dict[str, Any]) -> Result:
        """Run a function; for a mapping on a stream, until all records are processed or given up."""
        if getattr(self._own, "uuid", None) is None:
            return self._execute(function, event)
        return self._deliver(self._own.mapping, function, event["Records"])

    def _picked(self, records: list[Record], mapping: dict[str, Any]) -> Any:
        """Filter what was read, and note whether more may wait behind it."""
        if getattr(self._own, "uuid", None) is not None and len(records) >= int(mapping["BatchSize"]):
            self._own.full = True
        return self._filter(records, mapping)

    def _deliver(self, mapping: Mapping[str, Any], function: Any, records: Sequence[Record]) -> Result:
        logs: list[str] = []

        def invoke(batch: Sequence[Record]) -> Result:
            result = self._execute(function, {"Records": list(batch)})
            logs.append(str(result.get("log", "")))
            if result.get("error"):
                LOGGER.warning("%s failed: %s", mapping["FunctionArn"], result.get("body"))
            return result

        retries = int(mapping.get("MaximumRetryAttempts", -1))
        BatchDelivery(
            invoke=invoke,
            give_up=lambda batch, tries: self._give_up(mapping, batch, tries),
            retries=None if retries < 0 else retries,
            halves=bool(mapping.get("BisectBatchOnFunctionError")),
            names_failures="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", ()),
        ).deliver(records)
        return {"body": {}, "log": "\n".join(filter(None, logs))}

    def _give_up(self, mapping: Mapping[str, Any], batch: Sequence[Record], tries: int) -> None:
        destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if not destination:
            LOGGER.error("%s: %d records given up, and no failure queue", mapping["FunctionArn"], len(batch))
            return
        queues = self._queues(function_of(mapping))
        url = sqs._queue_url(destination.rpartition(":")[2])
        queues.send_message(QueueUrl=url, MessageBody=json.dumps(given_up(mapping, batch, tries)))


def function_of(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration of the function that a mapping calls."""
    _, configuration, _ = lambda_svc._get_func_record_for_ref(mapping["FunctionArn"])
    return configuration or {}


def role_of(mapping: Mapping[str, Any]) -> str:
    """Return the ARN of the role of the function that a mapping calls."""
    return str(function_of(mapping).get("Role", ""))


def _visible(queue_url: str) -> int:
    """Count the messages of a queue that may be taken now."""
    now = time.time()
    with sqs._queues_lock:
        return sum(message["visible_at"] <= now for message in sqs._queues[queue_url]["messages"])


def given_up(mapping: Mapping[str, Any], batch: Sequence[Record], tries: int) -> dict[str, Any]:
    """Return the message about records that were given up: where they are in their stream, not what they hold."""
    kinesis = "kinesis" in batch[0]
    place = {
        "shardId": str(batch[0].get("eventID", "")).partition(":")[0] if kinesis else "",
        "startSequenceNumber": sequence_number(batch[0]),
        "endSequenceNumber": sequence_number(batch[-1]),
        "batchSize": len(batch),
        "streamArn": mapping["EventSourceArn"],
    }
    return {
        "requestContext": {
            "functionArn": mapping["FunctionArn"],
            "condition": EXHAUSTED,
            "approximateInvokeCount": tries,
        },
        "version": "1.0",
        "timestamp": moment_text(datetime.now(UTC)),
        "KinesisBatchInfo" if kinesis else "DDBStreamBatchInfo": place,
    }
