"""What the pipelines' roles may do in the lake, beside what IAM says."""

from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import CATALOGED_ZONES, Zone
from stacks.constructs.grants import use_key, write_objects
from stacks.foundation.lake.administration import deployment_role_arn
from stacks.shared.lake_access import (
    READ,
    WRITE,
    LakeAccess,
    LakeResource,
    database_resource,
    grant_in_lake,
    tables_resource,
)
from stacks.shared.platform import Platform


class LakeLocations(Construct):
    """Registers the buckets of the queried zones, so that Lake Formation hands out their data."""

    locations: Mapping[Zone, lakeformation.CfnResource]

    def __init__(self, scope: Construct, id_: str, *, buckets: Mapping[Zone, s3.IBucket], platform: Platform) -> None:
        super().__init__(scope, id_)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lakeformation.amazonaws.com"))
        use_key(role, platform.key)
        for zone in CATALOGED_ZONES:
            write_objects(role, buckets[zone], "")
        self.locations = {
            zone: lakeformation.CfnResource(
                self,
                zone.title(),
                resource_arn=buckets[zone].bucket_arn,
                role_arn=role.role_arn,
                use_service_linked_role=False,
                hybrid_access_enabled=False,
            )
            for zone in CATALOGED_ZONES
        }
        for location in self.locations.values():
            location.node.add_dependency(role)


class LakeGrants(Construct):
    """One grant on the database and one on its tables for each role and zone that it works in."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        access: Iterable[LakeAccess],
        buckets: Mapping[Zone, s3.IBucket],
        locations: LakeLocations,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        for zone in CATALOGED_ZONES:
            self._location(f"Deployment{zone.title()}", deployment_role_arn(), zone, buckets, locations)
        for one in access:
            self._tables(one)
            self._database(one)
            if one.creates:
                self._location(one.name, one.role.role_arn, one.zone, buckets, locations)

    def _tables(self, access: LakeAccess) -> None:
        grant_in_lake(
            self,
            f"{access.name}Tables",
            principal=access.role.role_arn,
            resource=tables_resource(self._environment, access.zone),
            permissions=WRITE if access.writes else READ,
        )

    def _database(self, access: LakeAccess) -> None:
        grant_in_lake(
            self,
            f"{access.name}Database",
            principal=access.role.role_arn,
            resource=database_resource(self._environment, access.zone),
            permissions=("DESCRIBE", "CREATE_TABLE") if access.creates else ("DESCRIBE",),
        )

    def _location(
        self,
        name: str,
        principal: str,
        zone: Zone,
        buckets: Mapping[Zone, s3.IBucket],
        locations: LakeLocations,
    ) -> None:
        location = lakeformation.CfnPrincipalPermissions.DataLocationResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, resource_arn=buckets[zone].bucket_arn
        )
        grant = grant_in_lake(
            self,
            f"{name}Location",
            principal=principal,
            resource=LakeResource(data_location=location),
            permissions=("DATA_LOCATION_ACCESS",),
        )
        grant.add_resource_dependency(locations.locations[zone])
