"""The Lake Formation grants of the pipelines' roles in a zone, in addition to IAM."""

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone
from stacks.shared.bootstrap import deployment_role_arn
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import (
    READ,
    WRITE,
    LakeAccess,
    LakeResource,
    database_resource,
    grant_in_lake,
    table_resource,
    tables_resource,
)
from stacks.shared.platform import Platform


class ZoneGrants(Construct):
    """Grants on the database and on its tables, all or those that it uses, for each role that works in the zone.

    Roles that create tables or commit to them, and the deployment role, may also use the zone's location: Lake
    Formation asks for it before it lets a table's entry say where its data is.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        zone: Zone,
        access: Iterable[LakeAccess],
        bucket: s3.IBucket,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self._use_location("Deployment", deployment_role_arn(), bucket)
        for one in access:
            if one.zone is not zone:
                continue
            if not one.granted:
                self._use_tables(one)
                self._use_database(one)
            if one.places_tables:
                self._use_location(one.name, one.role.role_arn, bucket)

    def _use_tables(self, access: LakeAccess) -> None:
        resources = {pascal_case(name): table_resource(self._environment, access.zone, name) for name in access.tables}
        for name, resource in (resources or {"Tables": tables_resource(self._environment, access.zone)}).items():
            grant_in_lake(
                self,
                f"{access.name}{name}",
                principal=access.role.role_arn,
                resource=resource,
                permissions=WRITE if access.writes else READ,
            )

    def _use_database(self, access: LakeAccess) -> None:
        grant_in_lake(
            self,
            f"{access.name}Database",
            principal=access.role.role_arn,
            resource=database_resource(self._environment, access.zone),
            permissions=("DESCRIBE", "CREATE_TABLE") if access.creates else ("DESCRIBE",),
        )

    def _use_location(self, name: str, principal: str, bucket: s3.IBucket) -> None:
        location = lakeformation.CfnPrincipalPermissions.DataLocationResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, resource_arn=bucket.bucket_arn
        )
        grant_in_lake(
            self,
            f"{name}Location",
            principal=principal,
            resource=LakeResource(data_location=location),
            permissions=("DATA_LOCATION_ACCESS",),
        )
