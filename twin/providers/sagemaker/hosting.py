"""Models that answer: models made of versions of the registry, endpoints, their answers, and batches."""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from twin.emulator.calls import require_all
from twin.emulator.resource_names import arn
from twin.emulator.wire import ServiceError
from twin.providers.sagemaker import serving
from twin.providers.sagemaker.containers import (
    ROOT,
    Container,
    JobFailedError,
    disk_calls,
    image_calls,
    log_calls,
    parts,
    unpack,
)
from twin.providers.sagemaker.jobs import COMPLETED, FAILED, LOGGER, RUNNING, Account
from twin.providers.sagemaker.kept import Document, Kept, newest_first
from twin.providers.sagemaker.registry import Registry

MODEL: Final = "model"
CONFIGURATION: Final = "endpoint configuration"
ENDPOINT: Final = "endpoint"
BATCH: Final = "transform job"
IN_SERVICE: Final = "InService"
_MEGABYTE: Final = 1024 * 1024
_PROGRAM: Final = "SAGEMAKER_PROGRAM"
_SUBMITTED: Final = "SAGEMAKER_SUBMIT_DIRECTORY"
_TRANSFORMED: Final = frozenset(
    {
        "TransformJobName",
        "ModelName",
        "BatchStrategy",
        "MaxPayloadInMB",
        "TransformInput",
        "TransformOutput",
        "TransformResources",
        "Tags",
    }
)


class Hosting:
    """The operations on models, endpoints and batches.

    Args:
        kept: keeps the descriptions.
        registry: has the versions that models are made of.
        account: how SageMaker acts for roles.
        scratch: folder for what models are unpacked into.
    """

    def __init__(self, *, kept: Kept, registry: Registry, account: Account, scratch: Path) -> None:
        self._kept, self._registry, self._account, self._scratch = kept, registry, account, scratch

    # ---- models

    def create_model(self, request: Document) -> Document:
        """Make a model of a version of the registry."""
        name = request["ModelName"]
        containers = request.get("Containers") or [request.get("PrimaryContainer", {})]
        if len(containers) != 1 or set(containers[0]) != {"ModelPackageName"}:
            raise ServiceError("ValidationException", "the laptop twin makes a model of one ModelPackageName")
        self._registry.describe_model_package({"ModelPackageName": containers[0]["ModelPackageName"]})
        self._account.let_pass(request["ExecutionRoleArn"], None)
        self._kept.make(MODEL, name, request)
        return {"ModelArn": arn("sagemaker", f"model/{name}")}

    def describe_model(self, request: Document) -> Document:
        """Return a model."""
        found = self._kept.get(MODEL, request["ModelName"])
        stated = {key: value for key, value in found.items() if key != "LastModifiedTime"}
        return {**stated, "ModelArn": arn("sagemaker", f"model/{request['ModelName']}")}

    def delete_model(self, request: Document) -> Document:
        """Delete a model."""
        self._kept.delete(MODEL, request["ModelName"])
        return {}

    # ---- configurations of endpoints

    def create_endpoint_config(self, request: Document) -> Document:
        """Make a configuration: one serverless variant of a model that has a network, as SageMaker requires."""
        name = request["EndpointConfigName"]
        variants = request["ProductionVariants"]
        if len(variants) != 1 or "ServerlessConfig" not in variants[0]:
            raise ServiceError("ValidationException", "the laptop twin's endpoints have one serverless variant")
        if self._kept.get(MODEL, variants[0]["ModelName"]).get("EnableNetworkIsolation"):
            raise ServiceError("ValidationException", "Network isolation is not supported for serverless endpoints")
        self._kept.make(CONFIGURATION, name, request)
        return {"EndpointConfigArn": arn("sagemaker", f"endpoint-config/{name}")}

    def describe_endpoint_config(self, request: Document) -> Document:
        """Return a configuration."""
        found = self._kept.get(CONFIGURATION, request["EndpointConfigName"])
        stated = {key: value for key, value in found.items() if key != "LastModifiedTime"}
        return {**stated, "EndpointConfigArn": arn("sagemaker", f"endpoint-config/{request['EndpointConfigName']}")}

    def list_endpoint_configs(self, request: Document) -> Document:
        """List the configurations whose names have a part."""
        wanted = request.get("NameContains", "")
        found = [one for one in self._kept.all(CONFIGURATION) if wanted in one["EndpointConfigName"]]
        return {
            "EndpointConfigs": [
                {
                    "EndpointConfigName": one["EndpointConfigName"],
                    "EndpointConfigArn": arn("sagemaker", f"endpoint-config/{one['EndpointConfigName']}"),
                    "CreationTime": one["CreationTime"],
                }
                for one in newest_first(found, request)
            ]
        }

    def delete_endpoint_config(self, request: Document) -> Document:
        """Delete a configuration that no endpoint serves."""
        name = request["EndpointConfigName"]
        if any(one["EndpointConfigName"] == name for one in self._kept.all(ENDPOINT)):
            raise ServiceError("ValidationException", f"Cannot delete {name}: an endpoint serves it")
        self._kept.delete(CONFIGURATION, name)
        return {}

    # ---- endpoints

    def create_endpoint(self, request: Document) -> Document:
        """Make an endpoint, which begins to serve in the background."""
        name = request["EndpointName"]
        self._kept.get(CONFIGURATION, request["EndpointConfigName"])
        self._kept.make(ENDPOINT, name, {**request, "EndpointStatus": "Creating"})
        self._serve(name, request["EndpointConfigName"], former=None)
        return {"EndpointArn": arn("sagemaker", f"endpoint/{name}")}

    def update_endpoint(self, request: Document) -> Document:
        """Serve another configuration; the endpoint goes back to the former one when that fails."""
        name = request["EndpointName"]
        found = self._kept.get(ENDPOINT, name)
        self._kept.get(CONFIGURATION, request["EndpointConfigName"])
        if found["EndpointStatus"] != IN_SERVICE:
            raise ServiceError("ValidationException", f"Cannot update in-progress endpoint {name}")
        self._kept.change(ENDPOINT, name, EndpointStatus="Updating")
        self._serve(name, request["EndpointConfigName"], former=found["EndpointConfigName"])
        return {"EndpointArn": arn("sagemaker", f"endpoint/{name}")}

    def describe_endpoint(self, request: Document) -> Document:
        """Return an endpoint with its status."""
        found = self._kept.get(ENDPOINT, request["EndpointName"])
        return {**found, "EndpointArn": arn("sagemaker", f"endpoint/{request['EndpointName']}")}

    def delete_endpoint(self, request: Document) -> Document:
        """Delete an endpoint."""
        self._kept.delete(ENDPOINT, request["EndpointName"])
        return {}

    def answer(self, endpoint: str, body: bytes, content_type: str, accept: str) -> bytes:
        """Return what the model that an endpoint serves says; no operation of this API.

        Raises:
            ServiceError: the endpoint serves nothing, or the model cannot answer.
        """
        found = self._kept.get(ENDPOINT, endpoint)
        if found["EndpointStatus"] not in {IN_SERVICE, "Updating"}:
            raise ServiceError("ValidationError", f"Endpoint {endpoint} is {found['EndpointStatus']}")
        name = self._model_of(found["EndpointConfigName"])
        try:
            return self._ask(self._unpacked(name), self._environment(name), body, content_type, accept)
        except JobFailedError as error:
            raise ServiceError("ModelError", str(error), 424) from error

    def _serve(self, name: str, configuration: str, *, former: str | None) -> None:
        def work() -> None:
            serves, status, reason = configuration, IN_SERVICE, {}
            try:
                self._unpacked(self._model_of(configuration))
            except Exception as error:  # an endpoint must come to a status, whatever went wrong
                LOGGER.exception("endpoint %s does not serve %s", name, configuration)
                serves, status = (former, IN_SERVICE) if former else (configuration, FAILED)
                reason = {} if former else {"FailureReason": str(error)}
            self._kept.change(ENDPOINT, name, EndpointConfigName=serves, EndpointStatus=status, **reason)

        threading.Thread(target=work, name=f"sagemaker-{name}", daemon=True).start()

    # ---- batches

    def create_transform_job(self, request: Document) -> Document:
        """Start a batch, which goes on in the background."""
        name, key = request["TransformJobName"], request["TransformResources"].get("VolumeKmsKeyId")
        role = self._kept.get(MODEL, request["ModelName"])["ExecutionRoleArn"]
        if caller := self._account.caller():
            require_all(caller, disk_calls(key), self._account.require)
        self._kept.make(BATCH, name, {"Request": request, "Status": RUNNING, "Role": role})
        threading.Thread(target=self._batch, args=(name, request), name=f"sagemaker-{name}", daemon=True).start()
        return {"TransformJobArn": arn("sagemaker", f"transform-job/{name}")}

    def describe_transform_job(self, request: Document) -> Document:
        """Return a batch with its status."""
        found = self._kept.get(BATCH, request["TransformJobName"])
        reason = {"FailureReason": found["FailureReason"]} if "FailureReason" in found else {}
        return {
            **found["Request"],
            "TransformJobArn": arn("sagemaker", f"transform-job/{request['TransformJobName']}"),
            "TransformJobStatus": found["Status"],
            "CreationTime": found["CreationTime"],
            **reason,
        }

    def _batch(self, name: str, request: Document) -> None:
        ended: Document = {"Status": COMPLETED}
        try:
            self._transform(name, request)
        except (JobFailedError, ServiceError) as error:
            ended = {"Status": FAILED, "FailureReason": str(error)}
        except Exception as error:  # a job must end in a status, whatever went wrong
            LOGGER.exception("transform job %s failed", name)
            ended = {"Status": FAILED, "FailureReason": f"{type(error).__name__}: {error}"}
        self._kept.change(BATCH, name, TransformEndTime=datetime.now(UTC), **ended)

    def _transform(self, name: str, request: Document) -> None:
        if strange := sorted(set(request) - _TRANSFORMED):
            raise JobFailedError(f"ClientError: the laptop twin's batches do not carry out {strange[0]}")
        source, output = request["TransformInput"], request["TransformOutput"]
        if (source.get("SplitType"), output.get("AssembleWith"), request.get("BatchStrategy")) != (
            "Line",
            "Line",
            "MultiRecord",
        ):
            raise JobFailedError("ClientError: the laptop twin's batches take many lines and answer them line by line")
        model = request["ModelName"]
        session = self._account.assume(self._kept.get(MODEL, model)["ExecutionRoleArn"])
        require_all(session.arn, log_calls("TransformJobs", name), self._account.require)
        store = self._account.store(session)
        folder, most = self._scratch / name, int(request.get("MaxPayloadInMB", 6)) * _MEGABYTE
        place = source["DataSource"]["S3DataSource"]["S3Uri"]
        unpacked, environment = self._unpacked(model), self._environment(model)
        bucket, prefix = parts(output["S3OutputPath"])
        for path in store.fetch(place, folder / "input"):
            answers = [
                self._ask(unpacked, environment, chunk, source["ContentType"], output.get("Accept", "*/*"))
                for chunk in _chunks(path.read_bytes(), most)
            ]
            made = folder / "output" / f"{path.name}.out"
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_bytes(b"".join(one.rstrip(b"\n") + b"\n" for one in answers))
            store.send_file(made, bucket, f"{prefix.rstrip('/')}/{made.name}".lstrip("/"), output.get("KmsKeyId"))

    # ---- how a model answers

    def _model_of(self, configuration: str) -> str:
        [variant] = self._kept.get(CONFIGURATION, configuration)["ProductionVariants"]
        return str(variant["ModelName"])

    def _environment(self, model: str) -> Mapping[str, str]:
        environment: Mapping[str, str] = self._container_of(model).get("Environment", {})
        if _PROGRAM not in environment or _SUBMITTED not in environment:
            raise JobFailedError(
                f"ClientError: the laptop twin serves a program of the model: set {_PROGRAM} and {_SUBMITTED}"
            )
        return environment

    def _container_of(self, model: str) -> Mapping[str, Any]:
        found = self._kept.get(MODEL, model)
        [named] = found.get("Containers") or [found["PrimaryContainer"]]
        package = self._registry.describe_model_package({"ModelPackageName": named["ModelPackageName"]})
        [container] = package["InferenceSpecification"]["Containers"]
        return dict(container)

    def _unpacked(self, model: str) -> Path:
        """Return the folder of a model's container, with the model in it; it is fetched with the model's role."""
        folder = self._scratch / "models" / model
        if (folder / "complete").exists():
            return folder
        role, stated = self._kept.get(MODEL, model)["ExecutionRoleArn"], self._container_of(model)
        session = self._account.assume(role)
        require_all(session.arn, image_calls(stated["Image"]), self._account.require)
        [archive] = self._account.store(session).fetch(stated["ModelDataUrl"], folder)
        unpack(archive, Container(folder=folder, log=folder / "container.log").path(f"{ROOT}/model"))
        (folder / "complete").touch()
        return folder

    @staticmethod
    def _ask(folder: Path, environment: Mapping[str, str], body: bytes, content_type: str, accept: str) -> bytes:
        container = Container(folder=folder, log=folder / "container.log")
        with tempfile.TemporaryDirectory(dir=folder) as space:
            given, answer = Path(space) / "request", Path(space) / "answer"
            given.write_bytes(body)
            program = f"{environment[_SUBMITTED]}/{environment[_PROGRAM]}"
            files = [program, f"{ROOT}/model", content_type, accept, str(given), str(answer)]
            container.run(["python3", serving.__file__, *files], environment)
            return answer.read_bytes()


class Runtime:
    """The operations of the service that asks endpoints.

    Args:
        hosting: has the endpoints.
    """

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting

    def invoke_endpoint(self, request: Document) -> Document:
        """Answer with the model that an endpoint serves."""
        accept = request.get("Accept", "*/*")
        content_type = request.get("ContentType", "application/json")
        body = self._hosting.answer(request["EndpointName"], request["Body"], content_type, accept)
        return {"Body": body, "ContentType": accept, "InvokedProductionVariant": "All"}


def _chunks(content: bytes, most: int) -> Iterator[bytes]:
    """Yield the lines of a file in pieces of at most so many bytes."""
    piece: list[bytes] = []
    size = 0
    for line in content.splitlines(keepends=True):
        if piece and size + len(line) > most:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield b"".join(piece)
