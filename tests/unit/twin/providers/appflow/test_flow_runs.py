"""A flow of the twin: what it reads, writes, keeps and tells, and what it refuses by name."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import vendors
from twin.emulator.wire import ServiceError
from twin.providers.appflow.plan import Plan, PlanError
from twin.providers.appflow.service import AppFlow
from twin.vendors.salesforce import SalesforceServer

pytestmark = pytest.mark.enable_socket

NAME = "c360-dev-contacts"


def task(kind, fields, operator, destination=None, **properties):
    made = {"TaskType": kind, "SourceFields": fields, "ConnectorOperator": {"Salesforce": operator}}
    if destination:
        made["DestinationField"] = destination
    return {**made, "TaskProperties": [{"Key": key, "Value": value} for key, value in properties.items()]}


def flow(**changed):
    return {
        "FlowName": NAME,
        "FlowStatus": "Active",
        "KMSArn": "arn:aws:kms:us-east-1:123456789012:key/k",
        "SourceFlowConfig": {
            "ConnectorType": "Salesforce",
            "ConnectorProfileName": "crm",
            "SourceConnectorProperties": {"Salesforce": {"Object": "Contact"}},
            "IncrementalPullConfig": {"DatetimeTypeFieldName": "SystemModstamp"},
        },
        "DestinationFlowConfigList": [
            {
                "ConnectorType": "S3",
                "DestinationConnectorProperties": {
                    "S3": {
                        "BucketName": "landing",
                        "BucketPrefix": "contacts",
                        "S3OutputFormatConfig": {
                            "FileType": "JSON",
                            "PrefixConfig": {"PathPrefixHierarchy": ["EXECUTION_ID"]},
                        },
                    }
                },
            }
        ],
        "TriggerConfig": {
            "TriggerType": "Scheduled",
            "TriggerProperties": {
                "ScheduleExpression": "rate(15minutes)",
                "DataPullMode": "Incremental",
                "FirstExecutionFrom": datetime(2026, 1, 1, tzinfo=UTC).timestamp(),
            },
        },
        "Tasks": [
            task("Filter", ["Id", "Email", "LastName", "SystemModstamp"], "PROJECTION"),
            task("Filter", ["LastName"], "NOT_EQUAL_TO", DATA_TYPE="string", VALUE="Buyer3"),
            task("Mask", ["Email"], "MASK_FIRST_N", MASK_LENGTH="3", MASK_VALUE="*"),
            task("Map", ["Id"], "NO_OP", "contact_id", DESTINATION_DATA_TYPE="id"),
            task("Map", ["Email"], "NO_OP", "email", DESTINATION_DATA_TYPE="email"),
            task("Map", ["SystemModstamp"], "NO_OP", "updated_at", DESTINATION_DATA_TYPE="datetime"),
        ],
        **changed,
    }


class Objects:
    def __init__(self):
        self.put = []

    def put_object(self, **request):
        self.put.append(request)

    def records(self, number=-1):
        return [json.loads(line) for line in self.put[number]["Body"].decode().splitlines()]


class World:
    """A stand-in with one flow, and the organization that it reads."""

    def __init__(self, vendor, properties=None, *, may=lambda *_: True):
        self.vendor, self.objects, self.told, self.waits = vendor, Objects(), [], []
        self.now = datetime(2026, 4, 1, tzinfo=UTC)
        self.properties = properties or flow()
        self.service = AppFlow(
            flows=lambda name: self.properties if name == NAME else None,
            names=lambda: [NAME],
            profiles=lambda _: None,
            may=may,
            objects=lambda: self.objects,
            tell=lambda *said: self.told.append(said),
            sleep=self.waits.append,
            clock=lambda: self.now,
        )
        self.service.deployed(NAME, self.properties)
        self.connect()

    def connect(self, refresh_token="of the consent"):  # noqa: S107  # of the local server
        self.service.create_connector_profile(
            {
                "connectorProfileName": "crm",
                "connectorType": "Salesforce",
                "connectorProfileConfig": {
                    "connectorProfileProperties": {"Salesforce": {"instanceUrl": self.vendor.address}},
                    "connectorProfileCredentials": {
                        "Salesforce": {"accessToken": "old", "refreshToken": refresh_token}
                    },
                },
            }
        )

    def run(self):
        if self.service.describe_flow({"flowName": NAME})["flowStatus"] == "Active":
            self.service.stop_flow({"flowName": NAME})
        self.service.start_flow({"flowName": NAME})
        return self.service.describe_flow_execution_records({"flowName": NAME})["flowExecutions"][0]


@pytest.fixture
def organization():
    contacts = [vendors.contact(number) for number in range(1, 8)]
    with SalesforceServer({"Contact": contacts}, calls_per_token=2, busy=1) as server:
        yield server


def test_a_run_reads_every_page_and_lands_what_the_contract_wants(organization):
    world = World(organization)

    ended = world.run()

    assert ended["executionStatus"] == "Successful", ended
    records = world.objects.records()
    assert [one["contact_id"][-1] for one in records] == ["1", "2", "4", "5", "6", "7"]
    assert records[0] == {
        "contact_id": "003xx0000000001",
        "email": "***er1@example.com",
        "updated_at": "2026-03-01T10:01:00.000+0000",
    }
    assert 401 in organization.statuses
    assert 429 in organization.statuses
    assert world.waits == [0.05]  # what the vendor's Retry-After says
    [put] = world.objects.put
    assert put["Key"].startswith(f"contacts/{NAME}/{ended['executionId']}/")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", world.properties["KMSArn"])


def test_its_end_is_told_as_appflow_tells_it(organization):
    world = World(organization)
    world.run()

    [(kind, detail, arn)] = world.told
    assert (kind, arn) == ("AppFlow End Flow Run Report", f"arn:aws:appflow:us-east-1:123456789012:flow/{NAME}")
    assert (detail["flow-name"], detail["status"], detail["num-of-records-processed"]) == (
        NAME, "Execution Successful", "6",
    )  # fmt: skip


def test_the_next_run_reads_only_what_has_changed_and_an_empty_one_lands_nothing(organization):
    world = World(organization)
    world.run()
    world.now += timedelta(hours=1)
    assert world.run()["executionStatus"] == "Successful"
    assert len(world.objects.put) == 1

    organization.objects["Contact"][1] |= {"LastName": "Married", "SystemModstamp": "2026-04-01T01:30:00.000+0000"}
    world.now += timedelta(hours=1)
    world.run()

    assert [one["contact_id"] for one in world.objects.records()] == ["003xx0000000002"]


def test_a_run_that_failed_skips_nothing(organization):
    world = World(organization)
    organization.is_down = True
    ended = world.run()
    assert ended["executionStatus"] == "Error"
    assert "503" in ended["executionResult"]["errorInfo"]["executionMessage"]
    assert world.waits == [0.2, 0.4, 0.8]  # longer each time
    assert world.told[-1][1]["status"] == "Execution Failed"
    assert world.objects.put == []

    organization.is_down = False
    world.now += timedelta(hours=1)
    assert world.run()["executionStatus"] == "Successful"
    assert len(world.objects.records()) == 6


def test_a_consent_that_was_taken_back_fails_the_run_with_the_vendors_words(organization):
    world = World(organization)
    organization.consent = "another"

    message = world.run()["executionResult"]["errorInfo"]["executionMessage"]

    assert "invalid_grant" in message


def test_a_policy_that_lets_appflow_not_in_fails_the_run_by_action_and_object(organization):
    world = World(organization, may=lambda action, *_: action != "s3:PutObjectAcl")

    message = world.run()["executionResult"]["errorInfo"]["executionMessage"]

    assert "may not s3:PutObjectAcl on arn:aws:s3:::landing/contacts/" in message


def test_a_connection_that_nobody_made_fails_the_run(organization):
    world = World(organization)
    world.service.delete_connector_profile({"connectorProfileName": "crm"})

    assert "make it first" in world.run()["executionResult"]["errorInfo"]["executionMessage"]


def test_an_active_flow_cannot_be_activated_and_an_unknown_one_not_at_all(organization):
    world = World(organization)
    with pytest.raises(ServiceError) as refused:
        world.service.start_flow({"flowName": NAME})
    assert refused.value.code == "ConflictException"
    with pytest.raises(ServiceError) as refused:
        world.service.describe_flow({"flowName": "other"})
    assert refused.value.code == "ResourceNotFoundException"


def test_executions_come_the_newest_first_in_pages(organization):
    world = World(organization)
    for _ in range(3):
        world.run()
        world.now += timedelta(hours=1)

    first = world.service.describe_flow_execution_records({"flowName": NAME, "maxResults": 2})
    rest = world.service.describe_flow_execution_records({"flowName": NAME, "nextToken": first["nextToken"]})

    starts = [one["startedAt"] for one in (*first["flowExecutions"], *rest["flowExecutions"])]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 3
    assert "nextToken" not in rest


def without(properties, kind):
    return {**properties, "Tasks": [one for one in properties["Tasks"] if one["TaskType"] != kind]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: without(f, "Filter"), "You must specify a projection task"),
        (lambda f: {**f, "Tasks": [*f["Tasks"], task("Validate", ["Id"], "VALIDATE_NON_NULL")]}, "know Validate"),
        (lambda f: {**f, "Tasks": [*f["Tasks"], task("Map", ["Phone"], "NO_OP", "phone")]}, "does not name Phone"),
        (lambda f: {**f, "TriggerConfig": {"TriggerType": "Event"}}, "no events of vendors"),
        (lambda f: {**f, "TriggerConfig": {"TriggerType": "Scheduled",
                                           "TriggerProperties": {"ScheduleExpression": "rate(1 hour)"}}}, "is no rate"),
        (lambda f: {**f, "SourceFlowConfig": {**f["SourceFlowConfig"], "ConnectorType": "Slack"}}, "not read Slack"),
    ],
)  # fmt: skip
def test_what_appflow_or_the_twin_does_not_know_is_refused_by_name(change, message):
    with pytest.raises(PlanError, match=message):
        Plan.of(change(flow()))
