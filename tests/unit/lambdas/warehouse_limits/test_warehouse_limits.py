"""A workgroup has the one limit that its settings ask for, whatever it had, and CloudFormation always hears."""

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.shared import custom_resource
from lambdas.warehouse_limits import handler
from lambdas.warehouse_limits.logic import UsageLimits
from tests.fakes.wire import LambdaContext
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.redshift.serverless import RedshiftServerless

ARN = "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/c360-x"


class Client:
    """Redshift Serverless as boto3 shows it, on the laptop's own stand-in."""

    exceptions = boto3.client("redshift-serverless", region_name="us-east-1").exceptions

    def __init__(self, service: RedshiftServerless) -> None:
        self._wire = Wire("redshift-serverless", service)

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.title() for part in name.split("_"))

        def call(**request: Any) -> Any:
            try:
                return self._wire.invoke(operation, request)
            except ServiceError as error:
                known = getattr(self.exceptions, error.code, ClientError)
                raise known({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return call


@pytest.fixture
def workgroups() -> list[Resource]:
    return [
        Resource(
            type_name="AWS::RedshiftServerless::Workgroup",
            physical_id="c360-x",
            logical_id="Workgroup",
            stack="analytics",
            properties={"WorkgroupName": "c360-x"},
            attributes={"Workgroup.WorkgroupArn": ARN},
        )
    ]


@pytest.fixture
def client(tmp_path: Path, workgroups: list[Resource], monkeypatch: pytest.MonkeyPatch) -> Client:
    service = RedshiftServerless(
        namespaces=list, workgroups=lambda: workgroups, secret_of=lambda _: "", kept=tmp_path / "limits.json"
    )
    made = Client(service)
    monkeypatch.setattr(handler, "_limits", lambda: UsageLimits(client=made))  # type: ignore[arg-type]
    return made


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    def take(request: Any, timeout: float) -> io.BytesIO:
        sent.append(json.loads(request.data))
        return io.BytesIO()

    monkeypatch.setattr(custom_resource, "urlopen", take)
    return sent


def event(kind: str, hours: int = 16, workgroup: str = ARN) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://answers.example.com/1",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Limit",
        "ResourceProperties": {"Workgroup": workgroup, "DailyHours": str(hours)},
    }


def limits(client: Client) -> list[tuple[str, int, str]]:
    return [
        (one["period"], one["amount"], one["breachAction"])
        for one in client.list_usage_limits(resourceArn=ARN).get("usageLimits", ())
    ]


def test_a_workgroup_gets_a_limit_and_keeps_it_when_it_changes(client: Client, answers: list[dict[str, Any]]) -> None:
    handler.handle(event("Create"), LambdaContext())
    assert limits(client) == [("daily", 16, "deactivate")]
    handler.handle(event("Update", hours=24), LambdaContext())
    assert limits(client) == [("daily", 24, "deactivate")]
    first, second = (answered["Data"]["LimitId"] for answered in answers)
    assert first == second


def test_a_limit_that_somebody_else_has_made_goes(client: Client, answers: list[dict[str, Any]]) -> None:
    client.create_usage_limit(resourceArn=ARN, usageType="serverless-compute", amount=1, period="monthly")
    handler.handle(event("Create"), LambdaContext())
    handler.handle(event("Create"), LambdaContext())  # CloudFormation asks again when it has heard no answer
    assert limits(client) == [("daily", 16, "deactivate")]
    assert {answered["Status"] for answered in answers} == {"SUCCESS"}


def test_deleting_removes_it_also_without_the_workgroup(
    client: Client, workgroups: list[Resource], answers: list[dict[str, Any]]
) -> None:
    handler.handle(event("Create"), LambdaContext())
    handler.handle(event("Delete"), LambdaContext())
    assert limits(client) == []
    workgroups.clear()
    handler.handle(event("Delete"), LambdaContext())
    assert [answered["Status"] for answered in answers] == ["SUCCESS"] * 3


def test_cloudformation_hears_why_a_workgroup_has_no_limit(client: Client, answers: list[dict[str, Any]]) -> None:
    assert client
    handler.handle(event("Create", workgroup=f"{ARN}-other"), LambdaContext())
    [answered] = answers
    assert answered["Status"] == "FAILED"
    assert "there is no workgroup" in answered["Reason"]
