"""Messages in the app or the shop: they wait in the single view until the person comes for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, Json

from c360_aws.single_view_writer import SingleViewWriter
from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.inbox import InboxMessage, InboxText
from c360_core.profile import Profile
from lambdas.message_sender.message import Message, SendResult, filled
from lambdas.shared import aws
from lambdas.shared.settings import Days, EnvironmentSettings, Name

CHANNEL: Final = Channel.IN_APP
SWITCH: Final = "IN_APP_TEXTS"


class InAppText(BaseModel):
    """The words of one of our templates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Name
    text: Name


class InAppSettings(EnvironmentSettings):
    """The words of each of our templates, where their link leads, and how many wait for how long."""

    single_view_table: Name
    shop_url: Name
    in_app_texts: Json[dict[Template, InAppText]]
    in_app_days: Days
    in_app_most: Annotated[int, Field(ge=1)]


class InboxStore(Protocol):
    """Where messages wait."""

    def put_in_inbox(self, person_id: str, message: InboxMessage, *, most: int) -> None:
        """Put a message into a person's inbox; putting it there again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InAppMessages:
    """Messages that wait in the single view. Nobody has to be reached, so none is refused, bounces, or is in doubt."""

    store: InboxStore
    texts: Mapping[Template, InAppText]
    url: str
    days: int
    most: int
    clock: Callable[[], datetime]

    def send(self, message: Message, profile: Profile) -> SendResult:
        """Put a message into the person's inbox. After an error it may be put there again: it has one place."""
        if message.template not in self.texts:
            raise ValueError(
                f"IN_APP_TEXTS: there is no text for `{message.template}`; add one to stacks/activation/in_app"
            )
        words, now = self.texts[message.template], self.clock()
        waiting = InboxMessage(
            message_id=message.message_id,
            template=str(message.template),
            words=InboxText(title=filled(words.title, profile), text=filled(words.text, profile), url=self.url),
            put_at=now,
            expires_at=now + timedelta(days=self.days),
        )
        self.store.put_in_inbox(profile.person_id, waiting, most=self.most)
        return SendResult.ACCEPTED


def connect(environ: Mapping[str, str]) -> InAppMessages | None:
    """Return the channel with its settings from the environment; None where it is off.

    Raises:
        ConfigurationError: a variable is missing or wrong.
    """
    if not environ.get(SWITCH):
        return None
    settings = InAppSettings.from_environment(environ)
    return InAppMessages(
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        texts=settings.in_app_texts,
        url=settings.shop_url,
        days=settings.in_app_days,
        most=settings.in_app_most,
        clock=lambda: datetime.now(UTC),
    )
