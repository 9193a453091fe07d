"""The optimizers of Iceberg tables: compaction, snapshot retention, deletion of orphan files."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone, database_name
from config.foundation import MaintenanceSettings
from stacks.constructs.grants import allow, query_lake, write_objects, write_tables
from stacks.constructs.lake_table import LakeTable
from stacks.constructs.nag import acknowledge, wildcard
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import WRITE, LakeAccess, database_resource, grant_in_lake, tables_resource
from stacks.shared.platform import Platform

_LOGS: Final = ("iceberg-compaction", "iceberg-retention", "iceberg-orphan-file-deletion")
_Configuration = glue.CfnTableOptimizer.TableOptimizerConfigurationProperty


class TableOptimizers(Construct):
    """Three optimizers for each table of a stack, under one role that may work on these tables and no others.

    Each checkpoint of a stream writes a small file and a snapshot. Without maintenance every query opens all of these
    files, and replaced files are never deleted.
    """

    role: iam.Role
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tables: Sequence[LakeTable],
        buckets: Mapping[Zone, s3.IBucket],
        settings: MaintenanceSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self.role = self._role(tables, buckets, platform)
        grants = [grant for zone in _zones(tables) for grant in self._grants(zone)]
        self.lake_access = [
            LakeAccess(name=f"Optimizers{zone.title()}", role=self.role, zone=zone, writes=True, granted=True)
            for zone in _zones(tables)
        ]
        for table in tables:
            for kind, configuration in self._configurations(settings).items():
                optimizer = glue.CfnTableOptimizer(
                    self,
                    pascal_case(f"{table.name}-{kind}"),
                    catalog_id=cdk.Aws.ACCOUNT_ID,
                    database_name=database_name(platform.environment, table.zone),
                    table_name=table.name,
                    type=kind,
                    table_optimizer_configuration=configuration,
                )
                # Glue tests the role on the table before it creates an optimizer.
                optimizer.add_resource_dependency(table.resource)
                optimizer.node.add_dependency(self.role, *grants)

    def _configurations(self, settings: MaintenanceSettings) -> dict[str, _Configuration]:
        common: dict[str, Any] = {"enabled": settings.enabled, "role_arn": self.role.role_arn}
        optimizer = glue.CfnTableOptimizer
        return {
            "compaction": _Configuration(
                **common,
                compaction_configuration=optimizer.CompactionConfigurationProperty(
                    iceberg_configuration=optimizer.IcebergCompactionConfigurationProperty(strategy="binpack")
                ),
            ),
            "retention": _Configuration(
                **common,
                retention_configuration=optimizer.RetentionConfigurationProperty(
                    iceberg_configuration=optimizer.IcebergRetentionConfigurationProperty(
                        snapshot_retention_period_in_days=settings.snapshot_days,
                        number_of_snapshots_to_retain=settings.snapshots_kept,
                        clean_expired_files=True,
                    )
                ),
            ),
            "orphan_file_deletion": _Configuration(
                **common,
                orphan_file_deletion_configuration=optimizer.OrphanFileDeletionConfigurationProperty(
                    iceberg_configuration=optimizer.IcebergConfigurationProperty(
                        orphan_file_retention_period_in_days=settings.orphan_days
                    )
                ),
            ),
        }

    def _role(self, tables: Sequence[LakeTable], buckets: Mapping[Zone, s3.IBucket], platform: Platform) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("glue.amazonaws.com"))
        query_lake(role)
        for zone in _zones(tables):
            names = [table.name for table in tables if table.zone is zone]
            write_tables(role, platform, zone, names)
            for name in names:
                write_objects(role, buckets[zone], f"{name}/")
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:/aws-glue"
        logs = [f"{prefix}/{name}/logs:*" for name in _LOGS]
        allow(role, ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), *logs)
        acknowledge(role, {wildcard(role, arn): "Glue names the log streams of its optimizers" for arn in logs})
        return role

    def _grants(self, zone: Zone) -> list[lakeformation.CfnPrincipalPermissions]:
        """Return the Lake Formation grants of the role, which must exist before the optimizers."""
        wanted = {
            "Tables": (tables_resource(self._environment, zone), WRITE),
            "Database": (database_resource(self._environment, zone), ("DESCRIBE",)),
        }
        return [
            grant_in_lake(
                self,
                f"{zone.title()}{what}",
                principal=self.role.role_arn,
                resource=resource,
                permissions=permissions,
            )
            for what, (resource, permissions) in wanted.items()
        ]


def _zones(tables: Iterable[LakeTable]) -> list[Zone]:
    return sorted({table.zone for table in tables})
