"""The channel of push messages: an application of AWS End User Messaging Push, with Apple and Google behind it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_pinpoint as pinpoint
from constructs import Construct

from c360_core.decision import Template
from c360_core.names import PROJECT
from config.activation import PushSettings
from stacks.activation.titled_texts import titled_text
from stacks.constructs.grants import allow
from stacks.shared.platform import Platform

_TEXTS: Final = Path(__file__).parent / "templates"
_OF_PINPOINT: Final = "CloudFormation-Validate::W3696"
_LIVES_ON: Final = (
    "AWS ended the campaigns, segments and e-mails of Pinpoint; applications and their push channels live on as End "
    "User Messaging Push, under the same types"
)
_BY_TOKEN: Final = "TOKEN"  # noqa: S105  # the name of a method


class Push(Construct):
    """An application with a channel for each platform whose credentials the settings name.

    CloudFormation reads the credentials from the secrets when it makes the channels; no template and no function of
    ours has them.
    """

    variables: Mapping[str, str]

    def __init__(self, scope: Construct, id_: str, *, settings: PushSettings, platform: Platform) -> None:
        super().__init__(scope, id_)
        cdk.Validations.of(self).acknowledge(cdk.Acknowledgment(id=_OF_PINPOINT, reason=_LIVES_ON))
        app = pinpoint.CfnApp(self, "App", name=f"{PROJECT}-{platform.environment}")
        if settings.apple_secret is not None:
            self._apple(app, settings.apple_secret)
        if settings.google_secret is not None:
            pinpoint.CfnGCMChannel(
                self,
                "Google",
                application_id=app.ref,
                default_authentication_method=_BY_TOKEN,
                service_json=cdk.SecretValue.secrets_manager(settings.google_secret).unsafe_unwrap(),
                enabled=True,
            )
        self._application_id = app.ref
        self.variables = {
            "PUSH_APPLICATION_ID": app.ref,
            "PUSH_TEXTS": json.dumps({str(template): titled_text(_TEXTS, template) for template in Template}),
            "PUSH_DAYS": str(settings.valid_days),
        }

    def let_send(self, role: iam.IRole) -> None:
        """Let a role send messages of the application."""
        stack = cdk.Stack.of(self)
        app = f"arn:{stack.partition}:mobiletargeting:{stack.region}:{stack.account}:apps/{self._application_id}"
        allow(role, ("mobiletargeting:SendMessages",), app, f"{app}/messages")

    def _apple(self, app: pinpoint.CfnApp, secret: str) -> None:
        def part(name: str) -> str:
            return cdk.SecretValue.secrets_manager(secret, json_field=name).unsafe_unwrap()

        pinpoint.CfnAPNSChannel(
            self,
            "Apple",
            application_id=app.ref,
            default_authentication_method=_BY_TOKEN,
            bundle_id=part("bundle_id"),
            team_id=part("team_id"),
            token_key_id=part("key_id"),
            token_key=part("key"),
            enabled=True,
        )
