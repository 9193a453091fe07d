"""How the containers of the jobs are told what to run and where it lies: the shapes of SageMaker's requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]

INPUTS: Final = "/opt/ml/processing/input"
OUTPUTS: Final = "/opt/ml/processing/output"
CODE: Final = "code"
_UNPACKED: Final = "/opt/ml/processing/unpacked"
# A job gets the archive as it is; only a training unpacks it by itself.
_UNPACK: Final = (
    f'mkdir -p {_UNPACKED} && tar -xzf {INPUTS}/{CODE}/* -C {_UNPACKED} && cd {_UNPACKED} && exec python3 -m "$@"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What a job runs on.

    Attributes:
        instance: the type of its one instance.
        disk: in gigabytes.
        seconds: after which it is ended.
        key: the ARN of the key that encrypts its disk and what it writes.
    """

    instance: str
    disk: int
    seconds: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that runs a module of the package `c360_ml`.

    Attributes:
        module: its name there.
        arguments: what the module is told.
        inputs: by the folder of each below `INPUTS`, the place in S3.
        outputs: by the folder of each below `OUTPUTS`, the place in S3.
    """

    module: str
    arguments: Mapping[str, str]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def request(self, *, image: str, role: str, code: str, sizes: Sizes) -> Document:
        """Return what CreateProcessingJob takes, without the name of the job."""
        told = [text for name, value in self.arguments.items() for text in (f"--{name}", value)]
        return {
            "AppSpecification": {
                "ImageUri": image,
                "ContainerEntrypoint": ["bash", "-c", _UNPACK, "unpack"],
                "ContainerArguments": [f"c360_ml.{self.module}", *told],
            },
            "RoleArn": role,
            "ProcessingInputs": [_input(name, place) for name, place in {CODE: code, **self.inputs}.items()],
            "ProcessingOutputConfig": {
                "KmsKeyId": sizes.key,
                "Outputs": [_output(name, place) for name, place in self.outputs.items()],
            },
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": 1,
                    "InstanceType": sizes.instance,
                    "VolumeSizeInGB": sizes.disk,
                    "VolumeKmsKeyId": sizes.key,
                }
            },
            "NetworkConfig": {"EnableNetworkIsolation": True},
            "StoppingCondition": {"MaxRuntimeInSeconds": sizes.seconds},
        }


def channel(name: str, place: Any) -> Document:
    """Return an input of a training."""
    return {
        "ChannelName": name,
        "InputMode": "File",
        "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated", "S3Uri": place}
        },
    }


def joined(*parts: Any) -> Document:
    """Return a place that a pipeline puts together when it runs."""
    return {"Std:Join": {"On": "/", "Values": list(parts)}}


def parameters(names: Sequence[str], defaults: Mapping[str, str]) -> list[Document]:
    """Return the parameters of a pipeline, which are texts."""
    return [
        {"Name": name, "Type": "String", **({"DefaultValue": defaults[name]} if name in defaults else {})}
        for name in names
    ]


def _input(name: str, place: Any) -> Document:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": place,
            "LocalPath": f"{INPUTS}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _output(name: str, place: Any) -> Document:
    return {
        "OutputName": name,
        "AppManaged": False,
        "S3Output": {"S3Uri": place, "LocalPath": f"{OUTPUTS}/{name}", "S3UploadMode": "EndOfJob"},
    }
