"""EMR Studio, by a switch: its groups, its role, its storage, and sessions that read only through Lake Formation."""

import json
import re

import pytest

from c360_core.names import WORKSPACES_PREFIX, Zone
from config.settings import SettingsError, load
from tests.infrastructure.assembly import listed, resolve, statements
from tests.infrastructure.estate import ACCOUNT, REGION, Estate, arn
from tests.infrastructure.policies import Policies

STUDIO, APPLICATION = "AWS::EMR::Studio", "AWS::EMRServerless::Application"
CATALOG = "spark.sql.catalog.spark_catalog"


def application(assembly):
    return assembly.one(APPLICATION, "analytics", "EmrStudio").properties


def spark(assembly):
    [configuration] = application(assembly)["RuntimeConfiguration"]
    return {name: resolve(value) for name, value in configuration["Properties"].items()}


def test_a_switch_brings_the_studio_and_leaves_nothing(assembly):
    found = [one for one in assembly.resources() if "EmrStudio" in str(one) or "EMR::" in one.document["Type"]]
    mentioned = [one for one, statement in statements(assembly) if "elasticmapreduce:" in json.dumps(statement)]
    deployed = assembly.settings.analytics.emr_studio.deployed
    assert bool(found) is bool(mentioned) is deployed is (assembly.settings.environment == "everything")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("analytics: {emr_studio: {deployed: true}}", "needs foundation.network.deployed"),
        ("analytics: {emr_studio: {workers: 2}}", "greater than or equal to 4"),
        ("analytics: {emr_studio: {idle_minutes: 1}}", "greater than or equal to 5"),
    ],
)
def test_settings_that_cannot_be_are_refused(text, said, tmp_path):
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load("dev", tmp_path)


def test_the_studio_signs_in_by_iam_and_keeps_its_workspaces_under_the_key(everything):
    studio = everything.one(STUDIO, "analytics").properties
    assert studio["AuthMode"] == "IAM"
    # With IAM there is no user role: what people may do, their own role says.
    assert not {"UserRole", "IdpAuthUrl"} & studio.keys()
    assert "Key" in resolve(studio["EncryptionKeyArn"])
    assert resolve(studio["DefaultS3Location"]).endswith(f"/{WORKSPACES_PREFIX.rstrip('/')}")
    assert "NotebookHomesBucket" in resolve(studio["DefaultS3Location"])
    bucket = everything.one("AWS::S3::Bucket", "foundation", "NotebookHomesBucket").properties
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_service_role_touches_its_own_groups_subnets_and_workspaces(everything):
    estate = Estate(everything)
    policies = Policies(estate)
    [studio] = estate.of_type(STUDIO)
    role = studio.properties["ServiceRole"]
    prefix = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"

    def may(action, resource, **context):
        return all(policies.deciding(role, action, resource, {"aws:SecureTransport": "true", **context}))

    assert not may("ec2:AuthorizeSecurityGroupIngress", f"{prefix}security-group/sg-other")
    assert not may("ec2:CreateNetworkInterface", f"{prefix}subnet/subnet-other")
    assert not may("ec2:DeleteNetworkInterface", f"{prefix}network-interface/eni-other")
    assert not may("ec2:CreateSecurityGroup", f"{prefix}vpc/vpc-1")
    assert not may("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:any")
    bucket = arn(everything.one("AWS::S3::Bucket", "foundation", "NotebookHomes"))
    assert may("s3:PutObject", f"{bucket}/{WORKSPACES_PREFIX}e-1/one.ipynb")
    assert not may("s3:GetObject", f"{bucket}/marketing-analyst/one.ipynb")
    trusted = everything.one("AWS::IAM::Role", "analytics", "EmrStudioService").properties["AssumeRolePolicyDocument"]
    [statement] = trusted["Statement"]
    assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}


def test_notebooks_have_an_application_that_stops_and_is_limited(everything):
    found = application(everything)
    assert found["InteractiveConfiguration"] == {"LivyEndpointEnabled": True, "StudioEnabled": True}
    assert found["AutoStopConfiguration"] == {"Enabled": True, "IdleTimeoutMinutes": 30}
    assert "InitialCapacity" not in found
    assert found["MaximumCapacity"] == {"Cpu": "16 vCPU", "Memory": "64 GB", "Disk": "80 GB"}
    assert found["SchedulerConfiguration"]["MaxConcurrentRuns"] == 1
    release = int(found["ReleaseLabel"].removeprefix("emr-").replace(".", ""))
    assert release >= 720  # the first with Lake Formation
    jobs = [one.properties for one in everything.resources(APPLICATION) if "EmrStudio" not in one.logical_id]
    assert jobs
    assert not [one for one in jobs if "InteractiveConfiguration" in one]


def test_lake_formation_decides_what_a_session_reads(everything):
    conf = spark(everything)
    assert conf["spark.emr-serverless.lakeformation.enabled"] == "true"
    assert conf[CATALOG] == "org.apache.iceberg.spark.SparkSessionCatalog"
    assert conf["spark.c360.environment"] == "everything"
    others = {name for name in conf if name.startswith("spark.sql.catalog.") and not name.startswith(CATALOG)}
    assert others == set()
    estate = Estate(everything)
    policies = Policies(estate)
    [role] = [arn(one) for one in estate.of_type("AWS::IAM::Role") if "EmrStudioMarketingAnalyst" in one.logical_id]
    actions = {action for one in policies.of_roles[role] for action in one.actions}
    assert {action.partition(":")[0] for action in actions} == {"glue", "lakeformation", "logs"}
    for zone in Zone:
        bucket = arn(everything.one("AWS::S3::Bucket", "foundation", f"Lake{zone.title()}"))
        assert policies.deciding(role, "s3:GetObject", f"{bucket}/any", {}) == [[]]


def test_only_the_persona_begins_sessions_and_passes_the_role_of_its_own(everything):
    found = {
        one.logical_id.partition("RoleDefaultPolicy")[0]
        for one, statement in statements(everything)
        if {"emr-serverless:AccessLivyEndpoints", "elasticmapreduce:CreateEditor"} & set(listed(statement["Action"]))
    }
    assert found == {"MarketingAnalyst"}
    estate = Estate(everything)
    policies = Policies(estate)
    [persona] = [
        arn(one)
        for one in estate.of_type("AWS::IAM::Role")
        if (one.pillar, one.logical_id[:16]) == ("governance", "MarketingAnalyst")
    ]
    roles = [arn(one) for one in estate.of_type("AWS::IAM::Role")]
    emr = {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    passed = [role for role in roles if all(policies.deciding(persona, "iam:PassRole", role, emr))]
    assert [role for role in passed if "EmrStudioMarketingAnalyst" not in role] == []
    assert len(passed) == 1
    other = {"iam:PassedToService": "lambda.amazonaws.com"}
    assert not [role for role in roles if all(policies.deciding(persona, "iam:PassRole", role, other))]
