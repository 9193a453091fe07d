"""The smoke test finds what is wrong with a deployment, names it with its fix, and goes on with the other checks."""

import hashlib
import hmac
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from c360_core import contracts, projections
from c360_core.interaction import check as check_event
from c360_core.names import STACKS, stack_name
from ops import smoke
from ops.smoke import DeployedEnvironment, deployed, lake, queries
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import smoke as command

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
            "get_email_identity": {"VerifiedForSendingStatus": True},
            "get_account": {"ProductionAccessEnabled": True},
            "describe_alarms": [
                {"MetricAlarms": [{"AlarmName": "ours", "StateValue": "OK"}]},
                {"MetricAlarms": [{"AlarmName": "somebody else's", "StateValue": "ALARM"}]},
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


@pytest.fixture
def world() -> World:
    return World()


def failed(outcomes: dict[str, smoke.CheckResult]) -> list[str]:
    return [name for name, outcome in outcomes.items() if outcome.outcome == "failed"]


def refused(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, operation)


def missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "EntityNotFoundException", "Message": "none"}}, operation)


def test_every_module_with_a_check_is_asked() -> None:
    modules = {
        path.stem for path in Path(*smoke.__path__).glob("*.py") if "\n@check(" in path.read_text(encoding="utf-8")
    }

    assert modules == set(smoke.CHECK_MODULES)


def test_a_deployment_that_is_right_passes(world: World) -> None:
    outcomes = world.outcomes()

    assert failed(outcomes) == []
    assert [name for name, outcome in outcomes.items() if outcome.outcome == "skipped"] == [
        "collector accepts",
        "event in the lake",
    ]
    assert len(outcomes) == len(smoke.CHECKS) == len({name for name, _, _ in smoke.CHECKS})
    assert outcomes["Entity Resolution"].found == "c360-dev-people with records-1"
    assert outcomes["alarms"].found == "1, none in ALARM"
    assert outcomes["matching job"].found == "newer SUCCEEDED"
    tables = len(contracts.load().lake_tables())
    assert outcomes["field ids"].found == f"{tables} tables number their columns as the contracts do"
    assert outcomes["table optimizers"].found == f"{3 * tables}, of which {3 * tables} have run and none failed"


@pytest.mark.parametrize(
    ("operation", "answer", "name", "said"),
    [
        ("describe_stream_summary", {"StreamDescriptionSummary": {"StreamStatus": "CREATING"}}, "streams",
         "events is CREATING"),
        ("get_event_source_mapping",
         {"FunctionArn": "a:writer", "State": "Disabled", "StateTransitionReason": "USER_INITIATED"},
         "event source mappings", "writer is Disabled (USER_INITIATED)"),
        ("get_event_source_mapping",
         {"FunctionArn": "a:writer", "State": "Enabled", "LastProcessingResult": "PROBLEM: Function call failed"},
         "event source mappings", "writer: PROBLEM: Function call failed"),
        ("describe_application", {"ApplicationDetail": {"ApplicationStatus": "FORCE_STOPPING"}},
         "Flink applications", "clean is FORCE_STOPPING"),
        ("get_query_execution",
         {"QueryExecution": {"Status": {"State": "FAILED", "StateChangeReason": "no bucket"}}},
         "Athena", "SELECT 1 in c360-dev FAILED: no bucket"),
        ("get_table", {"Table": {}}, "lake tables", "has no metadata_location"),
        ("get_table", refused("GetTable"), "lake tables", "AccessDeniedException"),
        ("get_object",
         lambda **given: metadata(given["Key"].partition("/")[0], event_id=99), "field ids",
         "raw.interactions: event_id (99,) instead of (1,)"),
        ("get_object", refused("GetObject"), "field ids", "AccessDeniedException"),
        ("get_table_optimizer",
         {"TableOptimizer": {"lastRun": {"eventType": "failed", "error": "no rights on the key"}}},
         "table optimizers", "interactions compaction: no rights on the key"),
        ("get_table_optimizer", missing("GetTableOptimizer"), "table optimizers", "are not there"),
        ("list_matching_jobs", [{"jobs": [{"jobId": "j", "status": "FAILED", "startTime": AT}]}],
         "matching job", "j FAILED: no rights on the input"),
        ("get_schema_mapping", refused("GetSchemaMapping"), "Entity Resolution", "not you"),
        ("get_data_lake_settings", {"DataLakeSettings": {"DataLakeAdmins": []}}, "Lake Formation",
         "nobody is a data lake administrator"),
        ("get_data_lake_settings",
         {"DataLakeSettings": {"DataLakeAdmins": [{"DataLakePrincipalIdentifier": "x"}],
                               "CreateTableDefaultPermissions": [{"Permissions": ["ALL"]}]}},
         "Lake Formation", "CreateTableDefaultPermissions still lets IAM alone decide"),
        ("describe_state_machine", {"status": "DELETING"}, "state machines", "Resolve is DELETING"),
        ("describe_alarms",
         [{"MetricAlarms": [{"AlarmName": "ours", "StateValue": "ALARM", "AlarmDescription": "it is late"}]}],
         "alarms", "ours: it is late"),
        ("get_email_identity", {"VerifiedForSendingStatus": False}, "e-mail", "shop.example.com is not verified yet"),
        ("get_account", {"ProductionAccessEnabled": False}, "e-mail", "in the SES sandbox"),
        ("describe_stacks",
         [{"Stacks": [{"StackName": stack_name("dev", "foundation"), "StackStatus": "UPDATE_ROLLBACK_COMPLETE",
                       "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in OUTPUTS.items()]}]}],
         "stacks", "C360-dev-Unification is not deployed; C360-dev-Foundation is UPDATE_ROLLBACK_COMPLETE"),
    ],
)  # fmt: skip
def test_every_violation_is_found_with_its_fix_and_nothing_else(
    world: World, operation: str, answer: object, name: str, said: str
) -> None:
    world.answers[operation] = answer

    outcomes = world.outcomes()

    assert failed(outcomes) == [name]
    assert said in outcomes[name].found
    assert outcomes[name].fix


@pytest.mark.parametrize(
    ("method", "status", "name"), [("POST", 200, "collector refuses"), ("GET", 200, "profile API refuses")]
)
def test_an_open_permission_is_found(world: World, method: str, status: int, name: str) -> None:
    world.status[method] = status

    assert failed(world.outcomes()) == [name]


def test_an_api_that_does_not_answer_is_found_and_the_other_checks_go_on(world: World) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    world.serve = unreachable  # type: ignore[method-assign]

    assert failed(world.outcomes()) == ["collector refuses", "profile API refuses"]


def test_an_event_is_sent_only_on_request_signed_and_as_history(world: World) -> None:
    world.outcomes()
    assert [request for request in world.requests if "x-api-key" in request.headers] == []

    outcomes = world.outcomes(send=True)

    assert outcomes["collector accepts"].outcome == "ok"
    (sent,) = [request for request in world.requests if "x-api-key" in request.headers]
    signature = hmac.new(b"s", sent.content, hashlib.sha256).hexdigest()
    assert sent.headers["x-c360-signature"] == f"sha256={signature}"
    event = json.loads(sent.content)
    assert event["replay_id"]
    check_event(event, now=datetime.now(UTC), contracts=contracts.load())


def test_an_event_that_was_sent_is_looked_for_in_the_lake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def started(**given: Any) -> dict[str, str]:
        asked.append(given["QueryString"])
        return {"QueryExecutionId": "q"}

    world.answers["start_query_execution"] = started
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}

    assert world.outcomes(send=True)["event in the lake"].outcome == "ok"
    (sent,) = [request for request in world.requests if "x-api-key" in request.headers]
    assert f"c360_dev_raw.interactions WHERE event_id = '{json.loads(sent.content)['event_id']}'" in asked[-1]

    rows = [{"Data": [{"VarCharValue": "_col0"}]}, {"Data": [{"VarCharValue": "0"}]}]
    world.answers["get_query_results"] = {"ResultSet": {"Rows": rows}}
    monkeypatch.setattr(queries, "ARRIVAL_SECONDS", 0.01)
    monkeypatch.setattr(queries, "POLL_SECONDS", 0.02)

    outcomes = world.outcomes(send=True)

    assert failed(outcomes) == ["event in the lake"]
    assert "is not in interactions after" in outcomes["event in the lake"].found


def test_an_event_is_not_waited_for_while_nothing_reads_it(world: World) -> None:
    outcome = world.outcomes(send=True)["event in the lake"]

    assert (outcome.outcome, outcome.found) == ("skipped", "clean does not run: the event waits on its stream")


def test_an_environment_without_a_matching_job_is_no_failure(world: World) -> None:
    world.answers["list_matching_jobs"] = [{"jobs": []}]

    assert world.outcomes()["matching job"].outcome == "skipped"


def test_the_emulator_gets_no_unsupported_requests(world: World) -> None:
    outcomes = world.outcomes(endpoint="http://127.0.0.1:1")

    assert outcomes["table optimizers"].found == "the emulator keeps table optimizers, and runs none"


def test_an_environment_that_is_nowhere_is_wrong_usage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers["describe_stacks"] = [{"Stacks": []}]
    monkeypatch.setattr(command.boto3, "client", lambda _: world)

    with pytest.raises(WrongUsageError, match="no stack of staging is deployed"):
        command.run(Steps(machine=True), "staging")


def test_the_outcome_is_one_document(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.boto3, "client", lambda _: world)
    monkeypatch.setenv(command.ENDPOINT, "http://127.0.0.1:1")
    doors = httpx.Client(transport=httpx.MockTransport(world.serve))
    monkeypatch.setattr(deployed.httpx, "Client", lambda **_: doors)
    world.answers["describe_state_machine"] = {"status": "DELETING"}

    report = command.run(Steps(machine=True), "dev")

    told = json.loads(capsys.readouterr().out)
    assert not report.passed
    assert (told["environment"], told["passed"]) == ("dev", False)
    assert [one["check"] for one in told["checks"] if one["outcome"] == "failed"] == ["state machines"]
    # On the emulator an API is reached by its path.
    assert str(world.requests[0].url) == "http://127.0.0.1:1/_aws/execute-api/abc/$default/v1/track"
