"""What may differ between environments: typed, bounded, explained, and refused when misspelt.

Defaults live here; `environments/<name>.yaml` holds only what differs. A stack receives its own slice.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

EnvironmentName = Literal["dev", "staging", "prod"]
ENVIRONMENTS: tuple[str, ...] = get_args(EnvironmentName)
ENVIRONMENTS_FOLDER = Path(__file__).parent / "environments"

Hour = Annotated[int, Field(ge=0, le=23)]
Days = Annotated[int, Field(ge=1, le=3650)]
RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653]

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


class SettingsError(ValueError):
    """The settings of an environment cannot be used; the message names the file, the key and what is allowed."""


class Slice(BaseModel):
    """A part of the settings: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RuntimeSettings(Slice):
    """What every function and job shares."""

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


class MaintenanceSettings(Slice):
    """How AWS keeps the tables of the lake: merging small files, forgetting snapshots, deleting what nothing names."""

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
    snapshots_kept: int = Field(20, ge=1, le=10_000, description="Kept whatever their age")
    orphan_days: int = Field(7, ge=3, le=365, description="A file that no snapshot names is deleted after this")


class FoundationSettings(Slice):
    """The lake, its key and the alarm topic."""

    removal: Literal["retain", "destroy"] = Field(
        "retain", description="What happens to data when a stack is deleted; destroy is for dev alone"
    )
    landing_archive_days: Days = Field(30, description="Landed files move to Glacier Instant Retrieval after this")
    raw_infrequent_days: Days = Field(90, ge=30, description="Raw data moves to infrequent access after this")
    maintenance: MaintenanceSettings = MaintenanceSettings()
    results_expire_days: Days = Field(14, description="Query results and data quality reports are deleted after this")
    noncurrent_expire_days: Days = Field(30, description="Overwritten object versions are deleted after this")
    alarm_email: str | None = Field(
        None, pattern=r"^[^@\s]+@[^@\s]+$", description="Subscribed to the alarm topic when given"
    )


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


class UnifySettings(FlinkSettings):
    """The application that gives interactions to people."""

    deduplication_days: Days = Field(
        400,
        description="A record that comes again within this time is known again and counts once. One that comes later, "
        "such as an old file that is delivered again, counts twice, until the profiles are rebuilt",
    )


WorkerType = Literal["G.1X", "G.2X"]


class UnificationSettings(Slice):
    """Who is who, and what we know of them."""

    unify: UnifySettings = UnifySettings()
    resolution_schedule: Literal["on_demand", "weekly", "nightly"] = Field(
        "on_demand",
        description="When all records are matched anew, at 0.25 USD per 1,000 of them; weekly: on Sundays",
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
    timeline_ttl_days: Days = Field(90, description="Events stay on the single view's timeline this long")
    crm_link: str = Field("https://crm.example.com/contacts/{id}", pattern=r"^https://.*\{id\}")
    call_centre_link: str = Field("https://cases.example.com/customers/{id}", pattern=r"^https://.*\{id\}")
    loyalty_link: str = Field("https://loyalty.example.com/members/{id}", pattern=r"^https://.*\{id\}")


class AnalyticsSettings(Slice):
    """How the lake is queried."""

    scan_limit_gigabytes: int = Field(10, ge=1, le=10_000, description="A query that scans more is cancelled")
    nightly_models: bool = Field(default=False, description="Build the dbt models every night; off: on demand")
    nightly_hour_utc: Hour = 4


class EmailSettings(Slice):
    """The e-mail channel."""

    domain: str | None = Field(
        None, description="Verified sending domain; empty creates no identity (its DNS records need a person)"
    )
    sender: str = Field("hello@example.com", pattern=r"^[^@\s]+@[^@\s]+$", description="From address")

    @model_validator(mode="after")
    def _sender_belongs_to_domain(self) -> Self:
        if self.domain is not None and not self.sender.endswith(f"@{self.domain}"):
            raise ValueError(f"sender {self.sender!r} must be an address of domain {self.domain!r}")
        return self


class ActivationSettings(Slice):
    """When and how often we may speak to a customer."""

    email: EmailSettings = EmailSettings()
    quiet_hours_start: Hour = Field(21, description="Local hour from which nothing is sent")
    quiet_hours_end: Hour = Field(8, description="Local hour from which sending is allowed again")
    default_time_zone: str = Field("America/New_York", description="For customers whose time zone is unknown")
    frequency_cap_messages: int = Field(3, ge=1, le=100, description="At most this many messages per person ...")
    frequency_cap_days: int = Field(7, ge=1, le=365, description="... in this many days")
    follow_up_delay_seconds: int = Field(3 * 24 * 3600, ge=1, le=365 * 24 * 3600)
    recovery_csat_at_most: int = Field(2, ge=1, le=5, description="A case closed this badly asks for a recovery")
    decision_ttl_days: Days = 365
    message_ttl_days: Days = 365


class GovernanceSettings(Slice):
    """Who may see what."""

    manage_lake_formation: bool = Field(
        default=True,
        description="Own the account's Lake Formation settings; switch off in an account shared with others",
    )
    admin_role_arns: tuple[str, ...] = Field((), description="Lake Formation administrators beside the deployment role")


class OperationsSettings(Slice):
    """Alarms and the budget."""

    alarms: bool = Field(default=True, description="About 0.10 USD per alarm and month beyond the first ten")
    iterator_age_minutes: int = Field(5, ge=1, le=1440, description="A reader further behind than this raises an alarm")
    rejected_events: int = Field(100, ge=1, description="More rejected events than this in five minutes raise an alarm")
    monthly_budget_usd: int | None = Field(None, ge=1, description="A budget with alerts at 80 and 100 %, when given")

    @model_validator(mode="after")
    def _alarms_carry_the_budget(self) -> Self:
        if self.monthly_budget_usd is not None and not self.alarms:
            raise ValueError("monthly_budget_usd needs alarms: true, since its alerts go to the alarm topic")
        return self


class Settings(Slice):
    """Everything that may differ between environments."""

    environment: EnvironmentName
    runtime: RuntimeSettings = RuntimeSettings()
    foundation: FoundationSettings = FoundationSettings()
    collection: CollectionSettings = CollectionSettings()
    unification: UnificationSettings = UnificationSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()
    activation: ActivationSettings = ActivationSettings()
    governance: GovernanceSettings = GovernanceSettings()
    operations: OperationsSettings = OperationsSettings()

    @model_validator(mode="after")
    def _only_dev_destroys(self) -> Self:
        if self.foundation.removal == "destroy" and self.environment != "dev":
            raise ValueError(f"foundation.removal: destroy is for dev alone, not for {self.environment}; use retain")
        return self

    @model_validator(mode="after")
    def _sleep_is_cheap(self) -> Self:
        if not self.collection.streams.deployed and self.foundation.removal == "retain":
            raise ValueError(
                "collection.streams.deployed: false needs foundation.removal: destroy, deployed before it, since "
                "retain keeps the streams and their bill; leave the streams on where data must be kept"
            )
        return self

    @model_validator(mode="after")
    def _nothing_runs_asleep(self) -> Self:
        schedule = self.unification.resolution_schedule
        switches = {
            "collection.clean.started: true": self.collection.clean.started,
            "unification.unify.started: true": self.unification.unify.started,
            f"unification.resolution_schedule: {schedule}": schedule != "on_demand",
        }
        running = [switch for switch, on in switches.items() if on]
        if running and not self.collection.streams.deployed:
            raise ValueError(
                f"collection.streams.deployed: false does not go with {', '.join(running)}, which needs the "
                "streams; switch that off, or the streams on"
            )
        return self


def load(environment: str, folder: Path = ENVIRONMENTS_FOLDER) -> Settings:
    """Return the settings of an environment.

    Raises:
        SettingsError: the environment is unknown, or its file has a key or value that is not allowed.
    """
    if environment not in ENVIRONMENTS:
        raise SettingsError(
            f"unknown environment {environment!r} in {folder}: choose one of {', '.join(ENVIRONMENTS)}, "
            f"for example `cdk synth -c env=dev`"
        )
    path = folder / f"{environment}.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return Settings.model_validate({**values, "environment": environment})
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; every environment has one, even if it is empty") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        raise SettingsError(_explain(path, error)) from None


def _explain(path: Path, error: ValidationError) -> str:
    lines = [f"{path}: {len(error.errors())} setting(s) cannot be used"]
    for problem in error.errors():
        location = tuple(str(part) for part in problem["loc"])
        key = ".".join(location) or "(whole file)"
        if problem["type"] == "extra_forbidden":
            lines.append(f"  {key}: unknown key; allowed here: {', '.join(_allowed_keys(location[:-1]))}")
        else:
            lines.append(f"  {key}: {problem['msg']} (got {problem['input']!r})")
    return "\n".join(lines)


def _allowed_keys(location: tuple[str, ...]) -> list[str]:
    model: Any = Settings
    for part in location:
        model = model.model_fields[part].annotation
    return sorted(name for name in model.model_fields if name != "environment")
