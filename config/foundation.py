"""Settings of the foundation: the lake, its key and the alarm topic."""

from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.shared import Days, EmailAddress, Slice


class MaintenanceSettings(Slice):
    """How AWS maintains the tables of the lake: compaction, snapshot retention, deletion of orphan files."""

    enabled: bool = Field(
        default=True,
        description="0.44 USD per DPU-hour for as long as the optimizers run; off: they are deployed and do nothing",
    )
    snapshot_days: int = Field(
        7,
        ge=1,
        le=365,
        description="A table can be read as it was so long ago; a Flink application that stands still for longer may "
        "not find its last commit again",
    )
    snapshots_kept: int = Field(20, ge=1, le=10_000, description="Kept regardless of their age")
    orphan_days: int = Field(7, ge=3, le=365, description="A file that no snapshot names is deleted after this")


_ARCHIVED_DAYS = 90  # the shortest time that Glacier Instant Retrieval bills
_WIDEST, _NARROWEST = 16, 24  # of AWS's 16 to 28; each subnet takes a sixteenth


def _vpc_range(cidr: str) -> str:
    allowed = f"write a private IPv4 range with a prefix of {_WIDEST} to {_NARROWEST}, such as 10.20.0.0/16"
    try:
        network = IPv4Network(cidr)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise ValueError(f"{allowed}: {error}") from None
    if not network.is_private or not _WIDEST <= network.prefixlen <= _NARROWEST:
        raise ValueError(allowed)
    return cidr


class NetworkSettings(Slice):
    """The private network of systems that AWS runs inside a VPC."""

    deployed: bool = Field(
        default=False,
        description="Needed by systems that run inside a VPC. Flow logs cost by use, an interface endpoint about 7 USD "
        "a month in each availability zone; there are only those that a deployed system needs",
    )
    cidr: Annotated[str, AfterValidator(_vpc_range)] = Field(
        "10.20.0.0/16", description="The range of its addresses; AWS does not change it later"
    )
    availability_zones: int = Field(2, ge=2, le=3)


class FoundationSettings(Slice):
    """The lake, its key and the alarm topic."""

    removal: Literal["retain", "destroy"] = Field(
        "retain", description="Whether data outlives its stack; destroy is allowed in dev and everything only"
    )
    landing_archive_days: Days = Field(30, description="Landed files move to Glacier Instant Retrieval after this")
    landing_expire_days: Days = Field(
        365,
        ge=91,
        description="Landed files are deleted after this, or after the retention of their source's contract if that is "
        "shorter; Glacier Instant Retrieval bills at least 90 days",
    )
    raw_infrequent_days: Days = Field(90, ge=30, description="Raw data moves to infrequent access after this")
    maintenance: MaintenanceSettings = MaintenanceSettings()
    network: NetworkSettings = NetworkSettings()
    results_expire_days: Days = Field(14, description="Query results and data quality reports are deleted after this")
    noncurrent_expire_days: Days = Field(30, description="Overwritten object versions are deleted after this")
    alarm_email: EmailAddress | None = Field(None, description="Subscribed to the alarm topic when given")

    @model_validator(mode="after")
    def _archived_long_enough(self) -> Self:
        if self.landing_expire_days < self.landing_archive_days + _ARCHIVED_DAYS:
            raise ValueError(
                f"landing_expire_days is less than {_ARCHIVED_DAYS} days after landing_archive_days, and Glacier "
                f"Instant Retrieval bills {_ARCHIVED_DAYS} days in any case: let files expire later"
            )
        return self
