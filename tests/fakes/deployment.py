"""A deployed environment in an AWS account where everything is right, for the smoke test."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from c360_core import contracts, projections
from c360_core.names import STACKS, LakeTag, lake_tag_key, stack_name
from ops import smoke
from ops.smoke import DeployedEnvironment, lake

TOPIC = "arn:aws:sns:us-east-1:1:alarms"
RESOURCES = {
    "AWS::Kinesis::Stream": ["events"],
    "AWS::Lambda::EventSourceMapping": ["mapping-1"],
    "AWS::KinesisAnalyticsV2::Application": ["clean"],
    "AWS::StepFunctions::StateMachine": ["arn:aws:states:us-east-1:1:stateMachine:Resolve"],
    "AWS::CloudWatch::Alarm": ["ours"],
    "AWS::SES::EmailIdentity": ["shop.example.com"],
    "AWS::Glue::TableOptimizer": [
        f"{table.name}-{kind}" for table in contracts.load().lake_tables() for kind in lake.OPTIMIZERS
    ],
}
OUTPUTS = {
    "CollectorUrl": "https://abc.execute-api.us-east-1.amazonaws.com/",
    "ProfileApiUrl": "https://def.execute-api.us-east-1.amazonaws.com",
    "ApiKeySecretArnWebEvents": "arn:secret",
    "WorkgroupName": "c360-dev",
    "MatchingWorkflowName": "c360-dev-people",
    "CleanApplicationName": "clean",
    "AlarmTopicArn": TOPIC,
}
AT = datetime(2026, 3, 1, tzinfo=UTC)


def metadata(table: str, **renumbered: int) -> dict[str, Any]:
    """Return what S3 answers for a table's metadata.json, whose second schema is the contract's, as Iceberg has it."""
    (found,) = [one for one in contracts.load().lake_tables() if one.name == table]
    fields = [
        {
            "id": renumbered.get(field["Name"], field["Id"]),
            "name": field["Name"],
            "type": json.loads(field["Type"]) if field["Type"].startswith("{") else field["Type"],
        }
        for field in projections.iceberg_schema(found)["Fields"]
    ]
    schemas = [{"schema-id": 0, "fields": []}, {"schema-id": 1, "fields": fields}]
    return {"Body": io.BytesIO(json.dumps({"current-schema-id": 1, "schemas": schemas}).encode())}


def alarm(**changed: Any) -> dict[str, Any]:
    """Return one of the environment's alarms, as CloudWatch describes it."""
    right = {
        "AlarmName": "ours",
        "AlarmDescription": "it is late",
        "StateValue": "OK",
        "StateUpdatedTimestamp": AT,
        "ActionsEnabled": True,
        "AlarmActions": [TOPIC],
    }
    return {**right, **changed}


def held(principal: str) -> dict[str, Any]:
    """Return a permission that a principal holds in Lake Formation."""
    return {"Principal": {"DataLakePrincipalIdentifier": principal}, "Permissions": ["ALL"]}


def lake_tags(resource: dict[str, Any], **reclassified: str) -> dict[str, Any]:
    """Return the tags on a database or a table, as the contracts state them."""
    if "Database" in resource:
        return {"LFTagOnDatabase": [tag(LakeTag.ZONE, resource["Database"]["Name"].removeprefix("c360_dev_"))]}
    (table,) = [one for one in contracts.load().lake_tables() if one.name == resource["Table"]["Name"]]
    classes = {name: str(value) for name, value in projections.lakeformation_tags(table).items()}
    classes.update({name: value for name, value in reclassified.items() if name in classes})
    return {"LFTagsOnColumns": [{"Name": name, "LFTags": [tag(LakeTag.PII, value)]} for name, value in classes.items()]}


def tag(name: LakeTag, value: str) -> dict[str, Any]:
    """Return a tag with its value, as Lake Formation has it."""
    return {"TagKey": lake_tag_key("dev", name), "TagValues": [value]}


class World:
    """An account in which everything is fine, until a test changes what an operation answers."""

    def __init__(self) -> None:
        # Each operation's answer; one that is an exception is raised, one that is a function is asked.
        self.answers: dict[str, Any] = {
            "describe_stream_summary": {"StreamDescriptionSummary": {"StreamStatus": "ACTIVE"}},
            "get_event_source_mapping": {
                "FunctionArn": "arn:aws:lambda:us-east-1:1:function:writer",
                "State": "Enabled",
                "LastProcessingResult": "No records processed",
            },
            "describe_application": {"ApplicationDetail": {"ApplicationStatus": "READY"}},
            "describe_state_machine": {"status": "ACTIVE"},
            "get_secret_value": {"SecretString": json.dumps({"key": "k", "signing_secret": "s"})},
            "start_query_execution": {"QueryExecutionId": "q"},
            "get_query_execution": {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}},
            "get_query_results": {
                "ResultSet": {"Rows": [{"Data": [{"VarCharValue": "_col0"}]}, {"Data": [{"VarCharValue": "1"}]}]}
            },
            "get_table": lambda **given: {
                "Table": {"Parameters": {"metadata_location": f"s3://lake/{given['Name']}/m.json"}}
            },
            "get_object": lambda **given: metadata(given["Key"].partition("/")[0]),
            "get_caller_identity": {"Account": "1"},
            "get_table_optimizer": {"TableOptimizer": {"lastRun": {"eventType": "completed"}}},
            "list_matching_jobs": [
                {"jobs": [{"jobId": "newer", "status": "SUCCEEDED", "startTime": AT + timedelta(days=1)}]},
                {"jobs": [{"jobId": "older", "status": "FAILED", "startTime": AT}]},
            ],
            "get_matching_job": {"errorDetails": {"errorMessage": "no rights on the input"}},
            "get_matching_workflow": {"inputSourceConfig": [{"schemaName": "records-1"}]},
            "get_schema_mapping": {"schemaName": "records-1"},
            "get_data_lake_settings": {
                "DataLakeSettings": {"DataLakeAdmins": [{"DataLakePrincipalIdentifier": "arn:deployer"}]}
            },
            "get_database": {"Database": {"CreateTableDefaultPermissions": []}},
            "get_tables": [{"TableList": [{"Name": "a_mart"}]}, {"TableList": []}],
            "list_permissions": {"PrincipalResourcePermissions": [held("arn:pipeline")]},
            "get_resource_lf_tags": lambda **given: lake_tags(given["Resource"]),
            "get_topic_attributes": {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}},
            "get_email_identity": {"VerifiedForSendingStatus": True},
            "get_account": {"ProductionAccessEnabled": True},
            "describe_alarms": [
                {"MetricAlarms": [alarm()]},
                {"MetricAlarms": [alarm(AlarmName="somebody else's", StateValue="ALARM")]},
            ],
            "describe_stacks": [
                {"Stacks": [{"StackName": stack_name("dev", stack), "StackStatus": "UPDATE_COMPLETE",
                             "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]}
                            for stack in STACKS]},
                {"Stacks": [{"StackName": "Other", "StackStatus": "ROLLBACK_COMPLETE"}]},
            ],
            "list_stack_resources": [{"StackResourceSummaries": []}],
        }  # fmt: skip
        self.status = {"POST": 401, "GET": 403}
        self.requests: list[httpx.Request] = []

    def __getattr__(self, operation: str) -> Any:
        def answer(**given: Any) -> Any:
            found = self.answers[operation]
            if isinstance(found, Exception):
                raise found
            return found(**given) if callable(found) else found

        return answer

    def get_paginator(self, operation: str) -> Any:
        world = self

        class Pages:
            def paginate(self, **given: Any) -> list[dict[str, Any]]:
                if operation == "list_stack_resources" and given["StackName"] == stack_name("dev", "foundation"):
                    found = [(kind, one) for kind, ids in RESOURCES.items() for one in ids]
                    keys = ("ResourceType", "PhysicalResourceId")
                    return [{"StackResourceSummaries": [dict(zip(keys, pair, strict=True)) for pair in found]}]
                pages: list[dict[str, Any]] = world.answers[operation]
                return pages

        return Pages()

    def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer over HTTP as the APIs do."""
        self.requests.append(request)
        accepted = request.method == "POST" and "x-api-key" in request.headers
        return httpx.Response(200 if accepted else self.status[request.method], text="{}")

    def outcomes(self, **options: Any) -> dict[str, smoke.CheckResult]:
        """Run all checks."""
        deployed = DeployedEnvironment(
            environment="dev",
            client=lambda _: self,
            http=httpx.Client(transport=httpx.MockTransport(self.serve)),
            **options,
        )
        return {outcome.check: outcome for outcome in smoke.ask(deployed)}
