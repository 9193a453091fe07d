"""The wire answers as the service's own model says, and refuses what the stand-in lacks."""

import asyncio
import json
from typing import Any

import pytest

from twin.emulator.wire import ServiceError, Wire


class Workflows:
    """A stand-in with two operations of Entity Resolution."""

    def get_matching_job(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["jobId"] == "unknown":
            raise ServiceError("ResourceNotFoundException", "no such job", 404)
        return {"jobId": request["jobId"], "status": "SUCCEEDED", "startTime": 0}

    def start_matching_job(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"jobId": 7}


def ask(wire: Wire, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, _, answer = asyncio.run(wire.handle(method, path, named, body, {}))
    return status, json.loads(answer)


def test_path_parameters_reach_the_operation() -> None:
    answer = ask(Wire("entityresolution", Workflows()), "GET", "/matchingworkflows/people/jobs/j%2D1")

    assert answer == (200, {"jobId": "j-1", "status": "SUCCEEDED", "startTime": 0})


def test_an_error_of_the_service_keeps_its_code_and_status() -> None:
    status, answer = ask(Wire("entityresolution", Workflows()), "GET", "/matchingworkflows/people/jobs/unknown")

    assert (status, answer) == (404, {"__type": "ResourceNotFoundException", "message": "no such job"})


def test_an_operation_that_the_stand_in_lacks_is_refused_by_name() -> None:
    status, answer = ask(Wire("entityresolution", Workflows()), "GET", "/matchingworkflows/people")

    assert status == 501
    assert answer["message"] == "the laptop twin's entityresolution has no GetMatchingWorkflow"


def test_an_answer_that_the_model_refuses_is_an_error() -> None:
    status, answer = ask(Wire("entityresolution", Workflows()), "POST", "/matchingworkflows/people/jobs")

    assert status == 500
    assert "jobId" in answer["message"]


def test_the_target_header_names_a_json_operation() -> None:
    class Queries:
        def start_query_execution(self, request: dict[str, Any]) -> dict[str, Any]:
            return {"QueryExecutionId": request["QueryString"]}

    body = json.dumps({"QueryString": "select 1"}).encode()
    status, answer = ask(Wire("athena", Queries()), "POST", "/", body, x_amz_target="AmazonAthena.StartQueryExecution")

    assert (status, answer) == (200, {"QueryExecutionId": "select 1"})


def test_a_request_that_the_model_refuses_is_a_validation_error() -> None:
    body = json.dumps({"WorkGroup": "primary"}).encode()
    status, answer = ask(Wire("athena", object()), "POST", "/", body, x_amz_target="AmazonAthena.StartQueryExecution")

    assert status == 400
    assert answer["__type"] == "ValidationException"
    assert "QueryString" in answer["message"]


def test_a_body_that_is_one_member_reaches_it_and_comes_back_as_it() -> None:
    class Messages:
        def send_messages(self, request: dict[str, Any]) -> dict[str, Any]:
            addresses = request["MessageRequest"]["Addresses"]
            return {"MessageResponse": {"ApplicationId": request["ApplicationId"], "RequestId": sorted(addresses)[0]}}

    body = json.dumps({"Addresses": {"one": {"ChannelType": "GCM"}}, "MessageConfiguration": {}}).encode()
    wire = Wire("pinpoint", Messages())

    assert ask(wire, "POST", "/v1/apps/app/messages", body) == (200, {"ApplicationId": "app", "RequestId": "one"})
    asked = {"ApplicationId": "app", "MessageRequest": json.loads(body)}
    assert wire.invoke("sendMessages", asked)["MessageResponse"]["RequestId"] == "one"


def test_state_machines_invoke_an_operation_by_its_name() -> None:
    wire = Wire("entityresolution", Workflows())

    assert wire.invoke("getMatchingJob", {"workflowName": "people", "jobId": "1"})["status"] == "SUCCEEDED"
    with pytest.raises(ServiceError, match="no operation runEverything"):
        wire.invoke("runEverything", {})


def test_a_service_is_named_as_step_functions_names_it_in_errors() -> None:
    assert Wire("entityresolution", Workflows()).service_id == "EntityResolution"
    assert Wire("kinesisanalyticsv2", Workflows()).service_id == "KinesisAnalyticsV2"
