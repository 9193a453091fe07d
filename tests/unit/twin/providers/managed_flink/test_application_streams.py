"""The streams of an application come from its property groups, and from nowhere else."""

from typing import Any

import pytest

from c360_core.names import READS, WRITES, Property
from twin.providers.managed_flink.data_plane import ManagedFlinkError
from twin.providers.managed_flink.streams import deployed_streams


class Control:
    """Managed Flink's control plane with some applications, which it lists one by one."""

    def __init__(self, **applications: dict[str, str]) -> None:
        self.applications = applications

    def list_applications(self, *, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803  # boto3's name
        names = list(self.applications)
        place = int(NextToken)
        following = {"NextToken": str(place + 1)} if place + 1 < len(names) else {}
        return {"ApplicationSummaries": [{"ApplicationName": name} for name in names[place : place + 1]], **following}

    def describe_application(self, *, ApplicationName: str) -> dict[str, Any]:  # noqa: N803  # boto3's name
        group = {"PropertyGroupId": Property.STREAMS, "PropertyMap": self.applications[ApplicationName]}
        configuration = {"EnvironmentPropertyDescriptions": {"PropertyGroupDescriptions": [group]}}
        return {
            "ApplicationDetail": {
                "ApplicationName": ApplicationName,
                "ApplicationConfigurationDescription": configuration,
            }
        }


def test_the_streams_of_all_applications_are_put_together() -> None:
    control = Control(
        clean={READS: "c360-dev-events", WRITES: "c360-dev-interactions"},
        unify={READS: "c360-dev-interactions, c360-dev-identity-changes", WRITES: "c360-dev-profile-changes"},
    )

    streams = deployed_streams(control)

    assert streams.reads == {"c360-dev-events", "c360-dev-interactions", "c360-dev-identity-changes"}
    assert streams.writes == {"c360-dev-interactions", "c360-dev-profile-changes"}


def test_without_applications_there_are_no_streams() -> None:
    streams = deployed_streams(Control())

    assert streams.reads == streams.writes == frozenset()


def test_an_application_that_does_not_say_what_it_writes_is_named() -> None:
    with pytest.raises(ManagedFlinkError, match="score: property group `streams` lacks `writes`; name the streams"):
        deployed_streams(Control(score={READS: "c360-dev-events"}))
