"""Settings of analytics: how the lake is queried."""

from pydantic import Field

from config.shared import Hour, Slice


class AnalyticsSettings(Slice):
    """How the lake is queried."""

    scan_limit_gigabytes: int = Field(10, ge=1, le=10_000, description="A query that scans more is cancelled")
    nightly_models: bool = Field(default=False, description="Build the dbt models every night; off: on demand")
    nightly_hour_utc: Hour = 4
