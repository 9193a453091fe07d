"""Settings of governance: Lake Formation, the personas and the trail of data events."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from config.shared import Days, Hour, Slice

_ROLE: Final = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/"
_NAMED: Final = re.compile(_ROLE + r"[\w+=,.@/-]+", re.ASCII)
# IAM Identity Center gives the role of a permission set a new suffix when it is assigned again.
_PERMISSION_SET: Final = re.compile(
    _ROLE + r"aws-reserved/sso\.amazonaws\.com/([a-z0-9-]+/)?AWSReservedSSO_[\w+=,.@-]+_\*", re.ASCII
)


def _role_arn(text: str) -> str:
    if _NAMED.fullmatch(text) is None and _PERMISSION_SET.fullmatch(text) is None:
        raise ValueError(
            "write the ARN of a role such as arn:aws:iam::123456789012:role/Analysts; * may stand only for the suffix "
            "that IAM Identity Center gives the role of a permission set, as in arn:aws:iam::123456789012:role/"
            "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_MarketingAnalyst_*"
        )
    return text


PrincipalArn = Annotated[str, AfterValidator(_role_arn)]


class DataEventSettings(Slice):
    """The trail of who reads and writes customer data."""

    deployed: bool = Field(
        default=False,
        description="Record each request for an object of the lake or an item of the single view, by whoever makes it: "
        "0.10 USD per 100,000 requests, those of the pipelines included",
    )
    retention_days: Days = Field(365, description="The records are deleted after this")


class RetentionSettings(Slice):
    """The end of rows whose time by their contract is over."""

    enforced: bool = Field(
        default=False,
        description="Delete rows of the lake that are older than the retention of their contract, every night, for "
        "good; off: nothing is deleted. Glue bills two workers for the minutes of a run, at 0.44 USD an hour each",
    )
    hour_utc: Hour = 1
    workers: int = Field(2, ge=2, le=100, description="Glue workers of a run")


class GovernanceSettings(Slice):
    """Lake Formation, the personas and the trail of data events."""

    manage_lake_formation: bool = Field(
        default=True,
        description="Own the account's Lake Formation settings; switch off in an account shared with others",
    )
    admin_role_arns: tuple[str, ...] = Field((), description="Lake Formation administrators beside the deployment role")
    marketing_analyst_role_arns: tuple[PrincipalArn, ...] = Field(
        (),
        description="Roles that may assume the persona MarketingAnalyst, beside the role that starts deployments; the "
        "role of an Identity Center permission set may end in * instead of its suffix",
    )
    data_events: DataEventSettings = DataEventSettings()
    retention: RetentionSettings = RetentionSettings()
