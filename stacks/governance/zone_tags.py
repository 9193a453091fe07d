"""The tags of a zone's columns, from the contracts."""

from collections import defaultdict
from collections.abc import Iterable
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
    """Tags the zone's database, and the columns of each of its tables that has a contract."""

    def __init__(self, scope: Construct, id_: str, *, zone: Zone, tables: Iterable[Table], platform: Platform) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self._database = database_name(platform.environment, zone)
        self._tag_database(zone)
        for table in tables:
            if table.zone is zone:
                self._tag_columns(table)

    def _tag_database(self, zone: Zone) -> None:
        resource = lakeformation.CfnTagAssociation.ResourceProperty(
            database=lakeformation.CfnTagAssociation.DatabaseResourceProperty(
                catalog_id=cdk.Aws.ACCOUNT_ID, name=self._database
            )
        )
        self._associate("Database", resource, {LakeTag.PII: str(_UNLESS_STATED[zone]), LakeTag.ZONE: str(zone)})

    def _tag_columns(self, table: Table) -> None:
        columns: dict[PiiClass, list[str]] = defaultdict(list)
        for column, classification in projections.lakeformation_tags(table).items():
            columns[classification].append(column)
        for classification, names in columns.items():
            resource = lakeformation.CfnTagAssociation.ResourceProperty(
                table_with_columns=lakeformation.CfnTagAssociation.TableWithColumnsResourceProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID,
                    database_name=self._database,
                    name=table.name,
                    column_names=names,
                )
            )
            self._associate(
                f"{pascal_case(table.name)}{classification.title()}", resource, {LakeTag.PII: str(classification)}
            )

    def _associate(
        self, id_: str, resource: lakeformation.CfnTagAssociation.ResourceProperty, values: dict[LakeTag, str]
    ) -> None:
        lakeformation.CfnTagAssociation(
            self,
            id_,
            resource=resource,
            lf_tags=[
                lakeformation.CfnTagAssociation.LFTagPairProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID, tag_key=lake_tag_key(self._environment, name), tag_values=[value]
                )
                for name, value in values.items()
            ],
        )
