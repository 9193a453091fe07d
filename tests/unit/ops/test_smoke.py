"""The smoke test finds what is wrong with a deployment, names it with its fix, and goes on with the other checks."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from c360_core import contracts
from c360_core.interaction import check as check_event
from c360_core.names import stack_name
from ops import smoke
from ops.smoke import deployed, endpoints, event
from tests.fakes.deployment import (
    AT,
    OUTPUTS,
    PERSON,
    World,
    alarm,
    answered,
    denied,
    held,
    invoked_by,
    lake_tags,
    metadata,
    stage,
)
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import smoke as command


@pytest.fixture
def world() -> World:
    return World()


def failed(outcomes: dict[str, smoke.CheckResult]) -> list[str]:
    return [name for name, outcome in outcomes.items() if outcome.outcome == "failed"]


def opened(level: str) -> Any:
    """Answer ListPermissions in two pages; on one level the second has what opens the resource."""

    def answer(**given: Any) -> dict[str, Any]:
        if "NextToken" not in given:
            return {"PrincipalResourcePermissions": [], "NextToken": "more"}
        ((kind, place),) = given["Resource"].items()
        everybody = kind == level or (kind == "Table" and level in place)
        if "Principal" in given and not everybody:
            return {"PrincipalResourcePermissions": []}
        principal = "IAM_ALLOWED_PRINCIPALS" if everybody else "arn:pipeline"
        return {"PrincipalResourcePermissions": [held(principal, given["Resource"])]}

    return answer


def test_every_module_with_a_check_is_asked() -> None:
    modules = {
        path.stem for path in Path(*smoke.__path__).glob("*.py") if "\n@check(" in path.read_text(encoding="utf-8")
    }

    assert modules == set(smoke.CHECK_MODULES)


def test_a_deployment_that_is_right_passes(world: World) -> None:
    outcomes = world.outcomes()

    assert failed(outcomes) == []
    assert [name for name, outcome in outcomes.items() if outcome.outcome == "skipped"] == [
        "collector past its edge",
        "collector accepts",
        "event in the lake",
        "event in the view",
    ]
    assert len(outcomes) == len(smoke.CHECKS) == len({name for name, _, _ in smoke.CHECKS})
    assert outcomes["Entity Resolution"].found == "c360-dev-people with records-1"
    assert outcomes["alarms"].found == "1 tell alarms, none in ALARM"
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
         "Athena", "SELECT 1 in c360-dev-operators FAILED: no bucket"),
        ("get_table", {"Table": {}}, "lake tables", "has no metadata_location"),
        ("get_table", denied("GetTable"), "lake tables", "AccessDeniedException"),
        ("get_object",
         lambda **given: metadata(given["Key"].partition("/")[0], event_id=99), "field ids",
         "raw.interactions: event_id (99,) instead of (1,)"),
        ("get_object", denied("GetObject"), "field ids", "AccessDeniedException"),
        ("get_table_optimizer",
         {"TableOptimizer": {"lastRun": {"eventType": "failed", "error": "no rights on the key"}}},
         "table optimizers", "interactions compaction: no rights on the key"),
        ("get_table_optimizer", answered("EntityNotFoundException"), "table optimizers", "are not there"),
        ("list_matching_jobs", [{"jobs": [{"jobId": "j", "status": "FAILED", "startTime": AT}]}],
         "matching job", "j FAILED: no rights on the input"),
        ("get_schema_mapping", denied("GetSchemaMapping"), "Entity Resolution", "not you"),
        ("get_data_lake_settings", {"DataLakeSettings": {"DataLakeAdmins": []}}, "Lake Formation",
         "nobody is a data lake administrator"),
        ("get_data_lake_settings",
         {"DataLakeSettings": {"DataLakeAdmins": [{"DataLakePrincipalIdentifier": "x"}],
                               "CreateTableDefaultPermissions": [{"Permissions": ["ALL"]}]}},
         "Lake Formation", "CreateTableDefaultPermissions still lets IAM alone decide"),
        ("describe_state_machine", {"status": "DELETING"}, "state machines", "Resolve is DELETING"),
        ("get_trail_status", {"IsLogging": False}, "data events", "c360-dev-data-events is switched off"),
        ("get_trail_status", {"IsLogging": True, "LatestDeliveryError": "AccessDenied"}, "data events",
         "c360-dev-data-events: LatestDeliveryError AccessDenied"),
        ("get_trail_status", {"IsLogging": True, "LatestDigestDeliveryError": "NoSuchBucket"}, "data events",
         "LatestDigestDeliveryError NoSuchBucket"),
        ("get_trail_status", answered("TrailNotFoundException"), "data events", "TrailNotFoundException"),
        ("describe_alarms",
         [{"MetricAlarms": [alarm(StateValue="ALARM")]}], "alarms", "ours: it is late"),
        ("describe_alarms", [{"MetricAlarms": [alarm(AlarmName="not ours")]}], "alarms", "ours is not there"),
        ("describe_alarms", [{"MetricAlarms": [alarm(ActionsEnabled=False)]}], "alarms",
         "ours: its actions are switched off"),
        ("describe_alarms", [{"MetricAlarms": [alarm(AlarmActions=["arn:other"])]}], "alarms",
         "ours does not tell the alarm topic"),
        ("describe_alarms", [{"MetricAlarms": [alarm(StateValue="INSUFFICIENT_DATA")]}], "alarms",
         "ours has had INSUFFICIENT_DATA for"),
        ("get_database", {"Database": {"CreateTableDefaultPermissions": [{"Permissions": ["ALL"]}]}},
         "Lake Formation grants", "c360_dev_raw lets IAM alone decide on its new tables"),
        ("list_permissions", opened("Database"), "Lake Formation grants",
         "IAM_ALLOWED_PRINCIPALS holds c360_dev_raw: ALL"),
        ("list_permissions", opened("Name"), "Lake Formation grants",
         "IAM_ALLOWED_PRINCIPALS holds c360_dev_products.a_mart: ALL"),
        ("list_permissions", opened("TableWildcard"), "Lake Formation grants",
         "all tables of c360_dev_curated are open to IAM_ALLOWED_PRINCIPALS"),
        ("list_permissions", {"PrincipalResourcePermissions": []}, "Lake Formation grants",
         "no grant on c360_dev_raw is shown to who asks"),
        ("get_resource_lf_tags", lambda **given: lake_tags(given["Resource"], email="none"), "column tags",
         "c360_dev_curated.profiles: email has pii=none instead of direct"),
        ("get_resource_lf_tags", lambda **_: {}, "column tags", "c360_dev_raw has zone=nothing"),
        ("get_public_access_block", {"PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}, "public buckets",
         "c360-raw does not have IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets"),
        ("get_public_access_block", answered("NoSuchPublicAccessBlockConfiguration"), "public buckets",
         "c360-raw does not have BlockPublicAcls"),
        ("list_function_url_configs", {"FunctionUrlConfigs": [{"AuthType": "NONE"}]}, "public functions",
         "collector has a URL past its API"),
        ("get_policy", invoked_by("*"), "public functions", "collector may be invoked by everybody: Invoke"),
        ("get_policy", invoked_by({"AWS": ["1", "*"]}), "public functions", "collector may be invoked by everybody"),
        ("get_stages", [{"Items": [stage(DefaultRouteSettings={})]}], "API stages",
         "abc $default has no limit of requests"),
        ("get_stages", [{"Items": [stage(AccessLogSettings={})]}], "API stages", "abc $default logs no requests"),
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


@pytest.mark.parametrize(("state", "outcome"), [("ACTIVE", "ok"), ("CREATING", "failed")])
def test_topics_take_records_while_their_cluster_is_active(world: World, state: str, outcome: str) -> None:
    described = world.answers["describe_stacks"][0]["Stacks"][0]
    described["Outputs"].append({"OutputKey": "StreamBrokers", "OutputValue": "boot:9098"})
    of_msk = {"AWS::MSK::ServerlessCluster": "arn:cluster", "Custom::StreamTopic": "topic"}
    found = [{"ResourceType": kind, "PhysicalResourceId": one} for kind, one in of_msk.items()]
    world.answers["list_stack_resources"] = [{"StackResourceSummaries": found}]
    states = {"arn:cluster": state}
    world.answers["describe_cluster_v2"] = lambda **given: {"ClusterInfo": {"State": states[given["ClusterArn"]]}}

    streams = world.outcomes()["streams"]

    assert streams.outcome == outcome
    assert ("topics, cluster ACTIVE" if outcome == "ok" else "arn:cluster is CREATING") in streams.found


@pytest.mark.parametrize(
    ("method", "status", "name"), [("POST", 200, "collector refuses"), ("GET", 200, "profile API refuses")]
)
def test_an_open_permission_is_found(world: World, method: str, status: int, name: str) -> None:
    world.status[method] = status

    assert failed(world.outcomes()) == [name]


@pytest.mark.parametrize(
    ("name", "header", "value", "said"),
    [
        ("collector refuses", "x-api-key", endpoints.WRONG_KEY, "answered 200 with a wrong key, not 401"),
        (
            "profile API refuses",
            "authorization",
            "AKIASMOKETESTNOBODY0",
            "answered 200 with a wrong signature, not 403",
        ),
    ],
)
def test_an_api_that_takes_any_key_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, header: str, value: str, said: str
) -> None:
    serve = world.serve

    def careless(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200) if value in request.headers.get(header, "") else serve(request)

    monkeypatch.setattr(world, "serve", careless)

    outcomes = world.outcomes()

    assert failed(outcomes) == [name]
    assert outcomes[name].found == said


@pytest.mark.parametrize(("status", "outcome"), [(403, "ok"), (401, "failed"), (200, "failed")])
def test_a_collector_that_answers_past_its_edge_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, status: int, outcome: str
) -> None:
    own = "https://own.execute-api.us-east-1.amazonaws.com/"
    monkeypatch.setitem(OUTPUTS, "CollectorApiUrl", own)
    edged, serve = World(), world.serve
    monkeypatch.setattr(
        edged,
        "serve",
        lambda request: httpx.Response(status) if str(request.url).startswith(own) else serve(request),
    )

    assert edged.outcomes()["collector past its edge"].outcome == outcome


def test_an_api_that_does_not_answer_is_found_and_the_other_checks_go_on(world: World) -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    world.serve = unreachable  # type: ignore[method-assign]

    assert failed(world.outcomes()) == ["collector refuses", "profile API refuses"]


def test_an_event_is_sent_only_on_request_signed_and_as_history(world: World) -> None:
    world.outcomes()
    assert [request for request in world.requests if request.headers.get("x-api-key") == "k"] == []

    outcomes = world.outcomes(send=True)

    assert outcomes["collector accepts"].outcome == "ok"
    (sent,) = [request for request in world.requests if request.headers.get("x-api-key") == "k"]
    signature = hmac.new(b"s", sent.content, hashlib.sha256).hexdigest()
    assert sent.headers["x-c360-signature"] == f"sha256={signature}"
    found = json.loads(sent.content)
    assert found["replay_id"]
    check_event(found, now=datetime.now(UTC), contracts=contracts.load())


def test_an_event_that_was_sent_is_looked_for_in_the_lake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def started(**given: Any) -> dict[str, str]:
        asked.append(given["QueryString"])
        return {"QueryExecutionId": "q"}

    world.answers["start_query_execution"] = started
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}

    assert world.outcomes(send=True)["event in the lake"].outcome == "ok"
    (sent,) = [request for request in world.requests if request.headers.get("x-api-key") == "k"]
    wanted = f"c360_dev_raw.interactions WHERE event_id = '{json.loads(sent.content)['event_id']}'"
    assert any(wanted in sql for sql in asked)

    rows = [{"Data": [{"VarCharValue": "customer_key"}]}]
    world.answers["get_query_results"] = {"ResultSet": {"Rows": rows}}
    monkeypatch.setattr(event, "LAKE_SECONDS", 0.01)
    monkeypatch.setattr(event, "PAUSE_SECONDS", 0.02)

    outcomes = world.outcomes(send=True)

    assert failed(outcomes) == ["event in the lake"]
    assert "is not in interactions after" in outcomes["event in the lake"].found


def test_the_event_is_followed_to_the_profile_of_one_visitor(world: World) -> None:
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}

    first = world.outcomes(send=True)["event in the view"]
    second = world.outcomes(send=True)["event in the view"]

    assert (first.outcome, second.outcome) == ("ok", "ok")
    assert first.found.endswith(f"of {PERSON}")
    assert {one["event_id"] for one in world.events} == {found.found.split(" ")[0] for found in (first, second)}
    assert {one["identifiers"]["cookie_id"][0] for one in world.events} == {"smoke-dev"}


def test_an_event_that_does_not_reach_the_view_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}
    monkeypatch.setattr(event, "VIEW_SECONDS", 0.01)
    monkeypatch.setattr(event, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(world, "profile", lambda _: httpx.Response(404))

    outcomes = world.outcomes(send=True)

    assert failed(outcomes) == ["event in the view"]
    assert f"is not in the profile of {PERSON} after" in outcomes["event in the view"].found


def test_an_earlier_event_of_the_visitor_is_not_taken_for_the_one_that_was_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}
    monkeypatch.setattr(event, "VIEW_SECONDS", 0.01)
    monkeypatch.setattr(event, "PAUSE_SECONDS", 0.02)
    earlier = {"person_id": PERSON, "version": {"last_event_at": "2026-01-01T00:00:00.000Z"}}
    monkeypatch.setattr(world, "profile", lambda request: httpx.Response(200, json=earlier, request=request))

    assert failed(world.outcomes(send=True)) == ["event in the view"]


def test_who_may_not_read_the_view_is_told_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}
    monkeypatch.setattr(world, "profile", lambda request: httpx.Response(403, request=request))

    outcomes = world.outcomes(send=True)

    assert failed(outcomes) == ["event in the view"]
    assert "403" in outcomes["event in the view"].found


def test_an_event_is_not_waited_for_while_nothing_reads_it(world: World) -> None:
    outcome = world.outcomes(send=True)["event in the lake"]

    assert (outcome.outcome, outcome.found) == ("skipped", "clean does not run: the event waits on its stream")


def test_an_alarm_has_an_hour_to_get_a_state(world: World) -> None:
    new = alarm(StateValue="INSUFFICIENT_DATA", StateUpdatedTimestamp=datetime.now(UTC) - timedelta(minutes=50))
    world.answers["describe_alarms"] = [{"MetricAlarms": [new]}]

    assert failed(world.outcomes()) == []


def test_alarms_that_nobody_hears_are_a_warning_and_no_failure(world: World) -> None:
    world.answers["get_topic_attributes"] = {"Attributes": {"SubscriptionsConfirmed": "0", "SubscriptionsPending": "1"}}

    outcomes = world.outcomes()

    assert failed(outcomes) == []
    topic = outcomes["alarm topic"]
    assert (topic.outcome, topic.found) == (
        "warned",
        "0 confirmed subscription(s), 1 pending: nobody hears the alarms",
    )
    assert topic.fix


def test_a_function_without_a_policy_of_its_own_is_not_open(world: World) -> None:
    world.answers["get_policy"] = answered("ResourceNotFoundException")

    assert failed(world.outcomes()) == []


def test_an_environment_without_a_matching_job_is_no_failure(world: World) -> None:
    world.answers["list_matching_jobs"] = [{"jobs": []}]

    assert world.outcomes()["matching job"].outcome == "skipped"


def test_the_emulator_gets_no_unsupported_requests(world: World) -> None:
    world.answers["get_stages"] = [{"Items": [stage(DefaultRouteSettings={})]}]
    world.answers["describe_alarms"] = [{"MetricAlarms": [alarm(StateValue="INSUFFICIENT_DATA")]}]

    outcomes = world.outcomes(endpoint="http://127.0.0.1:1")

    assert failed(outcomes) == []
    assert outcomes["table optimizers"].found == "the emulator keeps table optimizers, and runs none"


def test_an_environment_that_is_nowhere_is_wrong_usage(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.answers["describe_stacks"] = [{"Stacks": []}]
    monkeypatch.setattr(command.boto3, "Session", world.session)

    with pytest.raises(WrongUsageError, match="no stack of staging is deployed"):
        command.run(Steps(machine=True), "staging")


def test_the_outcome_is_one_document(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.boto3, "Session", world.session)
    monkeypatch.setattr(command, "clients_of_role", world.as_role)
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
