"""Settings that all functions and jobs share."""

from typing import Literal

from pydantic import Field

from config.shared import Slice

RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653]


class RuntimeSettings(Slice):
    """Settings that all functions and jobs share."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_retention_days: RetentionDays = 30
    powertools_layer_version: int = Field(
        27, ge=1, description="Version of the layer that AWS publishes for Powertools for AWS Lambda (Python) 3"
    )
    reserved_concurrency: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="Per function; empty leaves functions in the account's shared pool. A reader of "
        "a queue has two at work at least",
    )
