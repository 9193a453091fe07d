"""The tags of a zone's columns, from the contracts."""

from collections.abc import Iterable, Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core import projections
from c360_core.contracts import Table
from c360_core.names import LakeTag, PiiClass, Zone, database_name, lake_tag_key
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

# Columns without a contract are closed: staging views show personal data, marts only pseudonyms.
_UNLESS_STATED: Final = {
    Zone.RAW: PiiClass.SENSITIVE,
    Zone.QUARANTINE: PiiClass.SENSITIVE,
    Zone.CURATED: PiiClass.SENSITIVE,
    Zone.PRODUCTS: PiiClass.PSEUDONYMOUS,
}


class ZoneTags(Construct):
    """Tags the zone's database, and the columns of each of its tables that has a contract, each by itself.

    So a column whose class changes keeps its old class until it has the new one, and no other column is touched.
    """

    def __init__(self, scope: Construct, id_: str, *, zone: Zone, tables: Iterable[Table], platform: Platform) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self._database = database_name(platform.environment, zone)
        self._tag_database(zone)
        for table in tables:
            self._tag_columns(table)

    def _tag_database(self, zone: Zone) -> None:
        resource = lakeformation.CfnTagAssociation.ResourceProperty(
            database=lakeformation.CfnTagAssociation.DatabaseResourceProperty(
                catalog_id=cdk.Aws.ACCOUNT_ID, name=self._database
            )
        )
        self._associate(self, "Database", resource, {LakeTag.PII: str(_UNLESS_STATED[zone]), LakeTag.ZONE: str(zone)})

    def _tag_columns(self, table: Table) -> None:
        columns = Construct(self, pascal_case(table.name))
        for column, classification in projections.lakeformation_tags(table).items():
            resource = lakeformation.CfnTagAssociation.ResourceProperty(
                table_with_columns=lakeformation.CfnTagAssociation.TableWithColumnsResourceProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID,
                    database_name=self._database,
                    name=table.name,
                    column_names=[column],
                )
            )
            self._associate(columns, pascal_case(column), resource, {LakeTag.PII: str(classification)})

    def _associate(
        self,
        scope: Construct,
        id_: str,
        resource: lakeformation.CfnTagAssociation.ResourceProperty,
        values: Mapping[LakeTag, str],
    ) -> None:
        association = lakeformation.CfnTagAssociation(
            scope,
            id_,
            resource=resource,
            lf_tags=[
                lakeformation.CfnTagAssociation.LFTagPairProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID, tag_key=lake_tag_key(self._environment, tag), tag_values=[value]
                )
                for tag, value in values.items()
            ],
        )
        # A new value replaces the association: it is assigned over the old one. Deleting the old association afterwards
        # would take the tag away again.
        association.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
        association.cfn_options.deletion_policy = cdk.CfnDeletionPolicy.DELETE
