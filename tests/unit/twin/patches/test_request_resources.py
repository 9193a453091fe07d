"""A request is authorized on the resources that AWS looks at."""

import json
from typing import Any

import pytest
from ministack.core.iam_actions import extract_iam_action, extract_resource_arn

from twin.emulator.resource_names import arn
from twin.patches.request_resources import known_to_iam, named, on_each
from twin.settings import ACCOUNT, REGION

CATALOG = arn("glue", "catalog")


def resources(service: str, operation: str, request: dict[str, Any]) -> set[str]:
    finding = named(extract_resource_arn, extract_iam_action)
    headers, body = {"x-amz-target": f"Service.{operation}"}, json.dumps(request).encode()
    found = finding(service, "POST", "/", headers, body, {}, REGION, ACCOUNT)
    return {str(found), *getattr(found, "others", ())}


@pytest.mark.parametrize(
    ("operation", "request_", "wanted"),
    [
        ("GetDatabase", {"Name": "raw"}, {CATALOG, arn("glue", "database/raw")}),
        ("GetDatabases", {}, {CATALOG}),
        (
            "GetTable",
            {"DatabaseName": "raw", "Name": "t"},
            {CATALOG, arn("glue", "database/raw"), arn("glue", "table/raw/t")},
        ),
        (
            "UpdateTable",
            {"DatabaseName": "raw", "TableInput": {"Name": "t"}},
            {CATALOG, arn("glue", "database/raw"), arn("glue", "table/raw/t")},
        ),
        ("StartJobRun", {"JobName": "ingest"}, {arn("glue", "job/ingest")}),
        ("GetDataQualityRuleset", {"Name": "rules"}, {arn("glue", "dataQualityRuleset/rules")}),
    ],
)
def test_glue_asks_for_the_catalog_the_database_and_the_table(
    operation: str, request_: dict[str, Any], wanted: set[str]
) -> None:
    assert resources("glue", operation, request_) == wanted


def test_a_mail_needs_its_identity_its_configuration_set_and_its_template() -> None:
    mail = {
        "FromEmailAddress": "Shop <hello@shop.example>",
        "ConfigurationSetName": "own",
        "Content": {"Template": {"TemplateName": "welcome"}},
    }

    assert resources("ses", "SendEmail", mail) == {
        arn("ses", "identity/shop.example"),
        arn("ses", "configuration-set/own"),
        arn("ses", "template/welcome"),
    }


def test_what_the_emulator_finds_itself_stays() -> None:
    assert resources("kinesis", "PutRecord", {"StreamName": "events"}) == {arn("kinesis", "stream/events")}


def test_one_refusal_among_several_resources_refuses_the_request() -> None:
    asked: list[str] = []

    def enforce(_key: str, _action: str, _service: str, _region: str, resource: str) -> str | None:
        asked.append(resource)
        return "refused" if resource == CATALOG else None

    found = named(extract_resource_arn, extract_iam_action)(
        "glue", "POST", "/", {"x-amz-target": "AWSGlue.GetDatabase"}, b'{"Name": "raw"}', {}, REGION, ACCOUNT
    )
    answer = on_each(enforce)("key", "glue:GetDatabase", "glue", REGION, resource_arn=found)

    assert (answer, asked[-1]) == ("refused", CATALOG)


@pytest.mark.parametrize(
    ("operation", "wanted"),
    [("SendMessageBatch", "SendMessage"), ("DeleteMessageBatch", "DeleteMessage"), ("SendMessage", "SendMessage")],
)
def test_a_batch_needs_the_permission_for_one_message(operation: str, wanted: str) -> None:
    action = known_to_iam(extract_iam_action)
    assert action("sqs", "POST", "/", {"x-amz-target": f"AmazonSQS.{operation}"}, b"{}", {}) == f"sqs:{wanted}"
