"""Revokes what Lake Formation's defaults grant on the lake's databases and tables to everybody whom IAM allows."""

from collections.abc import Iterable
from typing import Final

import aws_cdk as cdk
from constructs import Construct

from c360_core.names import CATALOGED_ZONES, Zone, database_name
from stacks.constructs.grants import browse_tables, catalog_arns, revoke_in_lake
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.lake_access import database_resource, grant_in_lake, tables_resource
from stacks.shared.lake_order import LakeChange, database_place
from stacks.shared.platform import Platform

_SECONDS: Final = 300  # a call for each table, and waiting for others who change the same table
_ANSWER: Final = cdk.Duration.seconds(2 * _SECONDS)


class LakeDefaults(Construct):
    """The function behind the custom resources: it may list tables and revoke permissions, not grant or read."""

    worker: PythonFunction

    def __init__(self, scope: Construct, id_: str, *, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.worker = PythonFunction(
            self,
            "Closer",
            name="lake_defaults",
            platform=platform,
            variables={},
            caller=Caller.CLOUDFORMATION,
            timeout_seconds=_SECONDS,
        )
        role = self.worker.role
        revoke_in_lake(role)
        for zone in CATALOGED_ZONES:
            browse_tables(role, platform, zone)
            seen = wildcard(role, catalog_arns(role, platform, zone, ["*"])[-1])
            acknowledge(role, {seen: "it looks for open permissions on every table, also on those of the dbt build"})


class ClosedDatabase(Construct):
    """A custom resource that revokes the default permissions on a zone's database and tables.

    CloudFormation cannot revoke: it only takes back what it granted itself. The resource works again whenever the list
    of tables changes; what is created between deployments gets no default permissions, because the database says so.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        zone: Zone,
        tables: Iterable[str],
        defaults: LakeDefaults,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        worker = defaults.worker
        database = database_name(platform.environment, zone)
        grants = [
            grant_in_lake(
                self,
                what,
                principal=worker.role.role_arn,
                resource=resource,
                permissions=("ALL",),
                revokes=True,
            )
            for what, resource in (
                ("Database", database_resource(platform.environment, zone)),
                ("Tables", tables_resource(platform.environment, zone)),
            )
        ]
        _Closed(self, "Closed", database=database, tables=tables, worker=worker).node.add_dependency(*grants)


class _Closed(cdk.CustomResource):
    """The resource itself, which changes the database's permissions and those of its tables."""

    def __init__(
        self, scope: Construct, id_: str, *, database: str, tables: Iterable[str], worker: PythonFunction
    ) -> None:
        super().__init__(
            scope,
            id_,
            service_token=worker.function.function_arn,
            resource_type="Custom::ClosedDatabase",
            service_timeout=_ANSWER,
            properties={"Database": database, "Tables": sorted(tables)},
        )
        self._database = database

    def lake_change(self) -> LakeChange:
        """Return the revocation."""
        resource = self.node.default_child
        if not isinstance(resource, cdk.CfnResource):
            raise TypeError(f"{self.node.path} has no resource that closes {self._database}")
        return LakeChange(place=database_place(self._database), resource=resource)
