"""CloudFront and its web ACL: the emulator has the edge, and cannot be reached there, nor reach an API from it."""

from typing import ClassVar

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.stand_ins import Resource
from twin.providers.cloudfront import edge
from twin.providers.cloudfront.web_acl import Firewall, check

WEB_ACL = ResourceType(name="AWS::WAFv2::WebACL")


class CloudFrontProvider(Provider):
    """CloudFront, with the rate rules of WAF."""

    types: ClassVar[tuple[ResourceType, ...]] = (WEB_ACL,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._firewall = Firewall(lambda: {one.attributes["Arn"]: one.properties for one in self._acls()})

    def install(self) -> None:
        """Let distributions be reached by path, let them reach APIs, and let their web ACLs refuse requests."""
        edge.install(self._firewall)

    def deployed(self, resource: Resource) -> None:
        """Refuse a web ACL with a rule that nobody here keeps."""
        check(resource.properties)

    def _acls(self) -> tuple[Resource, ...]:
        return self.twin.registry.of_type(WEB_ACL.name)


PROVIDER = CloudFrontProvider
