"""Settings of activation: channels, and the limits of contact."""

from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, model_validator

from config.shared import Days, EmailAddress, Hour, Slice


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


class ActivationSettings(Slice):
    """Channels, and the limits of contact."""

    email: EmailSettings = EmailSettings()
    quiet_hours_start: Hour = Field(21, description="Local hour from which nothing is sent")
    quiet_hours_end: Hour = Field(8, description="Local hour from which sending is allowed again")
    default_time_zone: TimeZone = Field("America/New_York", description="For customers whose time zone is unknown")
    frequency_cap_messages: int = Field(3, ge=1, le=100, description="At most this many messages per person ...")
    frequency_cap_days: int = Field(7, ge=1, le=365, description="... in this many days")
    follow_up_delay_seconds: int = Field(3 * 24 * 3600, ge=1, le=365 * 24 * 3600)
    recovery_csat_at_most: int = Field(2, ge=1, le=5, description="A case closed this badly asks for a recovery")
    clean_room: CleanRoomSettings = CleanRoomSettings()
    decision_ttl_days: Days = 365
    message_ttl_days: Days = 365
