"""An Athena workgroup of one kind of queriers."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Querier, results_prefix, workgroup_name
from stacks.shared.platform import Platform

_GIGABYTE: Final = 1_000_000_000


class Workgroup(Construct):
    """Encrypts results, keeps them under a prefix of its own, and cancels queries that scan too much.

    Clients cannot override any of it.
    """

    resource: athena.CfnWorkGroup
    name: str
    arn: str
    results: s3.IBucket
    prefix: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        querier: Querier,
        results: s3.IBucket,
        scan_limit_gigabytes: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.name = workgroup_name(platform.environment, querier)
        self.results = results
        self.prefix = results_prefix(querier)
        group = athena.CfnWorkGroup
        self.resource = group(
            self,
            "WorkGroup",
            name=self.name,
            description=f"Queries of the {querier.replace('-', ' ')} on the Customer 360",
            recursive_delete_option=platform.removal == cdk.RemovalPolicy.DESTROY,
            work_group_configuration=group.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_gigabytes * _GIGABYTE,
                engine_version=group.EngineVersionProperty(selected_engine_version="Athena engine version 3"),
                result_configuration=group.ResultConfigurationProperty(
                    output_location=f"s3://{results.bucket_name}/{self.prefix}",
                    encryption_configuration=group.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=platform.key.key_arn
                    ),
                ),
            ),
        )
        stack = cdk.Stack.of(self)
        self.arn = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:workgroup/{self.name}"
