"""The pipeline of a model, in the JSON of SageMaker Pipelines: prepare, train, evaluate, register what is better."""

import json
from dataclasses import dataclass
from typing import Any, Final

from stacks.analytics.foresight.containers import INPUTS, OUTPUTS, Document, Job, Sizes, channel, joined, parameters
from stacks.analytics.foresight.model import Foretold

_VERSION: Final = "2020-12-01"
FEATURES: Final = "Features"
PLACE: Final = "Place"
CHAMPION: Final = "Champion"
_PARTS: Final = ("train", "validation", "holdout", "newest")
EVALUATION: Final = "evaluation"
_REPORT: Final = f"{EVALUATION}.json"
LINES: Final = "application/jsonlines"
# What inference runs on, for whom the packages are listed in the registry.
_SERVED_ON: Final = ("ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge", "ml.m5.4xlarge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the pipelines of all models share.

    Attributes:
        image: the address of the image that every job runs.
        code: the place of the archive with the code.
        archive: its file name, which the place as a whole does not tell at synthesis.
        role: the ARN of the role of the jobs.
        models: the place under which trained models are kept.
        sizes: what the jobs run on.
        approved: whether a better model is deployed without being asked for.
    """

    image: str
    code: str
    archive: str
    role: str
    models: str
    sizes: Sizes
    approved: bool


def definition(model: Foretold, group: str, around: Surroundings) -> Document:
    """Return the definition of a model's pipeline.

    Where there is no champion, its place is the archive with the code: a place without any object fails on AWS, and a
    file that is no model is none to the script.

    Args:
        model: what it foretells.
        group: the name of the group in the registry.
        around: what all pipelines share.
    """
    return {
        "Version": _VERSION,
        "Metadata": {},
        "Parameters": parameters((FEATURES, PLACE, CHAMPION), {CHAMPION: around.code}),
        "PipelineExperimentConfig": None,
        "Steps": [
            _prepare(model, around),
            _train(model, around),
            _evaluate(model, around),
            _is_better(_register(model, group, around)),
        ],
    }


def _prepare(model: Foretold, around: Surroundings) -> Document:
    job = Job(
        module="prepare",
        arguments={**model.told, **_window(model), "features": f"{INPUTS}/features", "output": OUTPUTS},
        inputs={"features": _parameter(FEATURES)},
        outputs={part: joined(_parameter(PLACE), part) for part in _PARTS},
    )
    return _processing("Prepare", job, around)


def _window(model: Foretold) -> dict[str, str]:
    return {} if model.window_months is None else {"window-months": str(model.window_months)}


def _train(model: Foretold, around: Surroundings) -> Document:
    sizes = around.sizes
    return {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": around.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": f"validation:{model.loss}", "Regex": f"validation:{model.loss}=([0-9.]+);"}
                ],
            },
            # Without a network the container cannot fetch the code itself: it comes as a channel.
            "EnableNetworkIsolation": True,
            "HyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"/opt/ml/input/data/code/{around.archive}",
                **model.told,
            },
            "InputDataConfig": [
                channel("train", _output_of("Prepare", "train")),
                channel("validation", _output_of("Prepare", "validation")),
                channel("code", around.code),
            ],
            "OutputDataConfig": {"S3OutputPath": f"{around.models}/{model.name}", "KmsKeyId": sizes.key},
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": sizes.instance,
                "VolumeSizeInGB": sizes.disk,
                "VolumeKmsKeyId": sizes.key,
            },
            "RoleArn": around.role,
            "StoppingCondition": {"MaxRuntimeInSeconds": sizes.seconds},
        },
    }


def _evaluate(model: Foretold, around: Surroundings) -> Document:
    job = Job(
        module="evaluate",
        arguments={
            **model.told,
            **{name: f"{INPUTS}/{name}" for name in ("model", "train", "holdout", "champion")},
            "output": f"{OUTPUTS}/{EVALUATION}",
        },
        inputs={
            "model": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
            "train": _output_of("Prepare", "train"),
            "holdout": _output_of("Prepare", "holdout"),
            "champion": _parameter(CHAMPION),
        },
        outputs={EVALUATION: _report_place(model, around)},
    )
    step = _processing("Evaluate", job, around)
    step["PropertyFiles"] = [{"PropertyFileName": "Report", "OutputName": EVALUATION, "FilePath": _REPORT}]
    return step


def _is_better(register: Document) -> Document:
    verdict = {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "verdict.approved"}
    return {
        "Name": "IsBetter",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "Equals", "LeftValue": {"Std:JsonGet": verdict}, "RightValue": True}],
            "IfSteps": [register],
            "ElseSteps": [],
        },
    }


def _register(model: Foretold, group: str, around: Surroundings) -> Document:
    return {
        "Name": "Register",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": group,
            "ModelApprovalStatus": "Approved" if around.approved else "PendingManualApproval",
            "ModelMetrics": {
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": joined(_report_place(model, around), _REPORT),
                    }
                }
            },
            "ModelCard": {"ModelCardStatus": "PendingReview", "ModelCardContent": json.dumps(_card(model))},
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": around.image,
                        "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
                        "Environment": {
                            "SAGEMAKER_PROGRAM": "inference.py",
                            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                        },
                    }
                ],
                "SupportedContentTypes": [LINES],
                "SupportedResponseMIMETypes": [LINES],
                "SupportedTransformInstanceTypes": list(_SERVED_ON),
                "SupportedRealtimeInferenceInstanceTypes": list(_SERVED_ON),
            },
        },
    }


def _card(model: Foretold) -> Document:
    """Return what a reader of the registry is told; the figures are in the package's own metrics."""
    return {
        "model_overview": {"model_name": model.name},
        "intended_uses": {
            "purpose_of_model": f"It foretells {model.text}.",
            "intended_uses": f"The score {model.score} of a profile, which plays and segments may ask.",
            "factors_affecting_model_efficiency": "Customers of whom little is known, and months unlike those before.",
            "risk_rating": "Low",
            "explanations_for_risk_rating": "A score chooses messages and offers, and no contract or price.",
        },
        "additional_information": {
            "ethical_considerations": "The features are orders, visits and satisfaction; none is bought.",
            "caveats_and_recommendations": "Look at the groups in the evaluation before you approve a version.",
        },
    }


def _processing(name: str, job: Job, around: Surroundings) -> Document:
    request = job.request(image=around.image, role=around.role, code=around.code, sizes=around.sizes)
    return {"Name": name, "Type": "Processing", "Arguments": request}


def _parameter(name: str) -> Document:
    return {"Get": f"Parameters.{name}"}


def _output_of(step: str, output: str) -> Document:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"}


def _report_place(model: Foretold, around: Surroundings) -> Any:
    """Return where the evaluation is kept: beside the models, since the registry names it."""
    return joined(around.models, model.name, {"Get": "Execution.PipelineExecutionId"}, EVALUATION)
