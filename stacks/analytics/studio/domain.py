"""SageMaker Studio: a domain, a profile and a private space for each user, and what their notebooks may do."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from c360_core.names import Querier, studio_name, studio_prefix
from c360_core.personas import PERSONAS, PersonaDefinition
from config.analytics import StudioSettings, profile_name
from config.operations import OperationsSettings
from stacks.analytics.studio import rights
from stacks.analytics.studio.profiles import ProfileWorker
from stacks.constructs.grants import allow, keep_objects, query_as
from stacks.constructs.workgroup import Workgroup
from stacks.shared.bootstrap import deployer_role_arn
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, StandingCost
from stacks.shared.platform import Platform, PrivateNetwork

PRINCIPAL: Final = "sagemaker.amazonaws.com"
_SCRIPT: Final = Path(__file__).with_name("on_start.sh")
_NETWORK_ACCESS: Final = {"private": "VpcOnly", "internet": "PublicInternetOnly"}
# What notebooks, Canvas and the apps themselves call. S3 has a gateway.
_CALLED: Final = (
    ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API,
    ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    ec2.InterfaceVpcEndpointAwsService.STS,
    ec2.InterfaceVpcEndpointAwsService.ATHENA,
    ec2.InterfaceVpcEndpointAwsService.GLUE,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
)
_HTTPS: Final = 443
_GIGABYTE_USD: Final = 0.1125  # of a space, a month
_CONTENT_DIGITS: Final = 8
# Apps of the older Studio, and those that nobody here may start.
_HIDDEN: Final = ("JupyterServer", "TensorBoard", "CodeEditor", "RStudioServerPro")
# Canvas says every few minutes for how long nobody has used it.
_CANVAS_IDLE_SECONDS: Final = 2 * 60 * 60


class Studio(Construct):
    """A domain whose users' notebooks run with a role of their persona, which sees what the persona sees.

    It has no file system of its own: what a user writes is on the disk of a space, which goes with the space, or in
    the bucket of the homes. A file system would outlive the domain and hold the network's subnets.
    """

    roles: Mapping[str, iam.Role]
    domain: sagemaker.CfnDomain

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: StudioSettings,
        workgroups: Mapping[Querier, Workgroup],
        homes: s3.IBucket,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        if platform.network is None:
            raise ValueError("a studio needs a network; the settings check this")
        self._settings = settings
        self._notebooks = s3_assets.Asset(
            self,
            "Notebooks",
            path=platform.assets.notebooks,
            # What Python and Jupyter leave there would make another asset on each machine.
            exclude=["__pycache__", ".ipynb_checkpoints"],
            ignore_mode=cdk.IgnoreMode.GIT,
        )
        working = [persona for persona in PERSONAS if persona.name in set(settings.users.values())]
        self.roles = {
            persona.name: self._role(persona, workgroups[persona.querier], homes, platform) for persona in working
        }
        started = {persona.name: self._on_start(persona, workgroups[persona.querier], platform) for persona in working}
        self.domain = self._domain(platform, platform.network, list(started.values()))
        worker = ProfileWorker(self, "Profiles", domain=self.domain, platform=platform)
        for user, persona_name in settings.users.items():
            persona = next(one for one in working if one.name == persona_name)
            profile = self._profile(user, self.roles[persona.name])
            space = self._space(user, profile, started[persona.name])
            home = f"s3://{homes.bucket_name}/{studio_prefix(persona.querier)}canvas" if settings.canvas else None
            worker.prepare(profile, space, home=home, key=platform.key)
        for role in self.roles.values():
            rights.work_in_domain(role, self.domain, platform.key, canvas=settings.canvas)

    def let_open(self, persona: str, opener: iam.IRole) -> None:
        """Let a role open the studio as the users of a persona; nobody needs that with Identity Center."""
        names = [profile_name(user) for user, name in self._settings.users.items() if name == persona]
        if names and self._settings.sign_in == "iam":
            arns = [rights.arn_of(self.domain, "user-profile", name) for name in names]
            allow(opener, ("sagemaker:CreatePresignedDomainUrl",), *arns)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # two hours are long enough
        """Return an alarm for each user on Canvas that nobody uses: AWS ends it for nobody, and bills each hour."""
        if not self._settings.canvas:
            return ()
        return [
            AlarmSpec(
                name=f"CanvasIdle{pascal_case(profile_name(user))}",
                metric=cloudwatch.Metric(
                    namespace="/aws/sagemaker/Canvas/AppActivity",
                    metric_name="TimeSinceLastActive",
                    dimensions_map={"DomainId": self.domain.attr_domain_id, "UserProfileName": profile_name(user)},
                    statistic="Maximum",
                    period=METRIC_PERIOD,
                ),
                threshold=_CANVAS_IDLE_SECONDS,
                text=f"Canvas of {profile_name(user)} runs and has been used by nobody for two hours",
            )
            for user in self._settings.users
        ]

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the disks of the spaces; apps cost while they run."""
        usd = len(self._settings.users) * self._settings.volume_gigabytes * _GIGABYTE_USD
        return (StandingCost(part="disks of SageMaker Studio", usd=usd),)

    # ---- the domain

    def _domain(
        self, platform: Platform, network: PrivateNetwork, scripts: Sequence[sagemaker.CfnStudioLifecycleConfig]
    ) -> sagemaker.CfnDomain:
        kind = sagemaker.CfnDomain
        group = self._group(network)
        settings = self._settings
        if settings.network == "private":
            network.reach(*_CALLED)
        nobody = iam.Role(self, "Nobody", assumed_by=_for_sagemaker(self))
        _let_name_users(nobody)
        domain = kind(
            self,
            "Domain",
            domain_name=studio_name(platform.environment),
            auth_mode=settings.sign_in.upper(),
            app_network_access_type=_NETWORK_ACCESS[settings.network],
            vpc_id=network.vpc.vpc_id,
            subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
            kms_key_id=platform.key.key_arn,
            home_efs_file_system_creation="Disabled",
            tag_propagation="ENABLED",
            domain_settings=kind.DomainSettingsProperty(
                # CloudTrail then names the user behind each call of a role that several share.
                execution_role_identity_config="USER_PROFILE_NAME"
            ),
            default_user_settings=kind.UserSettingsProperty(
                # Of a profile that somebody makes by hand, until it is given the role of a persona.
                execution_role=nobody.role_arn,
                security_groups=[group.security_group_id],
                auto_mount_home_efs="Disabled",
                studio_web_portal="ENABLED",
                default_landing_uri="studio::",
                studio_web_portal_settings=kind.StudioWebPortalSettingsProperty(
                    hidden_app_types=[*_HIDDEN, *(() if settings.canvas else ("Canvas",))]
                ),
                # The output of a cell is data.
                sharing_settings=kind.SharingSettingsProperty(notebook_output_option="Disabled"),
                space_storage_settings=kind.DefaultSpaceStorageSettingsProperty(
                    default_ebs_storage_settings=kind.DefaultEbsStorageSettingsProperty(
                        default_ebs_volume_size_in_gb=settings.volume_gigabytes,
                        maximum_ebs_volume_size_in_gb=settings.volume_gigabytes,
                    )
                ),
                jupyter_lab_app_settings=kind.JupyterLabAppSettingsProperty(
                    # A space runs none but these. A profile has no such settings: it would lose when its apps end.
                    lifecycle_config_arns=[one.attr_studio_lifecycle_config_arn for one in scripts],
                    app_lifecycle_management=kind.AppLifecycleManagementProperty(
                        idle_settings=kind.IdleSettingsProperty(**self._idle())
                    ),
                ),
            ),
        )
        domain.node.add_dependency(nobody)
        return domain

    def _idle(self) -> dict[str, Any]:
        """Return when an idle app of JupyterLab ends; no user may have it run for longer."""
        minutes = self._settings.idle_minutes
        return {
            "lifecycle_management": "ENABLED",
            "idle_timeout_in_minutes": minutes,
            "min_idle_timeout_in_minutes": minutes,
            "max_idle_timeout_in_minutes": minutes,
        }

    def _group(self, network: PrivateNetwork) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "Apps", vpc=network.vpc, description="Apps of SageMaker Studio", allow_all_outbound=False
        )
        group.add_ingress_rule(group, ec2.Port.all_tcp(), "Between the apps of a user, as SageMaker asks")
        group.add_egress_rule(group, ec2.Port.all_tcp(), "Between the apps of a user, as SageMaker asks")
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS's APIs")
        return group

    def _on_start(
        self, persona: PersonaDefinition, workgroup: Workgroup, platform: Platform
    ) -> sagemaker.CfnStudioLifecycleConfig:
        """Create what an app does when it starts: it fetches the notebooks, and says where they ask."""
        stated = {
            "NOTEBOOKS": self._notebooks.s3_object_url,
            "ENVIRONMENT": platform.environment,
            "WORKGROUP": workgroup.name,
        }
        script = _SCRIPT.read_text(encoding="utf-8")
        for name, value in stated.items():
            script = script.replace(f"@{name}@", value)
        # AWS changes none of it in place, so that another content is another resource.
        decides = f"{_SCRIPT.read_text(encoding='utf-8')}{self._notebooks.asset_hash}"
        digest = hashlib.sha256(decides.encode()).hexdigest()[:_CONTENT_DIGITS]
        return sagemaker.CfnStudioLifecycleConfig(
            self,
            f"OnStart{persona.name}",
            studio_lifecycle_config_name=f"{studio_name(platform.environment)}-{persona.querier}-{digest}",
            studio_lifecycle_config_app_type="JupyterLab",
            studio_lifecycle_config_content=cdk.Fn.base64(script),
        )

    # ---- users

    def _profile(self, user: str, role: iam.Role) -> sagemaker.CfnUserProfile:
        kind = sagemaker.CfnUserProfile
        by_sso = self._settings.sign_in == "sso"
        profile = kind(
            self,
            f"Profile{pascal_case(profile_name(user))}",
            domain_id=self.domain.attr_domain_id,
            user_profile_name=profile_name(user),
            single_sign_on_user_identifier="UserName" if by_sso else None,
            single_sign_on_user_value=user if by_sso else None,
            user_settings=kind.UserSettingsProperty(execution_role=role.role_arn),
        )
        profile.node.add_dependency(role)
        return profile

    def _space(
        self, user: str, profile: sagemaker.CfnUserProfile, started: sagemaker.CfnStudioLifecycleConfig
    ) -> sagemaker.CfnSpace:
        kind = sagemaker.CfnSpace
        space = kind(
            self,
            f"Space{pascal_case(profile_name(user))}",
            domain_id=self.domain.attr_domain_id,
            space_name=profile_name(user),
            ownership_settings=kind.OwnershipSettingsProperty(owner_user_profile_name=profile_name(user)),
            space_sharing_settings=kind.SpaceSharingSettingsProperty(sharing_type="Private"),
            space_settings=kind.SpaceSettingsProperty(
                app_type="JupyterLab",
                jupyter_lab_app_settings=kind.SpaceJupyterLabAppSettingsProperty(
                    default_resource_spec=kind.ResourceSpecProperty(
                        instance_type=self._settings.instance,
                        lifecycle_config_arn=started.attr_studio_lifecycle_config_arn,
                    ),
                ),
                space_storage_settings=kind.SpaceStorageSettingsProperty(
                    ebs_storage_settings=kind.EbsStorageSettingsProperty(
                        ebs_volume_size_in_gb=self._settings.volume_gigabytes
                    )
                ),
            ),
        )
        space.add_resource_dependency(profile)
        return space

    def _role(
        self, persona: PersonaDefinition, workgroup: Workgroup, homes: s3.IBucket, platform: Platform
    ) -> iam.Role:
        """Create the role with which the notebooks of a persona run; Lake Formation's grants come with the persona.

        The role that starts deployments may take it, too, as it may the persona: so a notebook can be run from outside.
        """
        role = iam.Role(
            self,
            f"{persona.name}Role",
            assumed_by=iam.CompositePrincipal(_for_sagemaker(self), iam.ArnPrincipal(deployer_role_arn())),
        )
        _let_name_users(role)
        query_as(role, persona, workgroup, platform)
        keep_objects(role, homes, studio_prefix(persona.querier))
        allow(role, ("s3:GetObject",), self._notebooks.bucket.arn_for_objects(self._notebooks.s3_object_key))
        return role


def _let_name_users(role: iam.Role) -> None:
    """Let SageMaker say for which user it acts as a role, as the domain wants it; without that no app starts."""
    if role.assume_role_policy is None:
        raise TypeError(f"{role.node.path} has no trust policy of its own")
    role.assume_role_policy.add_statements(
        iam.PolicyStatement(
            actions=["sts:SetSourceIdentity"],
            principals=[iam.ServicePrincipal(PRINCIPAL)],
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(role).account}},
        )
    )


def _for_sagemaker(scope: Construct) -> iam.PrincipalBase:
    """Return the service, for this account alone."""
    here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    return iam.ServicePrincipal(PRINCIPAL, conditions=here)
