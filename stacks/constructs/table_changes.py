"""The stream of a DynamoDB table's changes."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.stream_reader import iterator_age
from stacks.shared.monitoring import METRIC_PERIOD, StandingCost


class TableChanges:
    """The stream of a table, for the functions that read it."""

    arn: str

    def __init__(self, table: dynamodb.ITableV2) -> None:
        """Take the stream of a table.

        Raises:
            ValueError: the table has no stream.
        """
        if table.table_stream_arn is None:
            raise ValueError(f"{table.node.path} has no stream to read: set its dynamo_stream")
        self._table_name = table.table_name
        self.arn = table.table_stream_arn

    def let_poll(self, role: iam.Role) -> None:
        """Grant nothing: whoever may read may let Lambda read."""

    def mapping(self) -> Mapping[str, Any]:
        """Return what of an event source mapping is about the stream."""
        return {"event_source_arn": self.arn}

    def late(self, function: lambda_.IFunction) -> tuple[cloudwatch.IMetric, int]:
        """Return the age of what a function read last: a table's stream has no other metric of lag."""
        return iterator_age(function)

    def polls(self) -> cloudwatch.Metric:
        """Return the number of reads; Lambda polls an empty stream too."""
        # .../table/<name>/stream/<label>
        label = cdk.Fn.select(3, cdk.Fn.split("/", self.arn))
        return cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name="SuccessfulRequestLatency",
            dimensions_map={"TableName": self._table_name, "Operation": "GetRecords", "StreamLabel": label},
            period=METRIC_PERIOD,
            statistic="SampleCount",
        )

    def reading_costs(self) -> Sequence[StandingCost]:
        """Return nothing: Lambda's polling is free."""
        return ()
