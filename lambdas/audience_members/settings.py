"""Environment of the function that keeps audiences."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where it is kept whom the platforms were told of, and where outcomes are published."""

    audience_members_table: Name
    event_bus_name: Name


class Audience(BaseModel):
    """One audience, as the state machine names it.

    Attributes:
        name: how we call it.
        segment: whose members it has.
        platform: who keeps it.
        account: number of the advertising account.
        audience_id: number of the audience at the platform.
        secret: name of the secret with the platform's credentials.
        url: where the platform answers.
        ended: everybody is to be taken out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    segment: Name
    platform: Literal["google", "meta"]
    account: Name
    audience_id: Name
    secret: Name
    url: Name
    ended: bool

    @property
    def key(self) -> str:
        """By what the table knows it: its place at the platform, so that a new name forgets nobody."""
        return f"{self.platform}#{self.account}#{self.audience_id}"
