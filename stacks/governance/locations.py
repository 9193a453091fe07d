"""The locations of the lake's data, registered with Lake Formation."""

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import CATALOGED_ZONES, Zone
from stacks.constructs.grants import write_objects


class LakeLocations(Construct):
    """Registers the buckets of the queried zones, so that Lake Formation gives access to their data."""

    def __init__(self, scope: Construct, id_: str, *, buckets: Mapping[Zone, s3.IBucket]) -> None:
        super().__init__(scope, id_)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lakeformation.amazonaws.com"))
        for zone in CATALOGED_ZONES:
            write_objects(role, buckets[zone], "")
        for zone in CATALOGED_ZONES:
            location = lakeformation.CfnResource(
                self,
                zone.title(),
                resource_arn=buckets[zone].bucket_arn,
                role_arn=role.role_arn,
                use_service_linked_role=False,
                hybrid_access_enabled=False,
            )
            location.node.add_dependency(role)
