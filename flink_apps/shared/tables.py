"""Table definitions in SQL, built from property groups and columns.

Columns and queries are the same on Kinesis and on Kafka; only the options after WITH differ.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from c360_core.contracts import Table
from c360_core.names import Stream
from c360_core.projections import flink_type
from flink_apps.shared.properties import (
    LakeSettings,
    PropertyError,
    StreamProperties,
    StreamProvider,
    property_key,
)

Column = tuple[str, str]

LAKE_CATALOG: Final = "glue_catalog"
IAM_LOGIN: Final = "software.amazon.msk.auth.iam.IAMLoginModule required;"
IAM_CALLBACK: Final = "software.amazon.msk.auth.iam.IAMClientCallbackHandler"

RAW_FORMAT: Final[Mapping[str, str]] = {"format": "raw", "raw.charset": "UTF-8"}
JSON_FORMAT: Final[Mapping[str, str]] = {
    "format": "json",
    "json.timestamp-format.standard": "ISO-8601",
    "json.encode.decimal-as-plain-number": "true",
    "json.encode.ignore-null-fields": "true",
}
# Short enough that a profile follows its event within seconds, long enough to fill a batch per shard.
LINGER_MILLISECONDS: Final = 20
KINESIS_FLUSH_MILLISECONDS: Final = 100
# A shard allows five reads per second for all its readers together.
KINESIS_POLL_MILLISECONDS: Final = 250
# A reader lists the shards at this interval, and reads nothing before the first list.
KINESIS_DISCOVERY_SECONDS: Final = 2


def contract_columns(table: Table, *, lake: bool = False) -> list[Column]:
    """Return the columns of a contract's table; lake-only columns are included if `lake` is true."""
    return [(field.name, flink_type(field)) for field in table.fields if lake or not field.lake_only]


def stream_source(
    table: str,
    columns: Sequence[Column],
    *,
    stream: Stream,
    streams: StreamProperties,
    group: str,
    format_options: Mapping[str, str],
    extra_columns: Sequence[str] = (),
) -> str:
    """Return a CREATE TABLE statement that reads a stream from its beginning.

    Args:
        table: name of the table.
        columns: physical columns, as (name, Flink SQL type).
        stream: the stream.
        streams: names and addresses of the streams.
        group: consumer group on Kafka.
        format_options: options of the format that parses a record.
        extra_columns: further definitions, such as a computed column or a watermark.

    Raises:
        PropertyError: the property group does not name the stream.
    """
    if streams.provider is StreamProvider.KAFKA:
        options = {
            **_kafka(stream, streams),
            "properties.group.id": group,
            "scan.startup.mode": "earliest-offset",
            **format_options,
        }
    else:
        options = {
            **_kinesis(stream, streams),
            "source.init.position": "TRIM_HORIZON",
            "source.shard.discovery.interval": f"{KINESIS_DISCOVERY_SECONDS} s",
            "source.reader.empty-records-fetch-interval": f"{KINESIS_POLL_MILLISECONDS} ms",
            **format_options,
        }
    return create_table(table, columns, options=options, extra_columns=extra_columns)


def stream_sink(
    table: str,
    columns: Sequence[Column],
    *,
    stream: Stream,
    streams: StreamProperties,
    key: str,
    format_options: Mapping[str, str],
) -> str:
    """Return a CREATE TABLE statement that writes to a stream, at least once and in no order, not even per key.

    Args:
        table: name of the table.
        columns: columns, as (name, Flink SQL type).
        stream: the stream.
        streams: names and addresses of the streams.
        key: the column with the record's key; it is part of the record, too.
        format_options: options of the format that writes a record.

    Raises:
        PropertyError: the property group does not name the stream.
    """
    if streams.provider is StreamProvider.KAFKA:
        value_format = dict(format_options)
        options = {
            **_kafka(stream, streams),
            "key.format": "raw",
            "key.fields": key,
            "value.format": value_format.pop("format"),
            **{f"value.{option}": value for option, value in value_format.items()},
            "sink.delivery-guarantee": "at-least-once",
            "properties.linger.ms": str(LINGER_MILLISECONDS),
            # zstd compresses in native code. lz4 would be slow here: applications cannot load its native library.
            "properties.compression.type": "zstd",
        }
        return create_table(table, columns, options=options)
    options = {
        **_kinesis(stream, streams),
        "sink.flush-buffer.timeout": str(KINESIS_FLUSH_MILLISECONDS),
        # Parallel requests would overtake each other more often, and readers drop records that arrive late. One request
        # at a time still gives no order: records that Kinesis refuses are sent again after their neighbours.
        "sink.requests.max-inflight": "1",
        **format_options,
    }
    return create_table(table, columns, options=options, partitioned_by=key)


def lake_catalog(lake: LakeSettings, *, endpoint: str | None) -> str:
    """Return the CREATE CATALOG of the lake: Iceberg tables in the Glue catalog, files on S3.

    Args:
        lake: locations of the tables.
        endpoint: endpoint of an emulator for all AWS services; None on AWS.
    """
    options = {
        "type": "iceberg",
        "catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "warehouse": lake.warehouse,
        # The templates own the tables: a write must not archive old versions in the catalog.
        "glue.skip-archive": "true",
    }
    if endpoint is not None:
        options |= {"s3.endpoint": endpoint, "glue.endpoint": endpoint, "s3.path-style-access": "true"}
    return f"CREATE CATALOG {LAKE_CATALOG} WITH (\n{_options(options)}\n)"


def lake_table(database: str, table: str) -> str:
    """Return the full, quoted name of a lake table."""
    return f"`{LAKE_CATALOG}`.`{database}`.`{table}`"


def create_table(
    table: str,
    columns: Sequence[Column],
    *,
    options: Mapping[str, str],
    extra_columns: Sequence[str] = (),
    partitioned_by: str | None = None,
) -> str:
    """Return a CREATE TEMPORARY TABLE statement; `extra_columns` are inserted unchanged."""
    lines = [f"  `{name}` {kind}" for name, kind in columns] + [f"  {line}" for line in extra_columns]
    partition = f" PARTITIONED BY (`{partitioned_by}`)" if partitioned_by else ""
    body = ",\n".join(lines)
    return f"CREATE TEMPORARY TABLE `{table}` (\n{body}\n){partition} WITH (\n{_options(options)}\n)"


def _kafka(stream: Stream, streams: StreamProperties) -> dict[str, str]:
    options = {
        "connector": "kafka",
        "topic": _located(streams.names, stream, property_key(stream)),
        "properties.bootstrap.servers": streams.bootstrap_servers or "",
    }
    if streams.security_protocol is not None:
        options |= {
            "properties.security.protocol": streams.security_protocol,
            "properties.sasl.mechanism": "AWS_MSK_IAM",
            "properties.sasl.jaas.config": IAM_LOGIN,
            "properties.sasl.client.callback.handler.class": IAM_CALLBACK,
        }
    return options


def _kinesis(stream: Stream, streams: StreamProperties) -> dict[str, str]:
    return {
        "connector": "kinesis",
        "stream.arn": _located(streams.arns, stream, f"{property_key(stream)}_arn"),
        "aws.region": streams.region,
    }


def _located(where: Mapping[Stream, str], stream: Stream, key: str) -> str:
    if stream not in where:
        raise PropertyError(f"property group `streams` lacks `{key}`; this application needs the stream `{stream}`")
    return where[stream]


def _options(options: Mapping[str, str]) -> str:
    return ",\n".join(f"  '{key}' = '{_escaped(value)}'" for key, value in options.items())


def _escaped(value: str) -> str:
    return value.replace("'", "''")
