"""The deployed definition, step by step: each with its scripts, its folders, and a reason where it fails."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.twin.providers.sagemaker.world import GROUP, KEY, ROLE, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.fill(1, 2, 6)
    return made


def reasons(ended: dict[str, Any]) -> list[str]:
    return [step["FailureReason"] for step in ended["Steps"] if step["StepStatus"] == "Failed"]


def test_a_first_model_is_prepared_trained_evaluated_and_registered(world: World) -> None:
    ended = world.train()
    assert ended["PipelineExecutionStatus"] == "Succeeded", reasons(ended)
    assert [step["StepName"] for step in ended["Steps"]] == ["Prepare", "Train", "Evaluate", "IsBetter", "Register"]
    [version] = world.versions()
    assert (version["ModelApprovalStatus"], version["ModelPackageVersion"]) == ("Approved", 1)
    assert world.report(ended["PipelineExecutionArn"]) == {"verdict": {"approved": True}}
    statistics = version["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert statistics.removeprefix("s3://") in world.objects.held
    assert set(world.objects.keys.values()) == {KEY}
    assert {resource for action, resource in world.asked if action == "iam:PassRole"} == {ROLE}


@pytest.mark.parametrize(("rows", "versions"), [((1, 2, 3), 1), ((9, 9, 9), 2)])
def test_only_a_better_one_than_the_champion_is_registered(
    world: World, rows: tuple[float, ...], versions: int
) -> None:
    world.train()
    world.fill(*rows)
    ended = world.train(champion=world.data(1))
    assert ended["PipelineExecutionStatus"] == "Succeeded"
    assert len(world.versions()) == versions


def test_somebody_approves_where_the_settings_say_so(tmp_path: Path) -> None:
    world = World(tmp_path, automatic=False)
    world.fill(1, 2, 6)
    world.train()
    [version] = world.versions()
    assert version["ModelApprovalStatus"] == "PendingManualApproval"
    world.client.update_model_package(ModelPackageArn=version["ModelPackageArn"], ModelApprovalStatus="Approved")
    approved = world.client.list_model_packages(ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved")
    assert len(approved["ModelPackageSummaryList"]) == 1


def test_a_script_that_fails_ends_the_execution_with_what_it_said(world: World) -> None:
    world.fill(1)
    ended = world.train()
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert reasons(ended) == ["AlgorithmError: error: fewer than 3 rows (exit code 1)"]
    assert [step["StepName"] for step in ended["Steps"]] == ["Prepare"]


def test_nothing_to_read_fails_as_on_aws(world: World) -> None:
    ended = world.train(Features="s3://training/elsewhere/")
    assert reasons(ended) == ["ClientError: no S3 objects found under S3 URL s3://training/elsewhere/"]


@pytest.mark.parametrize(
    ("denied", "step"),
    [
        ("sagemaker:CreateProcessingJob", "Prepare"),
        ("iam:PassRole", "Prepare"),
        ("ecr:BatchGetImage", "Prepare"),
        ("kms:CreateGrant", "Prepare"),
        ("logs:PutLogEvents", "Prepare"),
        ("sagemaker:CreateTrainingJob", "Train"),
        ("sagemaker:CreateModelPackage", "Register"),
    ],
)
def test_a_right_that_is_missing_ends_the_step_that_needs_it(world: World, denied: str, step: str) -> None:
    world.denied.add(denied)
    ended = world.train()
    assert (ended["PipelineExecutionStatus"], ended["Steps"][-1]["StepName"]) == ("Failed", step)
    assert denied in reasons(ended)[0]


def test_what_the_stand_in_does_not_know_is_refused_by_name(world: World) -> None:
    world.definition["Steps"][0]["Type"] = "Tuning"
    assert reasons(world.train()) == ["the laptop twin has no step of type Tuning"]
    world.definition["Steps"][0] = {"Name": "Odd", "Type": "Processing", "Arguments": {"Std:Odd": {}}}
    assert reasons(world.train()) == ["the laptop twin has no function Std:Odd"]


@pytest.mark.parametrize(
    ("given", "said"), [({"Odd": "1"}, "Unknown pipeline parameter Odd"), ({}, "Features has no value")]
)
def test_parameters_are_checked_before_anything_begins(world: World, given: dict[str, str], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        world.client.start_pipeline_execution(
            PipelineName=GROUP, PipelineParameters=[{"Name": name, "Value": value} for name, value in given.items()]
        )


def test_the_same_token_starts_nothing_again(world: World) -> None:
    request = {
        "PipelineName": GROUP,
        "ClientRequestToken": "t" * 32,
        "PipelineParameters": [
            {"Name": "Features", "Value": "s3://training/none/"},
            {"Name": "Place", "Value": "s3://training/1"},
        ],
    }
    first = world.client.start_pipeline_execution(**request)
    assert world.client.start_pipeline_execution(**request) == first
    assert len(world.client.list_pipeline_executions(PipelineName=GROUP)["PipelineExecutionSummaries"]) == 1
