"""SageMaker: the domain of the template, with its order of deletion; its pipelines, and what they make."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

from twin.emulator.encryption import KEYS
from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.resource_names import arn
from twin.emulator.roles import assume, require, require_trust
from twin.emulator.stand_ins import Resource
from twin.providers.sagemaker.features import FeatureGroups, OnlineStore, Records
from twin.providers.sagemaker.hosting import Hosting, Runtime
from twin.providers.sagemaker.jobs import Account, Jobs
from twin.providers.sagemaker.kept import Kept
from twin.providers.sagemaker.pipelines import Pipeline, Pipelines
from twin.providers.sagemaker.registry import Registry
from twin.providers.sagemaker.studio import SageMaker

PRINCIPAL: Final = "sagemaker.amazonaws.com"
SESSION: Final = "SageMaker"
_ARN: Final = "arn:aws:sagemaker:{region}:{account}:"
DOMAIN: Final = ResourceType(name="AWS::SageMaker::Domain", arn=f"{_ARN}domain/{{name}}", made_up="d-{digest}")
PROFILE: Final = ResourceType(name="AWS::SageMaker::UserProfile", arn=f"{_ARN}user-profile/{{name}}")
SPACE: Final = ResourceType(name="AWS::SageMaker::Space", arn=f"{_ARN}space/{{name}}")
SCRIPT: Final = ResourceType(
    name="AWS::SageMaker::StudioLifecycleConfig", arn=f"{_ARN}studio-lifecycle-config/{{name}}"
)
PIPELINE: Final = ResourceType(name="AWS::SageMaker::Pipeline", arn=f"{_ARN}pipeline/{{name}}")
FEATURES: Final = ResourceType(name="AWS::SageMaker::FeatureGroup", arn=f"{_ARN}feature-group/{{name}}")
GROUP: Final = ResourceType(name="AWS::SageMaker::ModelPackageGroup", arn=f"{_ARN}model-package-group/{{name}}")


class Operations:
    """The operations of several parts as those of one service.

    Args:
        parts: objects that share the operations among them.
    """

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __getattr__(self, name: str) -> Any:
        for part in self._parts:
            if hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(name)

    def __dir__(self) -> Iterable[str]:
        return {name for part in self._parts for name in dir(part)}


class SageMakerProvider(Provider):
    """SageMaker."""

    types = (DOMAIN, PROFILE, SPACE, SCRIPT, PIPELINE, GROUP, FEATURES)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._studio = SageMaker(
            domains=lambda: twin.registry.of_type(DOMAIN.name),
            profiles=lambda: twin.registry.of_type(PROFILE.name),
            spaces=lambda: twin.registry.of_type(SPACE.name),
            trusted=lambda role: require_trust(role, PRINCIPAL),
        )
        scratch, kept = twin.settings.home / "sagemaker", Kept(twin.settings.home / "sagemaker.json")
        account = Account(
            assume=partial(assume, service=PRINCIPAL, session=SESSION),
            require=require,
            clients=twin.settings.client,
            caller=twin.caller,
        )
        self._registry = Registry(kept=kept, groups=self._groups)
        jobs = Jobs(kept=kept, account=account, scratch=scratch / "jobs")
        self._hosting = Hosting(kept=kept, registry=self._registry, account=account, scratch=scratch)
        self._pipelines = Pipelines(
            deployed=self._deployed, kept=kept, jobs=jobs, registry=self._registry, account=account
        )
        groups = FeatureGroups(deployed=lambda: list(twin.registry.properties(FEATURES.name)))
        self._online = OnlineStore(twin.settings.home / "feature-records.jsonl")
        self._records = Records(groups, self._online)
        for stated in twin.registry.properties(FEATURES.name):
            _note_key(stated)
        self._service = Operations(self._studio, self._registry, jobs, self._hosting, self._pipelines, groups)

    def api(self) -> Mapping[str, object]:
        """Serve the domain, the pipelines and what they make, and the records of features."""
        return {
            "sagemaker": self._service,
            "sagemaker-runtime": Runtime(self._hosting),
            "sagemaker-featurestore-runtime": self._records,
        }

    def deployed(self, resource: Resource) -> None:
        """Note the key of a group of features, and refuse a role that SageMaker may not act as."""
        if resource.type_name == FEATURES.name:
            _note_key(resource.properties)
            if "OfflineStoreConfig" in resource.properties:
                require_trust(resource.properties["RoleArn"], PRINCIPAL)

    def removed(self, resource: Resource) -> None:
        """Forget the versions of a group of models that is gone, and the records of one of features."""
        if resource.type_name == GROUP.name:
            self._registry.forget(resource.physical_id.rpartition("/")[2])
        elif resource.type_name == FEATURES.name:
            name = resource.properties["FeatureGroupName"]
            KEYS.note(arn("sagemaker", f"feature-group/{name}"), None)
            self._online.forget(name)

    def _groups(self) -> list[str]:
        return [one.properties["ModelPackageGroupName"] for one in self.twin.registry.of_type(GROUP.name)]

    def _deployed(self) -> list[Pipeline]:
        return [
            Pipeline(
                name=stated["PipelineName"],
                role=stated["RoleArn"],
                definition=json.loads(stated["PipelineDefinition"]["PipelineDefinitionBody"]),
            )
            for stated in self.twin.registry.properties(PIPELINE.name)
        ]


def _note_key(stated: Mapping[str, Any]) -> None:
    """Note the key of the online store of a group, which whoever reads or writes a record has to be allowed to use."""
    online = stated.get("OnlineStoreConfig") or {}
    key = (online.get("SecurityConfig") or {}).get("KmsKeyId")
    KEYS.note(arn("sagemaker", f"feature-group/{stated['FeatureGroupName']}"), key)


PROVIDER = SageMakerProvider
