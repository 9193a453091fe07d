"""Jobs of SageMaker: processing and training, with the scripts, arguments and folders that the requests state.

What a request states and this stand-in does not carry out fails the job by name.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from twin.emulator.calls import Call, Require, require_all
from twin.emulator.resource_names import arn
from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.providers.sagemaker.containers import (
    ROOT,
    Container,
    JobFailedError,
    Store,
    disk_calls,
    image_calls,
    log_calls,
    pack,
    unpack,
)
from twin.providers.sagemaker.kept import Document, Kept, newest_first

LOGGER: Final = logging.getLogger("twin.sagemaker")
PROCESSING: Final = "processing job"
TRAINING: Final = "training job"
RUNNING: Final = "InProgress"
COMPLETED: Final = "Completed"
FAILED: Final = "Failed"
_PROCESSED: Final = frozenset(
    {
        "ProcessingJobName",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "StoppingCondition",
        "AppSpecification",
        "Environment",
        "NetworkConfig",
        "RoleArn",
        "Tags",
    }
)
_TRAINED: Final = frozenset(
    {
        "TrainingJobName",
        "HyperParameters",
        "AlgorithmSpecification",
        "RoleArn",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "EnableNetworkIsolation",
        "Environment",
        "Tags",
    }
)
_PROGRAM: Final = "sagemaker_program"
_SUBMITTED: Final = "sagemaker_submit_directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How a service acts for roles.

    Attributes:
        assume: opens a session of a role, by its ARN.
        require: checks a call that SageMaker makes for a role; see `twin.emulator.roles.require`.
        clients: gives a client by service name and the variables of a session.
        caller: gives the ARN of whoever asks; empty for a caller that was authorized otherwise.
    """

    assume: Callable[[str], RoleSession]
    require: Require
    clients: Callable[[str, Mapping[str, str]], Any]
    caller: Callable[[], str]

    def store(self, session: RoleSession) -> Store:
        """Return S3 as a role's session sees it."""
        return Store(s3=self.clients("s3", session.variables()))

    def let_pass(self, role: str, key_id: str | None) -> None:
        """Refuse a caller who may not give SageMaker a role, or use the key of a disk."""
        if caller := self.caller():
            passed = Call(
                action="iam:PassRole", resource=role, context={"iam:PassedToService": "sagemaker.amazonaws.com"}
            )
            require_all(caller, (passed, *disk_calls(key_id)), self.require)


class Jobs:
    """The operations on processing and training jobs.

    Args:
        kept: keeps the descriptions.
        account: how SageMaker acts for roles.
        scratch: folder for the folders of jobs.
    """

    def __init__(self, *, kept: Kept, account: Account, scratch: Path) -> None:
        self._kept, self._account, self._scratch = kept, account, scratch

    # ---- the operations

    def create_processing_job(self, request: Document) -> Document:
        """Start a processing job, which goes on in the background."""
        name = request["ProcessingJobName"]
        cluster = request["ProcessingResources"]["ClusterConfig"]
        self._account.let_pass(request["RoleArn"], cluster.get("VolumeKmsKeyId"))
        self._begin(PROCESSING, name, request)
        work = partial(self._end, PROCESSING, name, lambda: self._process(name, request))
        threading.Thread(target=work, name=f"sagemaker-{name}", daemon=True).start()
        return {"ProcessingJobArn": arn("sagemaker", f"processing-job/{name}")}

    def describe_processing_job(self, request: Document) -> Document:
        """Return a processing job with its status."""
        return _described(self._kept.get(PROCESSING, request["ProcessingJobName"]), "ProcessingJob")

    def list_processing_jobs(self, request: Document) -> Document:
        """List the processing jobs."""
        found = newest_first(self._kept.all(PROCESSING), request)
        return {"ProcessingJobSummaries": [_summary(one, "ProcessingJob") for one in found]}

    def describe_training_job(self, request: Document) -> Document:
        """Return a training job with its status and its model."""
        found = _described(self._kept.get(TRAINING, request["TrainingJobName"]), "TrainingJob")
        status = found["TrainingJobStatus"]
        return {**found, "SecondaryStatus": {RUNNING: "Training"}.get(status, status)}

    def list_training_jobs(self, request: Document) -> Document:
        """List the training jobs."""
        found = newest_first(self._kept.all(TRAINING), request)
        return {"TrainingJobSummaries": [_summary(one, "TrainingJob") for one in found]}

    # ---- what a pipeline runs, too

    def process(self, name: str, request: Document) -> Document:
        """Run a processing job to its end, and return its description."""
        self._begin(PROCESSING, name, request)
        return self._end(PROCESSING, name, lambda: self._process(name, request))

    def train(self, name: str, request: Document) -> Document:
        """Run a training job to its end, and return its description."""
        self._begin(TRAINING, name, request)
        return self._end(TRAINING, name, lambda: self._train(name, request))

    def _begin(self, kind: str, name: str, request: Document) -> None:
        self._kept.make(kind, name, {"Name": name, "Request": request, "Status": RUNNING})

    def _end(self, kind: str, name: str, work: Callable[[], Document]) -> Document:
        ended: Document = {"Status": COMPLETED}
        try:
            ended |= work()
        except (JobFailedError, ServiceError) as error:
            ended = {"Status": FAILED, "FailureReason": str(error)}
        except Exception as error:  # a job must end in a status, whatever went wrong
            LOGGER.exception("%s %s failed", kind, name)
            ended = {"Status": FAILED, "FailureReason": f"{type(error).__name__}: {error}"}
        return self._kept.change(kind, name, EndTime=datetime.now(UTC), **ended)

    # ---- processing

    def _process(self, name: str, request: Document) -> Document:
        _known(request, _PROCESSED)
        isolated = bool(request.get("NetworkConfig", {}).get("EnableNetworkIsolation"))
        application, cluster = request["AppSpecification"], request["ProcessingResources"]["ClusterConfig"]
        session = self._open(
            request["RoleArn"], application["ImageUri"], "ProcessingJobs", name, cluster.get("VolumeKmsKeyId")
        )
        container, store = self._container(name), self._account.store(session)
        for given in request.get("ProcessingInputs", ()):
            source = given["S3Input"]
            store.fetch(source["S3Uri"], container.path(source["LocalPath"]))
        outputs = request.get("ProcessingOutputConfig", {})
        for made in outputs.get("Outputs", ()):
            container.path(made["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        command = [*application.get("ContainerEntrypoint", ()), *application.get("ContainerArguments", ())]
        if not command:
            raise JobFailedError("ClientError: the laptop twin runs an image only by its ContainerEntrypoint")
        variables = {**request.get("Environment", {}), **({} if isolated else session.variables())}
        container.run(command, variables)
        for made in outputs.get("Outputs", ()):
            sent = made["S3Output"]
            store.send(container.path(sent["LocalPath"]), sent["S3Uri"], outputs.get("KmsKeyId"))
        return {"ExitMessage": "Completed"}

    # ---- training

    def _train(self, name: str, request: Document) -> Document:
        _known(request, _TRAINED)
        session = self._open(
            request["RoleArn"],
            request["AlgorithmSpecification"]["TrainingImage"],
            "TrainingJobs",
            name,
            request["ResourceConfig"].get("VolumeKmsKeyId"),
        )
        container, store = self._container(name), self._account.store(session)
        variables = {"SM_MODEL_DIR": f"{ROOT}/model", "SM_OUTPUT_DATA_DIR": f"{ROOT}/output/data"}
        for given in request.get("InputDataConfig", ()):
            at = f"{ROOT}/input/data/{given['ChannelName']}"
            store.fetch(given["DataSource"]["S3DataSource"]["S3Uri"], container.path(at))
            variables[f"SM_CHANNEL_{given['ChannelName'].upper()}"] = at
        for one in variables.values():
            container.path(one).mkdir(parents=True, exist_ok=True)
        stated = request.get("HyperParameters", {})
        code = container.path(f"{ROOT}/code")
        unpack(self._submitted(stated, container), code)
        told = [
            word for key, value in stated.items() if not key.startswith("sagemaker_") for word in (f"--{key}", value)
        ]
        container.run(["python3", stated[_PROGRAM], *told], {**request.get("Environment", {}), **variables}, at=code)
        output = request["OutputDataConfig"]
        place = f"{output['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"
        archive = container.folder / "model.tar.gz"
        pack(container.path(variables["SM_MODEL_DIR"]), archive)
        bucket, _, key = place.removeprefix("s3://").partition("/")
        store.send_file(archive, bucket, key, output.get("KmsKeyId"))
        return {"ModelArtifacts": {"S3ModelArtifacts": place}}

    @staticmethod
    def _submitted(stated: Mapping[str, str], container: Container) -> Path:
        """Return the archive with the program of a training, which the container unpacks itself."""
        if _PROGRAM not in stated or _SUBMITTED not in stated:
            raise JobFailedError(
                f"ClientError: the laptop twin trains in script mode: set {_PROGRAM} and {_SUBMITTED}, which it lacks"
            )
        submitted = stated[_SUBMITTED]
        if submitted.startswith("s3://"):
            raise JobFailedError(
                f"ClientError: {_SUBMITTED} is in S3, which a container without a network cannot reach: give a channel"
            )
        return container.path(submitted)

    # ---- what both do

    def _container(self, name: str) -> Container:
        folder = self._scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        return Container(folder=folder, log=folder / "container.log")

    def _open(self, role: str, image: str, group: str, name: str, key_id: str | None) -> RoleSession:
        """Open a session of a job's role, which may get the image, write the log, and encrypt the disk."""
        session = self._account.assume(role)
        calls: Iterable[Call] = (*image_calls(image), *log_calls(group, name), *disk_calls(key_id))
        require_all(session.arn, calls, self._account.require)
        return session


def _known(request: Mapping[str, Any], known: frozenset[str]) -> None:
    if strange := sorted(set(request) - known):
        raise JobFailedError(f"ClientError: the laptop twin's jobs do not carry out {strange[0]}")


def _described(found: Document, kind: str) -> Document:
    answer = {
        **found["Request"],
        f"{kind}Name": found["Name"],
        f"{kind}Arn": arn("sagemaker", f"{kind.replace('Job', '-job').lower()}/{found['Name']}"),
        f"{kind}Status": found["Status"],
        "CreationTime": found["CreationTime"],
    }
    for name in ("FailureReason", "ExitMessage", "ModelArtifacts"):
        if name in found:
            answer[name] = found[name]
    if "FailureReason" in found and kind == "ProcessingJob":
        answer["ExitMessage"] = found["FailureReason"]
    return answer


def _summary(found: Document, kind: str) -> Document:
    described = _described(found, kind)
    return {name: described[name] for name in (f"{kind}Name", f"{kind}Arn", f"{kind}Status", "CreationTime")}
