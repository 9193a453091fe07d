"""Models on SageMaker, by a switch: jobs without a network, all under the key, one role for each kind of work."""

import json
import re
from typing import Any

import pytest

from c360_core.names import Querier, foretold_name, workgroup_name
from stacks.analytics.foresight.containers import INPUTS, OUTPUTS
from stacks.analytics.foresight.foretelling import PREFIX
from stacks.analytics.foresight.images import REPOSITORY, TAG
from stacks.analytics.foresight.model import MODELS
from tests.infrastructure.assembly import definition, resolve, states
from tests.infrastructure.estate import ACCOUNT, Estate, arn
from tests.infrastructure.policies import Policies

NAMES = [model.name for model in MODELS]


@pytest.fixture
def on(estates) -> Estate:
    return estates["everything"]


def pipeline(estate: Estate, model: str) -> dict[str, Any]:
    """Return the definition of a model's pipeline."""
    [found] = (
        one
        for one in estate.of_type("AWS::SageMaker::Pipeline")
        if one.properties["PipelineName"] == foretold_name("everything", model)
    )
    return json.loads(found.properties["PipelineDefinition"]["PipelineDefinitionBody"])


def steps(estate: Estate, model: str) -> dict[str, dict[str, Any]]:
    """Return the steps of a pipeline, those behind its condition, too."""
    every = pipeline(estate, model)["Steps"]
    every += [inner for step in every for inner in step["Arguments"].get("IfSteps", ())]
    return {step["Name"]: step for step in every}


def jobs(estate: Estate, everything, model: str) -> dict[str, dict[str, Any]]:
    """Return the requests that start jobs, by the name of the step or the state."""
    found = {
        name: one["Arguments"]
        for name, one in steps(estate, model).items()
        if one["Type"] in {"Processing", "Training"}
    }
    machine = everything.one("AWS::StepFunctions::StateMachine", "analytics", f"Foresight{model.title()}")
    started = {name: state for name, state in states(definition(machine)).items() if name in {"Score", "Compare"}}
    return {**found, **{name: state["Parameters"] for name, state in started.items()}}


def test_a_switch_brings_it_and_leaves_nothing(assembly):
    parts = ("Foresight", "ModelsBucket")
    found = [one for one in assembly.resources() if any(part in one.logical_id for part in parts)]
    kinds = [one.document["Type"] for one in found if one.document["Type"].startswith("AWS::SageMaker")]
    deployed = assembly.settings.analytics.models.deployed
    assert deployed is (assembly.settings.environment == "everything")
    assert bool(found) is deployed
    assert len(kinds) == 2 * len(MODELS) * deployed


@pytest.mark.parametrize("model", NAMES)
def test_every_job_is_encrypted_has_no_network_and_an_end(on, everything, model):
    requests = jobs(on, everything, model)
    assert set(requests) == {"Prepare", "Train", "Evaluate", "Score", "Compare"}
    for name, request in requests.items():
        text = json.dumps(request)
        assert "VolumeKmsKeyId" in text, name
        assert re.search(r'"KmsKeyId(\.\$)?"', text), name
        if name != "Score":  # a batch has the network of its model, and no limit of its own
            assert "MaxRuntimeInSeconds" in text
            assert request.get("EnableNetworkIsolation") or request["NetworkConfig"]["EnableNetworkIsolation"]


@pytest.mark.parametrize("model", NAMES)
def test_scripts_get_the_folders_that_their_arguments_name(on, everything, model):
    for name, request in jobs(on, everything, model).items():
        if "AppSpecification" not in request:
            continue
        told = request["AppSpecification"]["ContainerArguments"]
        named = dict(zip(told[1::2], told[2::2], strict=True))
        assert named["--target"] == model
        inputs = {one["S3Input"]["LocalPath"] for one in request["ProcessingInputs"]}
        outputs = {one["S3Output"]["LocalPath"] for one in request["ProcessingOutputConfig"]["Outputs"]}
        for folder in (value for value in named.values() if value.startswith("/")):
            given = folder in inputs if folder.startswith(INPUTS) else any(one.startswith(folder) for one in outputs)
            assert given, (name, folder)
        assert f"{INPUTS}/code" in inputs
        assert all(one.startswith(OUTPUTS) for one in outputs)


@pytest.mark.parametrize("model", NAMES)
def test_a_version_is_registered_only_if_the_evaluation_approves_it(on, model):
    found = steps(on, model)
    [condition] = found["IsBetter"]["Arguments"]["Conditions"]
    asked = condition["LeftValue"]["Std:JsonGet"]
    assert (asked["Path"], condition["Type"], condition["RightValue"]) == ("verdict.approved", "Equals", True)
    [file] = found["Evaluate"]["PropertyFiles"]
    assert asked["PropertyFile"]["Get"] == f"Steps.Evaluate.PropertyFiles.{file['PropertyFileName']}"
    assert found["Register"]["Arguments"]["ModelApprovalStatus"] == "Approved"  # as `everything` asks for
    assert found["IsBetter"]["Arguments"]["ElseSteps"] == []
    statistics = found["Register"]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert statistics["Std:Join"]["Values"][-1] == file["FilePath"]
    json.loads(found["Register"]["Arguments"]["ModelCard"]["ModelCardContent"])


def test_the_image_is_that_of_the_region(on):
    request = steps(on, NAMES[0])["Train"]["Arguments"]
    image = request["AlgorithmSpecification"]["TrainingImage"]
    assert image.endswith(f"/{REPOSITORY}:{TAG}")


def test_a_job_reads_what_is_under_its_prefix_and_reaches_nothing_else(on, everything):
    policies = Policies(on)
    role = arn(everything.one("AWS::IAM::Role", "analytics", "ForesightJobs"))
    training = arn(everything.one("AWS::S3::Bucket", "foundation", "TrainingBucket"))
    raw = arn(everything.one("AWS::S3::Bucket", "foundation", "LakeRaw"))
    secure = {"aws:SecureTransport": "true", "aws:ResourceAccount": ACCOUNT}

    def may(action: str, resource: str) -> bool:
        return all(policies.deciding(role, action, resource, secure))

    assert may("s3:GetObject", f"{training}/{PREFIX}churn/1/train/rows.parquet")
    assert not may("s3:GetObject", f"{training}/redshift/rows")
    assert not may("s3:GetObject", f"{raw}/anything")
    assert not may("kinesis:PutRecords", f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/c360-everything-events")
    assert not may("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/pipelines-1")


@pytest.mark.parametrize("model", NAMES)
def test_a_run_has_the_rights_of_its_own_model_alone(on, everything, model):
    policies = Policies(on)
    machine = everything.one("AWS::StepFunctions::StateMachine", "analytics", f"Foresight{model.title()}")
    role = on.by_arn[arn(machine)].properties["RoleArn"]
    for other in NAMES:
        started = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/{foretold_name('everything', other)}"
        assert all(policies.deciding(role, "sagemaker:StartPipelineExecution", started, {})) is (other == model)
    copy = states(definition(machine))["Copy"]["Parameters"]
    assert copy["WorkGroup"] == workgroup_name("everything", Querier.FORESIGHT)
    assert f"/{PREFIX}{model}/" in resolve(copy["QueryString.$"])


def test_models_are_kept_and_what_they_learned_from_is_not(everything):
    models = everything.one("AWS::S3::Bucket", "foundation", "ModelsBucket").properties
    [rule] = models["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    training = everything.one("AWS::S3::Bucket", "foundation", "TrainingBucket").properties
    assert training["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 1
