"""Settings of collection: how data comes in."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.shared import FlinkSettings, Slice

# The gateway compares letter by letter with what a browser sends: lower case, and no port where it is the default one.
_ORIGIN = re.compile(
    r"(https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(?!:443$)|http://localhost(?!:80$))"
    r"(:[1-9][0-9]{0,4})?"
)


def _as_browsers_send_it(origin: str) -> str:
    if _ORIGIN.fullmatch(origin) is None:
        raise ValueError(
            "write an origin as https://shop.example.com, https://shop.example.com:8443 or http://localhost:3000: "
            "in lower case, without path, wildcard or default port"
        )
    return origin


Origin = Annotated[str, AfterValidator(_as_browsers_send_it)]


class StreamSettings(Slice):
    """All four streams: whether they are there, how wide and for how long."""

    deployed: bool = Field(
        default=True,
        description="Off: the environment sleeps at about 3 USD a month. The streams, with what is in them, and the "
        "Flink applications, with their state, are deleted; everything else stays",
    )
    mode: Literal["provisioned", "on_demand"] = Field(
        "on_demand", description="provisioned: about 11 USD a month per shard; on_demand: about 29 per idle stream"
    )
    shards: int = Field(1, ge=1, le=500, description="Per stream, when provisioned")
    retention_hours: int = Field(24, ge=24, le=8760)


class CollectorSettings(Slice):
    """The door for events over HTTP."""

    allowed_origins: tuple[Origin, ...] = Field(
        (),
        description="Sites whose pages may call the collector under its own domain; empty: only pages whose site "
        "forwards to it. Browsers keep to it and nobody else: what keeps others out are the keys",
    )
    throttle_requests_per_second: int = Field(1000, ge=1, le=10_000)
    throttle_burst: int = Field(2000, ge=1, le=20_000, description="Requests at the same moment")


class CleanSettings(FlinkSettings):
    """The application that validates, de-duplicates and sessionises."""

    state_ttl_hours: int = Field(
        24 * 30, ge=1, description="An event id or a visit that nothing touched for this long is forgotten"
    )
    session_gap_minutes: int = Field(30, ge=1, le=24 * 60, description="Silence that ends a visit")


class FileSettings(Slice):
    """How landed files are taken together."""

    batch_seconds: int = Field(
        60,
        ge=1,
        le=300,
        description="A landed file waits so long for others to share a Glue run with: each run is paid for a minute "
        "at least. AWS waits 300 at most, and 1 at least for more than ten files",
    )


class CollectionSettings(Slice):
    """How data comes in."""

    streams: StreamSettings = StreamSettings()
    collector: CollectorSettings = CollectorSettings()
    clean: CleanSettings = CleanSettings()
    files: FileSettings = FileSettings()
    ingest_workers: int = Field(2, ge=2, le=100, description="Glue workers of a run, which takes up to fifty files")
    ingest_concurrency: int = Field(4, ge=1, le=50, description="Runs at the same time")
