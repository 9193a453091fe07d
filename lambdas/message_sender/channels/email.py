"""E-mail, sent by SES."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from c360_aws.cached_secrets import CachedSecrets
from c360_core.address import address_of
from c360_core.consent import Channel
from c360_core.message_templates import MessageTemplates, load_templates, mail_name
from c360_core.message_values import SHOP, UNSUBSCRIBE, mail_data, profile_values
from c360_core.profile import Profile
from c360_core.unsubscribe import UnsubscribeToken, sign_token
from lambdas.message_sender.message import Message, SendResult
from lambdas.shared import aws
from lambdas.shared.settings import Days, EnvironmentSettings, Name

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

CHANNEL: Final = Channel.EMAIL

# SES will not write to the recipient, now or later: a bounce on record, or not verified while SES is in its sandbox.
PERMANENT_REFUSALS: Final = frozenset({"MessageRejected"})
SERVER_ERROR: Final = 500


class SesSettings(EnvironmentSettings):
    """The sender's address, its configuration set, its links, and the language of people of whom none is known."""

    configuration_set: Name
    sender_address: Name
    default_language: Name
    shop_url: Name
    unsubscribe_url: Name
    unsubscribe_secret_arn: Name
    unsubscribe_days: Days


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeLinks:
    """Links by which a message can be answered with "no more".

    Attributes:
        url: of the function that takes the answer, without a trailing slash.
        secret: signs the links.
        days: how long a link works.
    """

    url: str
    secret: Callable[[], bytes]
    days: int
    clock: Callable[[], datetime]

    def link(self, message_id: str) -> str:
        """Return the link of one message."""
        token = UnsubscribeToken(message_id=message_id, expires_at=self.clock() + timedelta(days=self.days))
        return f"{self.url}/{sign_token(token, self.secret())}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SesEmail:
    """E-mail over SES. The client must make one attempt only.

    Attributes:
        environment: SES's templates have it in their names.
        default_language: of people whose language is unknown, or has no templates.
    """

    client: "SESV2Client"
    sender_address: str
    configuration_set: str
    environment: str
    templates: MessageTemplates
    default_language: str
    shop_url: str
    links: UnsubscribeLinks

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Hand a message over, once. An error means that SES certainly has not taken it: it may be retried."""
        try:
            self._send(message, profile)
        except (ConnectTimeoutError, EndpointConnectionError):
            raise  # the request never left this function
        except ClientError as error:
            if error.response["Error"]["Code"] in PERMANENT_REFUSALS:
                return SendResult.REJECTED
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
                return SendResult.IN_DOUBT
            raise
        except BotoCoreError:
            return SendResult.IN_DOUBT  # the answer was lost; SES may have the mail
        return SendResult.ACCEPTED

    def _send(self, message: Message, profile: Profile) -> None:
        unsubscribe = self.links.link(message.message_id)
        values = {**profile_values(profile), SHOP: self.shop_url, UNSUBSCRIBE: unsubscribe}
        language = self.templates.language(profile, self.default_language)
        self.client.send_email(
            FromEmailAddress=self.sender_address,
            Destination={"ToAddresses": [str(address_of(profile, CHANNEL))]},
            Content={
                "Template": {
                    "TemplateName": mail_name(self.environment, message.template, language),
                    "TemplateData": json.dumps(mail_data(values)),
                    # RFC 8058. Every message rests on a consent, so every message can end it.
                    "Headers": [
                        {"Name": "List-Unsubscribe", "Value": f"<{unsubscribe}>"},
                        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                    ],
                }
            },
            ConfigurationSetName=self.configuration_set,
            EmailTags=[
                {"Name": "message_id", "Value": message.message_id},
                {"Name": "decision_id", "Value": message.decision_id},
                {"Name": "template", "Value": str(message.template)},
            ],
        )


def connect(environ: Mapping[str, str]) -> SesEmail:
    """Return the e-mail channel with its settings from the environment.

    Raises:
        ConfigurationError: a variable is missing or wrong.
    """
    settings = SesSettings.from_environment(environ)
    secrets = CachedSecrets(aws.secrets_manager())
    return SesEmail(
        client=aws.ses(),
        sender_address=settings.sender_address,
        configuration_set=settings.configuration_set,
        environment=settings.environment,
        templates=load_templates(),
        default_language=settings.default_language,
        shop_url=settings.shop_url,
        links=UnsubscribeLinks(
            url=settings.unsubscribe_url,
            secret=lambda: secrets.text(settings.unsubscribe_secret_arn).encode(),
            days=settings.unsubscribe_days,
            clock=lambda: datetime.now(UTC),
        ),
    )
