"""Models on SageMaker, by a switch: jobs without a network, all under the key, one role for each kind of work."""

import json
import re
from typing import Any

import pytest

from c360_core.features import definitions
from c360_core.names import Querier, features_name, foretold_name, workgroup_name
from config.settings import SettingsError, load
from lambdas.feature_removals.logic import KIND, OPERATION
from stacks.analytics.foresight.containers import INPUTS, OUTPUTS
from stacks.analytics.foresight.feature_store import TTL_DAYS
from stacks.analytics.foresight.images import REPOSITORY, TAG
from stacks.analytics.foresight.model import MODELS, SEND_HOURS
from stacks.analytics.foresight.run import PREFIX
from stacks.shared.features import feature_kinds
from tests.infrastructure.assembly import definition, resolve, states
from tests.infrastructure.estate import ACCOUNT, Estate, arn
from tests.infrastructure.policies import Policies
from twin.settings import ROOT

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
    parts = ("Foresight", "ModelsBucket", "FeaturesBucket")
    found = [one for one in assembly.resources() if any(part in one.logical_id for part in parts)]
    kinds = [one.document["Type"] for one in found if one.document["Type"].startswith("AWS::SageMaker")]
    deployed = assembly.settings.analytics.models.deployed
    assert deployed is (assembly.settings.environment == "everything")
    assert bool(found) is deployed
    versioned = len(MODELS) + len(assembly.settings.analytics.models.offers)
    assert len(kinds) == (2 * versioned + 1) * deployed  # and a group of features


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


def test_an_offer_has_a_model_of_the_rows_of_its_department_and_a_score_of_its_name(on, everything):
    [(name, department)] = everything.settings.analytics.models.offers.items()
    told = steps(on, f"offer-{name}")["Prepare"]["Arguments"]["AppSpecification"]["ContainerArguments"][1:]
    given = dict(zip(told[::2], told[1::2], strict=True))
    assert (given["--target"], given["--window-months"]) == ("offer", "1")
    assert steps(on, f"offer-{name}")["Train"]["Arguments"]["HyperParameters"]["target"] == "offer"
    machine = everything.one("AWS::StepFunctions::StateMachine", "analytics", f"ForesightOffer{name.title()}")
    found = states(definition(machine))
    copied = resolve(found["Copy"]["Parameters"]["QueryString.$"])
    assert f"offer_features\" WHERE department = \\'{department}\\'" in copied
    assert found["Publish"]["Parameters"]["score"] == f"offer_{name}"
    assert "KeepFeatures" not in found


@pytest.mark.parametrize(
    ("offers", "said"),
    [("{Pastry: PASTRY}", "String should match pattern"), ("{toolongname: PASTRY}", "String should match pattern"),
     ("{pastry: \"O'NEIL\"}", "String should match pattern")],
)  # fmt: skip
def test_an_offer_that_cannot_be_named_is_refused(offers, said, tmp_path):
    text = f"analytics: {{models: {{deployed: true, offers: {offers}}}}}"
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load("dev", tmp_path)


def hours(everything) -> dict[str, dict[str, Any]]:
    """Return the states of the machine that learns the hours to send at."""
    return states(definition(everything.one("AWS::StepFunctions::StateMachine", "analytics", "ForesightHours")))


def test_the_hours_are_learned_by_one_job_without_a_network(everything):
    request = hours(everything)["Learn"]["Parameters"]
    assert request["NetworkConfig"] == {"EnableNetworkIsolation": True}
    assert "VolumeKmsKeyId" in request["ProcessingResources"]["ClusterConfig"]
    assert "KmsKeyId" in request["ProcessingOutputConfig"]
    module, *told = request["AppSpecification"]["ContainerArguments"]
    assert (ROOT / "sagemaker" / f"{module.replace('.', '/')}.py").is_file()
    named = dict(zip(told[::2], told[1::2], strict=True))
    inputs = {one["S3Input"]["LocalPath"]: one["S3Input"] for one in request["ProcessingInputs"]}
    assert "/features/" in inputs[named["--messages"]]["S3Uri.$"], "what the run has copied"
    outputs = {one["S3Output"]["LocalPath"] for one in request["ProcessingOutputConfig"]["Outputs"]}
    assert outputs == {f"{named['--output']}/evaluation", f"{named['--output']}/scores"}


def test_hours_are_published_only_if_their_trial_approves_them(everything):
    found = hours(everything)
    [choice] = found["DoHoursTell"]["Choices"]
    assert (choice["Variable"], choice["BooleanEquals"]) == ("$.quality.report.verdict.approved", True)
    assert (choice["Next"], found[found["DoHoursTell"]["Default"]]["Type"]) == ("Publish", "Succeed")
    told = found["Publish"]["Parameters"]
    assert (told["score"], told["key.$"]) == (SEND_HOURS.score, "States.Format('{}/scores/scores.jsonl', $.prefix)")
    assert f"products.{SEND_HOURS.mart}" in resolve(found["Copy"]["Parameters"]["QueryString.$"]).replace('"', "")


def test_the_hours_start_jobs_of_their_own_alone(on, everything):
    policies = Policies(on)
    machine = everything.one("AWS::StepFunctions::StateMachine", "analytics", "ForesightHours")
    role = on.by_arn[arn(machine)].properties["RoleArn"]

    def may(action: str, resource: str) -> bool:
        named = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:{resource}"
        return all(policies.deciding(role, f"sagemaker:{action}", named, {}))

    assert may("CreateProcessingJob", f"processing-job/{foretold_name('everything', SEND_HOURS.name)}-1")
    assert not may("CreateProcessingJob", f"processing-job/{foretold_name('everything', 'churn')}-1")
    assert not may("CreateTransformJob", f"transform-job/{foretold_name('everything', SEND_HOURS.name)}-1")
    assert not may("StartPipelineExecution", f"pipeline/{foretold_name('everything', 'churn')}")


@pytest.mark.parametrize("switch", ["send_hours", "feature_store", "offers"])
def test_what_runs_with_the_models_needs_them(switch, tmp_path):
    value = "{pastry: PASTRY}" if switch == "offers" else "true"
    (tmp_path / "dev.yaml").write_text(f"analytics: {{models: {{{switch}: {value}}}}}", encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{switch} is on and deployed is off"):
        load("dev", tmp_path)


def group(everything) -> dict[str, Any]:
    """Return what the template says of the group of features."""
    return everything.one("AWS::SageMaker::FeatureGroup", "analytics").properties


def test_features_are_the_columns_of_the_mart_under_the_key_and_for_a_time(everything):
    stated = group(everything)
    kinds = feature_kinds(ROOT / "sql")
    assert [(one["FeatureName"], one["FeatureType"]) for one in stated["FeatureDefinitions"]] == [
        (name, str(kind)) for name, kind in definitions(kinds)
    ]
    online, offline = stated["OnlineStoreConfig"], stated["OfflineStoreConfig"]
    assert online["EnableOnlineStore"] is True
    assert online["TtlDuration"] == {"Unit": "Days", "Value": TTL_DAYS}
    assert online["SecurityConfig"]["KmsKeyId"] == offline["S3StorageConfig"]["KmsKeyId"]
    assert offline["DisableGlueTableCreation"] is False
    [rule] = everything.one("AWS::S3::Bucket", "foundation", "FeaturesBucket").properties["LifecycleConfiguration"][
        "Rules"
    ]
    assert rule["ExpirationInDays"] == everything.settings.analytics.models.features_expire_days


def test_one_run_keeps_what_all_models_are_told(everything):
    keeping = [
        model
        for model in NAMES
        if "KeepFeatures"
        in states(
            definition(everything.one("AWS::StepFunctions::StateMachine", "analytics", f"Foresight{model.title()}"))
        )
    ]
    assert keeping == NAMES[:1]


def test_each_function_does_one_thing_to_records_and_the_api_reads_them(on, everything):
    policies = Policies(on)
    record = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:feature-group/{features_name('everything')}"
    allowed = {
        name: {
            action
            for action in ("PutRecord", "GetRecord", "DeleteRecord")
            if all(
                policies.deciding(
                    arn(everything.one("AWS::IAM::Role", pillar, part)), f"sagemaker:{action}", record, {}
                )
            )
        }
        for name, pillar, part in (
            ("records", "analytics", "ForesightFeaturesRecords"),
            ("removals", "analytics", "ForesightFeaturesRemovals"),
            ("api", "unification", "ProfileApiFunction"),
        )
    }
    assert allowed == {"records": {"PutRecord"}, "removals": {"DeleteRecord"}, "api": {"GetRecord"}}


def test_only_removals_of_people_reach_the_function_that_deletes_features(everything):
    mapping = everything.one("AWS::Lambda::EventSourceMapping", "analytics", "ForesightFeatures")
    [stated] = mapping.properties["FilterCriteria"]["Filters"]
    assert json.loads(stated["Pattern"]) == {"data": {"kind": [KIND], "op": [OPERATION]}}


def test_models_are_kept_and_what_they_learned_from_is_not(everything):
    models = everything.one("AWS::S3::Bucket", "foundation", "ModelsBucket").properties
    [rule] = models["LifecycleConfiguration"]["Rules"]
    assert "ExpirationInDays" not in rule
    training = everything.one("AWS::S3::Bucket", "foundation", "TrainingBucket").properties
    assert training["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 1
