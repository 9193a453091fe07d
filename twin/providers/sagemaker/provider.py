"""SageMaker: the domain of the template, with its order of deletion."""

from collections.abc import Mapping
from typing import Final

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.roles import require_trust
from twin.providers.sagemaker.service import SageMaker

PRINCIPAL: Final = "sagemaker.amazonaws.com"
_ARN: Final = "arn:aws:sagemaker:{region}:{account}:"
DOMAIN: Final = ResourceType(name="AWS::SageMaker::Domain", arn=f"{_ARN}domain/{{name}}", made_up="d-{digest}")
PROFILE: Final = ResourceType(name="AWS::SageMaker::UserProfile", arn=f"{_ARN}user-profile/{{name}}")
SPACE: Final = ResourceType(name="AWS::SageMaker::Space", arn=f"{_ARN}space/{{name}}")
SCRIPT: Final = ResourceType(
    name="AWS::SageMaker::StudioLifecycleConfig", arn=f"{_ARN}studio-lifecycle-config/{{name}}"
)


class SageMakerProvider(Provider):
    """SageMaker Studio."""

    types = (DOMAIN, PROFILE, SPACE, SCRIPT)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._service = SageMaker(
            domains=lambda: twin.registry.of_type(DOMAIN.name),
            profiles=lambda: twin.registry.of_type(PROFILE.name),
            spaces=lambda: twin.registry.of_type(SPACE.name),
            trusted=lambda role: require_trust(role, PRINCIPAL),
        )

    def api(self) -> Mapping[str, object]:
        """Serve the domain."""
        return {"sagemaker": self._service}


PROVIDER = SageMakerProvider
