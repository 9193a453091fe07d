"""Which streams the deployed applications read and write: the property groups of their templates say so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from c360_core.names import READS, WRITES, Property
from twin.emulator.stand_ins import Resource
from twin.providers.managed_flink.data_plane import ManagedFlinkError


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationStreams:
    """Names of streams, and the ARN of the role that uses each: of several applications, the first one's.

    Attributes:
        reads: what at least one application reads.
        writes: what at least one application writes.
    """

    reads: Mapping[str, str]
    writes: Mapping[str, str]


def deployed_streams(applications: Iterable[Resource]) -> ApplicationStreams:
    """Return the streams of all applications.

    Args:
        applications: the deployed resources, with their resolved properties.

    Raises:
        ManagedFlinkError: an application's property groups do not say what it reads or writes.
    """
    stated = list(applications)
    return ApplicationStreams(reads=_users(stated, READS), writes=_users(stated, WRITES))


def _users(applications: Iterable[Resource], key: str) -> dict[str, str]:
    users: dict[str, str] = {}
    for application in applications:
        for name in _names(application, key):
            users.setdefault(name, str(application.properties["ServiceExecutionRole"]))
    return users


def _names(application: Resource, key: str) -> list[str]:
    text = _stream_properties(application.properties).get(key)
    if text is None:
        raise ManagedFlinkError(
            f"{application.stack}/{application.logical_id}: property group `{Property.STREAMS}` lacks `{key}`; name "
            "the streams there, separated by commas"
        )
    return list(named_streams(text))


def named_streams(text: str) -> Iterator[str]:
    """Yield the names in the value of a property that lists streams."""
    return (name.strip() for name in text.split(",") if name.strip())


def _stream_properties(properties: Mapping[str, Any]) -> Mapping[str, str]:
    environment = properties.get("ApplicationConfiguration", {}).get("EnvironmentProperties", {})
    groups = (group for group in environment.get("PropertyGroups", ()) if group["PropertyGroupId"] == Property.STREAMS)
    return next((group["PropertyMap"] for group in groups), {})
