"""Settings of unification: identity resolution, profiles and the single view."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.shared import Days, FlinkSettings, Hour, ReservedConcurrency, Slice

WorkerType = Literal["G.1X", "G.2X"]


def _link(template: str) -> str:
    if not template.startswith("https://") or "{id}" not in template:
        raise ValueError("write a link that begins with https:// and contains {id}")
    return template


Link = Annotated[str, AfterValidator(_link)]


class UnifySettings(FlinkSettings):
    """The application that turns interactions into profiles."""

    deduplication_days: Days = Field(
        400,
        description="A record that comes again within this time is known again and counts once. One that comes later, "
        "such as an old file that is delivered again, counts twice, until the profiles are rebuilt",
    )


class UnificationSettings(Slice):
    """Identity resolution, profiles and the single view."""

    unify: UnifySettings = UnifySettings()
    resolution_schedule: Literal["on_demand", "weekly", "nightly"] = Field(
        "on_demand",
        description="When all records are matched again, at 0.25 USD per 1,000 of them; weekly: on Sundays",
    )
    resolution_hour_utc: Hour = Field(
        2, description="When a scheduled run starts; of all environments in a Region one can match at a time"
    )
    expected_identity_records: int = Field(
        100_000, ge=1, description="How many records a run is expected to match; for the statement of costs"
    )
    matching_poll_seconds: int = Field(
        30, ge=15, le=600, description="How often a matching job is asked whether it ended"
    )
    identity_workers: int = Field(2, ge=2, le=100, description="Glue workers of identity_prepare")
    identity_driver: WorkerType = Field(
        "G.1X",
        description="Glue worker type of identity_resolve, whose driver holds all records: 500,000 fit into a G.1X, "
        "1,000,000 into a G.2X",
    )
    api_requests_per_second: int = Field(
        500, ge=1, le=10_000, description="Of the profile API; twice that for a moment"
    )
    api_reserved_concurrency: ReservedConcurrency | None = Field(
        None, description="Calls of the profile API at a time, as collection.collector.reserved_concurrency says"
    )
    timeline_ttl_days: Days = Field(90, description="Events stay on the single view's timeline this long")
    crm_link: Link = "https://crm.example.com/contacts/{id}"
    call_centre_link: Link = "https://cases.example.com/customers/{id}"
    loyalty_link: Link = "https://loyalty.example.com/members/{id}"
