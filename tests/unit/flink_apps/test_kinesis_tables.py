"""Every Kinesis table that an application defines is one that the connector can run, which plans more than it runs."""

from pathlib import Path

import pytest

from c360_core import contracts
from c360_core.names import Stream
from flink_apps.clean.tables import events_table, interactions_table
from flink_apps.shared.properties import StreamProperties, StreamProvider
from flink_apps.unify.tables import stream_tables
from tests.unit.flink_apps.kinesis_connector import findings, taken_apart

ROOT = Path(__file__).resolve().parents[3]
STREAMS = StreamProperties(
    provider=StreamProvider.KINESIS,
    region="eu-central-1",
    names={stream: str(stream) for stream in Stream},
    arns={stream: f"arn:aws:kinesis:eu-central-1:123456789012:stream/{stream}" for stream in Stream},
)
OF_UNIFY = stream_tables(contracts.load(), STREAMS)
SOURCES = [events_table(STREAMS), *OF_UNIFY[:-1]]
SINKS = [interactions_table(STREAMS), OF_UNIFY[-1]]


def with_columns(*columns: str) -> str:
    """Return a good source with further columns."""
    return SOURCES[0].replace("  `body` BYTES,\n", "".join(f"  {column},\n" for column in ("`body` BYTES", *columns)))


def name(statement: str) -> str:
    return statement.split("`")[1]


@pytest.mark.parametrize("statement", SOURCES, ids=name)
def test_sources_are_as_the_connector_documents_them(statement):
    assert findings(statement, reads=True) == []


@pytest.mark.parametrize("statement", SINKS, ids=name)
def test_sinks_are_as_the_connector_documents_them(statement):
    assert findings(statement, reads=False) == []


def test_all_streams_are_covered():
    named = {taken_apart(statement).options["stream.arn"].rpartition("/")[2] for statement in SOURCES + SINKS}
    assert named == set(Stream)


@pytest.mark.parametrize("statement", SOURCES, ids=name)
def test_new_shards_are_found_within_seconds(statement):
    assert taken_apart(statement).options["source.shard.discovery.interval"] == "2 s"


@pytest.mark.parametrize(
    ("statement", "reads", "finding"),
    [
        (
            with_columns("`n` VARCHAR(128) NOT NULL METADATA FROM 'sequence-number' VIRTUAL"),
            True,
            "the column of `sequence-number` is planned and never filled",
        ),
        (with_columns("`timestamp` TIMESTAMP_LTZ(3) METADATA"), True, "the column of `timestamp` is planned"),
        (with_columns("`offset` BIGINT METADATA VIRTUAL"), True, "`offset` is no metadata"),
        (SOURCES[0].replace("source.init.position", "scan.stream.initpos"), True, "`scan.stream.initpos` is no option"),
        (SOURCES[0].replace("discovery.interval", "discovery.intervall"), True, "`source.shard.discovery.intervall`"),
        (SOURCES[0].replace("TRIM_HORIZON", "EARLIEST"), True, "`source.init.position` is none"),
        (SOURCES[0].replace("'2 s'", "'2000'"), True, "`source.shard.discovery.interval` is no duration"),
        (SOURCES[0].replace("'stream.arn'", "'stream'"), True, "`stream.arn` is missing"),
        (SOURCES[0], False, "`source.init.position` is no option"),
        (SINKS[0].replace("sink.flush-buffer.timeout", "sink.linger"), False, "`sink.linger` is no option"),
        (
            SINKS[0].replace("sink.flush-buffer.timeout", "sink.partitioner"),
            False,
            "`sink.partitioner` does not go with PARTITIONED BY",
        ),
    ],
)
def test_missing_features_of_the_connector_are_found(statement, reads, finding):
    assert any(found.startswith(finding) for found in findings(statement, reads=reads))


def test_the_connector_brings_no_class_of_flink_itself():
    pom = (ROOT / "flink_apps" / "java" / "pom.xml").read_text(encoding="utf-8")
    _, _, connector = pom.partition("<artifactId>flink-connector-aws-kinesis-streams</artifactId>")
    excluded, _, _ = connector.partition("</exclusions>")
    assert "<artifactId>flink-table-common</artifactId>" in excluded
