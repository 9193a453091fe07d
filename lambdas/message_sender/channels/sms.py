"""Text messages, sent by AWS End User Messaging."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from c360_core.address import address_of
from c360_core.consent import Channel
from c360_core.message_templates import MessageTemplates, load_templates
from c360_core.profile import Profile
from lambdas.message_sender.message import Message, SendResult, filled
from lambdas.shared import aws
from lambdas.shared.settings import Days, EnvironmentSettings, Name

CHANNEL: Final = Channel.SMS
SWITCH: Final = "SMS_ORIGINATION_IDENTITY"

# The person answered STOP to an earlier message, or was put on the list of those who did.
OPTED_OUT: Final = frozenset({"DESTINATION_PHONE_NUMBER_OPTED_OUT"})
# The number gets no message of ours, now or later.
PERMANENT_REFUSALS: Final = frozenset(
    {
        "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        "DESTINATION_COUNTRY_BLOCKED",
        "PRICE_OVER_THRESHOLD",
    }
)
SERVER_ERROR: Final = 500
DAY_SECONDS: Final = 24 * 3600


class SmsSettings(EnvironmentSettings):
    """Where messages come from, what one may cost, and the language of people of whom none is known."""

    sms_origination_identity: Name
    sms_configuration_set: Name
    sms_max_price_usd: Name
    default_language: Name
    sms_days: Days


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessages:
    """Text messages over AWS End User Messaging. The client must make one attempt only."""

    client: Any
    origination_identity: str
    configuration_set: str
    max_price_usd: str
    templates: MessageTemplates
    default_language: str
    days: int

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Hand a message over, once. An error means that the service certainly has not taken it: it may be retried."""
        try:
            self._send(message, profile)
        except (ConnectTimeoutError, EndpointConnectionError):
            raise  # the request never left this function
        except ClientError as error:
            return _meaning(error)
        except BotoCoreError:
            return SendResult.IN_DOUBT  # the answer was lost; the service may have the message
        return SendResult.ACCEPTED

    def _text(self, message: Message, profile: Profile) -> str:
        language = self.templates.language(profile, self.default_language)
        return filled(self.templates.templates[message.template].texts[language], profile)

    def _send(self, message: Message, profile: Profile) -> None:
        self.client.send_text_message(
            DestinationPhoneNumber=str(address_of(profile, CHANNEL)),
            OriginationIdentity=self.origination_identity,
            MessageBody=self._text(message, profile),
            MessageType="PROMOTIONAL",
            ConfigurationSetName=self.configuration_set,
            MaxPrice=self.max_price_usd,
            TimeToLive=self.days * DAY_SECONDS,
            Context={"message_id": message.message_id, "decision_id": message.decision_id},
        )


def _meaning(error: ClientError) -> SendResult:
    """Say what a refusal of the service means; raise it where the message may be sent again."""
    answer: Mapping[str, Any] = error.response
    reason = answer.get("Reason", "")
    if reason in OPTED_OUT:
        return SendResult.OPTED_OUT
    if reason in PERMANENT_REFUSALS:
        return SendResult.REJECTED
    if answer["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
        return SendResult.IN_DOUBT
    raise error


def connect(environ: Mapping[str, str]) -> TextMessages | None:
    """Return the channel with its settings from the environment; None where no messages are sent by it.

    Raises:
        ConfigurationError: a variable is missing or wrong.
    """
    if not environ.get(SWITCH):
        return None
    settings = SmsSettings.from_environment(environ)
    return TextMessages(
        client=aws.sms_voice(),
        origination_identity=settings.sms_origination_identity,
        configuration_set=settings.sms_configuration_set,
        max_price_usd=settings.sms_max_price_usd,
        templates=load_templates(),
        default_language=settings.default_language,
        days=settings.sms_days,
    )
