"""Which streams the deployed applications read and write: their property groups say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from c360_core.names import READS, WRITES, Property
from twin.providers.managed_flink.data_plane import ManagedFlinkError, property_groups

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationStreams:
    """Names of streams.

    Attributes:
        reads: what at least one application reads.
        writes: what at least one application writes.
    """

    reads: frozenset[str]
    writes: frozenset[str]


def deployed_streams(control: Any) -> ApplicationStreams:
    """Return the streams of all deployed applications.

    Args:
        control: boto3 client of Managed Flink.

    Raises:
        ManagedFlinkError: an application's property groups do not say what it reads or writes.
    """
    applications = list(_applications(control))
    return ApplicationStreams(
        reads=frozenset(name for record in applications for name in _names(record, READS)),
        writes=frozenset(name for record in applications for name in _names(record, WRITES)),
    )


def _applications(control: Any) -> Iterator[Record]:
    request: dict[str, Any] = {}
    while True:
        answer = control.list_applications(**request)
        for summary in answer["ApplicationSummaries"]:
            described = control.describe_application(ApplicationName=summary["ApplicationName"])
            yield described["ApplicationDetail"]
        if not answer.get("NextToken"):
            return
        request = {"NextToken": answer["NextToken"]}


def _names(application: Record, key: str) -> list[str]:
    text = property_groups(application).get(Property.STREAMS, {}).get(key)
    if text is None:
        raise ManagedFlinkError(
            f"{application['ApplicationName']}: property group `{Property.STREAMS}` lacks `{key}`; name the streams "
            "there, separated by commas"
        )
    return [name.strip() for name in text.split(",") if name.strip()]
