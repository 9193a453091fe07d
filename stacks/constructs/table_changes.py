"""The stream of a DynamoDB table's changes."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb

from stacks.shared.monitoring import METRIC_PERIOD


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
