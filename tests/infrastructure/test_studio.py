"""SageMaker Studio, by a switch: private, encrypted, ended when idle, and each user alone with what is theirs."""

import json
import re

import pytest

from c360_core.names import Querier, studio_prefix
from c360_core.personas import MARKETING_ANALYST
from config.settings import SettingsError, load
from tests.infrastructure import needs
from tests.infrastructure.assembly import Assembly, listed, placeholder_assets, resolve, statements, synthesize
from tests.infrastructure.estate import ACCOUNT, REGION, Estate, arn
from tests.infrastructure.policies import Policies

DOMAIN, PROFILE, SPACE = (f"AWS::SageMaker::{kind}" for kind in ("Domain", "UserProfile", "Space"))
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"


def of_studio(assembly: Assembly) -> list[str]:
    parts = ("Studio", "SageMaker", "CanvasIdle", "NotebookHomes")
    return [str(one) for one in assembly.resources() if any(part in f"{one}{one.document['Type']}" for part in parts)]


def test_a_switch_brings_the_studio_and_leaves_nothing(assembly):
    deployed = assembly.settings.analytics.studio.deployed
    assert bool(of_studio(assembly)) is deployed is (assembly.settings.environment == "everything")
    mentioned = [one for one, statement in statements(assembly) if "sagemaker:" in json.dumps(statement)]
    assert bool(mentioned) is deployed


NETWORK = "foundation: {network: {deployed: true}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("analytics: {studio: {deployed: true, users: {ada: MarketingAnalyst}}}", "needs foundation.network.deployed"),
        (f"{{{NETWORK}, analytics: {{studio: {{deployed: true}}}}}}", "users is empty"),
        ("analytics: {studio: {users: {ada: Painter}}}", "write one of MarketingAnalyst"),
        ("analytics: {studio: {users: {a.b: MarketingAnalyst, a-b: MarketingAnalyst}}}", "two names"),
        ("analytics: {studio: {users: {'a b': MarketingAnalyst}}}", "pattern"),
        ("analytics: {studio: {idle_minutes: 30}}", "greater than or equal to 60"),
        ("analytics: {studio: {instance: ml.p5.48xlarge}}", "ml.t3.medium"),
        ("analytics: {studio: {sign_in: saml}}", "'iam' or 'sso'"),
    ],
)
def test_settings_that_cannot_be_are_refused(text, said, tmp_path):
    (tmp_path / "dev.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(said)):
        load("dev", tmp_path)


def test_the_domain_is_private_encrypted_and_keeps_no_file_system(everything):
    domain = everything.one(DOMAIN, "analytics").properties
    assert (domain["AuthMode"], domain["AppNetworkAccessType"]) == ("IAM", "VpcOnly")
    assert domain["HomeEfsFileSystemCreation"] == "Disabled"
    assert "Key" in resolve(domain["KmsKeyId"])
    assert domain["DomainSettings"]["ExecutionRoleIdentityConfig"] == "USER_PROFILE_NAME"
    settings = domain["DefaultUserSettings"]
    assert settings["SharingSettings"]["NotebookOutputOption"] == "Disabled"
    assert settings["StudioWebPortalSettings"]["HiddenAppTypes"] == [
        "JupyterServer", "TensorBoard", "CodeEditor", "RStudioServerPro",
    ]  # fmt: skip
    idle = settings["JupyterLabAppSettings"]["AppLifecycleManagement"]["IdleSettings"]
    assert {value for value in idle.values() if value != "ENABLED"} == {60}


def test_its_apps_reach_each_other_and_the_apis_and_nobody_reaches_them(everything):
    rules = [
        one.properties
        for kind in ("Ingress", "Egress")
        for one in everything.resources(f"AWS::EC2::SecurityGroup{kind}", "analytics")
        if one.logical_id.startswith("StudioApps")
    ]
    # TCP within the group, which JupyterLab and its kernels use.
    assert {(rule["FromPort"], rule["ToPort"]) for rule in rules} == {(0, 65535)}
    assert all("SecurityGroupId" in json.dumps(rule) and "CidrIp" not in rule for rule in rules)
    group = everything.one("AWS::EC2::SecurityGroup", "analytics", "StudioApps").properties
    assert "SecurityGroupIngress" not in group
    assert [(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [(443, 443)]


def test_its_network_has_an_endpoint_for_each_service_that_aws_asks_for(everything):
    """Without a way to the internet: the API and the runtime of SageMaker, S3, and what the notebooks call."""
    endpoints = " ".join(
        resolve(one.properties["ServiceName"]) for one in everything.resources("AWS::EC2::VPCEndpoint", "foundation")
    )
    wanted = ("sagemaker.api", "sagemaker.runtime", "s3", "sts", "athena", "glue", "logs", "monitoring")
    assert [name for name in wanted if f".{name}" not in endpoints] == []


def test_a_user_has_a_profile_and_a_private_space_with_the_notebooks(everything):
    profile = everything.one(PROFILE, "analytics").properties
    space = everything.one(SPACE, "analytics").properties
    assert profile["UserProfileName"] == space["OwnershipSettings"]["OwnerUserProfileName"] == "ada"
    assert "StudioMarketingAnalystRole" in resolve(profile["UserSettings"]["ExecutionRole"])
    assert space["SpaceSharingSettings"]["SharingType"] == "Private"
    stated = space["SpaceSettings"]
    assert stated["SpaceStorageSettings"]["EbsStorageSettings"]["EbsVolumeSizeInGb"] == 5
    script = everything.one("AWS::SageMaker::StudioLifecycleConfig", "analytics")
    assert script.logical_id in json.dumps(stated["JupyterLabAppSettings"]["DefaultResourceSpec"])
    attached = everything.one(DOMAIN, "analytics").properties["DefaultUserSettings"]["JupyterLabAppSettings"]
    assert script.logical_id in json.dumps(attached["LifecycleConfigArns"])
    # CloudFormation lets no profile say when its apps end, so that none says anything of JupyterLab.
    assert profile["UserSettings"].keys() == {"ExecutionRole"}
    text = resolve(script.properties["StudioLifecycleConfigContent"]["Fn::Base64"])
    assert "@" not in re.sub(r"\$@", "", text)
    assert '"everything" "c360-everything-marketing-analyst"' in text


def test_what_an_app_does_when_it_starts_changes_its_name_with_its_content(everything, tmp_path):
    """AWS changes nothing of it in place."""
    kind = "AWS::SageMaker::StudioLifecycleConfig"
    before = everything.one(kind, "analytics").properties["StudioLifecycleConfigName"]
    assert re.fullmatch(r"c360-everything-marketing-analyst-[0-9a-f]{8}", before)


def test_people_come_through_their_persona(everything):
    """The persona opens the profiles of its own users; a profile made by hand may do nothing."""
    opening = {
        one.logical_id.partition("RoleDefaultPolicy")[0]: [resolve(each) for each in listed(statement["Resource"])]
        for one, statement in statements(everything)
        if "sagemaker:CreatePresignedDomainUrl" in listed(statement["Action"])
    }
    assert opening.keys() == {"MarketingAnalyst", "StudioMarketingAnalyst"}
    [own] = opening["MarketingAnalyst"]
    assert own.endswith("/ada")
    nobody = resolve(everything.one(DOMAIN, "analytics").properties["DefaultUserSettings"]["ExecutionRole"])
    assert "StudioNobody" in nobody
    estate = Estate(everything)
    [role] = [arn(one) for one in estate.of_type("AWS::IAM::Role") if "StudioNobody" in one.logical_id]
    assert Policies(estate).of_roles[role] == ()


def test_a_user_reaches_no_space_app_or_home_of_others(everything):
    estate = Estate(everything)
    policies = Policies(estate)
    [profile] = estate.of_type(PROFILE)
    domain, role = profile.properties["DomainId"], profile.properties["UserSettings"]["ExecutionRole"]

    def may(action: str, resource: str, **context: str) -> bool:
        stated = {f"sagemaker:{key}": value for key, value in context.items()}
        return all(policies.deciding(role, action, resource, {"aws:SecureTransport": "true", **stated}))

    def of(user: str) -> str:
        return f"{SAGEMAKER}user-profile/{domain}/{user}"

    me = {"DomainId": domain, "UserProfileName": "ada"}
    space, app = f"{SAGEMAKER}space/{domain}/any", f"{SAGEMAKER}app/{domain}/any/jupyterlab/default"
    for action, one in (("CreateSpace", space), ("UpdateSpace", space), ("CreateApp", app), ("DeleteApp", app)):
        for owner, sharing, allowed in (("ada", "Private", True), ("eve", "Private", False), ("ada", "Shared", False)):
            found = may(f"sagemaker:{action}", one, **me, OwnerUserProfileArn=of(owner), SpaceSharingType=sharing)
            assert found is allowed, (action, owner, sharing)
        assert not may(f"sagemaker:{action}", one, **me)
    assert may("sagemaker:CreatePresignedDomainUrl", of("ada"), **me)
    assert not may("sagemaker:CreatePresignedDomainUrl", of("eve"), **me)
    assert not may("sagemaker:CreateApp", f"{SAGEMAKER}app/{domain}/eve/canvas/default", **me)
    for action in (
        "UpdateDomain",
        "UpdateUserProfile",
        "CreateUserProfile",
        "CreateTrainingJob",
        "CreateProcessingJob",
    ):
        assert not may(f"sagemaker:{action}", "*", **me)
    bucket = arn(everything.one("AWS::S3::Bucket", "foundation", "NotebookHomes"))
    own = studio_prefix(MARKETING_ANALYST.querier)
    assert may("s3:PutObject", f"{bucket}/{own}canvas/one")
    assert not may("s3:GetObject", f"{bucket}/{studio_prefix(Querier.STEWARDS)}one")
    assert not may("s3:ListBucket", bucket)


def test_only_its_service_and_who_deploys_may_take_the_role_of_notebooks(everything):
    roles = everything.resources("AWS::IAM::Role", "analytics")
    [role] = [one.properties for one in roles if one.logical_id.startswith("StudioMarketingAnalystRole")]
    trusted = role["AssumeRolePolicyDocument"]["Statement"]
    found = {action: one for one in trusted for action in listed(one["Action"]) if "Service" in one["Principal"]}
    assert found.keys() == {"sts:AssumeRole", "sts:SetSourceIdentity"}
    for one in found.values():
        assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    [other] = [one for one in trusted if "Service" not in one["Principal"]]
    assert "cdk-hnb659fds-deploy-role" in json.dumps(other)


def test_an_idle_canvas_is_told_because_aws_ends_it_for_nobody(everything):
    alarm = everything.one("AWS::CloudWatch::Alarm", "operations", "CanvasIdleAda").properties
    assert (alarm["Namespace"], alarm["MetricName"]) == ("/aws/sagemaker/Canvas/AppActivity", "TimeSinceLastActive")
    assert {one["Name"] for one in alarm["Dimensions"]} == {"DomainId", "UserProfileName"}
    assert alarm["Threshold"] == 7200


@pytest.fixture(scope="module")
def otherwise(_contracts, tmp_path_factory) -> Assembly:
    """A studio with Identity Center, a way to the internet, two users and no Canvas."""
    folder = tmp_path_factory.mktemp("settings")
    studio = (
        "{deployed: true, sign_in: sso, network: internet, canvas: false, "
        "users: {ada@example.com: MarketingAnalyst, bob: MarketingAnalyst}}"
    )
    (folder / "dev.yaml").write_text(f"{{{NETWORK}, analytics: {{studio: {studio}}}}}", encoding="utf-8")
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    return synthesize(load("dev", folder), assets, tmp_path_factory.mktemp("out"))


def test_people_come_through_identity_center_where_the_settings_say_so(otherwise):
    domain = otherwise.one(DOMAIN, "analytics").properties
    assert (domain["AuthMode"], domain["AppNetworkAccessType"]) == ("SSO", "PublicInternetOnly")
    assert "Canvas" in domain["DefaultUserSettings"]["StudioWebPortalSettings"]["HiddenAppTypes"]
    profiles = {
        one.properties["UserProfileName"]: one.properties["SingleSignOnUserValue"]
        for one in otherwise.resources(PROFILE)
    }
    assert profiles == {"ada-example-com": "ada@example.com", "bob": "bob"}
    persona = [
        statement
        for one, statement in statements(otherwise)
        if one.pillar == "governance" and "sagemaker:" in json.dumps(statement)
    ]
    assert persona == []


def test_without_canvas_nothing_of_it_is_left(otherwise):
    assert [one.properties["Home"] for one in otherwise.resources("Custom::StudioProfile")] == ["", ""]
    assert [one for one in otherwise.resources("AWS::CloudWatch::Alarm") if "Canvas" in one.logical_id] == []
    actions = {action for _, statement in statements(otherwise) for action in listed(statement["Action"])}
    assert not actions & set(needs.CANVAS_BROWSES.actions)
    assert [one for one in otherwise.resources("AWS::EC2::VPCEndpoint") if "Sagemaker" in one.logical_id] == []
