"""Settings of activation: channels, and the limits of contact."""

from collections.abc import Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, Field, model_validator

from c360_core.bus_events import BusEvent
from c360_core.consent import Purpose
from c360_core.play import Limits, parse_limits
from config.shared import Days, EmailAddress, Hour, Origin, Slice, WebAddress

_CONTRACTS: Final = Path(__file__).resolve().parents[1] / "contracts"
_PLAYS: Final = _CONTRACTS / "plays.yaml"
_SEGMENTS: Final = _CONTRACTS / "segments.yaml"


def _limits() -> Limits:
    """Return the limits of contact that hold where an environment does not set its own."""
    return parse_limits(yaml.safe_load(_PLAYS.read_text(encoding="utf-8")), file=_PLAYS.name)


LIMITS: Final = _limits()


def _segments() -> tuple[str, ...]:
    """Return the names of the segments that there are."""
    document = yaml.safe_load(_SEGMENTS.read_text(encoding="utf-8"))
    return tuple(str(segment["name"]) for segment in document["segments"])


SEGMENTS: Final = _segments()


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


class InAppSettings(Slice):
    """The channel of messages in the app or the shop, which wait until the person comes."""

    deployed: bool = Field(
        default=False,
        description="Keep messages for people until they come to the app or the shop, and show them there",
    )
    valid_days: int = Field(14, ge=1, le=365, description="How long a message waits; after that nobody gets it")
    most_waiting: int = Field(5, ge=1, le=50, description="So many wait for a person; a newer one replaces the oldest")
    token_minutes: int = Field(
        15, ge=1, le=60, description="How long a token opens an inbox, which the shop's server gets for a customer"
    )
    allowed_origins: tuple[Origin, ...] = Field(
        (), description="Sites whose pages may read messages; empty: only apps, which are no pages"
    )
    requests_per_second: int = Field(100, ge=1, le=10_000, description="Above this, the inbox answers that it is busy")


SecretName = Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]


class PushSettings(Slice):
    """The channel of push messages."""

    apple_secret: SecretName | None = Field(
        None,
        description="Name of the secret with `bundle_id`, `team_id`, `key_id` and `key`, by which Apple takes messages "
        "for the app; empty: no messages to Apple's devices",
    )
    google_secret: SecretName | None = Field(
        None,
        description="Name of the secret whose text is the JSON of Firebase's service account; empty: no messages to "
        "devices of others",
    )
    valid_days: int = Field(1, ge=1, le=28, description="How long Apple and Google keep a message for a device")
    device_days: int = Field(
        180, ge=30, le=365, description="How long a device counts after its app was heard of; apps say so at each start"
    )

    @property
    def deployed(self) -> bool:
        """Whether there are push messages at all."""
        return self.apple_secret is not None or self.google_secret is not None


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


Department = Annotated[str, Field(pattern=r'^[^",]{1,64}$')]


class RecommendationSettings(Slice):
    """Recommendations of articles for customers."""

    provider: Literal["none", "lake", "personalize"] = Field(
        "none",
        description="Who recommends: a model of ours, which a job trains every night, or Amazon Personalize, whose "
        "campaign costs about 146 USD a month",
    )
    hour_utc: Hour = Field(4, description="When the models are trained: every night, with Personalize every Monday")
    recent_days: Days = Field(
        30, description="Whoever bought an article in so many days is not offered it again, if asked"
    )
    offered_days: Days = Field(90, description="An article that nobody has bought for so many days is not recommended")
    age_restricted_departments: tuple[Department, ...] = Field(
        ("SPIRITS", "TOBACCO"), description="What is sold there is never recommended"
    )
    promoted_departments: tuple[Department, ...] = Field(
        (), description="Their articles get a share of the places; empty: none do"
    )
    promoted_percent: int = Field(20, ge=1, le=100, description="... this share, at least one place")
    campaign_tps: int = Field(
        1, ge=1, le=100, description="Requests a second that the campaign of Personalize always has room and a bill for"
    )
    poll_seconds: int = Field(
        300,
        ge=1,
        le=3600,
        description="How often it is asked whether an import or a training has ended; it takes hours",
    )

    @property
    def uses_personalize(self) -> bool:
        """Whether Amazon Personalize recommends."""
        return self.provider == "personalize"


SecretArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$"),
]
ReceiverUrl = Annotated[str, Field(pattern=r"^https://[^/\s@]+(/\S*)?$", max_length=256)]


class WebhookSettings(Slice):
    """A subscriber, which is told events of the bus by signed webhooks."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    url: ReceiverUrl
    events: Annotated[tuple[BusEvent, ...], Field(min_length=1)]
    secret_arn: SecretArn | None = Field(
        None, description="A secret of the account with the signing secret; empty: the stack makes one"
    )


MOST_WEBHOOKS: Final = 5  # all of them are in one variable of a function, and Lambda takes 4 KB of variables


class TierSettings(Slice):
    """A segment, and the tier of the loyalty programme that its members have."""

    segment: str
    tier: str


class LoyaltySettings(Slice):
    """The loyalty system, to which the tiers of members are written."""

    url: ReceiverUrl | None = Field(
        None,
        description="Where the loyalty system has its members, over HTTPS; empty: no tiers are written there",
    )
    secret_arn: SecretArn | None = Field(
        None, description="A secret of the account with the key of the system; empty: the stack makes one"
    )
    tiers: tuple[TierSettings, ...] = Field((), description="Of these the first that fits a member counts")
    otherwise: str = Field("basic", description="The tier of a member in none of these segments")
    consent_purpose: Purpose | None = Field(
        None, description="To which a member must have agreed, for all channels; empty: being a member is enough"
    )

    @model_validator(mode="after")
    def _something_moves_a_tier(self) -> Self:
        if self.url is not None and not self.tiers:
            raise ValueError("tiers: name at least one segment and its tier, or leave url empty")
        return self


class OutboundSettings(Slice):
    """What holds for every system outside that is called."""

    private_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        (),
        description="Networks whose addresses may be called although they are not public; empty: a receiver whose name "
        "leads to such an address is not called",
    )


def _segment(name: str) -> str:
    if name not in SEGMENTS:
        raise ValueError(f"there is no segment `{name}`; use one of {', '.join(SEGMENTS)}")
    return name


PlatformName = Literal["google", "meta"]
# Where each platform answers.
PLATFORM_ADDRESSES: Final[Mapping[PlatformName, str]] = MappingProxyType(
    {"google": "https://datamanager.googleapis.com", "meta": "https://graph.facebook.com"}
)
PlatformUrl = Annotated[str, Field(pattern=r"^(https://[^/\s]+|http://localhost:[0-9]{1,5})$", max_length=2048)]


class AudienceSettings(Slice):
    """A segment whose members an advertising platform keeps as hashes: those who agreed to marketing."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,31}$", description="How the state machine, the metrics and the alarms call it"
    )
    segment: Annotated[str, AfterValidator(_segment)] = Field(description="Whose members it has")
    platform: PlatformName = Field(description="Who keeps it: Google Customer Match or Meta Custom Audiences")
    account: str = Field(pattern=r"^[0-9]{1,20}$", description="Number of the advertising account, without hyphens")
    audience_id: str = Field(pattern=r"^[0-9]{1,20}$", description="Number of the audience at the platform")
    secret: str = Field(
        pattern=r"^[A-Za-z0-9/_+=.@-]{1,200}$",
        description="Name of the secret with the platform's credentials, which an operator has stored",
    )
    secret_key_arn: str | None = Field(
        None,
        pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        description="ARN of the key that encrypts the secret; empty: the key that AWS manages for Secrets Manager",
    )
    url: PlatformUrl | None = Field(None, description="Where the platform answers; empty: at its own address")
    ended: bool = Field(
        default=False,
        description="Take everybody out: deploy with this and let it run before an audience leaves the settings",
    )

    @property
    def address(self) -> str:
        """Where the platform answers."""
        return self.url or PLATFORM_ADDRESSES[self.platform]


class JourneySettings(Slice):
    """What people go through after a decision: the journeys of `contracts/journeys`."""

    day_seconds: int = Field(
        24 * 3600,
        ge=1,
        le=24 * 3600,
        description="How long a day of a journey takes; less lets somebody who tries a journey see its end",
    )


class ActivationSettings(Slice):
    """Channels, recommendations, and the limits of contact."""

    email: EmailSettings = EmailSettings()
    sentiment: SentimentSettings = SentimentSettings()
    service_tasks: ServiceTaskSettings = ServiceTaskSettings()
    webhooks: Annotated[tuple[WebhookSettings, ...], Field(max_length=MOST_WEBHOOKS)] = ()
    loyalty: LoyaltySettings = LoyaltySettings()
    outbound: OutboundSettings = OutboundSettings()
    sms: SmsSettings = SmsSettings()
    in_app: InAppSettings = InAppSettings()
    push: PushSettings = PushSettings()
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
    journeys: JourneySettings = JourneySettings()
    clean_room: CleanRoomSettings = CleanRoomSettings()
    recommendations: RecommendationSettings = RecommendationSettings()
    audiences: tuple[AudienceSettings, ...] = Field(
        (), description="Segments that advertising platforms keep as audiences; empty: none leaves"
    )
    audiences_hour_utc: Hour = Field(6, description="When the audiences are brought up to date, after the marts")
    audiences_poll_seconds: int = Field(
        300, ge=1, le=3600, description="How long a platform is left alone before it is asked what became of a request"
    )
    decision_ttl_days: Days = 365
    message_ttl_days: Days = 365

    @property
    def has_inbox(self) -> bool:
        """Whether apps and pages have an API: for messages in the app, and to say on which device an app is."""
        return self.in_app.deployed or self.push.deployed

    @model_validator(mode="after")
    def _names_of_subscribers_differ(self) -> Self:
        names = [one.name for one in self.webhooks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"webhooks: {', '.join(twice)} is there twice; give each subscriber a name of its own")
        return self

    @model_validator(mode="after")
    def _audiences_are_told_apart(self) -> Self:
        names = [audience.name for audience in self.audiences]
        places = [(audience.platform, audience.account, audience.audience_id) for audience in self.audiences]
        for audience, place in zip(self.audiences, places, strict=True):
            if names.count(audience.name) > 1:
                raise ValueError(f"audiences: the name {audience.name} is there twice; rename one of them")
            if places.count(place) > 1:
                raise ValueError(
                    f"audiences: {audience.name} is an audience that another one keeps, too: each would take out whom "
                    "the other adds; give it an audience_id of its own"
                )
        return self

    @model_validator(mode="after")
    def _links_find_their_message(self) -> Self:
        if self.email.unsubscribe_days > self.message_ttl_days:
            raise ValueError(
                f"email.unsubscribe_days {self.email.unsubscribe_days} is longer than message_ttl_days "
                f"{self.message_ttl_days}: a link needs its message; make one of them fit"
            )
        if self.in_app.valid_days > self.message_ttl_days:
            raise ValueError(
                f"in_app.valid_days {self.in_app.valid_days} is longer than message_ttl_days {self.message_ttl_days}: "
                "what a customer does with a message needs its record; make one of them fit"
            )
        return self
