"""The lake, as the systems that use it see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3

from c360_core.contracts import Contracts, Table
from c360_core.names import Zone
from config.foundation import MaintenanceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Lake:
    """Buckets, contracts, encryption of jobs, maintenance.

    Attributes:
        buckets: one per zone.
        contracts: sources and tables.
        job_security: the security configuration of every Spark job.
        maintenance: the settings of the table optimizers.
        is_shared: whether a partner shares a clean room, which has tables of its own.
        is_mapped: whether the partner's identities are mapped to ours, by one more table.
        advertised: the segments of which advertising platforms keep an audience; there is a table of their members.
    """

    buckets: Mapping[Zone, s3.IBucket]
    contracts: Contracts
    job_security: glue.CfnSecurityConfiguration
    maintenance: MaintenanceSettings
    is_shared: bool = False
    is_mapped: bool = False
    advertised: Sequence[str] = ()

    def iceberg_tables(self) -> Sequence[Table]:
        """Return every table of Iceberg that the templates create from a contract."""
        return [
            *self.contracts.lake_tables(),
            *(self.contracts.shared_tables() if self.is_shared else ()),
            *(self.contracts.audience_tables() if self.advertised else ()),
        ]

    def tables(self) -> Sequence[Table]:
        """Return every table that the templates create from a contract."""
        return [*self.iceberg_tables(), *(self.contracts.matching_tables() if self.is_mapped else ())]
