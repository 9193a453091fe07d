"""Landed files become few runs: each file in one, what is no file back to the queue, and no run twice."""

import json
from collections.abc import Sequence
from typing import Any

import boto3
import pytest

from c360_core.landing import MAX_RUN_FILES, LandedFile, read_manifest
from lambdas.file_batches import handler
from lambdas.file_batches.logic import QueueMessage, start_runs
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud

BUCKET = "results"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:ingest"


def body(key: str, second: int = 0) -> str:
    return json.dumps(
        {
            "time": f"2026-03-02T05:{second // 60:02}:{second % 60:02}Z",
            "detail": {"bucket": {"name": "landing"}, "object": {"key": key, "size": 10}},
        }
    )


def batch(*bodies: str) -> dict[str, Any]:
    records = [{"messageId": f"m-{number}", "body": text} for number, text in enumerate(bodies)]
    return {"Records": records}


@pytest.fixture
def states(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    assert cloud
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("RESULTS_BUCKET", BUCKET)
    monkeypatch.setenv("INGEST_MACHINE_ARN", MACHINE)
    handler._runs.cache_clear()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    client = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}})
    role = "arn:aws:iam::123456789012:role/machine"
    client.create_state_machine(name="ingest", definition=definition, roleArn=role)
    yield client
    client.delete_state_machine(stateMachineArn=MACHINE)
    for each in boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", []):
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=each["Key"])
    boto3.client("s3").delete_bucket(Bucket=BUCKET)
    handler._runs.cache_clear()


def executions(states: Any) -> list[dict[str, Any]]:
    found = states.list_executions(stateMachineArn=MACHINE)["executions"]
    return [json.loads(states.describe_execution(executionArn=e["executionArn"])["input"]) for e in found]


def listed(run: dict[str, Any]) -> Sequence[LandedFile]:
    return read_manifest(boto3.client("s3").get_object(Bucket=BUCKET, Key=run["manifest"])["Body"].read().decode())


def test_thirty_files_make_one_run_with_all_of_them(states: Any) -> None:
    answer = handler.handle(batch(*(body(f"crm_contacts/{n}.csv", n) for n in range(30))), LambdaContext())

    assert answer == {"batchItemFailures": []}
    (run,) = executions(states)
    assert run["files"] == 30
    assert [file.key for file in listed(run)] == [f"crm_contacts/{n}.csv" for n in range(30)]


def test_a_folder_marker_starts_no_run_and_is_not_delivered_again(states: Any) -> None:
    marks = batch(body("crm_contacts/"), body("crm_contacts_$folder$"))

    assert handler.handle(marks, LambdaContext()) == {"batchItemFailures": []}
    assert executions(states) == []

    handler.handle(batch(body("crm_contacts/"), body("crm_contacts/b.csv")), LambdaContext())
    (run,) = executions(states)
    assert [file.key for file in listed(run)] == ["crm_contacts/b.csv"]


def test_a_batch_that_is_delivered_again_starts_no_second_run(states: Any) -> None:
    for _ in range(2):
        assert handler.handle(batch(body("a.csv"), body("b.csv")), LambdaContext()) == {"batchItemFailures": []}
    assert len(executions(states)) == 1


def test_a_message_without_a_file_is_returned_alone_and_the_log_says_why(states: Any, log: Any) -> None:
    answer = handler.handle(batch(body("a.csv"), '{"detail": {}}', body("b.csv")), LambdaContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    (run,) = executions(states)
    assert [file.key for file in listed(run)] == ["a.csv", "b.csv"]
    assert "object: expected a JSON object" in log.getvalue()


def test_when_no_run_can_be_started_every_message_goes_back(states: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INGEST_MACHINE_ARN", f"{MACHINE}-gone")
    answer = handler.handle(batch(body("a.csv"), body("b.csv")), LambdaContext())
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["m-0", "m-1"]
    assert executions(states) == []


def test_a_run_that_cannot_be_started_blocks_no_other() -> None:
    started: list[int] = []

    class OnlyTheSecond:
        def start(self, name: str, files: Sequence[LandedFile]) -> None:
            assert name.startswith("files-")
            if files[0].key == "0":
                raise RuntimeError("throttled")
            started.append(len(files))

    messages = [QueueMessage(message_id=f"m-{n}", body=body(str(n), n)) for n in range(MAX_RUN_FILES + 10)]
    failures = start_runs([*messages, QueueMessage(message_id="again", body=body("0", 0))], OnlyTheSecond())
    assert started == [10]
    assert set(failures) == {*(f"m-{n}" for n in range(MAX_RUN_FILES)), "again"}
