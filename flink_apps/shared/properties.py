"""The application's property groups, typed.

Managed Flink writes the template's groups to a file on every node. On the laptop an environment variable names the
file. An application has no other configuration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from c360_core.names import Property, Stream, Zone

SERVICE_FILE: Final = "/etc/flink/application_properties.json"
PROPERTIES_FILE_VARIABLE: Final = "C360_FLINK_PROPERTIES"

Groups = Mapping[str, Mapping[str, str]]


class PropertyError(ValueError):
    """A property is missing or wrong; the message names the file, the group, the key and the fix."""


class StreamProvider(StrEnum):
    """The service that carries the streams."""

    KINESIS = "kinesis"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProperties:
    """Names and addresses of the streams.

    Attributes:
        provider: Kinesis or Kafka (MSK).
        region: AWS region of the streams.
        names: name of the stream or topic; only of streams that this application uses.
        arns: ARN of the stream; empty with Kafka.
        bootstrap_servers: Kafka brokers, comma-separated; None with Kinesis.
        security_protocol: `SASL_SSL` for MSK with IAM; None for an unencrypted connection.
    """

    provider: StreamProvider
    region: str
    names: Mapping[Stream, str]
    arns: Mapping[Stream, str]
    bootstrap_servers: str | None = None
    security_protocol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeSettings:
    """Locations of the Iceberg tables: the warehouse as an S3 address, and the databases of this application."""

    warehouse: str
    databases: Mapping[Zone, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """A reference to the secret for hashing identifiers; never its value."""

    hash_secret_arn: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """How long `clean` keeps state, including event ids, and the gap between two sessions in minutes."""

    state_ttl_hours: int
    session_gap_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnifyTuningSettings:
    """For how many days `unify` keeps a record, to drop duplicates, and a timeline entry, to move it."""

    deduplication_days: int
    timeline_ttl_days: int


class ApplicationProperties:
    """Property groups by name.

    Args:
        groups: the properties by group and key.
        origin: where they come from, for error messages.
    """

    def __init__(self, groups: Groups, *, origin: str) -> None:
        self._groups = groups
        self._origin = origin

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> "ApplicationProperties":
        """Read the file of the service, or the file that the environment names.

        Raises:
            PropertyError: the file is missing or is no list of property groups.
        """
        path = Path(environment.get(PROPERTIES_FILE_VARIABLE, SERVICE_FILE))
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise PropertyError(
                f"{path}: no such file; outside Managed Flink, set {PROPERTIES_FILE_VARIABLE} to a copy of it"
            ) from error
        except ValueError as error:
            raise PropertyError(f"{path}: not JSON ({error})") from error
        return cls(_groups(document, path), origin=str(path))

    def text(self, group: str, key: str) -> str:
        """Return a property, or raise PropertyError when it is missing or empty."""
        value = self.optional(group, key)
        if value is None:
            raise PropertyError(
                f"{self._origin}: property group `{group}` lacks `{key}`; add it to the application's "
                f"EnvironmentProperties"
            )
        return value

    def integer(self, group: str, key: str) -> int:
        """Return a property that is a positive whole number, or raise PropertyError."""
        value = self.text(group, key)
        if not value.isdecimal() or int(value) == 0:
            raise PropertyError(
                f"{self._origin}: `{key}` of property group `{group}` is `{value}`; write a whole number above 0"
            )
        return int(value)

    def optional(self, group: str, key: str) -> str | None:
        """Return a property, or None when it is missing or empty."""
        return self._groups.get(group, {}).get(key) or None

    def environment(self) -> str:
        """Return the name of the environment."""
        return self.text(Property.ENVIRONMENT, "name")

    def streams(self) -> StreamProperties:
        """Return the streams; raises PropertyError for an unknown or incompletely configured provider."""
        text = self.text(Property.STREAMS, "provider")
        if text not in set(StreamProvider):
            raise PropertyError(
                f"{self._origin}: `provider` of property group `streams` is `{text}`; write one of "
                f"{', '.join(StreamProvider)}"
            )
        provider = StreamProvider(text)
        kafka = provider is StreamProvider.KAFKA
        return StreamProperties(
            provider=provider,
            region=self.text(Property.STREAMS, "region"),
            names=self._by_stream(""),
            arns={} if kafka else self._by_stream("_arn"),
            bootstrap_servers=self.text(Property.STREAMS, "bootstrap.servers") if kafka else None,
            security_protocol=self.optional(Property.STREAMS, "security.protocol") if kafka else None,
        )

    def lake(self, *zones: Zone) -> LakeSettings:
        """Return the locations of the Iceberg tables of these zones."""
        group = Property.LAKE
        return LakeSettings(
            warehouse=self.text(group, "warehouse"),
            databases={zone: self.text(group, f"{zone}_database") for zone in zones},
        )

    def identity(self) -> IdentitySettings:
        """Return the reference to the hashing secret."""
        return IdentitySettings(
            hash_secret_arn=self.text(Property.IDENTITY, "hash_secret_arn"),
            region=self.text(Property.STREAMS, "region"),
        )

    def tuning(self) -> TuningSettings:
        """Return how long `clean` keeps state."""
        group = Property.TUNING
        return TuningSettings(
            state_ttl_hours=self.integer(group, "state_ttl_hours"),
            session_gap_minutes=self.integer(group, "session_gap_minutes"),
        )

    def unify_tuning(self) -> UnifyTuningSettings:
        """Return how long `unify` keeps single records."""
        group = Property.TUNING
        return UnifyTuningSettings(
            deduplication_days=self.integer(group, "deduplication_days"),
            timeline_ttl_days=self.integer(group, "timeline_ttl_days"),
        )

    def _by_stream(self, suffix: str) -> dict[Stream, str]:
        found = {stream: self.optional(Property.STREAMS, property_key(stream) + suffix) for stream in Stream}
        return {stream: value for stream, value in found.items() if value is not None}


def property_key(stream: Stream) -> str:
    """Return the key of a stream in the group `streams`, for example `identity_changes`."""
    return stream.replace("-", "_")


def _groups(document: Any, path: Path) -> dict[str, dict[str, str]]:
    try:
        return {group["PropertyGroupId"]: dict(group["PropertyMap"]) for group in document}
    except (KeyError, TypeError, ValueError) as error:
        raise PropertyError(
            f'{path}: expected a list of {{"PropertyGroupId": ..., "PropertyMap": {{...}}}}, got something else '
            f"({error!r})"
        ) from error
