"""Types that the emulator lacks are checked against AWS's schema and keep their resolved properties."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.stand_ins import PropertiesError, ResourceRegistry, StandInTypes

MAPPING = {
    "SchemaName": "people",
    "MappedInputFields": [
        {"FieldName": "record_id", "Type": "UNIQUE_ID"},
        {"FieldName": "email", "Type": "EMAIL_ADDRESS", "MatchKey": "email"},
    ],
}
TYPE = "AWS::EntityResolution::SchemaMapping"


@pytest.fixture
def registry(tmp_path: Path) -> ResourceRegistry:
    return ResourceRegistry(path=tmp_path / "stand-ins.json")


@pytest.fixture
def types(registry: ResourceRegistry) -> StandInTypes:
    return StandInTypes({"AWS::S3::Bucket": {"create": None}}, registry=registry, account="1", region="us-east-1")


def test_a_type_of_the_emulator_stays_the_emulators(types: StandInTypes) -> None:
    assert types["AWS::S3::Bucket"] == {"create": None}


def test_a_created_resource_keeps_its_resolved_properties(types: StandInTypes, registry: ResourceRegistry) -> None:
    physical_id, attributes = types[TYPE]["create"]("Mapping", MAPPING, "stack")

    assert physical_id == "people"
    assert attributes["SchemaArn"] == "arn:aws:entityresolution:us-east-1:1:schemamapping/people"
    assert registry.find(TYPE, "SchemaName", "people") == MAPPING
    assert json.loads(registry.path.read_text())[0]["properties"] == MAPPING


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SchemaName": None}, "SchemaName"),
        ({"MappedInputFields": [{"FieldName": "record_id", "Type": "NAME_OF_PET"}] * 2}, "MappedInputFields/0/Type"),
        ({"Colour": "red"}, r"unknown properties \['Colour'\]"),
    ],
)
def test_properties_that_the_schema_refuses_are_named(types: StandInTypes, change: dict[str, Any], said: str) -> None:
    with pytest.raises(PropertiesError, match=f"{TYPE} Mapping: {said}"):
        types[TYPE]["create"]("Mapping", {**MAPPING, **change}, "stack")


def test_a_missing_required_property_is_named(types: StandInTypes) -> None:
    with pytest.raises(PropertiesError, match="'MappedInputFields' is a required property"):
        types[TYPE]["create"]("Mapping", {"SchemaName": "people"}, "stack")


def test_update_replaces_and_delete_forgets(types: StandInTypes, registry: ResourceRegistry) -> None:
    physical_id, _ = types[TYPE]["create"]("Mapping", MAPPING, "stack")
    changed = {**MAPPING, "Description": "who is who"}

    types[TYPE]["update"](physical_id, MAPPING, changed, "stack", "Mapping")
    assert registry.find(TYPE, "SchemaName", "people") == changed

    types[TYPE]["delete"](physical_id, changed)
    assert registry.of_type(TYPE) == ()


WORKFLOW = "AWS::EntityResolution::MatchingWorkflow"


def workflow(schema_arn: str) -> dict[str, Any]:
    rule = {"RuleName": "r", "MatchingKeys": ["Email"]}
    return {
        "WorkflowName": "people",
        "RoleArn": "arn:aws:iam::123456789012:role/matching",
        "InputSourceConfig": [
            {"InputSourceARN": "arn:aws:glue:us-east-1:123456789012:table/curated/er_input", "SchemaArn": schema_arn}
        ],
        "OutputSourceConfig": [{"OutputS3Path": "s3://results/er", "Output": [{"Name": "record_id"}]}],
        "ResolutionTechniques": {
            "ResolutionType": "RULE_MATCHING",
            "RuleBasedProperties": {"AttributeMatchingModel": "ONE_TO_ONE", "Rules": [rule]},
        },
    }


def test_a_mapping_that_a_workflow_uses_cannot_be_changed_but_replaced(registry: ResourceRegistry) -> None:
    fixed = {TYPE: WORKFLOW}
    types = StandInTypes({}, registry=registry, account="1", region="us-east-1", fixed_while_used_by=fixed)
    physical_id, attributes = types[TYPE]["create"]("Mapping", MAPPING, "stack")
    types[WORKFLOW]["create"]("Workflow", workflow(attributes["SchemaArn"]), "stack")
    changed = {**MAPPING, "Description": "who is who"}

    types[TYPE]["update"](physical_id, MAPPING, MAPPING, "stack", "Mapping")
    with pytest.raises(PropertiesError, match=f"{TYPE} Mapping: people is used by .* give it another name"):
        types[TYPE]["update"](physical_id, MAPPING, changed, "stack", "Mapping")
    renamed = {**changed, "SchemaName": "people-2"}
    physical_id, attributes = types[TYPE]["update"](physical_id, MAPPING, renamed, "stack", "Mapping")

    assert physical_id == "people-2"
    assert attributes["SchemaArn"].endswith(":schemamapping/people-2")
    assert registry.find(TYPE, "SchemaName", "people") is None
    assert registry.find(TYPE, "SchemaName", "people-2") == renamed


def test_every_change_is_announced(types: StandInTypes, registry: ResourceRegistry) -> None:
    announced: list[tuple[str, str, int]] = []
    registry.listen(
        TYPE,
        deployed=lambda resource: announced.append(("deployed", resource.physical_id, len(registry.of_type(TYPE)))),
        removed=lambda resource: announced.append(("removed", resource.physical_id, len(registry.of_type(TYPE)))),
    )

    physical_id, _ = types[TYPE]["create"]("Mapping", MAPPING, "stack")
    types[TYPE]["delete"](physical_id, MAPPING)
    types[TYPE]["delete"](physical_id, MAPPING)

    assert announced == [("deployed", "people", 1), ("removed", "people", 0)]


def test_a_type_that_aws_does_not_publish_is_unknown(types: StandInTypes) -> None:
    assert types.get("AWS::Weather::Forecast") is None
    assert "AWS::Weather::Forecast" not in types


CLUSTER = {
    "ClusterName": "c360-dev",
    "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
    "VpcConfigs": [{"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroups": ["sg-1"]}],
    "Tags": {"project": "Größe 1"},
}


def test_names_of_properties_are_checked_by_aws_own_patterns(types: StandInTypes) -> None:
    """The schema says `\\p{L}`, which Python's own expressions do not know."""
    kind = "AWS::MSK::ServerlessCluster"

    assert types[kind]["create"]("Cluster", CLUSTER, "stack")
    for tags, said in (({"a*b": "x"}, "unknown properties"), ({"a": 1}, "not of type 'string'")):
        with pytest.raises(PropertiesError, match=said):
            types[kind]["create"]("Cluster", {**CLUSTER, "Tags": tags}, "stack")


def test_a_type_has_the_arns_that_its_provider_names(registry: ResourceRegistry) -> None:
    kind = "AWS::MSK::ServerlessCluster"
    form = "arn:aws:kafka:{region}:{account}:cluster/c360/{name}"
    types = StandInTypes({}, registry=registry, account="1", region="us-east-1", arns={kind: form})

    name, attributes = types[kind]["create"]("Cluster", CLUSTER, "stack")

    assert name.startswith("arn:aws:kafka:us-east-1:1:cluster/c360/cluster-")
    assert attributes["Arn"] == name


def test_a_made_up_id_has_the_form_that_its_provider_names(registry: ResourceRegistry) -> None:
    kind = "AWS::EC2::VPC"
    types = StandInTypes({}, registry=registry, account="1", region="us-east-1", made_up={kind: "vpc-{digest}"})

    name, attributes = types[kind]["create"]("Network", {"CidrBlock": "10.0.0.0/16"}, "stack")

    assert re.fullmatch("vpc-[0-9a-f]{12}", name)
    assert attributes["VpcId"] == name


def test_an_arn_names_the_account_once(registry: ResourceRegistry) -> None:
    account, data_set = "123456789012", "AWS::QuickSight::DataSet"
    types = StandInTypes({}, registry=registry, account=account, region="us-east-1")
    physical_id, attributes = types[data_set]["create"]("Set", {"AwsAccountId": account, "DataSetId": "trading"}, "s")

    assert physical_id == f"{account}|trading"
    assert attributes["Arn"] == f"arn:aws:quicksight:us-east-1:{account}:dataset/trading"


def test_an_id_that_aws_makes_up_has_the_form_of_its_schema(registry: ResourceRegistry) -> None:
    """A collaboration's is a UUID, by which memberships are checked; an association's stands below its membership."""
    below = "arn:aws:cleanrooms:{region}:{account}:membership/{MembershipIdentifier}/analysistemplate/{name}"
    types = StandInTypes(
        {}, registry=registry, account="1", region="us-east-1", arns={"AWS::CleanRooms::AnalysisTemplate": below}
    )
    room = {"Name": "room", "Description": "d", "CreatorDisplayName": "us", "QueryLogStatus": "ENABLED"}
    room_id, made = types["AWS::CleanRooms::Collaboration"]["create"]("Room", room, "stack")
    assert made["CollaborationIdentifier"] == room_id
    joined = {"CollaborationIdentifier": room_id, "QueryLogStatus": "ENABLED"}
    membership_id, membership = types["AWS::CleanRooms::Membership"]["create"]("Ours", joined, "stack")
    assert membership["Arn"] == f"arn:aws:cleanrooms:us-east-1:1:membership/{membership_id}"
    template = {
        "Name": "reach",
        "Format": "SQL",
        "MembershipIdentifier": membership_id,
        "Source": {"Text": "SELECT 1"},
    }
    template_id, attributes = types["AWS::CleanRooms::AnalysisTemplate"]["create"]("Reach", template, "stack")
    assert attributes["Arn"] == (
        f"arn:aws:cleanrooms:us-east-1:1:membership/{membership_id}/analysistemplate/{template_id}"
    )
    assert types["AWS::CleanRooms::Collaboration"]["create"]("Room", room, "stack")[0] == room_id, "and stays the same"
