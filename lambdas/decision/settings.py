"""Environment of the decision function."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from c360_core.decision_rules import ContactRules
from lambdas.shared.settings import ContactSettings, Days, Name


class Settings(ContactSettings):
    """Where profiles are stored, where decisions are published, and the limits of contact."""

    single_view_table: Name
    idempotency_table: Name
    events_stream_name: Name
    event_bus_name: Name
    hash_secret_arn: Name
    recovery_csat_at_most: Annotated[int, Field(ge=1, le=5)]
    decision_ttl_days: Days

    def rules(self) -> ContactRules:
        """Return the limits, with the satisfaction score at which a case is unhappy."""
        return replace(super().rules(), recovery_csat_at_most=self.recovery_csat_at_most)
