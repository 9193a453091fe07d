"""The model registry: groups that the templates deploy, and versions that pipelines and people register and approve."""

from collections.abc import Callable
from typing import Final

from twin.emulator.resource_names import arn
from twin.emulator.wire import ServiceError
from twin.providers.sagemaker.kept import Document, Kept, newest_first

PACKAGE: Final = "model package"
GROUP: Final = "model package group"
_STATED: Final = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelApprovalStatus",
    "InferenceSpecification",
    "ModelMetrics",
    "ModelCard",
    "CustomerMetadataProperties",
    "ApprovalDescription",
    "CreationTime",
)
_SUMMARY: Final = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelApprovalStatus",
    "CreationTime",
)
_TAKEN: Final = frozenset(
    {
        "ModelPackageGroupName",
        "ModelApprovalStatus",
        "InferenceSpecification",
        "ModelMetrics",
        "ModelCard",
        "CustomerMetadataProperties",
        "ModelPackageDescription",
    }
)
_CHANGED: Final = frozenset({"ModelPackageArn", "ModelApprovalStatus", "ApprovalDescription"})
_DONE: Final = "Completed"


class Registry:
    """The operations on groups and packages.

    Args:
        kept: keeps the packages.
        groups: gives the names of the deployed groups.
    """

    def __init__(self, *, kept: Kept, groups: Callable[[], list[str]]) -> None:
        self._kept, self._groups = kept, groups

    def describe_model_package_group(self, request: Document) -> Document:
        """Return a group that a template deploys."""
        name = self._group(request["ModelPackageGroupName"])
        return {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": arn("sagemaker", f"model-package-group/{name}"),
            "ModelPackageGroupStatus": _DONE,
            "CreationTime": 0,
            "CreatedBy": {},
        }

    def create_model_package(self, request: Document) -> Document:
        """Register a version in a group, under the next number."""
        if strange := sorted(set(request) - _TAKEN):
            raise ServiceError("ValidationException", f"the laptop twin's registry does not keep {strange[0]}")
        group = self._group(request["ModelPackageGroupName"])
        version = 1 + max((one["ModelPackageVersion"] for one in self._of(group)), default=0)
        named = arn("sagemaker", f"model-package/{group}/{version}")
        self._kept.make(PACKAGE, named, {**request, "ModelPackageVersion": version, "ModelPackageArn": named})
        return {"ModelPackageArn": named}

    def describe_model_package(self, request: Document) -> Document:
        """Return a version."""
        found = self._kept.get(PACKAGE, request["ModelPackageName"])
        answer: Document = {name: found[name] for name in _STATED if name in found}
        status: Document = {"ValidationStatuses": [], "ImageScanStatuses": []}
        return {
            **answer,
            "ModelPackageName": found["ModelPackageGroupName"],
            "ModelPackageStatus": _DONE,
            "ModelPackageStatusDetails": status,
        }

    def list_model_packages(self, request: Document) -> Document:
        """List the versions of a group, of one status or of all."""
        wanted = request.get("ModelApprovalStatus")
        found = self._of(self._group(request["ModelPackageGroupName"]))
        chosen = [one for one in found if wanted in {None, one["ModelApprovalStatus"]}]
        return {
            "ModelPackageSummaryList": [
                {**{name: one[name] for name in _SUMMARY}, "ModelPackageStatus": _DONE}
                for one in newest_first(chosen, request)
            ]
        }

    def update_model_package(self, request: Document) -> Document:
        """Approve or reject a version."""
        if strange := sorted(set(request) - _CHANGED):
            raise ServiceError("ValidationException", f"the laptop twin's registry does not change {strange[0]}")
        named = request["ModelPackageArn"]
        self._kept.change(PACKAGE, named, **{key: value for key, value in request.items() if key != "ModelPackageArn"})
        return {"ModelPackageArn": named}

    def forget(self, group: str) -> None:
        """Forget the versions of a group that is gone; SageMaker deletes none that has any."""
        for one in self._of(group):
            self._kept.delete(PACKAGE, one["ModelPackageArn"])

    def _of(self, group: str) -> list[Document]:
        return [one for one in self._kept.all(PACKAGE) if one["ModelPackageGroupName"] == group]

    def _group(self, name: str) -> str:
        plain = name.rpartition("/")[2]
        if plain not in self._groups():
            raise ServiceError("ValidationException", f"Could not find model package group {name}")
        return plain
