"""Environment of the function that writes tiers back."""

from pydantic import IPvAnyNetwork, Json

from c360_core.consent import Purpose
from c360_core.loyalty import Tiers
from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """The loyalty system, which tiers segments stand for, and what a member must have agreed to."""

    single_view_table: Name
    deliveries_table: Name
    events_stream_name: Name
    loyalty_url: Name
    loyalty_secret_arn: Name
    queue_url: Name
    dead_letters_url: Name
    tiers: Json[Tiers]
    consent_purpose: Purpose | None = None
    private_networks: Json[tuple[IPvAnyNetwork, ...]]
