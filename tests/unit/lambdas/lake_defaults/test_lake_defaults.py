"""A database is closed against everybody whom IAM allows, whatever its state was, and CloudFormation always hears."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from c360_aws.lake_permissions import EVERYBODY, open_permissions
from lambdas.lake_defaults import handler
from lambdas.lake_defaults.logic import ATTEMPTS, DatabaseCloser, StillOpenError
from lambdas.shared import custom_resource
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud

RAW, CURATED = "c360_dev_raw", "c360_dev_curated"
ANALYST = "arn:aws:iam::123456789012:role/analyst"
Answers = list[dict[str, Any]]


@pytest.fixture
def lake(cloud: Cloud) -> Iterator[Any]:
    """Yield Lake Formation with two databases; the first is open, and so is one of its two tables."""
    assert cloud
    glue, client = boto3.client("glue"), boto3.client("lakeformation")
    for database, tables in ((RAW, ("events", "people")), (CURATED, ("profiles",))):
        glue.create_database(DatabaseInput={"Name": database})
        for table in tables:
            glue.create_table(DatabaseName=database, TableInput={"Name": table})
    grant(client, EVERYBODY, {"Database": {"Name": RAW}})
    grant(client, EVERYBODY, {"Table": {"DatabaseName": RAW, "Name": "people"}})
    grant(client, EVERYBODY, {"Table": {"DatabaseName": CURATED, "Name": "profiles"}})
    grant(client, ANALYST, {"Table": {"DatabaseName": RAW, "Name": "people"}})
    yield client
    for entry in held(client):
        client.revoke_permissions(**{name: entry[name] for name in ("Principal", "Resource", "Permissions")})
    for database in (RAW, CURATED):
        glue.delete_database(Name=database)


def grant(client: Any, principal: str, resource: dict[str, Any]) -> None:
    client.grant_permissions(
        Principal={"DataLakePrincipalIdentifier": principal}, Resource=resource, Permissions=["ALL"]
    )


def held(client: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = client.list_permissions()["PrincipalResourcePermissions"]
    return entries


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Return what is sent to CloudFormation from now on."""
    sent: Answers = []

    def take(request: Any, timeout: float) -> io.BytesIO:
        assert (request.method, request.get_header("Content-type"), timeout > 0) == ("PUT", "", True)
        sent.append({"url": request.full_url, **json.loads(request.data)})
        return io.BytesIO()

    monkeypatch.setattr(custom_resource, "urlopen", take)
    monkeypatch.setenv("ENVIRONMENT", "dev")
    return sent


def event(kind: str, database: str = RAW) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://answers.example.com/1",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Closed",
        "ResourceProperties": {"Database": database, "Tables": []},
    }


def still_open(client: Any) -> list[str]:
    glue = boto3.client("glue")
    return [str(one) for name in (RAW, CURATED) for one in open_permissions(name, glue=glue, lake_formation=client)]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_a_database_and_its_tables_are_closed_and_no_other(kind: str, lake: Any, answers: Answers) -> None:
    handler.handle(event(kind), LambdaContext())

    assert still_open(lake) == [f"{CURATED}.profiles: ALL"]
    kept = [entry["Principal"]["DataLakePrincipalIdentifier"] for entry in held(lake)]
    assert sorted(kept) == [EVERYBODY, ANALYST]
    [answered] = answers
    assert (answered["Status"], answered["PhysicalResourceId"], answered["Data"]) == (
        "SUCCESS",
        "Closed",
        {"Revoked": "2"},
    )


def test_a_closed_database_stays_as_it_is(lake: Any, answers: Answers) -> None:
    handler.handle(event("Create"), LambdaContext())
    handler.handle({**event("Update"), "PhysicalResourceId": "Closed"}, LambdaContext())

    assert [answered["Data"]["Revoked"] for answered in answers] == ["2", "0"]
    assert {answered["PhysicalResourceId"] for answered in answers} == {"Closed"}
    assert still_open(lake) == [f"{CURATED}.profiles: ALL"]


def test_deleting_the_resource_opens_and_revokes_nothing(lake: Any, answers: Answers) -> None:
    before = still_open(lake)
    handler.handle({**event("Delete"), "PhysicalResourceId": "earlier"}, LambdaContext())

    assert still_open(lake) == before
    assert [(answered["Status"], answered["PhysicalResourceId"]) for answered in answers] == [("SUCCESS", "earlier")]


def test_cloudformation_hears_why_a_database_was_not_closed(lake: Any, answers: Answers, log: io.StringIO) -> None:
    assert lake
    handler.handle(event("Create", database="c360_dev_attic"), LambdaContext())

    [answered] = answers
    assert answered["Status"] == "FAILED"
    assert answered["url"] == "https://answers.example.com/1"
    assert "c360_dev_attic" in answered["Reason"] or "Database" in answered["Reason"]
    assert "the database was not closed" in log.getvalue()


def test_a_request_without_its_database_is_answered_too(answers: Answers, cloud: Cloud) -> None:
    assert cloud
    handler.handle({**event("Create"), "ResourceProperties": {}}, LambdaContext())
    assert [(answered["Status"], answered["Reason"]) for answered in answers] == [("FAILED", "KeyError: 'Database'")]


class Stubborn:
    """Lake Formation that fails to revoke a number of times, with an error of its own."""

    def __init__(self, client: Any, code: str, times: int) -> None:
        self._client, self._code, self._left = client, code, times
        self.exceptions = client.exceptions

    def list_permissions(self, **asked: Any) -> Mapping[str, Any]:
        return dict(self._client.list_permissions(**asked))

    def revoke_permissions(self, **asked: Any) -> Mapping[str, Any]:
        if self._left:
            self._left -= 1
            fault = getattr(self.exceptions, self._code)
            raise fault({"Error": {"Code": self._code, "Message": "no"}}, "RevokePermissions")
        return dict(self._client.revoke_permissions(**asked))


def closer(client: Any, waited: list[float]) -> DatabaseCloser:
    return DatabaseCloser(glue=boto3.client("glue"), lake_formation=client, sleep=waited.append)


def test_it_waits_for_others_who_change_the_same_table(lake: Any) -> None:
    waited: list[float] = []
    closer(Stubborn(lake, "ConcurrentModificationException", 3), waited).close(RAW)

    assert waited == [0.5, 1.0, 2.0]
    assert still_open(lake) == [f"{CURATED}.profiles: ALL"]


def test_it_does_not_wait_for_ever(lake: Any) -> None:
    waited: list[float] = []
    with pytest.raises(ClientError, match="ConcurrentModificationException"):
        closer(Stubborn(lake, "ConcurrentModificationException", ATTEMPTS), waited).close(RAW)
    assert len(waited) == ATTEMPTS - 1


def test_what_is_open_afterwards_is_named(lake: Any) -> None:
    with pytest.raises(StillOpenError, match=f"{RAW}: ALL"):
        closer(Stubborn(lake, "InvalidInputException", 99), []).close(RAW)
