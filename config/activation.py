"""Settings of activation: channels, and the limits of contact."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

import yaml
from pydantic import AfterValidator, Field, model_validator

from c360_core.play import Limits, parse_limits
from config.shared import Days, EmailAddress, Hour, Slice

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

    @model_validator(mode="after")
    def _sender_belongs_to_domain(self) -> Self:
        if self.domain is not None and not self.sender.endswith(f"@{self.domain}"):
            raise ValueError(f"sender {self.sender!r} must be an address of domain {self.domain!r}")
        return self


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


class ActivationSettings(Slice):
    """Channels, recommendations, and the limits of contact."""

    email: EmailSettings = EmailSettings()
    quiet_hours_start: Hour = Field(LIMITS.quiet_from, description="Local hour from which nothing is sent")
    quiet_hours_end: Hour = Field(LIMITS.quiet_until, description="Local hour from which sending is allowed again")
    default_time_zone: TimeZone = Field(
        LIMITS.default_time_zone, description="For customers whose time zone is unknown"
    )
    frequency_cap_messages: int = Field(
        LIMITS.cap.messages, ge=1, le=100, description="At most this many messages per person ..."
    )
    frequency_cap_days: int = Field(LIMITS.cap.days, ge=1, le=365, description="... in this many days")
    follow_up_delay_seconds: int = Field(3 * 24 * 3600, ge=1, le=365 * 24 * 3600)
    clean_room: CleanRoomSettings = CleanRoomSettings()
    recommendations: RecommendationSettings = RecommendationSettings()
    decision_ttl_days: Days = 365
    message_ttl_days: Days = 365
