"""The workgroup in which people and models query the lake."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone, database_name, workgroup_name
from stacks.shared.ids import pascal_case
from stacks.shared.lake import QUERY_RESULTS
from stacks.shared.platform import Platform

_GIGABYTE: Final = 1_000_000_000


class Workgroup(Construct):
    """Encrypts results and cancels queries that scan too much; clients cannot override it."""

    resource: athena.CfnWorkGroup
    name: str
    arn: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        buckets: Mapping[Zone, s3.IBucket],
        scan_limit_gigabytes: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.name = workgroup_name(platform.environment)
        location = f"s3://{buckets[Zone.RESULTS].bucket_name}/{QUERY_RESULTS}"
        group = athena.CfnWorkGroup
        self.resource = group(
            self,
            "WorkGroup",
            name=self.name,
            description="Queries on the Customer 360",
            recursive_delete_option=platform.removal == cdk.RemovalPolicy.DESTROY,
            work_group_configuration=group.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_gigabytes * _GIGABYTE,
                engine_version=group.EngineVersionProperty(selected_engine_version="Athena engine version 3"),
                result_configuration=group.ResultConfigurationProperty(
                    output_location=location,
                    encryption_configuration=group.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=platform.key.key_arn
                    ),
                ),
            ),
        )
        stack = cdk.Stack.of(self)
        self.arn = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:workgroup/{self.name}"


class NamedQueries(Construct):
    """Frequent queries on the marts, from `sql/named_queries`."""

    def __init__(self, scope: Construct, id_: str, *, folder: Path, workgroup: Workgroup, platform: Platform) -> None:
        super().__init__(scope, id_)
        for path in sorted(folder.glob("*.sql")):
            name, description, statement = read_query(path)
            query = athena.CfnNamedQuery(
                self,
                pascal_case(path.stem),
                name=name,
                description=description,
                database=database_name(platform.environment, Zone.PRODUCTS),
                query_string=statement,
                work_group=workgroup.name,
            )
            query.add_resource_dependency(workgroup.resource)


def read_query(path: Path) -> tuple[str, str, str]:
    """Return a query's name, description and statement.

    Raises:
        ValueError: the file does not begin with its name and description.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    headings = ("-- name: ", "-- description: ")
    if len(lines) < len(headings) or not all(map(str.startswith, lines, headings)):
        raise ValueError(f"{path}: begin the file with the lines `-- name: ...` and `-- description: ...`")
    name, description = (line.removeprefix(heading) for line, heading in zip(lines, headings, strict=False))
    return name, description, "\n".join(lines[len(headings) :]).strip()
