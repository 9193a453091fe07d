"""What Flink's Kinesis table connector 6.0 documents: its options, and what it accepts and then fails on.

The connector itself leaves options that start with `aws.`, `source.` or `sink.` unchecked, so that a misspelt one is
ignored; and it accepts metadata columns when it plans that it never fills when it runs. Here both are findings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

REQUIRED: Final = frozenset({"connector", "stream.arn", "aws.region", "format"})
COMMON: Final = REQUIRED | {
    "aws.endpoint",
    "aws.trust.all.certificates",
    "aws.credentials.provider",
    "aws.credentials.basic.accesskeyid",
    "aws.credentials.basic.secretkey",
    "aws.credentials.profile.path",
    "aws.credentials.profile.name",
    "aws.credentials.role.arn",
    "aws.credentials.role.sessionName",
    "aws.credentials.role.externalId",
    "aws.credentials.role.stsEndpoint",
    "aws.credentials.role.provider",
    "aws.credentials.webIdentityToken.file",
    "aws.credentials.custom.class",
}
SOURCE: Final = frozenset(
    {
        "source.init.position",
        "source.init.timestamp",
        "source.init.timestamp.format",
        "source.shard.discovery.interval",
        "source.shard.get-records.max-record-count",
        "source.reader.type",
        "source.reader.empty-records-fetch-interval",
        "source.efo.consumer.name",
        "source.efo.lifecycle",
        "source.efo.subscription.timeout",
        "source.efo.deregister.timeout",
        "source.efo.describe.retry-strategy.attempts.max",
        "source.efo.describe.retry-strategy.delay.min",
        "source.efo.describe.retry-strategy.delay.max",
    }
)
SINK: Final = frozenset(
    {
        "sink.partitioner",
        "sink.partitioner-field-delimiter",
        "sink.fail-on-error",
        "sink.http-client.max-concurrency",
        "sink.http-client.read-timeout",
        "sink.http-client.protocol.version",
        "sink.batch.max-size",
        "sink.requests.max-inflight",
        "sink.requests.max-buffered",
        "sink.flush-buffer.size",
        "sink.flush-buffer.timeout",
    }
)
POSITIONS: Final = frozenset({"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"})
DURATION: Final = re.compile(r"[1-9]\d* (ms|s|min|h)")
# FLINK-36671: the rows that arrive are shorter than planned, which ends the job on its first record.
NEVER_FILLED: Final = frozenset({"timestamp", "shard-id", "sequence-number"})

_OPTION: Final = re.compile(r"^  '((?:[^']|'')+)' = '((?:[^']|'')*)'", re.MULTILINE)
_METADATA: Final = re.compile(r"^  `([^`]+)` .*\bMETADATA\b(?: FROM '([^']+)')?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A rendered CREATE TABLE, taken apart."""

    options: Mapping[str, str]
    metadata: Sequence[str]
    partitioned: bool


def taken_apart(text: str) -> Statement:
    columns, _, options = text.partition(" WITH (\n")
    return Statement(
        options={key: value.replace("''", "'") for key, value in _OPTION.findall(options)},
        metadata=[key or name for name, key in _METADATA.findall(columns)],
        partitioned="\n) PARTITIONED BY (" in columns,
    )


def findings(text: str, *, reads: bool) -> list[str]:
    """Return what the connector would not do as this CREATE TABLE says; `reads`: the table is a source."""
    statement = taken_apart(text)
    options = statement.options
    allowed = COMMON | (SOURCE if reads else SINK)
    of_format = f"{options.get('format')}."
    found = [f"`{key}` is missing" for key in sorted(REQUIRED - set(options))]
    found += [
        f"`{key}` is no option" for key in sorted(options) if key not in allowed and not key.startswith(of_format)
    ]
    found += [
        f"the column of `{key}` is planned and never filled" if key in NEVER_FILLED else f"`{key}` is no metadata"
        for key in statement.metadata
    ]
    found += [
        f"`{key}` is no duration"
        for key, value in options.items()
        if key.startswith("source.") and key.endswith(".interval") and not DURATION.fullmatch(value)
    ]
    if options.get("source.init.position", "LATEST") not in POSITIONS:
        found.append("`source.init.position` is none of the positions")
    if statement.partitioned and "sink.partitioner" in options:
        found.append("`sink.partitioner` does not go with PARTITIONED BY")
    return found
