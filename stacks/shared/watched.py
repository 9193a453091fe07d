"""What operations watches: each stack names its own moving parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from stacks.constructs.data_stream import DataStream


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanges:
    """The stream of a table's changes."""

    table_name: str
    stream_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Moving parts by a name that tells a person at night which one it is.

    `queues` are those for what nobody could handle, `waiting` those whose messages are soon taken. `applications` are
    those that the settings keep running; a stopped one has nothing to say. Neither has a stream of an environment that
    sleeps. `readers` are the functions that are fed from a stream, with what they read: as long as it is there, they
    read it.
    """

    functions: Mapping[str, lambda_.IFunction] = field(default_factory=dict)
    queues: Mapping[str, sqs.IQueue] = field(default_factory=dict)
    waiting: Mapping[str, sqs.IQueue] = field(default_factory=dict)
    machines: Mapping[str, sfn.IStateMachine] = field(default_factory=dict)
    streams: Mapping[str, DataStream] = field(default_factory=dict)
    readers: Mapping[str, tuple[lambda_.IFunction, DataStream | TableChanges]] = field(default_factory=dict)
    applications: Mapping[str, flink.CfnApplication] = field(default_factory=dict)

    def __add__(self, other: Self) -> Self:
        """Return the parts of both."""
        return type(self)(
            **{part.name: {**getattr(self, part.name), **getattr(other, part.name)} for part in fields(self)}
        )
