"""Hands messages to SES."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from c360_core.decision import Template
from c360_core.profile import Profile
from lambdas.message_sender.logic import Delivery, Message

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

# The recipient cannot be written to, now and later: a bounce on record, or not verified while SES is in its sandbox.
REFUSED_FOR_GOOD: Final = frozenset({"MessageRejected"})
SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SesMail:
    """A mail service on SES. Its client must make one attempt only."""

    client: "SESV2Client"
    sender_address: str
    configuration_set: str
    templates: Mapping[Template, str]

    def send(self, message: Message, profile: Profile) -> Delivery:
        """Hand a message over, once. An error means: certainly not taken, and may be tried again."""
        if message.template not in self.templates:
            raise ValueError(f"TEMPLATES: no mail template is named for `{message.template}`; add it to the settings")
        try:
            self._send(message, profile)
        except (ConnectTimeoutError, EndpointConnectionError):
            raise  # nothing left this machine
        except ClientError as error:
            if error.response["Error"]["Code"] in REFUSED_FOR_GOOD:
                return Delivery.REJECTED
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
                return Delivery.IN_DOUBT
            raise
        except BotoCoreError:
            return Delivery.IN_DOUBT  # the answer got lost, the mail perhaps not
        return Delivery.ACCEPTED

    def _send(self, message: Message, profile: Profile) -> None:
        self.client.send_email(
            FromEmailAddress=self.sender_address,
            Destination={"ToAddresses": [str(profile.text("attributes", "email"))]},
            Content={
                "Template": {
                    "TemplateName": self.templates[message.template],
                    "TemplateData": json.dumps(template_data(profile)),
                }
            },
            ConfigurationSetName=self.configuration_set,
            EmailTags=[
                {"Name": "message_id", "Value": message.message_id},
                {"Name": "decision_id", "Value": message.decision_id},
                {"Name": "template", "Value": str(message.template)},
            ],
        )


def template_data(profile: Profile) -> dict[str, str]:
    """Return what templates may say. Every name is always there: SES drops a mail whose template misses one."""
    return {
        "first_name": profile.text("attributes", "first_name") or "",
        "loyalty_tier": profile.text("aggregates", "loyalty_tier") or "",
        "loyalty_points": str(profile.number("loyalty_points") or 0),
    }
