"""The Lake Formation tags that decide on access to the lake."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core.names import CATALOGED_ZONES, LakeTag, PiiClass, lake_tag_key


class LakeTags(Construct):
    """The tags `pii` and `zone` with all their values. The zones' stacks assign them to databases and columns."""

    tags: Sequence[lakeformation.CfnTag]

    def __init__(self, scope: Construct, id_: str, *, environment: str) -> None:
        super().__init__(scope, id_)
        values = {
            LakeTag.PII: [str(value) for value in PiiClass],
            LakeTag.ZONE: [str(zone) for zone in CATALOGED_ZONES],
        }
        self.tags = [
            lakeformation.CfnTag(
                self,
                name.title(),
                catalog_id=cdk.Aws.ACCOUNT_ID,
                tag_key=lake_tag_key(environment, name),
                tag_values=allowed,
            )
            for name, allowed in values.items()
        ]
