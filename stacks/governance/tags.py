"""How sensitive each column is, as Lake Formation tags, from the contracts."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core import contracts, projections
from c360_core.names import CATALOGED_ZONES, PROJECT, PiiClass, Zone, database_name
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

PII: Final = "pii"
ZONE: Final = "zone"
# What no contract describes yet is closed: staging views show personal data, marts only pseudonyms.
_UNLESS_STATED: Final = {
    Zone.RAW: PiiClass.SENSITIVE,
    Zone.QUARANTINE: PiiClass.SENSITIVE,
    Zone.CURATED: PiiClass.SENSITIVE,
    Zone.PRODUCTS: PiiClass.PSEUDONYMOUS,
}


class LakeTags(Construct):
    """The tags `pii` and `zone`, on every database and on the columns of every table that has a contract."""

    tags: Sequence[lakeformation.CfnTag]

    def __init__(self, scope: Construct, id_: str, *, agreed: contracts.Contracts, platform: Platform) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self._keys = {key: f"{PROJECT}-{platform.environment}-{key}" for key in (PII, ZONE)}
        self.tags = [
            self._tag(PII, [str(value) for value in PiiClass]),
            self._tag(ZONE, [str(zone) for zone in CATALOGED_ZONES]),
        ]
        for zone in CATALOGED_ZONES:
            self._tag_database(zone)
        for table in agreed.lake_tables():
            self._tag_columns(table)

    def key(self, name: str) -> str:
        """Return the tag's key in the account: tags have no other home, and environments may share it."""
        return self._keys[name]

    def _tag(self, name: str, values: Sequence[str]) -> lakeformation.CfnTag:
        return lakeformation.CfnTag(
            self, name.title(), catalog_id=cdk.Aws.ACCOUNT_ID, tag_key=self.key(name), tag_values=list(values)
        )

    def _tag_database(self, zone: Zone) -> None:
        resource = lakeformation.CfnTagAssociation.ResourceProperty(
            database=lakeformation.CfnTagAssociation.DatabaseResourceProperty(
                catalog_id=cdk.Aws.ACCOUNT_ID, name=database_name(self._environment, zone)
            )
        )
        self._associate(f"{zone.title()}Database", resource, {PII: str(_UNLESS_STATED[zone]), ZONE: str(zone)})

    def _tag_columns(self, table: contracts.Table) -> None:
        columns: dict[PiiClass, list[str]] = defaultdict(list)
        for column, classification in projections.lakeformation_tags(table).items():
            columns[classification].append(column)
        for classification, names in columns.items():
            resource = lakeformation.CfnTagAssociation.ResourceProperty(
                table_with_columns=lakeformation.CfnTagAssociation.TableWithColumnsResourceProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID,
                    database_name=database_name(self._environment, table.zone),
                    name=table.name,
                    column_names=names,
                )
            )
            id_ = f"{pascal_case(table.name)}{classification.title()}"
            self._associate(id_, resource, {PII: str(classification)})

    def _associate(
        self, id_: str, resource: lakeformation.CfnTagAssociation.ResourceProperty, values: dict[str, str]
    ) -> None:
        association = lakeformation.CfnTagAssociation(
            self,
            id_,
            resource=resource,
            lf_tags=[
                lakeformation.CfnTagAssociation.LFTagPairProperty(
                    catalog_id=cdk.Aws.ACCOUNT_ID, tag_key=self.key(name), tag_values=[value]
                )
                for name, value in values.items()
            ],
        )
        association.node.add_dependency(*self.tags)
