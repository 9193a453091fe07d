"""A deployed environment in an AWS account where everything is right, for the smoke test."""

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from c360_core import contracts, projections
from c360_core.names import STACKS, LakeTag, Zone, lake_tag_key, stack_name
from c360_core.personas import MARKETING_ANALYST
from ops import smoke
from ops.smoke import DeployedEnvironment, exposure, lake
from ops.smoke.signature import Signature

TOPIC = "arn:aws:sns:us-east-1:1:alarms"
ACCESS_KEY = "AKIAOPERATOR"
CUSTOMER_KEY = "cookie_id:0123456789abcdef0123456789abcdef"
PERSON = "a_0123456789abcdef0123456789"
WORKGROUP = "c360-dev-marketing-analyst"
OPERATORS = "c360-dev-operators"
RESOURCES = {
    "AWS::Athena::WorkGroup": [WORKGROUP, OPERATORS],
    "AWS::Kinesis::Stream": ["events"],
    "AWS::Lambda::EventSourceMapping": ["mapping-1"],
    "AWS::KinesisAnalyticsV2::Application": ["clean"],
    "AWS::StepFunctions::StateMachine": ["arn:aws:states:us-east-1:1:stateMachine:Resolve"],
    "AWS::CloudWatch::Alarm": ["ours"],
    "AWS::S3::Bucket": ["c360-raw"],
    "AWS::Lambda::Function": ["collector"],
    "AWS::ApiGatewayV2::Api": ["abc"],
    "AWS::SES::EmailIdentity": ["shop.example.com"],
    "AWS::Glue::TableOptimizer": [
        f"{table.name}-{kind}" for table in contracts.load().lake_tables() for kind in lake.OPTIMIZERS
    ],
}
OUTPUTS = {
    "CollectorUrl": "https://abc.execute-api.us-east-1.amazonaws.com/",
    "ProfileApiUrl": "https://def.execute-api.us-east-1.amazonaws.com",
    "ApiKeySecretArnWebEvents": "arn:secret",
    "MarketingAnalystWorkgroupName": WORKGROUP,
    "OperatorsWorkgroupName": OPERATORS,
    "MatchingWorkflowName": "c360-dev-people",
    "CleanApplicationName": "clean",
    "UnifyApplicationName": "unify",
    "AlarmTopicArn": TOPIC,
    "DataEventsBucketName": "c360-data-events",
    "MarketingAnalystRoleArn": "arn:aws:iam::1:role/Analyst",
    **{f"{zone.title()}BucketName": f"c360-{zone}" for zone in Zone},
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


def invoked_by(principal: Any, **more: Any) -> dict[str, str]:
    """Return a function's own policy, which lets somebody invoke it."""
    statement = {"Sid": "Invoke", "Effect": "Allow", "Principal": principal, **more}
    return {"Policy": json.dumps({"Statement": [statement]})}


def stage(**changed: Any) -> dict[str, Any]:
    """Return a stage of an HTTP API, as API Gateway describes it."""
    right = {
        "StageName": "$default",
        "DefaultRouteSettings": {"ThrottlingRateLimit": 100.0, "ThrottlingBurstLimit": 200},
        "AccessLogSettings": {"DestinationArn": "arn:logs"},
    }
    return {**right, **changed}


def held(principal: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a permission that a principal holds in Lake Formation."""
    return {"Principal": {"DataLakePrincipalIdentifier": principal}, "Permissions": ["ALL"], "Resource": resource or {}}


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


def denied(operation: str) -> ClientError:
    """Return how AWS refuses an operation."""
    return answered("AccessDeniedException", operation)


def answered(code: str, operation: str = "operation") -> ClientError:
    """Return an error as boto3 raises it."""
    return ClientError({"Error": {"Code": code, "Message": "not you"}}, operation)


class Analyst:
    """What AWS answers a persona that may do what it should, and what a test opens.

    Attributes:
        reasons: how Athena ends a query that has a text in it; others succeed.
        opened: operations that are answered, and not refused; an error among the answers is raised.
    """

    def __init__(self) -> None:
        self.reasons = {
            "c360_dev_raw": "TABLE_NOT_FOUND: line 1:22: Table 'awsdatacatalog.c360_dev_raw.t' does not exist",
            "c360_dev_quarantine": "User is not authorized to perform: glue:GetTable",
            **{
                f'"{column}"': f"COLUMN_NOT_FOUND: line 1:14: Column '{column}' cannot be resolved or requester is not "
                "authorized to access requested resources"
                for table in contracts.load().lake_tables()
                for column, stated in projections.lakeformation_tags(table).items()
                if stated not in MARKETING_ANALYST.classes
            },
        }
        self.opened: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []

    def start_query_execution(self, **given: str) -> dict[str, str]:
        """Take queries in the persona's own workgroup."""
        self.asked.append((given["WorkGroup"], given["QueryString"]))
        if given["WorkGroup"] != WORKGROUP and "start_query_execution" not in self.opened:
            raise denied("StartQueryExecution")
        return {"QueryExecutionId": given["QueryString"]}

    def get_query_execution(self, **given: str) -> dict[str, Any]:
        """Say how a query of the persona's own ended."""
        sql = given["QueryExecutionId"]
        if not sql.startswith("SELECT"):
            return self._refuse("get_query_execution")
        reason = next((reason for text, reason in self.reasons.items() if text in sql), None)
        status = {"State": "SUCCEEDED"} if reason is None else {"State": "FAILED", "StateChangeReason": reason}
        return {"QueryExecution": {"Status": status}}

    def __getattr__(self, operation: str) -> Any:
        return lambda **_: self._refuse(operation)

    def _refuse(self, operation: str) -> dict[str, Any]:
        if operation not in self.opened:
            raise denied(operation)
        if isinstance(self.opened[operation], Exception):
            raise self.opened[operation]
        answer: dict[str, Any] = self.opened[operation]
        return answer


class World:
    """An account in which everything is fine, until a test changes what an operation answers."""

    def __init__(self) -> None:
        self.analyst = Analyst()
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
            "assume_role": lambda **_: {},
            "start_query_execution": {"QueryExecutionId": "q"},
            "get_query_execution": {
                "QueryExecution": {
                    "Status": {"State": "SUCCEEDED"},
                    "ResultConfiguration": {"OutputLocation": "s3://results/athena/q.csv"},
                }
            },
            "get_query_results": {
                "ResultSet": {
                    "Rows": [{"Data": [{"VarCharValue": "customer_key"}]}, {"Data": [{"VarCharValue": CUSTOMER_KEY}]}]
                }
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
            "list_permissions": lambda **given: {
                "PrincipalResourcePermissions": [] if "Principal" in given else [held("arn:pipeline")]
            },
            "get_resource_lf_tags": lambda **given: lake_tags(given["Resource"]),
            "get_trail_status": {"IsLogging": True, "LatestDeliveryError": ""},
            "get_topic_attributes": {"Attributes": {"SubscriptionsConfirmed": "1", "SubscriptionsPending": "0"}},
            "get_public_access_block": {"PublicAccessBlockConfiguration": dict.fromkeys(exposure.BLOCKS, True)},
            "list_function_url_configs": {"FunctionUrlConfigs": []},
            "get_policy": invoked_by({"Service": "apigateway.amazonaws.com"}, Condition={"ArnLike": {}}),
            "get_stages": [{"Items": [stage()]}],
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
        self.events: list[dict[str, Any]] = []  # of the one person of the profile API

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
        if request.headers.get("authorization", "").startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"):
            return self.profile(request)
        accepted = request.method == "POST" and request.headers.get("x-api-key") == "k"
        if accepted:
            self.events.append(json.loads(request.content))
        return httpx.Response(200 if accepted else self.status[request.method], text="{}")

    def profile(self, request: httpx.Request) -> httpx.Response:
        """Answer as the profile API does about the one person that it knows."""
        if request.url.path == f"/v1/customers/{PERSON}":
            latest = max((one["occurred_at"] for one in self.events), default=None)
            return httpx.Response(200, json={"person_id": PERSON, "version": {"last_event_at": latest}})
        return httpx.Response(404)

    def client(self, _: str) -> Any:
        """Return the operator's client of a service."""
        return self

    def session(self) -> Any:
        """Return a boto3 session of the operator."""
        credentials = Credentials(ACCESS_KEY, "secret")
        return SimpleNamespace(client=lambda _: self, get_credentials=lambda: credentials, region_name="us-east-1")

    def as_role(self, arn: str) -> Any:
        """Let whoever asks assume a role."""
        self.answers["assume_role"](RoleArn=arn)
        return lambda _: self.analyst

    def outcomes(self, **options: Any) -> dict[str, smoke.CheckResult]:
        """Run all checks."""
        deployed = DeployedEnvironment(
            environment="dev",
            client=self.client,
            clients_of_role=self.as_role,
            signature=Signature.of_session(self.session()),
            region="us-east-1",
            http=httpx.Client(transport=httpx.MockTransport(self.serve)),
            **options,
        )
        return {outcome.check: outcome for outcome in smoke.ask(deployed)}
