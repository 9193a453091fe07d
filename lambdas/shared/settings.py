"""Settings of a function: a model of its environment variables, validated before the first event is handled."""

from collections.abc import Mapping
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Json, ValidationError

from c360_core.decision_rules import ContactRules
from c360_core.names import EnvironmentName
from c360_core.play import Unhappy


class ConfigurationError(RuntimeError):
    """An environment variable is missing or wrong; the message names it, never its value."""


class EnvironmentSettings(BaseModel):
    """Base of every function's `Settings`: the field `events_stream_name` is the variable `EVENTS_STREAM_NAME`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: EnvironmentName

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; variables that the model does not name are ignored.

        Raises:
            ConfigurationError: names every variable that is missing or wrong, and what it should be.
        """
        values = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "; ".join(f"{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
            raise ConfigurationError(
                f"{cls.__module__}: environment variables are not usable ({faults}). Set them in the function's stack"
            ) from None


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("expected an IANA time zone; if it is one, the package tzdata is missing") from error
    return name


Hour = Annotated[int, Field(ge=0, le=23)]
Days = Annotated[int, Field(ge=1, le=3650)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
Name = Annotated[str, Field(min_length=1)]


class ContactSettings(EnvironmentSettings):
    """The limits of contact, which the decision and the sender share."""

    quiet_hours_start: Hour
    quiet_hours_end: Hour
    default_time_zone: TimeZone
    frequency_cap_messages: Annotated[int, Field(ge=1)]
    frequency_cap_days: Days
    unhappy: Json[Unhappy] | None = None

    def rules(self) -> ContactRules:
        """Return the limits as rules of the domain."""
        return ContactRules(
            quiet_from=self.quiet_hours_start,
            quiet_until=self.quiet_hours_end,
            default_time_zone=self.default_time_zone,
            cap_messages=self.frequency_cap_messages,
            cap_days=self.frequency_cap_days,
            unhappy=self.unhappy,
        )
