"""Push messages to the app, sent by AWS End User Messaging Push, which is Pinpoint's operation SendMessages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError
from pydantic import BaseModel, ConfigDict, Json

from c360_aws.single_view_writer import SingleViewWriter
from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.devices import Platform
from c360_core.profile import Profile
from lambdas.message_sender.message import Message, SendResult, filled
from lambdas.shared import aws
from lambdas.shared.settings import Days, EnvironmentSettings, Name

CHANNEL: Final = Channel.PUSH
SWITCH: Final = "PUSH_APPLICATION_ID"

SERVICES: Final[Mapping[Platform, str]] = {Platform.APPLE: "APNS", Platform.GOOGLE: "GCM"}
TAKEN: Final = frozenset({"SUCCESSFUL", "DUPLICATE"})
LATER: Final = frozenset({"THROTTLED", "TEMPORARY_FAILURE"})
NEVER: Final = frozenset({"PERMANENT_FAILURE", "OPT_OUT"})
SERVER_ERROR: Final = 500
DAY_SECONDS: Final = 24 * 3600


class BusyServiceError(RuntimeError):
    """No device got a message, and the service says that a later attempt may succeed."""


class PushText(BaseModel):
    """The words of one of our templates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Name
    text: Name


class PushSettings(EnvironmentSettings):
    """The application of End User Messaging Push, the words of our templates, and how long a message is of use."""

    single_view_table: Name
    shop_url: Name
    push_application_id: Name
    push_texts: Json[dict[Template, PushText]]
    push_days: Days


class DeviceStore(Protocol):
    """Where devices are stored."""

    def forget_device(self, token: str) -> None:
        """Forget a device, whosever it is; it may be forgotten already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMessages:
    """Push messages to all devices of a person at once. The client must make one attempt only."""

    client: Any
    store: DeviceStore
    application_id: str
    texts: Mapping[Template, PushText]
    url: str
    days: int

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Hand a message over, once. An error means that no device certainly has got it: it may be retried."""
        if message.template not in self.texts:
            raise ValueError(
                f"PUSH_TEXTS: there is no text for `{message.template}`; add one to stacks/activation/push"
            )
        try:
            answer = self._send(message, profile)
        except (ConnectTimeoutError, EndpointConnectionError):
            raise  # the request never left this function
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
                return SendResult.IN_DOUBT
            raise
        except BotoCoreError:
            return SendResult.IN_DOUBT  # the answer was lost; the service may have the message
        results: Mapping[str, Mapping[str, Any]] = answer["MessageResponse"].get("Result", {})
        for device in profile.devices:
            if _is_gone(results.get(device.token, {})):
                self.store.forget_device(device.token)
        return _meaning([str(results.get(device.token, {}).get("DeliveryStatus")) for device in profile.devices])

    def _send(self, message: Message, profile: Profile) -> Mapping[str, Any]:
        words = self.texts[message.template]
        shown = {
            "Title": filled(words.title, profile),
            "Body": filled(words.text, profile),
            "Action": "URL",
            "Url": self.url,
            "TimeToLive": self.days * DAY_SECONDS,
            # By it the app says what became of the message.
            "Data": {"message_id": message.message_id},
        }
        answer: Mapping[str, Any] = self.client.send_messages(
            ApplicationId=self.application_id,
            MessageRequest={
                "Addresses": {device.token: {"ChannelType": SERVICES[device.platform]} for device in profile.devices},
                "MessageConfiguration": {"APNSMessage": {**shown, "APNSPushType": "alert"}, "GCMMessage": shown},
                "TraceId": message.message_id,
            },
        )
        return answer


def _is_gone(result: Mapping[str, Any]) -> bool:
    """Tell whether the app is no longer on a device. Other permanent failures may be ours, such as a wrong key."""
    return result.get("DeliveryStatus") == "PERMANENT_FAILURE" and result.get("StatusCode") == HTTPStatus.GONE


def _meaning(statuses: Sequence[str]) -> SendResult:
    """Say what became of a message: one device that has it is enough, and one that may have it keeps it from others."""
    if TAKEN & set(statuses):
        return SendResult.ACCEPTED
    if set(statuses) - LATER - NEVER:
        return SendResult.IN_DOUBT
    if LATER & set(statuses):
        raise BusyServiceError("the push service has no time, or cannot reach Apple or Google; send it again")
    return SendResult.REJECTED


def connect(environ: Mapping[str, str]) -> PushMessages | None:
    """Return the channel with its settings from the environment; None where no messages are sent by it.

    Raises:
        ConfigurationError: a variable is missing or wrong.
    """
    if not environ.get(SWITCH):
        return None
    settings = PushSettings.from_environment(environ)
    return PushMessages(
        client=aws.push(),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        application_id=settings.push_application_id,
        texts=settings.push_texts,
        url=settings.shop_url,
        days=settings.push_days,
    )
