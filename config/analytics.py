"""Settings of analytics: how the lake is queried."""

from typing import Self

from pydantic import Field, model_validator

from config.shared import Hour, Slice


class QualitySettings(Slice):
    """Checks of the raw and curated tables by their contracts and by their own history."""

    deployed: bool = Field(
        default=False,
        description="Check the tables every night; a table that fails holds back the marts that depend on it. Glue "
        "bills two workers for the minutes of a run, at 0.44 USD an hour each",
    )
    hour_utc: Hour = 2
    workers: int = Field(2, ge=2, le=100, description="Glue workers of a run")
    window_days: int = Field(
        3, ge=1, le=365, description="Of tables of events, the rows of so many days are checked; of any other all"
    )
    volume_percent: int = Field(
        50, ge=1, le=100, description="A table has at least so many percent of its usual rows; usual is the median"
    )
    null_points: int = Field(
        20, ge=1, le=100, description="A share of empty values is at most so many percentage points above the usual"
    )
    slack_hours: int = Field(
        12, ge=1, le=720, description="How late data may be, beyond the frequency of its contract or its usual age"
    )


class AnalyticsSettings(Slice):
    """How the lake is queried."""

    scan_limit_gigabytes: int = Field(10, ge=1, le=10_000, description="A query that scans more is cancelled")
    nightly_models: bool = Field(default=False, description="Build the dbt models every night; off: on demand")
    nightly_hour_utc: Hour = 4
    quality: QualitySettings = QualitySettings()

    @model_validator(mode="after")
    def _checked_before_built(self) -> Self:
        if self.quality.deployed and self.nightly_models and self.quality.hour_utc >= self.nightly_hour_utc:
            raise ValueError(
                "quality.hour_utc is not before nightly_hour_utc: the models would be built from tables that are not "
                "checked yet; begin the checks an hour or more earlier"
            )
        return self
