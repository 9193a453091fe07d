"""The catalog: one database per queried zone."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import CATALOGED_ZONES, Zone, database_name


class Catalog(Construct):
    """Glue databases whose tables live in the bucket of their zone.

    Each says itself that new tables get no default permissions: otherwise the account's setting would hold for it.
    """

    by_zone: Mapping[Zone, glue.CfnDatabase]

    def __init__(self, scope: Construct, id_: str, *, environment: str, buckets: Mapping[Zone, s3.IBucket]) -> None:
        super().__init__(scope, id_)
        self.by_zone = {
            zone: glue.CfnDatabase(
                self,
                zone.title(),
                catalog_id=cdk.Aws.ACCOUNT_ID,
                database_input=glue.CfnDatabase.DatabaseInputProperty(
                    name=database_name(environment, zone),
                    description=f"Tables of the {zone} zone",
                    location_uri=f"s3://{buckets[zone].bucket_name}/",
                    create_table_default_permissions=[],
                ),
            )
            for zone in CATALOGED_ZONES
        }
