"""The launcher as it runs: a provider that is added as a folder, by the steps of CONTRIBUTING.md, answers real clients.

The service is one that neither the emulator nor the twin has, so that nothing but the new folder can answer.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.docs.lists import follow, steps
from twin.emulator.stand_ins import Resource
from twin.principals import Principal
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.providers.managed_flink.streams import deployed_streams
from twin.settings import ROOT, TwinSettings

LAUNCH = """
import sys
import twin.providers
twin.providers.__path__.append(sys.argv.pop(1))
from twin.emulator import launcher
launcher.main()
"""
TEMPLATE = {
    "Resources": {"Faces": {"Type": "AWS::Rekognition::Collection", "Properties": {"CollectionId": "customers"}}}
}
STATES = {
    "StartAt": "List",
    "States": {
        "List": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:rekognition:listCollections",
            "ResultPath": "$.listed",
            "Next": "Newest",
        },
        "Newest": {
            "Type": "Task",
            "Resource": "arn:aws:states:::rekognition:newest",
            "Parameters": {},
            "ResultPath": "$.newest",
            "End": True,
        },
    },
}

APPLICATION = {
    "Resources": {
        "App": {
            "Type": "AWS::KinesisAnalyticsV2::Application",
            "Properties": {
                "RuntimeEnvironment": "FLINK-2_3",
                "ServiceExecutionRole": "arn:aws:iam::123456789012:role/flink",
                "ApplicationConfiguration": {
                    "ApplicationCodeConfiguration": {
                        "CodeContentType": "ZIPFILE",
                        "CodeContent": {"S3ContentLocation": {"BucketARN": "arn:aws:s3:::code", "FileKey": "app.zip"}},
                    },
                    "EnvironmentProperties": {
                        "PropertyGroups": [
                            {
                                "PropertyGroupId": "streams",
                                "PropertyMap": {
                                    "reads": "c360-dev-events",
                                    "writes": {"Fn::Sub": "${AWS::StackName}-interactions"},
                                },
                            }
                        ]
                    },
                },
            },
        }
    }
}

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do in an empty tree what the list says; return the folder of its providers."""
    tree = tmp_path_factory.mktemp("tree")
    follow(steps("Add a provider"), tree)
    return tree / "twin" / "providers"


@pytest.fixture(scope="module")
def settings(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinSettings]:
    """Run the real launcher with one folder more."""
    settings = TwinSettings(home=tmp_path_factory.mktemp("home"), port=free_port())
    argv = [sys.executable, "-c", LAUNCH, str(folder), str(settings.save())]
    child = spawn("emulator", argv, log_path=settings.logs / "emulator.log", cwd=ROOT)
    try:
        wait_until(lambda: port_is_open(settings.port), child=child, seconds=60)
        yield settings
    finally:
        child.terminate()


def until(ask: Any, ended: Any) -> Any:
    deadline = time.monotonic() + 30
    while not ended(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def output_of(states: Any, machine: str) -> Any:
    """Run a state machine to its end; return what it leaves behind."""
    execution = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    ended = until(lambda: states.describe_execution(executionArn=execution), lambda found: found["status"] != "RUNNING")
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"])


def test_a_folder_is_all_that_a_provider_needs(settings: TwinSettings) -> None:
    stacks, rekognition = settings.client("cloudformation"), settings.client("rekognition")
    assert rekognition.list_collections()["CollectionIds"] == []

    stacks.create_stack(StackName="faces", TemplateBody=json.dumps(TEMPLATE))
    listed = until(rekognition.list_collections, lambda answer: answer["CollectionIds"])
    assert listed["CollectionIds"] == ["customers"]

    states, roles = settings.client("stepfunctions"), settings.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "states.amazonaws.com"}}
    made = roles.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    role = made["Role"]["Arn"]
    allowed = {"Effect": "Allow", "Action": ["rekognition:ListCollections", "rekognition:Newest"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    roles.put_role_policy(RoleName="any", PolicyName="own", PolicyDocument=policy)
    machine = states.create_state_machine(name="faces", definition=json.dumps(STATES), roleArn=role)["stateMachineArn"]
    assert output_of(states, machine) == {
        "listed": {"CollectionIds": ["customers"]},
        "newest": {"Newest": "customers"},
    }

    stacks.delete_stack(StackName="faces")
    stacks.get_waiter("stack_delete_complete").wait(StackName="faces", WaiterConfig={"Delay": 1})
    assert rekognition.list_collections()["CollectionIds"] == []
    assert output_of(states, machine)["newest"] == {"Newest": ""}


def test_who_has_no_permission_for_it_is_refused_by_the_new_service(settings: TwinSettings) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: rekognition:ListCollections"):
        settings.client("rekognition", as_=Principal.APPLICATION).list_collections()


def test_the_streams_of_a_deployed_application_are_those_of_its_template(settings: TwinSettings) -> None:
    buckets, stacks = settings.client("s3"), settings.client("cloudformation")
    buckets.create_bucket(Bucket="code")
    buckets.put_object(Bucket="code", Key="app.zip", Body=b"zip")
    stacks.create_stack(StackName="streaming", TemplateBody=json.dumps(APPLICATION))
    stacks.get_waiter("stack_create_complete").wait(StackName="streaming", WaiterConfig={"Delay": 1})

    kept = json.loads((settings.home / "stand-ins.json").read_text(encoding="utf-8"))
    streams = deployed_streams(
        Resource(
            type_name=one["type"],
            physical_id=one["id"],
            logical_id="App",
            stack=one["stack"],
            properties=one["properties"],
            attributes={},
        )
        for one in kept
        if one["type"] == "AWS::KinesisAnalyticsV2::Application"
    )
    assert (set(streams.reads), set(streams.writes)) == ({"c360-dev-events"}, {"streaming-interactions"})

    stacks.delete_stack(StackName="streaming")
    stacks.get_waiter("stack_delete_complete").wait(StackName="streaming", WaiterConfig={"Delay": 1})
    assert "KinesisAnalytics" not in (settings.home / "stand-ins.json").read_text(encoding="utf-8")
