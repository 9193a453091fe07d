"""Everything is encrypted under our key, private, and kept as long as the environment says."""

import pytest

from c360_core.names import Querier
from tests.infrastructure.assembly import references, resolve

TRIALS = ("dev", "everything")
STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::DynamoDB::GlobalTable",
    "AWS::Kinesis::Stream",
    "AWS::Glue::Table",
    "AWS::SecretsManager::Secret",
    "AWS::KMS::Key",
)


def lake_buckets(assembly):
    buckets = assembly.resources("AWS::S3::Bucket")
    return [b for b in buckets if b.logical_id.startswith("Lake") and "AccessLogs" not in b.logical_id]


def test_the_key_rotates(assembly):
    assert assembly.one("AWS::KMS::Key", "foundation").properties["EnableKeyRotation"] is True


def test_lake_has_one_encrypted_private_versioned_logged_bucket_per_zone(assembly):
    buckets = lake_buckets(assembly)
    assert len(buckets) == 6
    for bucket in buckets:
        rule = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms", bucket
        # The permissions on results end at a prefix, which KMS sees only without a bucket key.
        assert rule["BucketKeyEnabled"] is ("Results" not in bucket.logical_id), bucket
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}, bucket
        assert bucket.properties["VersioningConfiguration"]["Status"] == "Enabled", bucket
        assert "DestinationBucketName" in bucket.properties["LoggingConfiguration"], bucket


def test_every_bucket_refuses_plain_connections(assembly):
    refusing = set()
    for policy in assembly.resources("AWS::S3::BucketPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement.get("Condition") == {
                "Bool": {"aws:SecureTransport": "false"}
            }:
                refusing.add(policy.properties["Bucket"]["Ref"])
    assert refusing == {bucket.logical_id for bucket in assembly.resources("AWS::S3::Bucket")}


def test_the_landing_bucket_notifies_event_bridge_of_new_files(assembly):
    told = {
        bucket.logical_id
        for bucket in lake_buckets(assembly)
        if bucket.properties.get("NotificationConfiguration")
        == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    }
    assert {name for name in told if "Landing" in name} == told != set()


@pytest.mark.parametrize(
    ("zone", "storage_class"), [("Landing", "GLACIER_IR"), ("Raw", "STANDARD_IA")], ids=["landing", "raw"]
)
def test_old_data_moves_to_cheaper_storage(assembly, zone, storage_class):
    bucket = next(b for b in lake_buckets(assembly) if zone in b.logical_id)
    moves = [m for r in bucket.properties["LifecycleConfiguration"]["Rules"] for m in r.get("Transitions", ())]
    assert [move["StorageClass"] for move in moves] == [storage_class]


def test_results_expire(assembly):
    bucket = next(b for b in lake_buckets(assembly) if "Results" in b.logical_id)
    rules = bucket.properties["LifecycleConfiguration"]["Rules"]
    assert [r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r] == [
        assembly.settings.foundation.results_expire_days
    ]
    assert [r["NoncurrentVersionExpiration"] for r in rules if "NoncurrentVersionExpiration" in r] == [
        {"NoncurrentDays": 1}
    ]


@pytest.mark.parametrize(
    ("type_name", "path"),
    [
        ("AWS::Kinesis::Stream", ("StreamEncryption", "KeyId")),
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::SecretsManager::Secret", ("KmsKeyId",)),
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
        ("AWS::Lambda::Function", ("KmsKeyArn",)),
        ("AWS::Events::EventBus", ("KmsKeyIdentifier",)),
        ("AWS::CodeBuild::Project", ("EncryptionKey",)),
    ],
)
def test_our_key_encrypts(assembly, type_name, path):
    found = list(assembly.ours(type_name))
    assert found
    for resource in found:
        value = resource.properties
        for part in path:
            value = value.get(part, {})
        assert references(value), resource
        assert "Key" in resolve(value), resource


def test_our_key_encrypts_tables_results_and_jobs(assembly):
    tables = list(assembly.resources("AWS::DynamoDB::GlobalTable"))
    settings = assembly.settings.collection
    activation = assembly.settings.activation
    # One for how far databases were read, and one for how far backfills have come; whom platforms were told of, and
    # how it stands with each system outside.
    own = (settings.databases, settings.backfill.deployed, activation.audiences, activation.webhooks)
    assert len(tables) == 2 + sum(map(bool, (*own, activation.loyalty.url)))
    for table in tables:
        assert table.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        (replica,) = table.properties["Replicas"]
        assert "Key" in resolve(replica["SSESpecification"]["KMSMasterKeyId"])
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    workgroups = list(assembly.resources("AWS::Athena::WorkGroup"))
    # The dashboards and the preparation have one where they are.
    analytics = assembly.settings.analytics
    switched = [one.deployed for one in (analytics.dashboards, analytics.databrew, analytics.models)]
    assert len(workgroups) == len(Querier) - sum(not one for one in (*switched, activation.audiences))
    for workgroup in workgroups:
        configuration = workgroup.properties["WorkGroupConfiguration"]
        assert configuration["EnforceWorkGroupConfiguration"] is True
        encryption = configuration["ResultConfiguration"]["EncryptionConfiguration"]
        assert encryption["EncryptionOption"] == "SSE_KMS"
        assert "Key" in resolve(encryption["KmsKey"])
    jobs = list(assembly.resources("AWS::Glue::Job"))
    nightly = assembly.settings.analytics.quality.deployed + assembly.settings.governance.retention.enforced
    nightly += assembly.settings.activation.recommendations.provider != "none"
    on_demand = settings.texts.removed + settings.backfill.deployed
    elsewhere = sum(service != "glue" for service in assembly.settings.runtime.spark.services.values())
    assert len(jobs) == 3 + len(settings.databases) + on_demand + nightly - elsewhere
    assert all("SecurityConfiguration" in job.properties for job in jobs)


def test_logs_are_forgotten(assembly):
    for group in assembly.resources("AWS::Logs::LogGroup"):
        assert group.properties["RetentionInDays"] == assembly.settings.runtime.log_retention_days, group


def test_data_survives_its_stack_except_where_it_is_for_trials(assembly):
    wanted = "Delete" if assembly.settings.environment in TRIALS else "Retain"
    for type_name in STATEFUL:
        for resource in assembly.resources(type_name):
            policy = resource.document.get("DeletionPolicy")
            # These can be made again, from the records and from the marts.
            if not resource.logical_id.startswith(("IdentityMatchingInput", "MatchingInput", "Preparation")):
                assert policy == wanted, resource


def test_the_single_view_is_protected_from_deletion_except_where_it_is_for_trials(assembly):
    table = next(t for t in assembly.resources("AWS::DynamoDB::GlobalTable") if "SingleViewTable" in t.logical_id)
    protected = table.properties["Replicas"][0].get("DeletionProtectionEnabled", False)
    assert protected is (assembly.settings.environment not in TRIALS)
