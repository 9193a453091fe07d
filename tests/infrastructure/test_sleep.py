"""An environment that sleeps has no streams and keeps the rest; both ways lead there and back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.api import lint_by_config
from cfnlint.config import ManualArgs

from c360_core.names import STACKS, Stream, stream_name
from tests.infrastructure.assembly import Assembly, listed, resolve, statements
from tests.infrastructure.differences import reviewable
from tests.infrastructure.findings import open_findings, unused_acknowledgements
from tests.infrastructure.test_templates import ACCEPTED_RULES

GONE = {
    "collection": ["AWS::Kinesis::Stream"] * 2
    + ["AWS::KinesisAnalyticsV2::Application", "AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"],
    "unification": ["AWS::Kinesis::Stream"] * 2
    + ["AWS::KinesisAnalyticsV2::Application", "AWS::KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"]
    + ["AWS::Lambda::EventSourceMapping"],
    # Two for each stream: its readers are late, and what it keeps runs out. Two for the function that reads one: it is
    # late, or silent.
    "operations": ["AWS::CloudWatch::Alarm"] * 10,
}
ARNS = {f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream_name('dev', stream)}" for stream in Stream}


@pytest.fixture(params=["dev", "asleep"])
def either(request) -> Assembly:
    return request.getfixturevalue(request.param)


def without_order(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "DependsOn"}


def imports(document: Any) -> Iterator[str]:
    """Yield the exports that a template reads."""
    match document:
        case {"Fn::ImportValue": name}:
            yield resolve(name)
        case dict():
            for value in document.values():
                yield from imports(value)
        case list():
            for value in document:
                yield from imports(value)


def exports(assembly: Assembly) -> set[str]:
    outputs = [output for template in assembly.templates.values() for output in template.get("Outputs", {}).values()]
    return {resolve(output["Export"]["Name"]) for output in outputs if "Export" in output}


@pytest.mark.parametrize("pillar", STACKS)
def test_streams_and_what_cannot_be_without_them_are_all_that_is_missing(dev, asleep, pillar):
    awake, sleeping = (reviewable(each.templates[pillar])["Resources"] for each in (dev, asleep))
    gone = sorted(awake[name]["Type"] for name in awake.keys() - sleeping.keys())
    assert gone == sorted(GONE.get(pillar, []))
    assert sleeping.keys() <= awake.keys()
    changed = [awake[name]["Type"] for name in sleeping if without_order(awake[name]) != without_order(sleeping[name])]
    assert changed == (["AWS::CloudWatch::Dashboard"] if pillar == "operations" else [])


def test_nothing_waits_for_a_stream_that_is_not_there(asleep):
    for resource in asleep.resources():
        assert all(
            name in asleep.templates[resource.pillar]["Resources"] for name in resource.document.get("DependsOn", ())
        )


def test_only_the_readers_of_tables_and_queues_are_fed(asleep):
    mappings = asleep.resources("AWS::Lambda::EventSourceMapping")
    reports, files, table = sorted(resolve(mapping.properties["EventSourceArn"]) for mapping in mappings)
    assert "DeliveryReports" in reports
    assert "FileIngestionLanded" in files
    assert "SingleView" in table


def test_nothing_is_watched_on_a_stream_that_is_not_there(asleep):
    watched = [alarm.properties["Namespace"] for alarm in asleep.resources("AWS::CloudWatch::Alarm")]
    assert watched
    assert "AWS/Kinesis" not in watched
    (dashboard,) = asleep.resources("AWS::CloudWatch::Dashboard")
    assert "AWS/Kinesis" not in resolve(dashboard.properties["DashboardBody"])


def test_resources_that_sleep_are_imported_by_no_stack(dev, asleep):
    """CloudFormation deletes no export that is in use, and finds none that is not there yet."""
    for here, there in ((dev, asleep), (asleep, dev)):
        read = {name for template in here.templates.values() for name in imports(template)}
        assert read
        assert read <= exports(there)


def test_streams_are_never_imported(assembly):
    streams = [stream.logical_id for stream in assembly.resources("AWS::Kinesis::Stream")]
    assert len(streams) == len(Stream)
    read = [name for template in assembly.templates.values() for name in imports(template)]
    assert [name for name in read if any(stream in name for stream in streams)] == []


def test_rights_on_streams_name_them_one_by_one_awake_and_asleep(either):
    named = {
        resolve(resource)
        for _, statement in statements(either)
        if any(action.startswith("kinesis:") for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    assert named == ARNS


def test_the_names_of_the_streams_are_outputs_awake_and_asleep(either):
    outputs = {name: output["Value"] for template in either.templates.values()
               for name, output in template.get("Outputs", {}).items()}  # fmt: skip
    told = {resolve(value) for name, value in outputs.items() if name.endswith("StreamName")}
    assert told == {stream_name("dev", stream) for stream in Stream}


def test_unification_is_deployed_after_collection_whose_streams_it_uses(assembly):
    manifest = json.loads((assembly.folder / "manifest.json").read_text())
    environment = assembly.settings.environment
    assert f"C360-{environment}-Collection" in manifest["artifacts"][f"C360-{environment}-Unification"]["dependencies"]


def test_asleep_nag_has_nothing_open_and_cfn_lint_nothing_to_say(asleep):
    assert open_findings(asleep.report) == []
    assert unused_acknowledgements(asleep.folder, asleep.report) == set()
    files = [str(path) for path in asleep.files]
    findings = lint_by_config(ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED_RULES, templates=files))
    assert [str(finding) for finding in findings] == []
