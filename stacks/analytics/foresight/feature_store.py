"""The Feature Store of what models were told of customers: a group, who fills it, and who deletes from it."""

from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from c360_core.features import PERSON, RECORDED_AT, definitions
from c360_core.names import ConsumerGroup, features_name
from stacks.analytics.foresight.rights import SERVICE, sagemaker_arn
from stacks.analytics.foresight.run import PREFIX
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow, arn_seen_from, read_objects, read_records, use_items, use_key
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.shared.features import feature_kinds
from stacks.shared.platform import Platform

# Whom two monthly runs have not named is gone; a deletion that was missed ends then, too.
TTL_DAYS: Final = 62
_OFFLINE: Final = "customers/"
_METADATA: Final = "*/metadata/*"
_CATALOG: Final = "sagemaker_featurestore"  # SageMaker makes the database, and a table in it
_KEEP_SECONDS: Final = 600
_REMOVED: Final = {"kind": ["profile"], "op": ["delete"]}


class FeatureStore(Construct):
    """Keeps features online, for who asks about one customer, and offline, as a table of all months.

    Attributes:
        records: the function that puts the rows of a run.
        removals: the function that deletes people who are no more.
    """

    records: PythonFunction
    removals: PythonFunction
    reader: StreamReader

    def __init__(  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        bucket: s3.IBucket,
        training: s3.IBucket,
        single_view: dynamodb.ITableV2,
        profile_changes: DataStream,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._platform, self._name = platform, features_name(platform.environment)
        self._kinds = feature_kinds(Path(platform.assets.metrics))
        self._arn = sagemaker_arn(self, f"feature-group/{self._name}")
        self.group = self._group(bucket)
        self.records = self._records(training, single_view)
        self.removals = self._removals()
        read_records(self.removals.role, profile_changes, ConsumerGroup.FEATURE_REMOVALS)
        source = profile_changes.read_by(ConsumerGroup.FEATURE_REMOVALS)
        self.reader = StreamReader(
            self,
            "Removed",
            function=self.removals,
            source=source if profile_changes.deployed else None,
            batching=Batching(size=100, window_seconds=5),
            platform=platform,
            pattern=source.bodies(_REMOVED),
        )

    def _group(self, bucket: s3.IBucket) -> sagemaker.CfnFeatureGroup:
        role, key = self._offline_role(bucket), self._platform.key.key_arn
        group = sagemaker.CfnFeatureGroup(
            self,
            "Group",
            feature_group_name=self._name,
            description="What the models were told of each customer, by the month",
            record_identifier_feature_name=PERSON,
            event_time_feature_name=RECORDED_AT,
            feature_definitions=[
                sagemaker.CfnFeatureGroup.FeatureDefinitionProperty(feature_name=name, feature_type=str(kind))
                for name, kind in definitions(self._kinds)
            ],
            online_store_config={
                "EnableOnlineStore": True,
                "StorageType": "Standard",
                "SecurityConfig": {"KmsKeyId": key},
                "TtlDuration": {"Unit": "Days", "Value": TTL_DAYS},
            },
            # Not Iceberg: objects of its tables must not expire one by one, and these rows are deleted by their age.
            offline_store_config={
                "S3StorageConfig": {"S3Uri": f"s3://{bucket.bucket_name}/{_OFFLINE}", "KmsKeyId": key},
                "DisableGlueTableCreation": False,
                "TableFormat": "Glue",
            },
            role_arn=role.role_arn,
            throughput_config=sagemaker.CfnFeatureGroup.ThroughputConfigProperty(throughput_mode="OnDemand"),
        )
        group.node.add_dependency(role)
        group.apply_removal_policy(self._platform.removal)
        return group

    def _offline_role(self, bucket: s3.IBucket) -> iam.Role:
        """Return the role with which SageMaker writes the offline store and its table in the catalog."""
        stack = cdk.Stack.of(self)
        here = {"StringEquals": {"aws:SourceAccount": stack.account}}
        role = iam.Role(self, "OfflineRole", assumed_by=iam.ServicePrincipal(SERVICE, conditions=here))
        allow(role, ("s3:PutObject", "s3:PutObjectAcl"), bucket.arn_for_objects(f"{_OFFLINE}*"))
        allow(role, ("s3:GetObject",), bucket.arn_for_objects(f"{_OFFLINE}{_METADATA}"))
        allow(role, ("s3:GetBucketAcl",), bucket.bucket_arn)
        # Without it, S3 answers that a file which is not there is forbidden.
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": f"{_OFFLINE}*"}},
            )
        )
        glue = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        tables = f"{glue}:table/{_CATALOG}/*"
        allow(role, ("glue:GetTable", "glue:UpdateTable"), f"{glue}:catalog", f"{glue}:database/{_CATALOG}", tables)
        use_key(role, self._platform.key, through="s3", actions=("Decrypt", "GenerateDataKey"))
        seen = arn_seen_from(role, bucket)
        acknowledge(
            role,
            {
                wildcard(role, f"{seen}/{_OFFLINE}*"): "SageMaker names the files of the offline store",
                wildcard(role, f"{seen}/{_OFFLINE}{_METADATA}"): "SageMaker names what describes these files, too",
                wildcard(role, tables): "SageMaker ends the name of the table in the moment at which it is made",
            },
        )
        return role

    def _records(self, training: s3.IBucket, single_view: dynamodb.ITableV2) -> PythonFunction:
        stack = cdk.Stack.of(self)
        records = PythonFunction(
            self,
            "Records",
            name="feature_records",
            platform=self._platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "FEATURE_GROUP_NAME": self._name,
                "FEATURE_KINDS": stack.to_json_string({name: str(kind) for name, kind in self._kinds.items()}),
            },
            caller=Caller.STATE_MACHINE,
            timeout_seconds=_KEEP_SECONDS,
            memory_megabytes=1024,
        )
        read_objects(records.role, training, PREFIX)
        use_items(records.role, single_view, self._platform.key, ("BatchGetItem",))
        self._let(records.role, "sagemaker:PutRecord")
        return records

    def _removals(self) -> PythonFunction:
        removals = PythonFunction(
            self,
            "Removals",
            name="feature_removals",
            platform=self._platform,
            variables={"FEATURE_GROUP_NAME": self._name},
            caller=Caller.STREAM,
            timeout_seconds=120,
        )
        self._let(removals.role, "sagemaker:DeleteRecord")
        return removals

    def _let(self, role: iam.IRole, action: str) -> None:
        """Let a role call an operation on records, which the store decrypts with the caller's rights."""
        allow(role, (action,), self._arn)
        use_key(role, self._platform.key, through="sagemaker", actions=("Decrypt",))
