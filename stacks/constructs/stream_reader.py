"""A function that reads a stream."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from config.operations import OperationsSettings
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.grants import send_messages
from stacks.constructs.python_function import PythonFunction
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, StandingCost, alarm_on_silence
from stacks.shared.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """The size of a batch, the time in which it is gathered, and its retries."""

    size: int
    window_seconds: int = 1
    retries: int = 10


class StreamSource(Protocol):
    """A stream that functions read."""

    def let_poll(self, role: iam.Role) -> None:
        """Let Lambda reach the stream with a function's role, which may read it."""

    def mapping(self) -> Mapping[str, Any]:
        """Return what of an event source mapping is about the stream."""

    def late(self, function: lambda_.IFunction) -> tuple[cloudwatch.IMetric, int]:
        """Return how far a function is behind, and how much of it is a minute."""

    def polls(self) -> cloudwatch.Metric | None:
        """Return the number of reads, if the service counts them."""

    def reading_costs(self) -> Sequence[StandingCost]:
        """Return what a reader costs while there is nothing to read."""


class RecordSource(StreamSource, Protocol):
    """A stream of records whose bodies we make ourselves."""

    def bodies(self, pattern: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the filter of a reader for records whose JSON matches a pattern."""


def iterator_age(function: lambda_.IFunction) -> tuple[cloudwatch.IMetric, int]:
    """Return the age of the last record of each batch, and how much of it is a minute."""
    return function.metric("IteratorAge", period=METRIC_PERIOD, statistic="Maximum"), 60_000


class StreamReader(Construct):
    """Invokes a function with the records of a stream, in order; its role may read the stream.

    The function reports the records that failed. Lambda halves a failing batch until it has found the record. After the
    retries the record's position goes to a dead-letter queue, so that one record cannot block the stream. In an
    environment that sleeps there is no source, and nothing invokes the function.
    """

    failed: DeadLetterQueue
    mapping: lambda_.CfnEventSourceMapping | None

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: PythonFunction,
        source: StreamSource | None,
        batching: Batching,
        platform: Platform,
        pattern: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self._function, self._source = function, source
        self.failed = DeadLetterQueue(self, "Failed", name=f"{function.label}Failed", platform=platform)
        send_messages(function.role, self.failed.queue)
        if source is not None:
            source.let_poll(function.role)
        self.mapping = None if source is None else self._feed(function, source, batching, pattern)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return alarms on a function that falls behind its stream, or does not read it."""
        if self._source is None:
            return ()
        name = self._function.label
        behind, minute = self._source.late(self._function.function)
        late = AlarmSpec(
            name=f"{name}Late",
            metric=behind,
            threshold=limits.iterator_age_minutes * minute,
            text=f"the function {name} falls behind its stream",
        )
        if (polls := self._source.polls()) is None:
            return (late,)
        silent = f"the function {name} does not read its stream"
        return (late, alarm_on_silence(name=f"{name}Silent", metric=polls, text=silent))

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of what waits for records."""
        return () if self._source is None else self._source.reading_costs()

    def _feed(
        self, function: PythonFunction, source: StreamSource, batching: Batching, pattern: Mapping[str, Any] | None
    ) -> lambda_.CfnEventSourceMapping:
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function.function_name,
            **source.mapping(),
            starting_position="TRIM_HORIZON",
            batch_size=batching.size,
            maximum_batching_window_in_seconds=batching.window_seconds,
            maximum_retry_attempts=batching.retries,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.failed.queue.queue_arn)
            ),
            filter_criteria=_only(pattern),
        )
        # Lambda checks at creation that the function's role may read the stream.
        mapping.node.add_dependency(function.role)
        return mapping


def _only(pattern: Mapping[str, Any] | None) -> lambda_.CfnEventSourceMapping.FilterCriteriaProperty | None:
    if pattern is None:
        return None
    return lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
        filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(pattern))]
    )
