"""Executions of the deployed pipelines: the steps of the definition, in the order of what they use of each other.

A step, a function or a condition that the definition has and this stand-in does not know ends the execution by name.
"""

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.calls import Call, require_all
from twin.emulator.resource_names import arn
from twin.emulator.wire import ServiceError
from twin.providers.sagemaker.containers import disk_calls
from twin.providers.sagemaker.jobs import FAILED, Account, Jobs
from twin.providers.sagemaker.kept import Document, Kept, newest_first
from twin.providers.sagemaker.registry import Registry

LOGGER: Final = logging.getLogger("twin.sagemaker")
EXECUTION: Final = "pipeline execution"
VERSION: Final = "2020-12-01"
SUCCEEDED: Final = "Succeeded"
EXECUTING: Final = "Executing"
_PART: Final = re.compile(r"\['([^']+)'\]|\.?([A-Za-z0-9_]+)")
_STEP: Final = re.compile(r"^Steps\.([A-Za-z0-9_-]+)\.?(.*)$")
_NAMES_OF_OUTPUTS: Final = ("OutputName", "ChannelName", "InputName")
_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "Equals": lambda left, right: bool(left == right),
    "GreaterThan": lambda left, right: bool(left > right),
    "GreaterThanOrEqualTo": lambda left, right: bool(left >= right),
    "LessThan": lambda left, right: bool(left < right),
    "LessThanOrEqualTo": lambda left, right: bool(left <= right),
}
_JOB: Final = {
    "Processing": ("processing-job", "CreateProcessingJob"),
    "Training": ("training-job", "CreateTrainingJob"),
}


class PipelineError(RuntimeError):
    """A step that failed, or a definition that cannot be carried out; the message is what SageMaker shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A deployed pipeline.

    Attributes:
        name: of it.
        role: with which it acts.
        definition: what it does.
    """

    name: str
    role: str
    definition: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Run:
    """An execution while it goes on.

    Attributes:
        id: of it.
        parameters: their values.
        done: what each step that has ended says of itself.
        steps: for the list of steps, in the order in which they began.
        files: the property files, by their references: the place of each in S3.
    """

    id: str
    pipeline: Pipeline
    parameters: Mapping[str, str]
    done: dict[str, Document] = field(default_factory=dict)
    steps: list[Document] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


class Pipelines:
    """The operations on pipelines and their executions.

    Args:
        deployed: gives the pipelines of the templates.
        kept: keeps the executions.
        jobs: runs the jobs of steps.
        registry: takes what steps register.
        account: how SageMaker acts for roles.
    """

    def __init__(
        self, *, deployed: Callable[[], list[Pipeline]], kept: Kept, jobs: Jobs, registry: Registry, account: Account
    ) -> None:
        self._deployed, self._kept = deployed, kept
        self._jobs, self._registry, self._account = jobs, registry, account
        self._lock = threading.RLock()

    # ---- the operations

    def describe_pipeline(self, request: Document) -> Document:
        """Return a deployed pipeline."""
        found = self._pipeline(request["PipelineName"])
        return {
            "PipelineName": found.name,
            "PipelineArn": _arn(found.name),
            "PipelineDefinition": json.dumps(found.definition),
            "RoleArn": found.role,
            "PipelineStatus": "Active",
        }

    def list_pipelines(self, _request: Document) -> Document:
        """List the deployed pipelines."""
        return {
            "PipelineSummaries": [
                {"PipelineName": one.name, "PipelineArn": _arn(one.name), "RoleArn": one.role}
                for one in self._deployed()
            ]
        }

    def start_pipeline_execution(self, request: Document) -> Document:
        """Start an execution, which goes on in the background; the same token starts none again."""
        pipeline, token = self._pipeline(request["PipelineName"]), request["ClientRequestToken"]
        with self._lock:
            again = next((one for one in self._kept.all(EXECUTION) if one["Token"] == token), None)
            if again is not None:
                return {"PipelineExecutionArn": again["Arn"]}
            if pipeline.definition.get("Version") != VERSION:
                raise ServiceError("ValidationException", f"the laptop twin reads pipelines of version {VERSION}")
            given = {one["Name"]: one["Value"] for one in request.get("PipelineParameters", ())}
            run = Run(id=uuid.uuid4().hex[:12], pipeline=pipeline, parameters=_parameters(pipeline.definition, given))
            named = f"{_arn(pipeline.name)}/execution/{run.id}"
            self._kept.make(
                EXECUTION,
                named,
                {"Arn": named, "Pipeline": pipeline.name, "Token": token, "Status": EXECUTING, "Steps": []},
            )
        threading.Thread(target=self._execute, args=(named, run), name=f"pipeline-{run.id}", daemon=True).start()
        return {"PipelineExecutionArn": named}

    def describe_pipeline_execution(self, request: Document) -> Document:
        """Return an execution with its status."""
        found = self._kept.get(EXECUTION, request["PipelineExecutionArn"])
        answer = {
            "PipelineArn": _arn(found["Pipeline"]),
            "PipelineExecutionArn": found["Arn"],
            "PipelineExecutionStatus": found["Status"],
            "CreationTime": found["CreationTime"],
        }
        # The reason of a step that failed is with the step.
        return {**answer, **({"FailureReason": found["FailureReason"]} if "FailureReason" in found else {})}

    def list_pipeline_executions(self, request: Document) -> Document:
        """List the executions of a pipeline."""
        name = self._pipeline(request["PipelineName"]).name
        found = newest_first([one for one in self._kept.all(EXECUTION) if one["Pipeline"] == name], request)
        return {
            "PipelineExecutionSummaries": [
                {
                    "PipelineExecutionArn": one["Arn"],
                    "StartTime": one["CreationTime"],
                    "PipelineExecutionStatus": one["Status"],
                }
                for one in found
            ]
        }

    def list_pipeline_execution_steps(self, request: Document) -> Document:
        """List the steps of an execution that have begun."""
        steps = list(self._kept.get(EXECUTION, request["PipelineExecutionArn"])["Steps"])
        if request.get("SortOrder", "Ascending") == "Descending":
            steps.reverse()
        return {"PipelineExecutionSteps": steps}

    def _pipeline(self, name: str) -> Pipeline:
        plain = name.rpartition("/")[2]
        found = next((one for one in self._deployed() if one.name == plain), None)
        if found is None:
            raise ServiceError("ResourceNotFound", f"Pipeline {name} does not exist")
        return found

    # ---- an execution

    def _execute(self, named: str, run: Run) -> None:
        ended: Document = {"Status": SUCCEEDED}
        try:
            self._account.assume(run.pipeline.role)
            self._steps(named, run, list(run.pipeline.definition["Steps"]))
        except PipelineError as error:
            ended = {"Status": FAILED, "FailureReason": f"Step failure: {error}"}
        except Exception as error:  # an execution must end in a status, whatever went wrong
            LOGGER.exception("%s failed", named)
            ended = {"Status": FAILED, "FailureReason": f"{type(error).__name__}: {error}"}
        self._kept.change(EXECUTION, named, **ended)

    def _steps(self, named: str, run: Run, left: list[Mapping[str, Any]]) -> None:
        """Run steps: each as soon as those have ended that it uses."""
        while left:
            ready = next((one for one in left if _used(one) <= run.done.keys()), None)
            if ready is None:
                raise PipelineError(f"{left[0]['Name']} uses a step that never ends before it")
            left.remove(ready)
            self._step(named, run, ready)

    def _step(self, named: str, run: Run, step: Mapping[str, Any]) -> None:
        name = step["Name"]
        noted: Document = {"StepName": name, "StartTime": datetime.now(UTC), "StepStatus": EXECUTING}
        run.steps.append(noted)
        self._kept.change(EXECUTION, named, Steps=run.steps)
        later: list[Mapping[str, Any]] = []
        try:
            later = self._work(step)(self, run, step, noted)
            noted["StepStatus"] = SUCCEEDED
        except Exception as error:
            noted |= {"StepStatus": FAILED, "FailureReason": str(error)}
            raise PipelineError(f"{name}: {error}") from error
        finally:
            noted["EndTime"] = datetime.now(UTC)
            self._kept.change(EXECUTION, named, Steps=run.steps)
        self._steps(named, run, later)

    def _job(self, run: Run, step: Mapping[str, Any], noted: Document) -> list[Mapping[str, Any]]:
        """Run a job, under a name that the pipeline gives it."""
        kind, action = _JOB[step["Type"]]
        request = self._value(run, step["Arguments"])
        name = f"pipelines-{run.id}-{step['Name']}-{uuid.uuid4().hex[:10]}"
        job = arn("sagemaker", f"{kind}/{name}")
        noted["Metadata"] = {
            step["Type"].replace("Processing", "ProcessingJob").replace("Training", "TrainingJob"): {"Arn": job}
        }
        self._require(
            run,
            Call(action=f"sagemaker:{action}", resource=job),
            Call(
                action="iam:PassRole",
                resource=request["RoleArn"],
                context={"iam:PassedToService": "sagemaker.amazonaws.com"},
            ),
            *disk_calls(_disk_key(request)),
        )
        if step["Type"] == "Processing":
            ended = self._jobs.process(name, {"ProcessingJobName": name, **request})
        else:
            ended = self._jobs.train(name, {"TrainingJobName": name, **request})
        if ended["Status"] == FAILED:
            raise PipelineError(ended["FailureReason"])
        run.done[step["Name"]] = {**request, **{key: ended[key] for key in ("ModelArtifacts",) if key in ended}}
        for one in step.get("PropertyFiles", ()):
            output = _at(request, f"ProcessingOutputConfig.Outputs['{one['OutputName']}'].S3Output.S3Uri")
            reference = f"Steps.{step['Name']}.PropertyFiles.{one['PropertyFileName']}"
            run.files[reference] = f"{output.rstrip('/')}/{one['FilePath']}"
        return []

    def _register(self, run: Run, step: Mapping[str, Any], noted: Document) -> list[Mapping[str, Any]]:
        request = self._value(run, step["Arguments"])
        group = request["ModelPackageGroupName"]
        self._require(
            run,
            Call(action="sagemaker:CreateModelPackage", resource=arn("sagemaker", f"model-package-group/{group}")),
            Call(action="sagemaker:CreateModelPackage", resource=arn("sagemaker", f"model-package/{group}/1")),
        )
        made = self._registry.create_model_package(request)["ModelPackageArn"]
        noted["Metadata"] = {"RegisterModel": {"Arn": made}}
        run.done[step["Name"]] = {"ModelPackageArn": made}
        return []

    def _choose(self, run: Run, step: Mapping[str, Any], noted: Document) -> list[Mapping[str, Any]]:
        """Return the steps that follow a condition."""
        arguments = step["Arguments"]
        holds = all(self._holds(run, one) for one in arguments["Conditions"])
        noted["Metadata"] = {"Condition": {"Outcome": str(holds)}}
        run.done[step["Name"]] = {"Outcome": str(holds)}
        return list(arguments["IfSteps" if holds else "ElseSteps"])

    _WORK: Final[Mapping[str, Any]] = {
        "Processing": _job,
        "Training": _job,
        "RegisterModel": _register,
        "Condition": _choose,
    }

    def _work(self, step: Mapping[str, Any]) -> Any:
        work = self._WORK.get(step["Type"])
        if work is None:
            raise PipelineError(f"the laptop twin has no step of type {step['Type']}")
        return work

    def _holds(self, run: Run, condition: Mapping[str, Any]) -> bool:
        compare = _COMPARED.get(condition["Type"])
        if compare is None:
            raise PipelineError(f"the laptop twin has no condition of type {condition['Type']}")
        left, right = (self._value(run, condition[side]) for side in ("LeftValue", "RightValue"))
        return compare(left, right)

    def _require(self, run: Run, *calls: Call) -> None:
        session = self._account.assume(run.pipeline.role)
        require_all(session.arn, calls, self._account.require)

    # ---- values

    def _value(self, run: Run, stated: Any) -> Any:
        """Return what a part of a definition stands for in an execution."""
        if isinstance(stated, list):
            return [self._value(run, one) for one in stated]
        if not isinstance(stated, dict):
            return stated
        if set(stated) == {"Get"}:
            return self._get(run, stated["Get"])
        if set(stated) == {"Std:Join"}:
            join = stated["Std:Join"]
            return str(join["On"]).join(str(self._value(run, one)) for one in join["Values"])
        if set(stated) == {"Std:JsonGet"}:
            return self._of_file(run, stated["Std:JsonGet"])
        if strange := [name for name in stated if name.startswith("Std:")]:
            raise PipelineError(f"the laptop twin has no function {strange[0]}")
        return {name: self._value(run, one) for name, one in stated.items()}

    def _get(self, run: Run, reference: str) -> Any:
        if reference.startswith("Parameters."):
            return run.parameters[reference.removeprefix("Parameters.")]
        if found := _STEP.match(reference):
            return _at(run.done[found[1]], found[2])
        known = {"Execution.PipelineExecutionId": run.id, "Execution.PipelineName": run.pipeline.name}
        if reference not in known:
            raise PipelineError(f"the laptop twin does not know {reference}")
        return known[reference]

    def _of_file(self, run: Run, asked: Mapping[str, Any]) -> Any:
        """Return a value of a property file, which the pipeline reads with its own role."""
        place = run.files[asked["PropertyFile"]["Get"]]
        store = self._account.store(self._account.assume(run.pipeline.role))
        return _at(json.loads(store.read(place)), asked["Path"])


def _parameters(definition: Mapping[str, Any], given: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values of the parameters: those that are given, and defaults.

    Raises:
        ServiceError: one is unknown, or has no value.
    """
    stated = {one["Name"]: one.get("DefaultValue") for one in definition.get("Parameters", ())}
    if strange := sorted(set(given) - set(stated)):
        raise ServiceError("ValidationException", f"Unknown pipeline parameter {strange[0]}")
    values = {**stated, **given}
    if missing := sorted(name for name, value in values.items() if value is None):
        raise ServiceError("ValidationException", f"Pipeline parameter {missing[0]} has no value")
    return values


def _used(step: Mapping[str, Any]) -> set[str]:
    """Return the names of the steps that a step uses, apart from those inside of it, or depends on."""
    inner = {one["Name"] for one in _inside(step)}
    texts = json.dumps(step)
    named = set(re.findall(r'"Steps\.([A-Za-z0-9_-]+)\.', texts))
    return (named | set(step.get("DependsOn", ()))) - inner


def _inside(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    arguments = step.get("Arguments", {})
    for name in ("IfSteps", "ElseSteps"):
        for one in arguments.get(name, ()) if step["Type"] == "Condition" else ():
            yield one
            yield from _inside(one)


def _at(document: Any, path: str) -> Any:
    """Return what lies at a path such as `Outputs['train'].S3Uri`; a list is asked by the names of its items."""
    for quoted, plain in _PART.findall(path):
        name = quoted or plain
        if isinstance(document, list):
            document = next(one for one in document if name in {one.get(key) for key in _NAMES_OF_OUTPUTS})
        else:
            document = document[name]
    return document


def _disk_key(request: Mapping[str, Any]) -> str | None:
    config = request.get("ResourceConfig") or request["ProcessingResources"]["ClusterConfig"]
    found: str | None = config.get("VolumeKmsKeyId")
    return found


def _arn(name: str) -> str:
    return arn("sagemaker", f"pipeline/{name}")
