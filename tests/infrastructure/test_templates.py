"""Whole templates: clean for cfn-lint, without lookups, and reviewed when they change."""

import json
import re

import pytest
from cfnlint.api import lint_by_config
from cfnlint.config import ManualArgs

from c360_core.names import STACKS
from tests.infrastructure.differences import ABSENT, compared, differences, reviewable

# CDK lets a function depend on its whole role, policy included; the role alone is implied already.
ACCEPTED_RULES = ["W3005"]
# Variables of Data Exchange's key patterns: CloudFormation is to leave them as they are.
OF_DATA_EXCHANGE = re.compile(r"\[E1029: .*\$\{(Revision\.CreatedAt|Revision\.Id|Asset\.Name)\}")
# What of Pinpoint lives on, as End User Messaging Push; `test_engagement` refuses all else of it.
OF_PUSH = re.compile(r"\[W3696: .*'AWS::Pinpoint::(App|APNSChannel|GCMChannel)'")


def test_cfn_lint_has_nothing_to_say(assembly):
    files = [str(path) for path in assembly.files]
    findings = lint_by_config(ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED_RULES, templates=files))
    said = [str(finding) for finding in findings]
    assert [one for one in said if not OF_DATA_EXCHANGE.match(one) and not OF_PUSH.match(one)] == []


def test_nothing_has_to_be_looked_up_in_an_account(assembly):
    manifest = json.loads((assembly.folder / "manifest.json").read_text())
    assert not manifest.get("missing")


def test_no_resource_is_named_but_contracts(assembly):
    """A fixed name cannot be replaced by an update; so only names that others rely on are fixed."""
    refers = "AWS::Glue::TableOptimizer"  # its TableName is that of its table
    named = {
        resource.document["Type"]
        for resource in assembly.resources()
        if resource.document["Type"] != refers
        for key in ("BucketName", "TableName", "FunctionName", "RoleName", "TopicName", "QueueName", "StateMachineName")
        if isinstance(resource.properties.get(key), str)
    }
    assert named == set()


def test_no_template_comes_near_the_500_resources_that_cloudformation_takes(assembly):
    full = {name: len(template["Resources"]) for name, template in assembly.templates.items()}
    assert {name: count for name, count in full.items() if count >= 400} == {}


@pytest.mark.parametrize("pillar", STACKS)
def test_the_template_is_the_reviewed_one(everything, pillar, snapshot_json):
    assert reviewable(everything.templates[pillar]) == snapshot_json


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_what_differs_from_everything_is_the_reviewed(assemblies, everything, environment, snapshot_json):
    """With the reviewed template this is the whole one, since all else is the same in both."""
    other = assemblies[environment]
    assert {pillar: differences(everything, other, pillar) for pillar in STACKS} == snapshot_json


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("/a/b", 1, 2)]),
        ({"a": 1}, {"b": 1}, [("/a", 1, ABSENT), ("/b", ABSENT, 1)]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [("/a/1", 2, 3)]),
        ({"a": [1, 2, 3]}, {"a": [1, 3]}, [("/a/1:2", [2], [])]),
        ({"a": [1]}, {"a": {"0": 1}}, [("/a", [1], {"0": 1})]),
        ({"a": None}, {}, [("/a", None, ABSENT)]),
    ],
)
def test_no_difference_is_missed(one, other, found):
    assert list(compared(one, other)) == found


def test_a_changed_asset_is_no_difference():
    def template(script, library):
        return {"Statement": [{"Action": "s3:GetObject", "Resource": sorted([f"{script}.py", f"{library}.zip"])}]}

    assert reviewable(template("a" * 64, "b" * 64)) == reviewable(template("c" * 64, "b" * 64))
