"""Whole templates: clean for cfn-lint, without lookups, and reviewed when they change."""

import json
import re

import pytest
from cfnlint.api import lint_by_config
from cfnlint.config import ManualArgs

from tests.infrastructure.assembly import PILLARS

# CDK lets a function depend on its whole role, policy included; the role alone is implied already.
ACCEPTED_RULES = ["W3005"]
ASSET_HASH = re.compile(r"\b[0-9a-f]{64}\b")


def test_cfn_lint_has_nothing_to_say(assembly):
    files = [str(path) for path in assembly.files]
    findings = lint_by_config(ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED_RULES, templates=files))
    assert [str(finding) for finding in findings] == []


def test_nothing_has_to_be_looked_up_in_an_account(assembly):
    manifest = json.loads((assembly.folder / "manifest.json").read_text())
    assert not manifest.get("missing")


def test_no_resource_is_named_but_contracts(assembly):
    """A fixed name cannot be replaced by an update; so only names that others rely on are fixed."""
    named = {
        resource.document["Type"]
        for resource in assembly.resources()
        for key in ("BucketName", "TableName", "FunctionName", "RoleName", "TopicName", "QueueName", "StateMachineName")
        if isinstance(resource.properties.get(key), str)
    }
    assert named == set()


@pytest.mark.parametrize("pillar", PILLARS)
def test_the_template_is_the_reviewed_one(dev, pillar, snapshot_json):
    text = ASSET_HASH.sub("<asset>", json.dumps(dev.templates[pillar]))
    assert json.loads(text) == snapshot_json
