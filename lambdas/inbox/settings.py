"""Environment of the inbox."""

from typing import Annotated

from pydantic import Field

from lambdas.shared.settings import Days, EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where messages wait, where it is published what became of them, and what opens an inbox for how long."""

    single_view_table: Name
    events_stream_name: Name
    inbox_secret_arn: Name
    token_minutes: Annotated[int, Field(ge=1)]
    most_waiting: Annotated[int, Field(ge=1)]
    device_days: Days | None = None
