"""The release of a model: what is approved in the registry is what its endpoint serves.

Every name follows from the version, so that a repetition finds what it made before. The configuration that an endpoint
had stays, and the one before goes: rejecting a version in the registry and releasing again brings the former one back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

APPROVED: Final = "Approved"
NOTHING: Final = "NothingApproved"
VARIANT: Final = "All"
_KEPT: Final = 2
_INVALID: Final = (
    "ValidationException"  # SageMaker's answer for a name that it does not know, and for one that is taken
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large an endpoint is: memory in megabytes, and requests at a time."""

    memory: int
    concurrency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a model serves.

    Attributes:
        status: of the endpoint, in SageMaker's words, or `NothingApproved`.
        version: of the model; 0 where nothing is approved.
        batch_model: the model that a batch runs.
        data: where the version's files are.
        reason: why the endpoint has failed; empty where it has not.
    """

    status: str
    version: int = 0
    batch_model: str = ""
    data: str = ""
    reason: str = ""

    def answer(self) -> Mapping[str, str | int]:
        """Return what the state machine reads."""
        return {
            "status": self.status,
            "version": self.version,
            "batch_model": self.batch_model,
            "data": self.data,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """Releases models.

    Attributes:
        client: of SageMaker.
        role: the ARN of the role with which a model runs.
        key: the ARN of the key of an endpoint's disk.
        size: of an endpoint.
    """

    client: Any
    role: str
    key: str
    size: Size

    def release(self, name: str, *, asked: int = 0) -> Release:
        """Let an endpoint serve the newest approved version of the model that has its name; say how far that is.

        Call it again until the endpoint is in service.

        Args:
            name: of the group of packages, and of the endpoint.
            asked: the version that the endpoint was told to serve in this run; 0 when it was told nothing yet.

        Raises:
            ClientError: SageMaker refused.
        """
        package = self._newest(name)
        if package is None:
            return Release(status=NOTHING)
        version = int(package["ModelPackageVersion"])
        arn, served = package["ModelPackageArn"], f"{name}-{version}"
        # SageMaker runs no serverless endpoint without a network, and a batch needs none.
        self._model(f"{served}-batch", arn, isolated=True)
        self._model(served, arn, isolated=False)
        self._configuration(served)
        status, reason = self._endpoint(name, served, told=asked == version)
        [container] = self.client.describe_model_package(ModelPackageName=arn)["InferenceSpecification"]["Containers"]
        return Release(
            status=status,
            version=version,
            batch_model=f"{served}-batch",
            data=container["ModelDataUrl"],
            reason=reason,
        )

    def _newest(self, name: str) -> Mapping[str, Any] | None:
        found = self.client.list_model_packages(
            ModelPackageGroupName=name,
            ModelApprovalStatus=APPROVED,
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=1,
        )["ModelPackageSummaryList"]
        return found[0] if found else None

    def _model(self, name: str, package: str, *, isolated: bool) -> None:
        if self._found(self.client.describe_model, ModelName=name) is None:
            self.client.create_model(
                ModelName=name,
                Containers=[{"ModelPackageName": package}],
                ExecutionRoleArn=self.role,
                EnableNetworkIsolation=isolated,
            )

    def _configuration(self, name: str) -> None:
        if self._found(self.client.describe_endpoint_config, EndpointConfigName=name) is not None:
            return
        serverless = {"MemorySizeInMB": self.size.memory, "MaxConcurrency": self.size.concurrency}
        self.client.create_endpoint_config(
            EndpointConfigName=name,
            KmsKeyId=self.key,
            ProductionVariants=[{"VariantName": VARIANT, "ModelName": name, "ServerlessConfig": serverless}],
        )

    def _endpoint(self, name: str, configuration: str, *, told: bool) -> tuple[str, str]:
        """Return the status of the endpoint, after it was made or told to serve another configuration."""
        found = self._found(self.client.describe_endpoint, EndpointName=name)
        if found is None:
            self.client.create_endpoint(EndpointName=name, EndpointConfigName=configuration)
            return "Creating", ""
        status = str(found["EndpointStatus"])
        if status == "InService" and found["EndpointConfigName"] != configuration and told:
            return (
                "Failed",
                f"the endpoint has gone back to {found['EndpointConfigName']}: SageMaker's log of it says why",
            )
        if status == "InService" and found["EndpointConfigName"] != configuration:
            self.client.update_endpoint(EndpointName=name, EndpointConfigName=configuration)
            return "Updating", ""
        if status == "InService":
            self._forget(name, configuration)
        return status, str(found.get("FailureReason", ""))

    def _forget(self, name: str, configuration: str) -> None:
        """Delete configurations and models but those of this version and of the newest other one."""
        listed = self.client.list_endpoint_configs(
            NameContains=f"{name}-", SortBy="CreationTime", SortOrder="Descending", MaxResults=100
        )["EndpointConfigs"]
        names = [str(one["EndpointConfigName"]) for one in listed]
        for old in _too_old([one for one in names if one != configuration]):
            self.client.delete_endpoint_config(EndpointConfigName=old)
            for model in (old, f"{old}-batch"):
                if self._found(self.client.describe_model, ModelName=model) is not None:
                    self.client.delete_model(ModelName=model)

    @staticmethod
    def _found(describe: Any, **named: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = describe(**named)
        except ClientError as error:
            if error.response["Error"]["Code"] != _INVALID:
                raise
            return None
        return found


def _too_old(others: Sequence[str]) -> Sequence[str]:
    return others[_KEPT - 1 :]
