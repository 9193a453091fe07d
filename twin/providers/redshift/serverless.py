"""Redshift Serverless: namespaces and workgroups of the template, and the limits of what they may use."""

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError

Document = dict[str, Any]

_AVAILABLE: Final = "AVAILABLE"
_LIMITS: Final = 10  # AWS's quota of a workgroup


class RedshiftServerless:
    """The stand-in; every public method is an operation of the service.

    Args:
        namespaces: gives the deployed namespaces.
        workgroups: gives the deployed workgroups.
        secret_of: returns the ARN of a namespace's administrator's secret; empty without one.
        kept: a file that keeps the limits over a restart.
    """

    def __init__(
        self,
        *,
        namespaces: Callable[[], Sequence[Resource]],
        workgroups: Callable[[], Sequence[Resource]],
        secret_of: Callable[[str], str],
        kept: Path,
    ) -> None:
        self._namespaces, self._workgroups, self._secret_of = namespaces, workgroups, secret_of
        self._kept = kept
        self._lock = threading.RLock()

    def get_namespace(self, request: Document) -> Document:
        """Describe a namespace as the template states it."""
        found = _named(self._namespaces(), request["namespaceName"], "Namespace")
        stated = found.properties
        secret = self._secret_of(found.physical_id)
        return {
            "namespace": {
                "namespaceName": found.physical_id,
                "namespaceArn": found.attributes["Namespace.NamespaceArn"],
                "namespaceId": found.attributes["Namespace.NamespaceId"],
                "adminUsername": stated.get("AdminUsername", "admin"),
                "dbName": stated.get("DbName", "dev"),
                "iamRoles": list(stated.get("IamRoles", ())),
                "logExports": list(stated.get("LogExports", ())),
                "status": _AVAILABLE,
                **({"defaultIamRoleArn": stated["DefaultIamRoleArn"]} if "DefaultIamRoleArn" in stated else {}),
                **({"kmsKeyId": stated["KmsKeyId"]} if "KmsKeyId" in stated else {}),
                **({"adminPasswordSecretArn": secret} if secret else {}),
            }
        }

    def get_workgroup(self, request: Document) -> Document:
        """Describe a workgroup as the template states it."""
        found = _named(self._workgroups(), request["workgroupName"], "Workgroup")
        stated = found.properties
        return {
            "workgroup": {
                "workgroupName": found.physical_id,
                "workgroupArn": found.attributes["Workgroup.WorkgroupArn"],
                "workgroupId": found.attributes["Workgroup.WorkgroupId"],
                "namespaceName": stated["NamespaceName"],
                "baseCapacity": int(stated.get("BaseCapacity", 128)),
                "enhancedVpcRouting": str(stated.get("EnhancedVpcRouting", "false")).lower() == "true",
                "publiclyAccessible": str(stated.get("PubliclyAccessible", "false")).lower() == "true",
                "subnetIds": list(stated.get("SubnetIds", ())),
                "securityGroupIds": list(stated.get("SecurityGroupIds", ())),
                "status": _AVAILABLE,
                **({"maxCapacity": int(stated["MaxCapacity"])} if "MaxCapacity" in stated else {}),
            }
        }

    # ---- limits

    def create_usage_limit(self, request: Document) -> Document:
        """Limit what a workgroup uses; it has one limit of a kind and a period at most."""
        arn, usage = request["resourceArn"], request["usageType"]
        self._require_workgroup(arn)
        limit = {
            "usageLimitId": str(uuid.uuid4()),
            "usageLimitArn": f"{arn.rpartition(':')[0]}:usagelimit/{uuid.uuid4()}",
            "resourceArn": arn,
            "usageType": usage,
            "amount": request["amount"],
            "period": request.get("period", "monthly"),
            "breachAction": request.get("breachAction", "log"),
        }
        with self._lock:
            limits = self._read()
            own = [one for one in limits if one["resourceArn"] == arn and one["usageType"] == usage]
            if any(one["period"] == limit["period"] for one in own):
                raise ServiceError("ConflictException", f"there is a {limit['period']} limit of {usage} already")
            if len(own) >= _LIMITS:
                raise ServiceError("ServiceQuotaExceededException", f"at most {_LIMITS} limits")
            self._write([*limits, limit])
        return {"usageLimit": limit}

    def update_usage_limit(self, request: Document) -> Document:
        """Change the amount or what happens at its end."""
        changed: Document = {key: request[key] for key in ("amount", "breachAction") if key in request}
        with self._lock:
            limits = self._read()
            limit = _limit(limits, request["usageLimitId"])
            limit.update(changed)
            self._write(limits)
        return {"usageLimit": limit}

    def delete_usage_limit(self, request: Document) -> Document:
        """Take a limit away."""
        with self._lock:
            limits = self._read()
            limit = _limit(limits, request["usageLimitId"])
            self._write([one for one in limits if one is not limit])
        return {"usageLimit": limit}

    def get_usage_limit(self, request: Document) -> Document:
        """Describe a limit."""
        return {"usageLimit": _limit(self._read(), request["usageLimitId"])}

    def list_usage_limits(self, request: Document) -> Document:
        """List the limits, of a workgroup or of a kind if the request names one."""
        if arn := request.get("resourceArn"):
            self._require_workgroup(arn)
        wanted = {key: request[key] for key in ("resourceArn", "usageType") if key in request}
        found = [one for one in self._read() if wanted.items() <= one.items()]
        return {"usageLimits": found} if found else {}

    def forget(self, workgroup_arn: str) -> None:
        """Take the limits of a workgroup away that is gone."""
        with self._lock:
            self._write([one for one in self._read() if one["resourceArn"] != workgroup_arn])

    def _require_workgroup(self, arn: str) -> None:
        if arn not in {one.attributes["Workgroup.WorkgroupArn"] for one in self._workgroups()}:
            raise ServiceError("ResourceNotFoundException", f"there is no workgroup {arn}")

    def _read(self) -> list[Document]:
        return json.loads(self._kept.read_text(encoding="utf-8")) if self._kept.exists() else []

    def _write(self, limits: list[Document]) -> None:
        self._kept.write_text(json.dumps(limits), encoding="utf-8")


def _named(resources: Sequence[Resource], name: str, kind: str) -> Resource:
    found = next((one for one in resources if one.physical_id == name), None)
    if found is None:
        raise ServiceError("ResourceNotFoundException", f"{kind} {name} not found.")
    return found


def _limit(limits: list[Document], limit_id: str) -> Document:
    found = next((one for one in limits if one["usageLimitId"] == limit_id), None)
    if found is None:
        raise ServiceError("ResourceNotFoundException", f"there is no usage limit {limit_id}")
    return found
