"""The streams of an application come from the property groups of its template, and from nowhere else."""

import pytest

from c360_core.names import READS, WRITES, Property
from twin.emulator.stand_ins import Resource
from twin.providers.managed_flink.data_plane import ManagedFlinkError
from twin.providers.managed_flink.streams import deployed_streams


def application(name: str, streams: dict[str, str]) -> Resource:
    groups = [
        {"PropertyGroupId": "lake", "PropertyMap": {READS: "not-a-stream"}},
        {"PropertyGroupId": str(Property.STREAMS), "PropertyMap": streams},
    ]
    return Resource(
        type_name="AWS::KinesisAnalyticsV2::Application",
        physical_id=f"{name}-1",
        logical_id=name,
        stack="c360-dev-collection",
        properties={
            "ServiceExecutionRole": f"arn:aws:iam::123456789012:role/{name}",
            "ApplicationConfiguration": {"EnvironmentProperties": {"PropertyGroups": groups}},
        },
        attributes={},
    )


def test_each_stream_is_used_by_the_role_of_the_first_application_that_names_it() -> None:
    streams = deployed_streams(
        [
            application("Clean", {READS: "c360-dev-events", WRITES: "c360-dev-interactions"}),
            application(
                "Unify",
                {READS: "c360-dev-interactions, c360-dev-identity-changes", WRITES: "c360-dev-profile-changes"},
            ),
            application("Copy", {READS: "c360-dev-events", WRITES: ""}),
        ]
    )

    clean, unify = "arn:aws:iam::123456789012:role/Clean", "arn:aws:iam::123456789012:role/Unify"
    assert streams.reads == {
        "c360-dev-events": clean,
        "c360-dev-interactions": unify,
        "c360-dev-identity-changes": unify,
    }
    assert streams.writes == {"c360-dev-interactions": clean, "c360-dev-profile-changes": unify}


def test_without_applications_there_are_no_streams() -> None:
    streams = deployed_streams([])

    assert streams.reads == streams.writes == {}


def test_an_application_that_does_not_say_what_it_writes_is_named() -> None:
    with pytest.raises(
        ManagedFlinkError, match="c360-dev-collection/Score: property group `streams` lacks `writes`; name the streams"
    ):
        deployed_streams([application("Score", {READS: "c360-dev-events"})])
