"""Settings of activation: channels, and the limits of contact."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Self
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, Field, model_validator

from c360_core.play import Limits, parse_limits
from config.shared import Days, EmailAddress, Hour, Slice, WebAddress

_PLAYS: Final = Path(__file__).resolve().parents[1] / "contracts" / "plays.yaml"


def _limits() -> Limits:
    """Return the limits of contact that hold where an environment does not set its own."""
    return parse_limits(yaml.safe_load(_PLAYS.read_text(encoding="utf-8")), file=_PLAYS.name)


LIMITS: Final = _limits()


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("write the name of a time zone such as Europe/Berlin")
    return name


TimeZone = Annotated[str, AfterValidator(_time_zone)]


class EmailSettings(Slice):
    """The e-mail channel."""

    domain: str | None = Field(
        None, description="Verified sending domain; empty creates no identity (its DNS records need a person)"
    )
    sender: EmailAddress = Field("hello@example.com", description="From address")
    shop_url: WebAddress = Field("https://example.com/", description="Where the link in messages leads")
    track_engagement: bool = Field(
        default=False,
        description="Let SES report who opens a message and follows its links: it changes the links, and adds a "
        "picture; off: nobody is watched reading",
    )
    unsubscribe_days: int = Field(
        180, ge=30, le=3650, description="How long the link to unsubscribe in a message works; laws ask for 30 days"
    )
    unsubscribe_requests_per_second: int = Field(
        20, ge=1, le=1000, description="Above this, the links to unsubscribe answer that they are busy"
    )

    @model_validator(mode="after")
    def _sender_belongs_to_domain(self) -> Self:
        if self.domain is not None and not self.sender.endswith(f"@{self.domain}"):
            raise ValueError(f"sender {self.sender!r} must be an address of domain {self.domain!r}")
        return self


SenderArn = Annotated[
    str,
    Field(
        pattern=r"^arn:aws[a-z-]*:sms-voice:[a-z0-9-]+:[0-9]{12}:(phone-number|pool|sender-id)/[A-Za-z0-9_/-]{1,256}$"
    ),
]


class SmsSettings(Slice):
    """The channel of text messages."""

    origination_identity: SenderArn | None = Field(
        None,
        description="ARN of the number, the pool or the sender id that messages come from, which an operator has "
        "registered; empty: no text messages are sent",
    )
    max_price_usd: float = Field(0.1, ge=0.001, lt=100, description="A message that costs more is not sent")
    valid_days: int = Field(
        1, ge=1, le=3, description="How long a carrier tries to deliver a message; days later it means nothing"
    )


AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]


NamespaceArn = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:entityresolution:[a-z0-9-]+:[0-9]{12}:idnamespace/[a-zA-Z_0-9-]{1,255}$")
]


class CleanRoomSettings(Slice):
    """A clean room in which a partner compares its customers with ours, and neither sees a row of the other's."""

    partner_account: AccountId | None = Field(
        None,
        description="AWS account of the partner, who asks, receives the answers and pays for the queries; empty: there "
        "is no clean room",
    )
    partner_name: str = Field("Partner", min_length=1, max_length=100, description="How the collaboration calls them")
    partner_id_namespace: NamespaceArn | None = Field(
        None,
        description="ARN of the partner's ID namespace in Entity Resolution; empty: hashes of addresses alone are "
        "compared",
    )
    minimum_people: int = Field(
        50, ge=2, le=100_000, description="Answers about fewer customers are left out; more hides them better"
    )
    monthly_queries: int = Field(
        100,
        ge=1,
        le=100_000,
        description="How often a month each table that is shared without noise may be asked; fewer make it harder to "
        "find somebody by the difference of two answers",
    )
    epsilon: int = Field(
        3, ge=1, le=20, description="Privacy budget of a month for tables that are shared with noise; less hides more"
    )
    noise_people: int = Field(
        30, ge=10, le=100, description="How many customers the noise of one answer hides; more hides more"
    )

    @model_validator(mode="after")
    def _namespace_is_the_partners(self) -> Self:
        namespace = self.partner_id_namespace
        if namespace is not None and (self.partner_account is None or f":{self.partner_account}:" not in namespace):
            raise ValueError(
                f"partner_id_namespace {namespace} is not in partner_account; name a namespace of the partner's"
            )
        return self


class SentimentSettings(Slice):
    """How happy customers sound in what they write."""

    deployed: bool = Field(
        default=False,
        description="Score what customers write in cases, reviews and mentions by Amazon Comprehend, as it comes in",
    )


TaskUrl = Annotated[str, Field(pattern=r"^https://[^/\s]+(/\S*)?$", max_length=2048)]


class ServiceTaskSettings(Slice):
    """Tasks that plays open in the system of customer service."""

    url: TaskUrl | None = Field(
        None, description="Where the service system takes tasks, over HTTPS; empty: plays open no tasks there"
    )


class ActivationSettings(Slice):
    """Channels, and the limits of contact."""

    email: EmailSettings = EmailSettings()
    sentiment: SentimentSettings = SentimentSettings()
    service_tasks: ServiceTaskSettings = ServiceTaskSettings()
    sms: SmsSettings = SmsSettings()
    quiet_hours_start: Hour = Field(LIMITS.quiet_from, description="Local hour from which nothing is sent")
    quiet_hours_end: Hour = Field(LIMITS.quiet_until, description="Local hour from which sending is allowed again")
    default_time_zone: TimeZone = Field(
        LIMITS.default_time_zone, description="For customers whose time zone is unknown"
    )
    default_language: str = Field(
        "en",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description="For customers whose language is unknown, or in which there are no messages",
    )
    frequency_cap_messages: int = Field(
        LIMITS.cap.messages, ge=1, le=100, description="At most this many messages per person ..."
    )
    frequency_cap_days: int = Field(LIMITS.cap.days, ge=1, le=365, description="... in this many days")
    unhappy_at_most: Decimal | None = Field(
        LIMITS.unhappy.at_most if LIMITS.unhappy else None,
        ge=-1,
        le=1,
        description="Whoever wrote something as unhappy gets no marketing until something happier is heard; empty: "
        "it does not matter",
    )
    follow_up_delay_seconds: int = Field(3 * 24 * 3600, ge=1, le=365 * 24 * 3600)
    clean_room: CleanRoomSettings = CleanRoomSettings()
    decision_ttl_days: Days = 365
    message_ttl_days: Days = 365

    @model_validator(mode="after")
    def _links_find_their_message(self) -> Self:
        if self.email.unsubscribe_days > self.message_ttl_days:
            raise ValueError(
                f"email.unsubscribe_days {self.email.unsubscribe_days} is longer than message_ttl_days "
                f"{self.message_ttl_days}: a link needs its message; make one of them fit"
            )
        return self
