"""The settings of an environment, composed of one model per pillar and loaded from `environments/<name>.yaml`.

The models have the defaults; a file holds only the values that differ. A stack receives its own part.
"""

from pathlib import Path
from typing import Any, Final, Self, get_args

import yaml
from pydantic import ValidationError, model_validator
from pydantic_core import ErrorDetails

from c360_core.names import ENVIRONMENTS, EnvironmentName
from config.activation import ActivationSettings
from config.analytics import AnalyticsSettings
from config.collection import CollectionSettings
from config.foundation import FoundationSettings
from config.governance import GovernanceSettings
from config.operations import OperationsSettings
from config.runtime import RuntimeSettings
from config.shared import Slice
from config.unification import UnificationSettings

ENVIRONMENTS_FOLDER = Path(__file__).parent / "environments"
# Environments whose data may go with their stacks: nobody's customers are in them.
_DISPOSABLE: Final = ("dev", "everything")
_WAREHOUSE_ZONES: Final = 3


class SettingsError(ValueError):
    """The settings of an environment cannot be used; the message names the file, the key and the allowed values."""


class Settings(Slice):
    """All settings of one environment."""

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
    def _only_trials_destroy(self) -> Self:
        if self.foundation.removal == "destroy" and self.environment not in _DISPOSABLE:
            allowed = " and ".join(_DISPOSABLE)
            raise ValueError(f"foundation.removal: destroy is for {allowed}, not for {self.environment}; use retain")
        return self

    @model_validator(mode="after")
    def _brokers_have_a_place(self) -> Self:
        if self.collection.streams.provider != "msk":
            return self
        if not self.foundation.network.deployed:
            raise ValueError(
                "collection.streams.provider: msk needs foundation.network.deployed: true, because brokers are "
                "reached from a private network alone; or write kinesis"
            )
        if not self.collection.streams.deployed:
            raise ValueError(
                "collection.streams.deployed: false does not go with collection.streams.provider: msk, because other "
                "stacks import the address of the cluster; write true, or go back to kinesis before it sleeps"
            )
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
            "collection.databases": bool(self.collection.databases),
            "collection.data_exchange.products": bool(self.collection.data_exchange.products),
            "collection.saas": bool(self.collection.saas),
        }
        running = [switch for switch, on in switches.items() if on]
        if running and not self.collection.streams.deployed:
            raise ValueError(
                f"collection.streams.deployed: false does not go with {', '.join(running)}, which needs the "
                "streams; switch that off, or the streams on"
            )
        return self

    @model_validator(mode="after")
    def _audiences_hear_of_withdrawals(self) -> Self:
        if not self.activation.audiences:
            return self
        if not self.analytics.nightly_models:
            raise ValueError(
                "activation.audiences needs analytics.nightly_models: true, because whoever withdraws is gone from an "
                "audience after the next build; switch it on, or empty the list"
            )
        if self.activation.audiences_hour_utc <= self.analytics.nightly_hour_utc:
            raise ValueError(
                f"activation.audiences_hour_utc: {self.activation.audiences_hour_utc} is not after "
                f"analytics.nightly_hour_utc: {self.analytics.nightly_hour_utc}, so that a withdrawal would wait a day "
                "more; write a later hour"
            )
        return self

    @model_validator(mode="after")
    def _warehouse_has_a_place(self) -> Self:
        network = self.foundation.network
        zones = network.availability_zones if network.deployed else 0
        if self.analytics.warehouse.deployed and zones < _WAREHOUSE_ZONES:
            raise ValueError(
                "analytics.warehouse.deployed: true needs foundation.network.deployed: true with "
                f"availability_zones: {_WAREHOUSE_ZONES}, because Redshift Serverless routes its traffic through a "
                "network of so many zones"
            )
        return self

    @model_validator(mode="after")
    def _studios_have_a_place(self) -> Self:
        for name in ("studio", "emr_studio"):
            if getattr(self.analytics, name).deployed and not self.foundation.network.deployed:
                raise ValueError(
                    f"analytics.{name}.deployed: true needs foundation.network.deployed: true, because its notebooks "
                    "stand in a network; switch that on, too"
                )
        return self

    @model_validator(mode="after")
    def _warehouse_reads_a_stream(self) -> Self:
        streams = self.collection.streams
        if self.analytics.warehouse.streaming.deployed and (streams.provider != "kinesis" or not streams.deployed):
            raise ValueError(
                "analytics.warehouse.streaming.deployed: true needs collection.streams.provider: kinesis and "
                "collection.streams.deployed: true, because the warehouse reads a stream of Kinesis; switch it off"
            )
        return self

    @model_validator(mode="after")
    def _loyalty_system_is_reachable(self) -> Self:
        if self.activation.loyalty.url is not None and self.collection.streams.provider == "msk":
            raise ValueError(
                "activation.loyalty.url needs collection.streams.provider: kinesis, because a function that writes a "
                "topic of MSK stands in the private network, which has no way out; leave it empty"
            )
        return self

    @model_validator(mode="after")
    def _databases_are_reachable(self) -> Self:
        homeless = [name for name, database in self.collection.databases.items() if database.network is None]
        if homeless and not self.foundation.network.deployed:
            raise ValueError(
                f"collection.databases: {', '.join(homeless)} needs foundation.network.deployed: true, or a network of "
                "its own (vpc_id, subnet_id, availability_zone)"
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
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; every environment has one, even if it is empty") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: not a group of keys; allowed here: {_allowed_keys(())}")
    try:
        return Settings.model_validate({**values, "environment": environment})
    except ValidationError as error:
        raise SettingsError(_explain(path, error)) from None


def _explain(path: Path, error: ValidationError) -> str:
    problems = error.errors()
    lines = [f"{path}: {len(problems)} setting(s) cannot be used"]
    for problem in problems:
        location = tuple(str(part) for part in problem["loc"])
        key = ".".join(location) or "(whole file)"
        lines.append(f"  {key}: {_fix(problem, location)}")
    return "\n".join(lines)


def _fix(problem: ErrorDetails, location: tuple[str, ...]) -> str:
    """Say what is wrong with a value and which are allowed."""
    value = problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown key; allowed here: {_allowed_keys(location[:-1])}"
        case "model_type":
            return f"not a group of keys (got {value!r}); allowed here: {_allowed_keys(location)}"
        case "tuple_type":
            return f"not a list (got {value!r}); write one as [first, second]"
        case "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            # Settings that contradict each other are named in the message; their whole group would hide it.
            return message if isinstance(value, dict) else f"{message} (got {value!r})"
        case _:
            return f"{problem['msg']} (got {value!r})"


def _allowed_keys(location: tuple[str, ...]) -> str:
    model: Any = Settings
    for part in location:
        # Below a mapping, a part is a name that the environment gives.
        model = model.model_fields[part].annotation if hasattr(model, "model_fields") else get_args(model)[1]
    return ", ".join(sorted(name for name in _settings_of(model).model_fields if name != "environment"))


def _settings_of(annotation: Any) -> Any:
    """Return the model of a part that may be absent."""
    return next((kind for kind in get_args(annotation) if hasattr(kind, "model_fields")), annotation)
