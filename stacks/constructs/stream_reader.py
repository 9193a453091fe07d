"""A function that reads a stream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.grants import allow
from stacks.constructs.python_function import PythonFunction
from stacks.shared.platform import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How many records a call brings and how long it waits for them."""

    size: int
    window_seconds: int = 1
    retries: int = 10


class StreamReader(Construct):
    """Feeds a function from a stream that its role may read, in order.

    The function names the records that failed. A batch that fails is halved until the bad record is found; after the
    retries its position goes to a dead-letter queue, so that one record cannot stop the stream. Without a source, since
    the environment sleeps, the queue waits and nothing feeds the function.
    """

    failed: DeadLetterQueue
    mapping: lambda_.CfnEventSourceMapping | None

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        function: PythonFunction,
        source_arn: str | None,
        batching: Batching,
        platform: Platform,
        pattern: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.failed = DeadLetterQueue(self, "Failed", platform=platform)
        allow(function.role, ("sqs:SendMessage",), self.failed.queue.queue_arn)
        self.mapping = None if source_arn is None else self._feed(function, source_arn, batching, pattern)

    def _feed(
        self, function: PythonFunction, source_arn: str, batching: Batching, pattern: Mapping[str, Any] | None
    ) -> lambda_.CfnEventSourceMapping:
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function.function_name,
            event_source_arn=source_arn,
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
