"""What wakes somebody."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_sns as sns
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE
from config.operations import OperationsSettings
from stacks.constructs.data_stream import DataStream
from stacks.shared.watched import TableChanges, Watched

_FIVE_MINUTES: Final = cdk.Duration.minutes(5)
_HALF_AN_HOUR: Final = 30 * 60_000
_WAITING_SECONDS: Final = 15 * 60  # longer than a batching window, and than one refusal
_SILENT_PERIODS: Final = 4
_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class Alarms(Construct):
    """Alarms on readers that fall behind, on input that nobody could handle, on failures, and on silence.

    Args:
        retention_hours: how long streams keep what nobody has read yet.
    """

    alarms: Sequence[cloudwatch.Alarm]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        watched: Watched,
        topic: sns.ITopic,
        settings: OperationsSettings,
        retention_hours: int,
    ) -> None:
        super().__init__(scope, id_)
        self._topic = topic
        late = settings.iterator_age_minutes * 60_000
        self.alarms = [
            *(
                self._alarm(f"{name}Behind", metric, late, f"readers of the stream {name} fall behind")
                for name, metric in iterator_ages(watched).items()
            ),
            *(
                self._alarm(
                    f"{name}Expiring",
                    metric,
                    retention_hours * _HALF_AN_HOUR,
                    f"half of the time is gone in which the stream {name} keeps what its readers have not read",
                )
                for name, metric in iterator_ages(watched).items()
            ),
            *(
                self._alarm(f"{name}Late", metric, late, f"the function {name} falls behind its stream")
                for name, metric in reader_ages(watched).items()
            ),
            *(
                self._alarm_of_silence(f"{name}Silent", metric, f"the function {name} does not read its stream")
                for name, metric in polls(watched).items()
            ),
            *(
                self._alarm(
                    f"{name}Queue", metric, 1, f"{name}: input waits in the dead-letter queue; see it, redrive it"
                )
                for name, metric in queue_depths(watched).items()
            ),
            *(
                self._alarm(
                    f"{name}Waiting",
                    metric,
                    _WAITING_SECONDS,
                    f"{name}: messages wait in the queue, and nobody takes them",
                )
                for name, metric in message_ages(watched).items()
            ),
            *(
                self._alarm(f"{name}Errors", metric, 1, f"the function {name} fails")
                for name, metric in function_errors(watched).items()
            ),
            *(
                self._alarm(f"{name}Failed", metric, 1, f"an execution of {name} failed")
                for name, metric in failed_executions(watched).items()
            ),
            *(
                self._alarm(f"{name}TimedOut", metric, 1, f"an execution of {name} ran out of time and was ended")
                for name, metric in late_executions(watched).items()
            ),
            *(
                self._alarm_of_silence(f"{name}Down", metric, f"the Flink application {name} does not run")
                for name, metric in running_times(watched).items()
            ),
            *(
                self._alarm(f"{name}Restarts", metric, 1, f"the Flink application {name} restarts after failures")
                for name, metric in restarts(watched).items()
            ),
            self._alarm(
                "EventsRejected",
                rejected_events(),
                settings.rejected_events,
                "sources send events that break contracts",
            ),
        ]

    def _alarm(self, id_: str, metric: cloudwatch.IMetric, threshold: float, text: str) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            id_,
            metric=metric,
            threshold=threshold,
            evaluation_periods=1,
            comparison_operator=_AT_LEAST,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"Customer 360: {text}",
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        return alarm

    def _alarm_of_silence(self, id_: str, metric: cloudwatch.IMetric, text: str) -> cloudwatch.Alarm:
        """Make an alarm on what should be there: no data means that it is not. The keeper has one look to mend it."""
        alarm = cloudwatch.Alarm(
            self,
            id_,
            metric=metric,
            threshold=1,
            evaluation_periods=_SILENT_PERIODS,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            alarm_description=f"Customer 360: {text}",
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        return alarm


def iterator_ages(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How far behind the slowest reader of each stream is, in milliseconds."""
    return {
        name: _of_stream(stream, "GetRecords.IteratorAgeMilliseconds", statistic="Maximum")
        for name, stream in watched.streams.items()
    }


def reader_ages(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How old the last record of each batch was when its function was given it, in milliseconds."""
    return {
        name: function.metric("IteratorAge", period=_FIVE_MINUTES, statistic="Maximum")
        for name, (function, _) in watched.readers.items()
    }


def polls(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How often each stream that a function reads was asked for records; Lambda asks even where nothing comes."""
    return {name: _asked(source) for name, (_, source) in watched.readers.items()}


def _asked(source: DataStream | TableChanges) -> cloudwatch.Metric:
    if isinstance(source, DataStream):
        return _of_stream(source, "GetRecords.Success", statistic="SampleCount")
    # .../table/<name>/stream/<label>
    label = cdk.Fn.select(3, cdk.Fn.split("/", source.stream_arn))
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name="SuccessfulRequestLatency",
        dimensions_map={"TableName": source.table_name, "Operation": "GetRecords", "StreamLabel": label},
        period=_FIVE_MINUTES,
        statistic="SampleCount",
    )


def incoming_records(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How many records each stream takes."""
    return {name: _of_stream(stream, "IncomingRecords", statistic="Sum") for name, stream in watched.streams.items()}


def _of_stream(stream: DataStream, metric_name: str, *, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Kinesis",
        metric_name=metric_name,
        dimensions_map={"StreamName": stream.name},
        period=_FIVE_MINUTES,
        statistic=statistic,
    )


def queue_depths(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How many messages wait in each dead-letter queue."""
    return {
        name: queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum")
        for name, queue in watched.queues.items()
    }


def message_ages(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How long the oldest message of each queue that is read has waited, in seconds."""
    return {
        name: queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum")
        for name, queue in watched.waiting.items()
    }


def function_errors(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How often each function failed."""
    return {name: each.metric_errors(period=_FIVE_MINUTES) for name, each in watched.functions.items()}


def failed_executions(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How often each state machine failed; the jobs that it runs fail with it."""
    return {name: each.metric_failed(period=_FIVE_MINUTES) for name, each in watched.machines.items()}


def late_executions(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How often each state machine was ended because it ran too long, which does not count as failed."""
    return {name: each.metric_timed_out(period=_FIVE_MINUTES) for name, each in watched.machines.items()}


def running_times(watched: Watched) -> dict[str, cloudwatch.Metric]:
    """How long each application that should run has done so since its last start, in milliseconds; 0 when it fails."""
    return {name: _of_application(each, "runningTime") for name, each in watched.applications.items()}


def restarts(watched: Watched) -> dict[str, cloudwatch.MathExpression]:
    """How often each application has restarted after a failure, in each period."""
    return {
        name: cloudwatch.MathExpression(
            expression=f"DIFF(restartsOf{name})",
            using_metrics={f"restartsOf{name}": _of_application(each, "numRestarts")},
            period=_FIVE_MINUTES,
            label=name,
        )
        for name, each in watched.applications.items()
    }


def _of_application(application: flink.CfnApplication, metric_name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/KinesisAnalytics",
        metric_name=metric_name,
        dimensions_map={"Application": application.ref},
        period=_FIVE_MINUTES,
        statistic="Maximum",
    )


def rejected_events() -> cloudwatch.Metric:
    """How many events the collector refused."""
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name="EventsRejected",
        dimensions_map={"service": "collector"},
        period=_FIVE_MINUTES,
        statistic="Sum",
    )
