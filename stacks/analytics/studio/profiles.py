"""What CloudFormation cannot say about a user of Canvas, and what has to end before a user's profile can go."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from stacks.analytics.studio.rights import arn_of
from stacks.constructs.grants import allow
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

_WORK_SECONDS: Final = 840
_ANSWER: Final = cdk.Duration.seconds(900)
_LIST: Final = ("sagemaker:ListApps", "sagemaker:ListSpaces")


class ProfileWorker(Construct):
    """A function that sets up Canvas for each user, and ends a user's apps before the profile is deleted."""

    def __init__(self, scope: Construct, id_: str, *, domain: sagemaker.CfnDomain, platform: Platform) -> None:
        super().__init__(scope, id_)
        self._domain = domain
        self._worker = PythonFunction(
            self,
            "Worker",
            name="studio_profiles",
            platform=platform,
            variables={},
            caller=Caller.CLOUDFORMATION,
            timeout_seconds=_WORK_SECONDS,
        )
        role = self._worker.role
        profiles, spaces, apps = (arn_of(domain, kind, "*") for kind in ("user-profile", "space", "app"))
        allow(role, ("sagemaker:DescribeUserProfile", "sagemaker:UpdateUserProfile"), profiles)
        allow(role, ("sagemaker:DeleteSpace",), spaces)
        allow(role, ("sagemaker:DeleteApp",), apps)
        allow(role, _LIST, "*")
        reason = "users name their own spaces and apps, and all of them are to end"
        found = {wildcard(role, one): reason for one in (profiles, spaces, apps)}
        acknowledge(
            role, {**found, "IAM5[Resource::*]": "neither X-Ray's actions nor SageMaker's lists accept a resource"}
        )

    def prepare(
        self, profile: sagemaker.CfnUserProfile, space: sagemaker.CfnSpace, *, home: str | None, key: kms.IKey
    ) -> cdk.CustomResource:
        """Set a user's profile up when it is there, and end everything of it before it goes.

        Args:
            home: where Canvas keeps what the user prepares; None without Canvas.
        """
        resource = cdk.CustomResource(
            self,
            pascal_case(profile.user_profile_name),
            service_token=self._worker.function.function_arn,
            resource_type="Custom::StudioProfile",
            service_timeout=_ANSWER,
            properties={
                "Domain": self._domain.attr_domain_id,
                "Profile": profile.user_profile_name,
                "Space": space.space_name,
                "Home": home or "",
                "Key": key.key_arn,
            },
        )
        resource.node.add_dependency(self._worker.role, profile, space)
        return resource
