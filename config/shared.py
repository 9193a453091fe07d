"""Types that the settings of several pillars share."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Hour = Annotated[int, Field(ge=0, le=23)]
Days = Annotated[int, Field(ge=1, le=3650)]
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def _address(text: str) -> str:
    if _ADDRESS.fullmatch(text) is None:
        raise ValueError("write an e-mail address such as hello@example.com")
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]


def _web_address(text: str) -> str:
    if not text.startswith("https://") or set(text) & set(" \"'<>"):
        raise ValueError("write an address such as https://shop.example.com/")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]


# The gateway compares the text with the one that a browser sends: lower case, and no default port.
_ORIGIN = re.compile(
    r"(https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(?!:443$)|http://localhost(?!:80$))"
    r"(:[1-9][0-9]{0,4})?"
)


def _browser_origin(origin: str) -> str:
    if _ORIGIN.fullmatch(origin) is None:
        raise ValueError(
            "write an origin as https://shop.example.com, https://shop.example.com:8443 or http://localhost:3000: "
            "in lower case, without path, wildcard or default port"
        )
    return origin


Origin = Annotated[str, AfterValidator(_browser_origin)]


class Slice(BaseModel):
    """A part of the settings: an unknown key is an error, and a loaded value does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# AWS keeps 100 of an account's concurrent executions unreserved and refuses a reservation that would leave fewer.
ReservedConcurrency = Annotated[int, Field(ge=1, le=10_000)]


class FlinkSettings(Slice):
    """One Managed Flink application."""

    started: bool = Field(
        default=False,
        description="Keep the application running: about 161 USD a month at parallelism 1. Off: deployed, stopped",
    )
    parallelism: int = Field(1, ge=1, le=256)
    parallelism_per_kpu: int = Field(1, ge=1, le=8)
    autoscaling: bool = False
    checkpoint_interval_seconds: int = Field(60, ge=1, le=3600)
